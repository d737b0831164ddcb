// The parts of the exam client that other tests make files with.
export type { Bytes } from '../src/bytes.ts';
export { Intake } from '../src/intake.ts';
export { MediaIndex } from '../src/media-index.ts';
export { writeOverview } from '../src/overview.ts';
