// Keeps what dies at once from piling up: V8 counts what its heap holds, and not the bytes of buffers, which lie outside of it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Between two collections: each takes about a millisecond, because hardly anything of what was streamed is left. */
const STEP_BYTES = 4 * 1024 * 1024;

type CollectGarbage = (options: { readonly type: 'minor' }) => void;
let collectGarbage: CollectGarbage | undefined;

/**
 * Until `letYoungGenerationGrow`: it keeps its first size of a MiB, while much is loaded and little of it stays. No thread
 * of V8's puts off the freeing of buffers from here on.
 */
export function keepYoungGenerationSmall(): void {
  for (const flag of ['--no-concurrent-array-buffer-sweeping', '--semi-space-growth-factor=1'])
    setFlagsFromString(flag);
}

/** Back to V8's own factor: many small requests at once take a fifth more CPU with a small one. */
export function letYoungGenerationGrow(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
}

/** Passes chunks on, and frees those that have gone through, some MiB at a time (ADR 11). */
export async function* freeingAsTheyPass<Chunk extends string | Uint8Array>(
  chunks: AsyncIterable<Chunk>,
): AsyncGenerator<Chunk, void, undefined> {
  let passedBytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    passedBytes += chunk.length;
    if (passedBytes < STEP_BYTES) continue;
    passedBytes = 0;
    collectGarbage ??= exposeGarbageCollector();
    collectGarbage({ type: 'minor' });
  }
}

/** V8 shows it to contexts that are made after the flag was set. */
function exposeGarbageCollector(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as CollectGarbage;
}
