// One clock for all: the service, the store, the network and the candidate's computer. Time passes only between events.
import { setImmediate } from 'node:timers/promises';
import { createClock } from '@sinonjs/fake-timers';
import { START_MS, type TestClock } from '../../../../test/kit/clock.ts';

/** Promises that wait for nothing else go on within this many turns of the event loop. */
const TURNS = 2;
/** Work that takes more turns than this waits for the time that stands still for it. */
const MAX_TURNS = 200_000;

export class World {
  readonly #clock = createClock(START_MS);
  /** Calls of the service and of the disk that are being worked on: they take no time. */
  #working = 0;

  /** The true time, in milliseconds since the epoch. */
  get nowMs(): number {
    return this.#clock.now;
  }

  /** Calls `fire` then, unless the returned function is called before. */
  at(timeMs: number, fire: () => void): () => void {
    const timer = this.#clock.setTimeout(fire, Math.max(0, timeMs - this.nowMs));
    return () => this.#clock.clearTimeout(timer);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.nowMs + ms, resolve));
  }

  /** Time stands still until the work is done. */
  async work<Result>(work: () => Promise<Result>): Promise<Result> {
    const end = this.begin();
    return work().finally(end);
  }

  /** Time stands still until the returned function is called. */
  begin(): () => void {
    this.#working += 1;
    let isOver = false;
    return () => {
      if (!isOver) this.#working -= 1;
      isOver = true;
    };
  }

  /** Fires one event after the other until `main` has ended. */
  async run<Result>(main: Promise<Result>): Promise<Result> {
    let isOver = false;
    const ended = main.finally(() => {
      isOver = true;
    });
    ended.catch(() => {});
    for (;;) {
      await this.#settle();
      if (isOver) return ended;
      if (this.#clock.countTimers() === 0) throw new Error('Nothing is left that could happen.');
      this.#clock.next();
    }
  }

  async #settle(): Promise<void> {
    let turns = 0;
    for (let quiet = 0; quiet < TURNS; turns += 1) {
      if (turns > MAX_TURNS) throw new Error(`Work does not end at ${new Date(this.nowMs).toISOString()}.`);
      await setImmediate();
      quiet = this.#working === 0 ? quiet + 1 : 0;
    }
  }

  /** The same clock, as the tests' service expects it. */
  get testClock(): TestClock {
    return {
      now: () => this.nowMs,
      advance: () => {
        throw new Error('The time of a world passes by itself.');
      },
      step: () => {
        throw new Error('The time of a world is never set.');
      },
      every: (ms, tick) => {
        const timer = this.#clock.setInterval(tick, ms);
        return () => this.#clock.clearInterval(timer);
      },
      sleep: (ms, signal) =>
        new Promise<void>((resolve) => {
          this.at(this.nowMs + ms, resolve);
          signal?.addEventListener('abort', () => resolve());
          if (signal?.aborted) resolve();
        }),
    };
  }
}
