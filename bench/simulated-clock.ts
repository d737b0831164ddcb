// A clock that several processes share, ahead of the machine's by a time that only grows. They preload clock-ahead.ts.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const PRELOAD = new URL('clock-ahead.ts', import.meta.url).href;

export class SimulatedClock {
  readonly #followers = new Set<ChildProcess>();
  #aheadMs = 0;

  nowMs(): number {
    return Date.now() + this.#aheadMs;
  }

  /** With which a process has to be started. */
  get nodeFlags(): readonly string[] {
    return ['--import', PRELOAD];
  }

  /** With which a process has to be started. */
  get env(): Readonly<Record<string, string>> {
    return { CLOCK_AHEAD_MS: String(this.#aheadMs) };
  }

  /** @param child needs a channel (`ipc`) */
  follow(child: ChildProcess): void {
    this.#followers.add(child);
    child.once('exit', () => this.#followers.delete(child));
  }

  /** Resolves when every process that follows shows the later time. */
  async advance(ms: number): Promise<void> {
    this.#aheadMs += ms;
    await Promise.all(
      [...this.#followers].map(async (child) => {
        const set = once(child, 'message');
        child.send(this.#aheadMs);
        await set;
      }),
    );
  }
}
