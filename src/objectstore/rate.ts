// How many requests a second the store has taken lately: an average that forgets what is a few seconds old.
import { SECOND_MS } from '../model/durations.ts';

export class Rate {
  #count = 0;
  #atMs = Number.NEGATIVE_INFINITY;
  #sinceMs = 0;

  add(nowMs: number): void {
    if (nowMs - this.#atMs > SECOND_MS) this.#sinceMs = nowMs;
    this.#count = this.perSecond(nowMs) + 1;
    this.#atMs = nowMs;
  }

  perSecond(nowMs: number): number {
    return this.#count * Math.exp((this.#atMs - nowMs) / SECOND_MS);
  }

  /** Whether requests came for so long, without a gap of a second, that the average tells something. */
  isSteady(nowMs: number): boolean {
    return this.#atMs - this.#sinceMs >= SECOND_MS && nowMs - this.#atMs <= SECOND_MS;
  }
}
