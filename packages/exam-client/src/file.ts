// The file that a recording uploads, read from the local bytes: the head, and the recorded bytes that no earlier recording
// of the attempt has.
import { type Bytes, concat } from './bytes.ts';
import { type Cue, HEAD_BYTES } from './container.ts';
import type { LocalBytes, RecordingRow } from './local-bytes.ts';
import type { MediaIndex } from './media-index.ts';

export class RecordedFile {
  readonly #row: RecordingRow;
  readonly #local: LocalBytes;
  readonly #index: MediaIndex;

  constructor(row: RecordingRow, local: LocalBytes, index: MediaIndex) {
    this.#row = row;
    this.#local = local;
    this.#index = index;
  }

  /** Whether there is anything to play. */
  get hasFrames(): boolean {
    return this.#index.hasFrames;
  }

  /** How many recorded bytes after the head are not in this file. */
  get skippedBytes(): number {
    return this.#row.continuation?.skippedBytes ?? 0;
  }

  /** The bytes of [from, to) of the file; undefined when some are no longer local. */
  async bytes(from: number, to: number): Promise<Bytes | undefined> {
    const { key } = this.#row;
    const skipped = this.skippedBytes;
    if (skipped === 0 || to <= HEAD_BYTES) return this.#local.bytes(key, from, to);
    if (from >= HEAD_BYTES) return this.#local.bytes(key, from + skipped, to + skipped);
    const head = await this.#local.bytes(key, from, HEAD_BYTES);
    const rest = await this.#local.bytes(key, HEAD_BYTES + skipped, to + skipped);
    return head && rest && concat([head, rest]);
  }

  /**
   * Erases the parts that the store has, from the second on and up to `to`. The last of them is kept from its last
   * cluster with a keyframe on, if it has one: a new recording can begin there.
   */
  async drop(partSizeBytes: number, to: number): Promise<void> {
    const row = this.#row;
    const skipped = this.skippedBytes;
    const cue = this.#index.lastCue(to + skipped);
    const keptFrom = cue && cue.offset >= to + skipped - partSizeBytes ? cue : undefined;
    const keptFromBytes = keptFrom?.offset ?? to + skipped;
    if (keptFromBytes <= Math.max(row.droppedToBytes, partSizeBytes + skipped)) return;
    row.droppedToBytes = keptFromBytes;
    row.keptFrom = keptFrom;
    const isNoted = await this.#local.put(row);
    await this.#local.drop(row.key, partSizeBytes + skipped, keptFromBytes);
    // The erased bytes made room on a full disk.
    if (!isNoted) await this.#local.put(row);
  }

  /** Where a new file can begin without a loss of bytes that are only local; undefined when it cannot. */
  get restart(): Cue | undefined {
    const { droppedToBytes, keptFrom } = this.#row;
    if (droppedToBytes === 0) return { offset: HEAD_BYTES, timeMs: 0 };
    return keptFrom ?? this.#index.firstCue(droppedToBytes);
  }
}
