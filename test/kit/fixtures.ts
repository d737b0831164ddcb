// Files and sizes that tests of every kind use.
import { readFile } from 'node:fs/promises';

export const MIB = 1024 * 1024;
/** A small recording: VP8 and Opus. */
export const webm: Uint8Array = await readFile(new URL('../../demo/fixtures/webcam.webm', import.meta.url));
