// For the embedded store, whose clock is that of its machine: nothing else shows that somebody set it wrongly.
import { uptime } from 'node:os';
import { HOUR_MS, SECOND_MS } from '../model/durations.ts';
import type { Logger } from '../model/logger.ts';
import { MAX_CLOCK_SKEW_MS, toIso } from '../model/times.ts';
import { SweepRefused } from '../sweeper/sweep.ts';
import { pause } from './shutdown.ts';

export interface MachineClocks {
  /** Milliseconds since the epoch, by the clock that can be set. */
  readonly wallMs: () => number;
  /** Milliseconds that only grow, and go on while the machine is suspended. */
  readonly bootMs: () => number;
  /** Resolves after the time, or when aborted. Never rejects. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/**
 * On Linux `uptime` is /proc/uptime, or CLOCK_BOOTTIME (libuv, `uv_uptime`), which goes on during a suspension
 * (clock_gettime(2)). Elsewhere it may follow the wall clock, so the monotonic clock is taken: where that stands still during a
 * suspension, waking up looks like a clock that was set forward.
 */
const PROCESS_CLOCKS: MachineClocks = {
  wallMs: Date.now,
  bootMs: process.platform === 'linux' ? () => uptime() * SECOND_MS : () => performance.now(),
  wait: pause,
};

/** A clock that was set right is noticed within this time. */
const LOOK_AGAIN_MS = 5 * SECOND_MS;

const LONGEST_HOLD_MS = 12 * HOUR_MS;
const HOLD_WITHOUT_LEAD_MS = HOUR_MS;

/** For how long deletions wait after a step: half of the deletion margin, so that they still come before the deadline. */
export function holdFor(deleteLeadMs: number): number {
  return deleteLeadMs === 0 ? HOLD_WITHOUT_LEAD_MS : Math.min(deleteLeadMs / 2, LONGEST_HOLD_MS);
}

/** A wall clock that was set, by how far it is ahead of the clock since boot. */
interface Step {
  readonly offsetMs: number;
  readonly endsBootMs: number;
}

/**
 * Holds sweeps back after the wall clock was set forward by more than five minutes, until it has shown the new time for
 * `holdMs`, or was set back. The time at which the process began, and each earlier one, is taken as right: by an earlier
 * time nothing is deleted early. Smaller steps add up until the time has been right for `holdMs`.
 */
export class ClockGuard {
  readonly #holdMs: number;
  readonly #logger: Pick<Logger, 'error' | 'warn'>;
  readonly #clocks: MachineClocks;
  #rightOffsetMs = 0;
  #rightSinceBootMs = 0;
  #step: Step | undefined;

  constructor(holdMs: number, logger: Pick<Logger, 'error' | 'warn'>, clocks: MachineClocks = PROCESS_CLOCKS) {
    this.#holdMs = holdMs;
    this.#logger = logger;
    this.#clocks = clocks;
    const { offsetMs, bootMs } = this.#read();
    this.#trust(offsetMs, bootMs);
  }

  /** Whether what is kept for a time may be deleted when that is over. Logs a step once. */
  isRight(): boolean {
    return this.#findStep() === undefined;
  }

  /** Resolves once `isRight`, or when aborted. */
  async untilRight(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.isRight()) await this.#clocks.wait(LOOK_AGAIN_MS, signal);
  }

  /**
   * The clock of one run. It goes on as time does, so that a wall clock that is set during the run differs from it as from
   * any other. @throws SweepRefused `clock-stepped`
   */
  beginRun(): { readonly now: () => number } {
    const step = this.#findStep();
    if (step) throw new SweepRefused('clock-stepped', this.#describe(step));
    const { offsetMs } = this.#read();
    return { now: () => this.#clocks.bootMs() + offsetMs };
  }

  #findStep(): Step | undefined {
    const { offsetMs, bootMs } = this.#read();
    const aheadMs = offsetMs - this.#rightOffsetMs;
    if (aheadMs <= MAX_CLOCK_SKEW_MS) {
      if (this.#step) this.#logger.warn('the clock was set back, and deletions go on', { code: 'clock-stepped' });
      this.#step = undefined;
      if (aheadMs < 0 || bootMs - this.#rightSinceBootMs >= this.#holdMs) this.#trust(offsetMs, bootMs);
      return undefined;
    }
    if (this.#step === undefined || Math.abs(offsetMs - this.#step.offsetMs) > MAX_CLOCK_SKEW_MS) {
      this.#step = { offsetMs, endsBootMs: bootMs + this.#holdMs };
      const detail = this.#describe(this.#step);
      this.#logger.error('the clock was set forward: deletions by deadline wait', { code: 'clock-stepped', detail });
    }
    if (bootMs >= this.#step.endsBootMs) this.#trust(offsetMs, bootMs);
    return this.#step;
  }

  #trust(offsetMs: number, bootMs: number): void {
    this.#rightOffsetMs = offsetMs;
    this.#rightSinceBootMs = bootMs;
    this.#step = undefined;
  }

  #read() {
    const bootMs = this.#clocks.bootMs();
    return { bootMs, offsetMs: this.#clocks.wallMs() - bootMs };
  }

  #describe({ offsetMs, endsBootMs }: Step): string {
    const seconds = Math.round((offsetMs - this.#rightOffsetMs) / SECOND_MS);
    const until = toIso(endsBootMs + offsetMs);
    return `the clock was set forward by ${seconds} s; nothing is deleted by its deadline until ${until}. Set it right, or restart the service to confirm the new time`;
  }
}
