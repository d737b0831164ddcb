// Delivers the outbox to its endpoints: at least once, tenant by tenant, so that a dead endpoint delays no other tenant.
import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import { targetsOf } from '../bucket/listing.ts';
import {
  type EventType,
  type Evidence,
  evidenceOf,
  listOutbox,
  type RecordingEvent,
  readEvents,
  UNDELIVERED_MS,
  type WaitingEvents,
} from '../bucket/outbox.ts';
import { checkpointOf, ReceiptLog } from '../bucket/receipt-log.ts';
import type { Signer } from '../bucket/signer.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import { deleteOrThrow, type ObjectStore } from '../objectstore/object-store.ts';
import { isOutage, isStoreError } from '../objectstore/store-error.ts';
import { type Endpoint, postEvent } from './endpoint.ts';

/**
 * `dropped`: its act never happened, its tenant no longer subscribes to it, or it is none that this service makes;
 * `expired`: undelivered for a week.
 */
export type DeliveryResult = 'delivered' | 'failed' | 'dropped' | 'expired';

export interface DeliveryFailure {
  readonly tenant: string;
  readonly event: EventType | undefined;
  readonly recording: string | undefined;
  /** `http-503`, `timeout`, `ECONNREFUSED`, `never-happened`, `unreadable`, `expired`, a code of the store. */
  readonly code: string;
}

export interface DispatcherOptions {
  readonly store: ObjectStore;
  /** Verifies receipts and checkpoints before events report them. Undefined: the service signs nothing. */
  readonly signer: Signer | undefined;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** The grace period, longer than any request lasts: an event whose act is not in the bucket by then never happened. */
  readonly settleMs: number;
  readonly now: () => number;
  /** False while `now` may be wrong: then nothing is given up for its age. Default: always true. */
  readonly mayExpire?: () => boolean;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onResult?: (result: DeliveryResult, count: number) => void;
  /** How many objects wait in the outbox. */
  readonly onBacklog?: (objects: number) => void;
  readonly onFailure?: (failure: DeliveryFailure) => void;
}

export const POLL_MS = 10 * SECOND_MS;
/** Requests in progress at one endpoint. */
const ENDPOINT_CONCURRENCY = 4;
/** Objects of a tenant that are held at once, oldest first. */
const MAX_WAITING = 1000;
/** After so many failures in a row nothing is sent to the endpoint for a while. */
const MAX_FAILURES_IN_A_ROW = 5;
const FIRST_RETRY_MS = 10 * SECOND_MS;
const LONGEST_RETRY_MS = 6 * HOUR_MS;
const LONGEST_PAUSE_MS = 10 * MINUTE_MS;
/** What the bucket does not show yet is looked for again after this time. */
const LOOK_AGAIN_MS = 30 * SECOND_MS;
const MAX_REMEMBERED = 100_000;

/** Milliseconds until the next attempt, doubled for each of the `attempts` failed ones; `random` takes off up to half. */
export function backoffMs(attempts: number, random: number, longestMs: number = LONGEST_RETRY_MS): number {
  const wholeMs = Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), longestMs);
  return Math.round(wholeMs * (1 - random / 2));
}

function expiryOf({ writtenMs }: WaitingEvents): number {
  return writtenMs + UNDELIVERED_MS;
}

/** The state of an object, kept in memory only. Without it the events are sent again, under the same ids. */
interface Progress {
  /** Ids of the events that need no further attempt. */
  readonly done: Set<string>;
  attempts: number;
  /** Until the next attempt. */
  isPaused: () => boolean;
}

/** Ends after that time, even when the clock is set back meanwhile. */
function pauseFor(milliseconds: number, now: () => number): () => boolean {
  const elapsedMs = startStopwatch(now);
  return () => elapsedMs() < milliseconds;
}

/** One attempt at all waiting events of a tenant. */
interface Round {
  readonly tenant: string;
  readonly endpoint: Endpoint | undefined;
  failuresInARow: number;
  /** The store is busy or cannot be reached. */
  isOutage: boolean;
  /** The latest of the tenant's log; read once, when something is sent. */
  checkpoint: Promise<string | null> | undefined;
}

