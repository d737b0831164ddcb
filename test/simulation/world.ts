// The simulated world: one clock, a few processes, and a queue of store calls that take effect, fail or die as a seed decides.
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import type { DeleteFailure, DeleteTarget, ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import type { MemoryStore } from '../kit/memory-store.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';

/** What becomes of a store call. Of a batch of deletes that fails on the way, or whose reply is lost, some took effect. */
const FAULTS = ['fails', 'reply-lost', 'repeated', 'late', 'keys-refused', 'crash-before', 'crash-after'] as const;
type Fault = (typeof FAULTS)[number];

/** Chances of a call, from 0 to 1. */
export interface FaultRates {
  readonly failure: number;
  readonly crash: number;
}

/** A replica of the service, a sweeper, or an exam client: what dies together, and has one clock. */
export interface Process {
  readonly name: string;
  skewMs: number;
  /** Counted up by a crash: memory is lost. */
  life: number;
}

/** What one process does for one caller: it ends with its answer, its process, or the time it may last. */
export interface Request {
  readonly name: string;
  readonly process: Process;
  /** Undefined for a sweeper, which works for all. */
  readonly tenant: string | undefined;
  readonly attempt: string | undefined;
  readonly beganMs: number;
  readonly endsByMs: number;
  readonly random: Random;
  readonly pace: Pace;
  calls: number;
  isOver: boolean;
  end: (error: Error) => void;
}

/** A store call that took effect. */
export interface Effect {
  readonly request: Request;
  readonly method: Method;
  /** Of a deletion: none. */
  readonly key: string;
  /** What could be read before, and cannot now. */
  readonly gone: readonly string[];
  /** It came after its caller had given up, or a second time. */
  readonly isLate: boolean;
  /** An open upload that was aborted. */
  readonly aborted: { readonly key: string; readonly uploadId: string } | undefined;
}

export type Method = Exclude<keyof ObjectStore, symbol>;
type Pace = 'brisk' | 'uneven' | 'slow';

const METHODS: readonly Method[] = [
  'put',
  'get',
  'getStart',
  'list',
  'listVersions',
  'isVersioned',
  'delete',
  'tag',
  'tags',
  'createMultipartUpload',
  'uploadPart',
  'listParts',
  'completeMultipartUpload',
  'abortMultipartUpload',
  'listMultipartUploads',
];
const READS = new Set<Method>([
  'get',
  'getStart',
  'list',
  'listVersions',
  'isVersioned',
  'tags',
  'listParts',
  'listMultipartUploads',
]);

/** The caller sees no answer: its process died, or the request lasted too long. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

export interface WorldOptions {
  readonly store: MemoryStore;
  readonly trace: Trace;
  readonly rates: FaultRates;
  /** Faults and delays that are left out, by name: how a history is shrunk. */
  readonly without: ReadonlySet<string>;
  readonly onCall: (request: Request, method: Method, args: readonly unknown[]) => void;
  readonly onEffect: (effect: Effect) => void;
}

interface Event {
  readonly timeMs: number;
  readonly order: number;
  readonly fire: () => void;
}

export class World {
  nowMs: number;
  /** After this nothing fails any more, and everything is quick. */
  isQuiet = false;
  /** What went wrong; the world stands still from then on. */
  violation: Error | undefined;
  /** Names of the faults and of the long delays that happened, in order. */
  readonly happened: string[] = [];
  readonly counts = new Map<string, number>();
  /** The store refuses to delete these. */
  readonly refusedKeys = new Set<string>();
  /** What belongs to attempts in which a request was disturbed by a fault. */
  readonly disturbed = new Set<string>();
  readonly #options: WorldOptions;
  readonly #events: Event[] = [];
  readonly #requests = new Set<Request>();
  #order = 0;

  constructor(startMs: number, options: WorldOptions) {
    this.nowMs = startMs;
    this.#options = options;
  }

