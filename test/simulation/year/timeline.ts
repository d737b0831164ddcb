// True time: what happens in it, one thing after the other, at no cost for the time between.

interface Event {
  readonly timeMs: number;
  readonly fire: () => void;
  readonly isQuick: boolean;
}

export class Timeline {
  nowMs: number;
  /** The next one last. */
  readonly #events: Event[] = [];
  #isStirred = false;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** @param isQuick whether what it lets go on waits again within a few promises, unless it calls `stir` */
  at(timeMs: number, fire: () => void, isQuick = false): void {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.timeMs ?? 0) > timeMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, { timeMs, fire, isQuick });
  }

  sleep(ms: number): Promise<void> {
    return this.sleepUntil(this.nowMs + ms);
  }

  sleepUntil(timeMs: number): Promise<void> {
    return new Promise((resolve) => this.at(timeMs, resolve));
  }

  /** Something began that goes on for longer than a few promises. */
  stir(): void {
    this.#isStirred = true;
  }

  /** Lets everything happen until then; between any two events every promise that can go on has gone on. */
  async run(untilMs: number): Promise<void> {
    for (let event = this.#events.at(-1); event && event.timeMs <= untilMs; event = this.#events.at(-1)) {
      this.#events.pop();
      this.nowMs = Math.max(this.nowMs, event.timeMs);
      event.fire();
      for (let turns = 0; event.isQuick && turns < 4; turns += 1) await Promise.resolve();
      if (event.isQuick && !this.#isStirred) continue;
      this.#isStirred = false;
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }
}
