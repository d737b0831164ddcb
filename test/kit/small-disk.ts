// A disk of so many bytes, for tests that fill it: what does not fit fails as it does on a file system, with ENOSPC.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EmbeddedS3Options } from '@proctoring-recordings/embedded-s3';

const BLOCK_BYTES = 4096;

/** Files take whole blocks of it. `dataDir` is all that is on it. */
export function smallDisk(dataDir: string, capacityBytes: number): NonNullable<EmbeddedS3Options['disk']> {
  function freeBytes(): number {
    const sizes = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).map((name) => {
      const found = statSync(join(dataDir, name), { throwIfNoEntry: false });
      return found?.isFile() ? Math.ceil(found.size / BLOCK_BYTES) * BLOCK_BYTES : 0;
    });
    return capacityBytes - sizes.reduce((sum, size) => sum + size, 0);
  }
  return {
    freeBytes: async () => freeBytes(),
    async writer(file, content) {
      const pieces = typeof content === 'string' || content instanceof Uint8Array ? [Buffer.from(content)] : content;
      for await (const piece of pieces) {
        if (freeBytes() < piece.length) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        await file.appendFile(piece);
      }
    },
  };
}
