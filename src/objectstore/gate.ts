// The gate before the store: all requests of a process pass it, in turn, as many at once as the store takes. No stampede.
import { FairShare } from './fair-share.ts';
import { currentDeadline, pastDeadline } from './request-deadline.ts';
import { StoreError } from './store-error.ts';
import { WaitingLines } from './waiting-lines.ts';
import { MAX_REFUSALS, type Manner, SERVING, Window } from './window.ts';
import { currentWork, type Urgency, type Work } from './work.ts';

/** Connections that a process may have to the store: of requests, and of bodies that are still sent or read. */
export const MAX_CONNECTIONS = 256;
/** A request without a response for so long keeps no other waiting: a broken connection must not stop a whole process. */
const SLOW_MS = 5_000;
/** A store that says how long to wait (`Retry-After`) is obeyed for no longer. */
const LONGEST_HINT_MS = 10_000;

export interface GateTimers {
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Calls `act` later; the function that it returns prevents that. */
  readonly after: (milliseconds: number, act: () => void) => () => void;
  /** From 0 to 1. */
  readonly random: () => number;
}

const PROCESS_TIMERS: GateTimers = {
  now: () => performance.now(),
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** Of a request to the store, from its first attempt to the end of its response. Only the gate changes it. */
export interface Turn {
  readonly operation: string;
  readonly work: Work;
  /** Whether the time of its work is over. */
  readonly isOver: () => boolean;
  /** It takes as long as its bytes, so it waits for its turn, and then keeps no other waiting. */
  readonly isMedia: boolean;
  /** It counts as one of the window. */
  isInFlight: boolean;
  isConnected: boolean;
  /** Of the window, when it was last sent. */
  era: number;
  refusals: number;
  hasEnded: boolean;
  stopWatch: () => void;
}

interface Waiter {
  readonly work: Work;
  readonly turn: Turn;
  readonly admit: () => void;
  readonly refuse: (error: StoreError) => void;
}

export class Gate {
  readonly #timers: GateTimers;
  readonly #window: Window;
  readonly #connections = new FairShare(MAX_CONNECTIONS);
  readonly #lines = new WaitingLines<Waiter>();
  readonly #refusals: Record<Urgency, number> = { upload: 0, read: 0, background: 0 };
  #inFlight = 0;
  #isOpeningLater = false;

  constructor(manner: Manner = SERVING, timers: GateTimers = PROCESS_TIMERS) {
    this.#timers = timers;
    this.#window = new Window(manner, MAX_CONNECTIONS, timers.now, timers.random);
  }

  /** How many requests may be in flight. */
  get windowSize(): number {
    return this.#window.size;
  }

  /** How many requests of this urgency wait for their turn. */
  waiting(urgency: Urgency): number {
    return this.#lines.count(urgency);
  }

  /** How often the store has refused a request of this urgency because it throttles. */
  refusals(urgency: Urgency): number {
    return this.#refusals[urgency];
  }

  /**
   * Resolves when a request of the work of this code may be sent.
   * @throws StoreError `unavailable` when the time of the work is over, or the store refuses everything
   */
  async take(operation: string, { isMedia = false } = {}): Promise<Turn> {
    const work = currentWork();
    const turn: Turn = {
      operation,
      work,
      isOver: currentDeadline(),
      isMedia,
      isInFlight: false,
      isConnected: false,
      era: 0,
      refusals: 0,
      hasEnded: false,
      stopWatch: () => {},
    };
    await this.#wait(turn);
    return turn;
  }

  /** It is sent, once more or for the first time. */
  sent(turn: Turn): void {
    turn.era = this.#window.era;
    turn.stopWatch = this.#timers.after(SLOW_MS, () => this.#leave(turn));
  }

  /** The store responds: another may be sent, while this one keeps its connection. */
  answered(turn: Turn): void {
    this.#window.succeeded(turn.era, turn.isInFlight && this.#isFull);
    this.#leave(turn);
  }

  /** There was no response. It keeps its place until it is sent again, or ends. */
  failed(turn: Turn): void {
    turn.stopWatch();
  }

  /** The store throttles, or is not there, or refuses this alone. */
  refused(turn: Turn, storeCode: string): void {
    turn.refusals += 1;
    this.#refusals[turn.work.urgency] += 1;
    this.#window.refused(turn.era, turn.refusals);
    this.#giveUp(turn, storeCode);
    this.#leave(turn);
  }

  /**
   * Resolves when a request that was refused may be sent again: after a pause, or as long as the store said, and when it is the
   * turn of its work.
   * @throws StoreError when the store has refused too often, this request or all
   */
  async again(turn: Turn, storeCode: string, hintMs = 0): Promise<void> {
    if (turn.refusals > MAX_REFUSALS) throw refusal(turn, storeCode);
    this.#disconnect(turn);
    this.#leave(turn);
    const pauseMs = Math.max(this.#window.pauseMs(turn.refusals), Math.min(hintMs, LONGEST_HINT_MS));
    await new Promise<void>((resolve) => this.#timers.after(pauseMs, resolve));
    if (this.#window.refusesEverything) throw refusal(turn, storeCode);
    await this.#wait(turn);
  }

  /** Its connection is free. Safe to repeat. */
  end(turn: Turn): void {
    if (turn.hasEnded) return;
    turn.hasEnded = true;
    this.#disconnect(turn);
    this.#leave(turn);
  }

  #wait(turn: Turn): Promise<void> {
    return new Promise<void>((admit, refuse) => {
      this.#lines.add({ work: turn.work, turn, admit, refuse });
      this.#admit();
    });
  }

  #disconnect(turn: Turn): void {
    if (turn.isConnected) this.#connections.give(turn.work.tenant);
    turn.isConnected = false;
  }

  get #isFull(): boolean {
    return this.#inFlight >= this.#window.open || !this.#lines.isEmpty || this.#window.closedForMs > 0;
  }

  #leave(turn: Turn): void {
    turn.stopWatch();
    if (turn.isInFlight) this.#inFlight -= 1;
    turn.isInFlight = false;
    this.#admit();
  }

  #admit(): void {
    while (this.#inFlight < this.#window.open && !this.#isClosed()) {
      const next = this.#takeNext();
      if (!next) return;
      // It was aborted while it waited to be sent again.
      if (next.turn.hasEnded) continue;
      this.#connections.take(next.work.tenant);
      next.turn.isConnected = true;
      next.turn.isInFlight = !next.turn.isMedia;
      if (next.turn.isInFlight) this.#inFlight += 1;
      this.#window.admitted();
      next.admit();
    }
  }

  /** One that was never refused goes ahead after a pause: another may be refused for a reason of its own. */
  #takeNext(): Waiter | undefined {
    const hasRoom = (tenant: string | undefined) => this.#connections.hasRoom(tenant);
    const isNew = ({ turn }: Waiter) => turn.refusals === 0;
    return (this.#window.isProbing ? this.#lines.takeNext(hasRoom, isNew) : undefined) ?? this.#lines.takeNext(hasRoom);
  }

  /** It opens by itself while anything waits. */
  #isClosed(): boolean {
    const { closedForMs } = this.#window;
    if (closedForMs > 0 && !this.#lines.isEmpty && !this.#isOpeningLater) {
      this.#isOpeningLater = true;
      this.#timers.after(closedForMs, () => {
        this.#isOpeningLater = false;
        this.#admit();
      });
    }
    return closedForMs > 0;
  }

  /**
   * Nobody waits whose time is over, nor for a store that refuses everything. That it also refuses what it was never asked is
   * told by a request that was not refused before.
   */
  #giveUp(refused: Turn, storeCode: string): void {
    const { refusesEverything } = this.#window;
    const isGivenUp = ({ turn }: Waiter) =>
      turn.isOver() || (refusesEverything && (turn.refusals > 0 || refused.refusals === 1));
    for (const { turn, refuse } of this.#lines.takeAll(isGivenUp)) {
      refuse(turn.isOver() ? pastDeadline(turn.operation) : refusal(turn, storeCode));
    }
  }
}

function refusal({ operation }: Turn, storeCode: string): StoreError {
  return new StoreError('unavailable', operation, storeCode);
}
