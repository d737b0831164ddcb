// The candidate's computer: its two clocks, what its browser keeps, and the pages that are open on it.
import type { Disk } from './disk.ts';
import type { Locks } from './locks.ts';
import type { Page } from './page.ts';
import type { World } from './world.ts';

export class Machine {
  readonly world: World;
  readonly disk: Disk;
  readonly locks: Locks;
  readonly pages = new Set<Page>();
  /** How far the wall clock is ahead of the true time. */
  wallAheadMs: number;
  /** Resolves when the computer does not sleep. */
  awake: Promise<void> = Promise.resolve();
  #stoodStillMs = 0;

  constructor(world: World, options: { disk: Disk; locks: Locks; wallAheadMs: number }) {
    this.world = world;
    this.disk = options.disk;
    this.locks = options.locks;
    this.wallAheadMs = options.wallAheadMs;
  }

  /** What Date.now() says. */
  get wallMs(): number {
    return this.world.nowMs + this.wallAheadMs;
  }

  /** What performance.now() counts. */
  get monotonicMs(): number {
    return this.world.nowMs - this.#stoodStillMs;
  }

  /**
   * Nothing runs for so long. The monotonic clock of Linux and macOS stands still in the meantime, and timers keep what
   * was left of their time; that of Windows goes on, and what was due is due at once.
   */
  async sleep(ms: number, clock: 'stands still' | 'goes on'): Promise<void> {
    if ([...this.pages].some(({ isFrozen }) => isFrozen)) return;
    const stands = clock === 'stands still';
    const asleep = [...this.pages];
    const { promise, resolve } = Promise.withResolvers<void>();
    this.awake = promise;
    for (const page of asleep) page.freeze();
    await this.world.sleep(ms);
    if (stands) this.#stoodStillMs += ms;
    for (const page of asleep) page.thaw(stands);
    resolve();
  }
}