  /** Does all that is planned; between any two events every promise that can go on has gone on. */
  async run(): Promise<void> {
    for (let event = this.#events.pop(); event && !this.violation; event = this.#events.pop()) {
      this.nowMs = Math.max(this.nowMs, event.timeMs);
      try {
        event.fire();
      } catch (error) {
        this.fail(error as Error);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The first failure is the one that is told. */
  fail(error: Error): void {
    this.violation ??= error;
  }

  at(timeMs: number, fire: () => void): void {
    const event = { timeMs, order: this.#order, fire };
    this.#order += 1;
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.timeMs ?? 0) <= timeMs) place -= 1;
    this.#events.splice(place, 0, event);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.nowMs + ms, resolve));
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  isBusy(process: Process): boolean {
    return [...this.#requests].some((request) => request.process === process);
  }

  /** Whether anybody may be about to write something of an attempt. */
  isAtWork(attempt: string): boolean {
    return [...this.#requests].some((request) => request.attempt === attempt || request.attempt === undefined);
  }

  /** Requests that are under way, of one attempt. */
  under(attempt: string): Request[] {
    return [...this.#requests].filter((request) => request.attempt === attempt);
  }

  /**
   * Lets a process work for a caller. Rejects with `ConnectionLost` when the process dies, or after `limitMs`: then
   * nothing of it happens any more but what was on its way to the store.
   */
  async request<T>(
    process: Process,
    about: { name: string; tenant?: string; attempt?: string; limitMs?: number; random: Random },
    act: (store: ObjectStore) => Promise<T>,
  ): Promise<T> {
    const endsByMs = this.nowMs + (about.limitMs ?? Number.POSITIVE_INFINITY);
    const pace = about.random.weighted({ brisk: 6, uneven: 3, slow: 1 });
    this.count('requests');
    return new Promise<T>((resolve, reject) => {
      const request: Request = {
        name: about.name,
        process,
        tenant: about.tenant,
        attempt: about.attempt,
        beganMs: this.nowMs,
        endsByMs,
        random: about.random,
        pace,
        calls: 0,
        isOver: false,
        end: (error) => {
          request.isOver = true;
          this.#requests.delete(request);
          reject(error);
        },
      };
      this.#requests.add(request);
      if (about.limitMs !== undefined) this.at(endsByMs, () => this.#kill(request));
      act(this.#storeFor(request)).then(
        (answer) => {
          this.#finish(request);
          resolve(answer);
        },
        (error: Error) => {
          this.#finish(request);
          reject(error);
        },
      );
    });
  }

  #finish(request: Request): void {
    request.isOver = true;
    this.#requests.delete(request);
  }

  #kill(request: Request): void {
    if (request.isOver) return;
    this.#note(request, 'lasted too long');
    this.#disturb(request);
    request.end(new ConnectionLost('lasted too long'));
  }

  crash(process: Process): void {
    process.life += 1;
    this.count('crashes');
    this.#options.trace.add(this.nowMs, process.name, 'crashes');
    for (const request of this.#requests) {
      if (request.process !== process) continue;
      this.#disturb(request);
      request.end(new ConnectionLost('crashed'));
    }
  }

  #disturb(request: Request): void {
    this.disturbed.add(request.attempt ?? '');
  }

  #note(request: Request, what: string): void {
    this.#options.trace.add(this.nowMs, request.name, what);
  }

  #storeFor(request: Request): ObjectStore {
    const store = Object.fromEntries(
      METHODS.map((method) => [method, (...args: unknown[]) => this.#call(request, method, args)]),
    );
    return store as unknown as ObjectStore;
  }

  #call(request: Request, method: Method, args: readonly unknown[]): Promise<unknown> {
    // A dead process issues nothing, and nothing is answered to it.
    if (request.isOver) return new Promise(() => {});
    try {
      this.#options.onCall(request, method, args);
    } catch (error) {
      this.fail(error as Error);
    }
    const name = `${request.name}.${request.calls}`;
    request.calls += 1;
    // Drawn whether they are used or not, so that leaving one out changes no other.
    const delayMs = this.#delay(request, name);
    const fault = this.#fault(request, method, name);
    const isOnItsWay = request.random.chance(0.5);
    return new Promise((resolve, reject) => {
      const effectMs = this.nowMs + delayMs;
      if (effectMs > request.endsByMs) return;
      this.at(effectMs, () => {
        if (!request.isOver) this.#answer(request, method, args, fault, resolve, reject);
        else if (isOnItsWay && !READS.has(method))
          this.#apply(request, method, args, 'arrives after its request ended', () => {});
      });
    });
  }

  #delay(request: Request, name: string): number {
    const { random, pace, endsByMs } = request;
    const draw = random.between(0, 99);
    const quickMs = random.between(1, 40);
    const fraction = random.between(1, 1000) / 1000;
    if (this.isQuiet || pace === 'brisk') return quickMs;
    let delayMs = quickMs;
    if (pace === 'uneven') delayMs = draw < 80 ? quickMs * 5 : fraction * (draw < 95 ? 20 * SECOND_MS : 10 * MINUTE_MS);
    else if (draw >= 50) delayMs = fraction * (draw < 80 ? 5 * MINUTE_MS : 55 * MINUTE_MS);
    // A sweep may be overtaken by days.
    if (endsByMs === Number.POSITIVE_INFINITY && draw >= 98) delayMs = fraction * 72 * HOUR_MS;
    if (delayMs < SECOND_MS) return Math.ceil(delayMs);
    const id = `delay ${name}`;
    if (this.#options.without.has(id)) return quickMs;
    this.happened.push(id);
    this.count('delays');
    return Math.ceil(delayMs);
  }

  #fault(request: Request, method: Method, name: string): Fault | undefined {
    const { rates, without } = this.#options;
    const { random } = request;
    const crash = random.chance(rates.crash);
    const failure = random.chance(rates.failure);
    const isAfter = random.chance(0.5);
    const kind = random.weighted({ fails: 3, 'reply-lost': 3, repeated: 1, late: 1, 'keys-refused': 1 });
    if (this.isQuiet || !(crash || failure)) return undefined;
    const id = `fault ${name}`;
    if (without.has(id)) return undefined;
    const fault = crash ? (isAfter ? 'crash-after' : 'crash-before') : kind;
    if (fault === 'keys-refused' && method !== 'delete') return undefined;
    if (READS.has(method) && (fault === 'late' || fault === 'repeated')) return undefined;
    this.happened.push(id);
    this.count(fault);
    return fault;
  }

  #answer(
    request: Request,
    method: Method,
    args: readonly unknown[],
    fault: Fault | undefined,
    resolve: (answer: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    if (fault && fault !== 'repeated') this.#disturb(request);
    const { random } = request;
    const some = fault === undefined ? args : partOf(method, args, random);
    const afterwardsMs = this.nowMs + random.between(1, request.pace === 'brisk' ? 500 : 30 * MINUTE_MS);
    switch (fault) {
      case 'crash-after':
        this.#apply(request, method, some, 'process dies', () => {});
        this.crash(request.process);
        break;
      case 'crash-before':
        this.#note(request, `${describe(method, args)}: process dies before`);
        this.crash(request.process);
        break;
      case 'fails':
        this.#note(request, `${describe(method, args)}: fails`);
        reject(new StoreError('unavailable', method, 'SlowDown'));
        break;
      case 'reply-lost':
        this.#apply(request, method, some, 'reply lost', () => {});
        reject(new StoreError('unavailable', method, 'ECONNRESET'));
        break;
      case 'late':
        this.#note(request, `${describe(method, args)}: times out, and is still on its way`);
        if (afterwardsMs <= request.endsByMs) {
          this.at(afterwardsMs, () => this.#apply(request, method, args, 'arrives late', () => {}));
        }
        reject(new StoreError('unavailable', method, 'TimeoutError'));
        break;
      case 'repeated':
        this.#apply(request, method, args, 'reply lost, will be repeated', () => {});
        if (afterwardsMs > request.endsByMs) break;
        this.at(afterwardsMs, () => {
          if (!request.isOver) this.#apply(request, method, args, 'arrives again', resolve, reject);
        });
        break;
      case 'keys-refused':
        this.#refuseSome(request, args[0] as readonly DeleteTarget[], resolve);
        break;
      default:
        this.#apply(request, method, args, undefined, resolve, reject);
    }
  }

  #refuseSome(request: Request, targets: readonly DeleteTarget[], resolve: (answer: unknown) => void): void {
    const refused = new Set(targets.filter(() => request.random.chance(0.5)).map(({ key }) => key));
    const others = targets.filter(({ key }) => !refused.has(key));
    const failures = [...refused].map((key) => ({ key, code: 'InternalError' }));
    this.#apply(request, 'delete', [others], `refused: ${[...refused].join(' ')}`, (always) =>
      resolve([...failures, ...(always as DeleteFailure[])]),
    );
  }

  /** The effect on the store, all at once; `resolve` is told the answer. */
  #apply(
    request: Request,
    method: Method,
    args: readonly unknown[],
    remark: string | undefined,
    resolve: (answer: unknown) => void,
    reject: (error: Error) => void = () => {},
  ): void {
    const { store, onEffect } = this.#options;
    this.count('calls');
    const [first] = args;
    const key = typeof first === 'string' ? first : '';
    const targets = method === 'delete' ? (first as readonly DeleteTarget[]) : [];
    const refused = targets.filter((target) => this.refusedKeys.has(target.key));
    const accepted = targets.filter((target) => !refused.includes(target));
    const readable = accepted.map((target) => target.key).filter((name) => store.peek(name) !== undefined);
    const [, uploadId] = args;
    const isAbort = method === 'abortMultipartUpload';
    const aborted = isAbort && store.openUploads(key).find((upload) => upload.uploadId === uploadId);
    const act = store[method] as (...all: unknown[]) => Promise<unknown>;
    const answer = method === 'delete' ? store.delete(accepted) : act.apply(store, [...args]);
    const gone = [...new Set(readable)].filter((name) => store.peek(name) === undefined);
    this.#note(request, remark ? `${describe(method, args)}: ${remark}` : describe(method, args));
    const failures: DeleteFailure[] = refused.map((target) => ({ key: target.key, code: 'AccessDenied' }));
    void answer.then((value) => resolve(method === 'delete' ? failures : value), reject);
    if (!READS.has(method))
      onEffect({
        request,
        method,
        key,
        gone,
        isLate: remark?.startsWith('arrives') === true,
        aborted: aborted || undefined,
      });
  }
}

/** What of a call takes effect when it fails on the way: of a batch of deletes, some. */
function partOf(method: Method, args: readonly unknown[], random: Random): readonly unknown[] {
  if (method !== 'delete') return args;
  const targets = args[0] as readonly DeleteTarget[];
  return random.chance(0.5) ? args : [targets.filter(() => random.chance(0.5))];
}

function describe(method: Method, args: readonly unknown[]): string {
  const [first] = args;
  if (typeof first === 'string') return `${method} ${first}`;
  if (Array.isArray(first)) return `${method} ${(first as DeleteTarget[]).map(({ key }) => key).join(' ')}`;
  return method;
}