/** Two dispatchers, in one process or two, may deliver an event twice. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  readonly #pauses = new Map<string, { failures: number; isPaused: () => boolean }>();
  readonly #remembered = new LRUCache<string, Progress>({ max: MAX_REMEMBERED });
  /** Read at most once a poll. */
  #versioned: Promise<boolean> | undefined;
  #polling: Promise<void> | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Polls every few seconds until `stop`. `wait` resolves, and does not reject, when the signal is aborted. */
  start(wait: (milliseconds: number, signal: AbortSignal) => Promise<void>, onError: (error: unknown) => void): void {
    const { signal } = this.#stopping;
    this.#polling = (async () => {
      while (!signal.aborted) {
        await this.poll().catch(onError);
        await wait(POLL_MS, signal);
      }
    })();
  }

  /** Aborts the requests in progress; their events stay in the outbox. Safe to repeat. Resolves when nothing runs. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#polling;
    await this.idle();
  }

  /** Resolves when no delivery is in progress. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** Lists the outbox and begins to deliver what is ready; one LIST while it is empty. @throws StoreError */
  async poll(): Promise<void> {
    const { onBacklog } = this.#options;
    this.#versioned = undefined;
    const waiting = await listOutbox(this.#options.store, MAX_WAITING);
    onBacklog?.([...waiting.values()].reduce((sum, own) => sum + own.length, 0));
    for (const [tenant, own] of waiting) {
      const isPaused = this.#pauses.get(tenant)?.isPaused() ?? false;
      if (this.#stopping.signal.aborted || isPaused || this.#running.has(tenant)) continue;
      const round = this.#deliverAll(tenant, own).finally(() => this.#running.delete(tenant));
      this.#running.set(tenant, round);
    }
  }

  async #deliverAll(tenant: string, waiting: readonly WaitingEvents[]): Promise<void> {
    const { now, random, endpoints } = this.#options;
    const round: Round = {
      tenant,
      endpoint: endpoints.get(tenant),
      failuresInARow: 0,
      isOutage: false,
      checkpoint: undefined,
    };
    await pMap(waiting, (object) => this.#attempt(round, object), { concurrency: ENDPOINT_CONCURRENCY });
    if (round.failuresInARow === 0) this.#pauses.delete(tenant);
    else if (round.failuresInARow >= MAX_FAILURES_IN_A_ROW) {
      const failures = (this.#pauses.get(tenant)?.failures ?? 0) + 1;
      const pauseMs = backoffMs(failures, random(), LONGEST_PAUSE_MS);
      this.#pauses.set(tenant, { failures, isPaused: pauseFor(pauseMs, now) });
    }
  }

  #isOver(round: Round): boolean {
    return this.#stopping.signal.aborted || round.isOutage || round.failuresInARow >= MAX_FAILURES_IN_A_ROW;
  }

  /** Never throws: a failure is reported, and the delivery is attempted again later. */
  async #attempt(round: Round, object: WaitingEvents): Promise<void> {
    const { now, mayExpire = () => true } = this.#options;
    const progress = this.#remembered.get(object.key) ?? {
      done: new Set<string>(),
      attempts: 0,
      isPaused: () => false,
    };
    const isExpired = mayExpire() && now() > expiryOf(object);
    if (this.#isOver(round) || progress.isPaused() || !(round.endpoint || isExpired)) return;
    this.#remembered.set(object.key, progress);
    try {
      if (isExpired) await this.#expire(object);
      else await this.#deliverObject(round, object, progress);
    } catch (error) {
      if (isOutage(error)) round.isOutage = true;
      this.#putOff(object, progress);
      this.#report(round.tenant, isStoreError(error) ? error.storeCode : 'unexpected');
    }
  }

  /** Until the next attempt, and no longer than until the object expires. */
  #putOff(object: WaitingEvents, progress: Progress): void {
    const { now, random } = this.#options;
    const expiresMs = expiryOf(object);
    progress.attempts += 1;
    const pauseMs = backoffMs(progress.attempts, random());
    const leftMs = expiresMs - now();
    progress.isPaused = pauseFor(leftMs < 0 ? pauseMs : Math.min(pauseMs, leftMs), now);
  }

  #report(tenant: string, code: string, event?: RecordingEvent): void {
    this.#options.onFailure?.({ tenant, event: event?.type, recording: event?.data.recordingId, code });
  }

  async #expire(object: WaitingEvents): Promise<void> {
    const events = await readEvents(this.#options.store, object);
    if (!events) return;
    await this.#remove(object.key);
    this.#options.onResult?.('expired', events === 'unreadable' ? 1 : events.length);
    this.#report(object.tenant, 'expired');
  }

  /** It may be of a later version, whose processes are being started: they have the grace period to deliver it. */
  async #dropUnreadable({ tenant, key, writtenMs }: WaitingEvents, progress: Progress): Promise<void> {
    if (this.#isYoung(writtenMs)) {
      progress.isPaused = pauseFor(LOOK_AGAIN_MS, this.#options.now);
      return;
    }
    await this.#remove(key);
    this.#options.onResult?.('dropped', 1);
    this.#report(tenant, 'unreadable');
  }

  #isYoung(writtenMs: number): boolean {
    const { now, settleMs, mayExpire = () => true } = this.#options;
    return !mayExpire() || writtenMs >= now() - settleMs;
  }

  /** Each event of an object; the object is deleted once none of them needs another attempt. */
  async #deliverObject(round: Round, object: WaitingEvents, progress: Progress): Promise<void> {
    const { store, now, onResult } = this.#options;
    const events = await readEvents(store, object);
    if (!events) return;
    if (events === 'unreadable') return this.#dropUnreadable(object, progress);
    let failed = false;
    for (const event of events) {
      if (progress.done.has(event.id)) continue;
      if (this.#isOver(round)) break;
      const isWanted = round.endpoint?.events.has(event.type) ?? false;
      const evidence = isWanted ? await evidenceOf(this.#options, event) : undefined;
      if (isWanted && !evidence && this.#isYoung(object.writtenMs)) {
        progress.isPaused = pauseFor(LOOK_AGAIN_MS, now);
        continue;
      }
      if (!evidence) onResult?.('dropped', 1);
      if (isWanted && !evidence) this.#report(round.tenant, 'never-happened', event);
      if (!evidence || (await this.#deliver(round, event, evidence))) progress.done.add(event.id);
      else failed = true;
    }
    if (failed) this.#putOff(object, progress);
    else if (events.every((event) => progress.done.has(event.id))) await this.#remove(object.key);
  }

  async #deliver(round: Round, event: RecordingEvent, { receiptHash }: Evidence): Promise<boolean> {
    const { signal } = this.#stopping;
    const { store, signer, now, onResult } = this.#options;
    if (!round.endpoint) return false;
    round.checkpoint ??= new ReceiptLog(store, round.tenant, signer).head().then(checkpointOf);
    const checkpoint = await round.checkpoint;
    const code = await postEvent(round.endpoint, { ...event, checkpoint, receiptHash }, { nowMs: now(), signal });
    if (signal.aborted && code !== undefined) return false;
    round.failuresInARow = code === undefined ? 0 : round.failuresInARow + 1;
    onResult?.(code === undefined ? 'delivered' : 'failed', 1);
    if (code !== undefined) this.#report(round.tenant, code, event);
    return code === undefined;
  }

  /** The progress of a key is kept until its deletion has succeeded, so that no event is sent again. @throws StoreError */
  async #remove(key: string): Promise<void> {
    const { store } = this.#options;
    this.#versioned ??= store.isVersioned();
    await deleteOrThrow(store, await targetsOf(store, key, await this.#versioned));
    this.#remembered.delete(key);
  }
}
