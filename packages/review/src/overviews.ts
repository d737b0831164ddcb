// Pictures and activity of the recordings, as far as their clients sent them.
import { type Overview, readOverview } from '@proctoring-recordings/exam-client';
import type { Link } from './service.ts';

/** The service keeps no larger one. */
const MAX_BYTES = 2 * 1024 * 1024;
const LOAD_WITHIN_MS = 30_000;

export class Overviews {
  readonly #onLoaded: () => void;
  readonly #loaded = new Map<string, Overview>();
  /** By the ids of recordings: what ends the load. */
  readonly #loading = new Map<string, AbortController>();

  constructor(onLoaded: () => void) {
    this.#onLoaded = onLoaded;
  }

  of(recordingId: string): Overview | undefined {
    return this.#loaded.get(recordingId);
  }

  /** Loads it once. One that cannot be loaded, or read, is tried again with the next link: it is an aid, and no evidence. */
  async load(recordingId: string, { overviewUrl }: Link): Promise<void> {
    if (!overviewUrl || this.#loaded.has(recordingId) || this.#loading.has(recordingId)) return;
    const over = new AbortController();
    this.#loading.set(recordingId, over);
    try {
      const signal = AbortSignal.any([over.signal, AbortSignal.timeout(LOAD_WITHIN_MS)]);
      const response = await fetch(overviewUrl, { signal });
      if (!response.ok) return;
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length > MAX_BYTES || over.signal.aborted) return;
      this.#loaded.set(recordingId, readOverview(bytes));
      this.#onLoaded();
    } catch {
      // The player does without.
    } finally {
      if (this.#loading.get(recordingId) === over) this.#loading.delete(recordingId);
    }
  }

  /** A recording that may not be shown any longer takes its pictures with it. */
  forget(recordingId: string): void {
    this.#loading.get(recordingId)?.abort();
    this.#loading.delete(recordingId);
    if (this.#loaded.delete(recordingId)) this.#onLoaded();
  }

  close(): void {
    for (const over of this.#loading.values()) over.abort();
  }
}
