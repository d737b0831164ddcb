// The parts of the exam client that other tests make and read files with: those that run in Node too.
export type { Bytes } from '../src/bytes.ts';
export { Intake } from '../src/intake.ts';
export { MediaIndex } from '../src/media-index.ts';
export { readOverview, writeOverview } from '../src/overview.ts';
export { mediaSeconds, type Timeline } from '../src/timeline.ts';
