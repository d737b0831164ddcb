// A machine of the service: its two clocks, and whether it is suspended.
import type { Timeline } from './timeline.ts';

export class Machine {
  readonly name: string;
  /** What its wall clock is ahead of true time. */
  skewMs = 0;
  readonly #timeline: Timeline;
  #suspendedSinceMs: number | undefined;
  #suspendedMs = 0;
  /** What happens as soon as it is resumed. */
  #waiting: (() => void)[] = [];

  constructor(timeline: Timeline, name: string) {
    this.#timeline = timeline;
    this.name = name;
  }

  get isSuspended(): boolean {
    return this.#suspendedSinceMs !== undefined;
  }

  /** It goes on while the machine is suspended. */
  wallMs(): number {
    return this.#timeline.nowMs + this.skewMs;
  }

  /** It stands still while the machine is suspended, and nothing sets it. */
  monotonicMs(): number {
    return (this.#suspendedSinceMs ?? this.#timeline.nowMs) - this.#suspendedMs;
  }

  suspend(): void {
    this.#suspendedSinceMs ??= this.#timeline.nowMs;
  }

  resume(): void {
    if (this.#suspendedSinceMs === undefined) return;
    this.#suspendedMs += this.#timeline.nowMs - this.#suspendedSinceMs;
    this.#suspendedSinceMs = undefined;
    for (const act of this.#waiting.splice(0)) act();
  }

  /** Acts now, or once it is resumed. */
  whenAwake(act: () => void): void {
    if (this.isSuspended) this.#waiting.push(act);
    else act();
  }

  /** By its monotonic clock. */
  after(ms: number, act: () => void): void {
    const dueMs = this.monotonicMs() + ms;
    const look = () => {
      const leftMs = dueMs - this.monotonicMs();
      if (leftMs > 0) this.#timeline.at(this.#timeline.nowMs + leftMs, () => this.whenAwake(look), true);
      else act();
    };
    look();
  }
}
