// How many requests a second the store has taken lately: an average that forgets what is a few seconds old.
import { SECOND_MS } from '../model/durations.ts';

export class Rate {
  #count = 0;
  #atMs = 0;

  add(nowMs: number): void {
    this.#count = this.perSecond(nowMs) + 1;
    this.#atMs = nowMs;
  }

  perSecond(nowMs: number): number {
    return this.#count * Math.exp((this.#atMs - nowMs) / SECOND_MS);
  }
}
