// The simulated world: one clock, a few processes, and a queue of store calls that take effect, fail or die as a seed decides.
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type {
  DeleteFailure,
  DeleteTarget,
  ObjectStore,
  OpenUpload,
  WriteOptions,
} from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import type { ProcessMemory } from '../../src/runtime/contexts.ts';
import { intercepting, keysIn, type StoreCall as Method } from '../kit/interventions.ts';
import type { MemoryStore } from '../kit/memory-store.ts';
import type { Plan } from './plan.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';

/** The fate of a store call: whether it takes effect at once, and the error code for its caller, if any. */
const FAULTS = {
  fails: { remark: 'fails', isMade: false, code: 'SlowDown' },
  'reply-lost': { remark: 'reply lost', isMade: true, code: 'ECONNRESET' },
  repeated: { remark: 'reply lost, will be repeated', isMade: true, code: undefined },
  'late-reply': { remark: 'reply comes late', isMade: true, code: undefined },
  late: { remark: 'times out, and is still on its way', isMade: false, code: 'TimeoutError' },
  'crash-before': { remark: 'process dies before', isMade: false, code: undefined },
  'crash-after': { remark: 'process dies', isMade: true, code: undefined },
} as const;
type Fault = keyof typeof FAULTS | 'keys-refused';

/** A replica of the service, a sweeper, or an exam client: what dies together, and has one clock. */
export interface Process {
  readonly name: string;
  skewMs: number;
  /** A crash loses it. */
  memory: ProcessMemory | undefined;
}

interface About {
  readonly name: string;
  /** Undefined for a sweeper, which works for all. */
  readonly tenant?: string;
  readonly attempt?: string;
  readonly limitMs?: number;
  readonly random: Random;
}

/** What one process does for one caller. It ends with the answer, the process or its time limit. */
export interface Request extends About {
  readonly process: Process;
  readonly endsByMs: number;
  readonly pace: 'brisk' | 'uneven' | 'slow';
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
  /** When it was sent: its process may have been suspended since. */
  readonly sentMs: number;
  /** It came after its caller had given up, or a second time. */
  readonly isLate: boolean;
  /** An open upload that was aborted. */
  readonly aborted: OpenUpload | undefined;
}

/** A store call on its way. */
interface Call extends Pick<Effect, 'request' | 'method' | 'sentMs'> {
  readonly args: readonly unknown[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The caller sees no answer: its process died, or the request lasted too long. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

interface WorldOptions {
  readonly store: MemoryStore;
  readonly trace: Trace;
  readonly rates: Plan['rates'];
  /** Faults and delays that are left out, by name: how a history is shrunk. */
  readonly without: ReadonlySet<string>;
  readonly onCall: (request: Request, method: Method, args: readonly unknown[]) => void;
  readonly onEffect: (effect: Effect) => void;
}

export class World {
  nowMs: number;
  /** When the call was sent that takes effect now. */
  sentMs = 0;
  /** After this nothing fails any more, and everything is quick. */
  isQuiet = false;
  /** The first thing that went wrong; the world stands still from then on. */
  violation: Error | undefined;
  /** Names of the faults and of the long delays that happened, in order. */
  readonly happened: string[] = [];
  readonly counts = new Map<string, number>();
  /** What belongs to attempts in which a request was disturbed by a fault. */
  readonly disturbed = new Set<string | undefined>();
  readonly #options: WorldOptions;
  /** The next one last. */
  readonly #events: { readonly timeMs: number; readonly fire: () => void }[] = [];
  readonly #requests = new Set<Request>();

  constructor(startMs: number, options: WorldOptions) {
    this.nowMs = startMs;
    this.#options = options;
  }

  /** Does all that is planned; between any two events every promise that can go on has gone on. */
  async run(): Promise<void> {
    for (let event = this.#events.pop(); event && !this.violation; event = this.#events.pop()) {
      this.nowMs = Math.max(this.nowMs, event.timeMs);
      this.#judge(event.fire);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #judge(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  fail(error: Error): void {
    this.violation ??= error;
  }

  at(timeMs: number, fire: () => void): void {
    const place = this.#events.findLastIndex((event) => event.timeMs > timeMs) + 1;
    this.#events.splice(place, 0, { timeMs, fire });
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

  /** Whether a request is under way that is about this attempt, or about all. */
  isAsked(attempt: string | undefined): boolean {
    return [...this.#requests].some((request) => request.attempt === attempt);
  }

  /**
   * Lets a process work for a caller. Rejects with `ConnectionLost` when the process dies, or after `limitMs`: then
   * nothing of it happens any more but what was on its way to the store.
   */
  async request<T>(process: Process, about: About, act: (store: ObjectStore) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const close = () => {
      request.isOver = true;
      this.#requests.delete(request);
    };
    const request: Request = {
      ...about,
      process,
      endsByMs: this.nowMs + (about.limitMs ?? Number.POSITIVE_INFINITY),
      pace: about.random.weighted({ brisk: 6, uneven: 3, slow: 1 }),
      calls: 0,
      isOver: false,
      end(error) {
        close();
        reject(error);
      },
    };
    this.count('requests');
    this.#requests.add(request);
    if (about.limitMs !== undefined) this.at(request.endsByMs, () => this.#kill(request));
    const store = intercepting(this.#options.store, (method, args) => {
      return new Promise((answer, refuse) =>
        this.#send({ request, method, sentMs: this.nowMs, args, resolve: answer, reject: refuse }),
      );
    });
    act(store).finally(close).then(resolve, reject);
    return promise;
  }

  #kill(request: Request): void {
    if (request.isOver) return;
    this.#note(request, 'lasted too long');
    this.disturbed.add(request.attempt);
    request.end(new ConnectionLost('lasted too long'));
  }

  crash(process: Process): void {
    process.memory = undefined;
    this.count('crashes');
    this.#options.trace.add(this.nowMs, process.name, 'crashes');
    for (const request of this.#requests) {
      if (request.process !== process) continue;
      this.disturbed.add(request.attempt);
      request.end(new ConnectionLost('crashed'));
    }
  }

  #note(request: Request, what: string): void {
    this.#options.trace.add(this.nowMs, request.name, what);
  }

  #send(call: Call): void {
    const { request, method, args } = call;
    // A dead process issues nothing, and nothing is answered to it.
    if (request.isOver) return;
    this.#judge(() => this.#options.onCall(request, method, args));
    const name = `${request.name}.${request.calls}`;
    request.calls += 1;
    // Drawn whether they are used or not, so that leaving one out changes no other.
    const effectMs = this.nowMs + this.#delay(request, name);
    const fault = this.#fault(call, name);
    const isOnItsWay = request.random.chance(0.5);
    if (effectMs > request.endsByMs) return;
    this.at(effectMs, () => {
      if (!request.isOver) this.#answer(call, fault);
      else if (isOnItsWay && !isRead(method)) this.#apply(unheard(call), 'arrives after its request ended');
    });
  }

  /** Whether this fault or delay happens; if so, it is recorded. */
  #happens(id: string, what: string): boolean {
    if (this.#options.without.has(id)) return false;
    this.happened.push(id);
    this.count(what);
    return true;
  }

  #delay({ random, pace, endsByMs }: Request, name: string): number {
    const draw = random.between(0, 99);
    const quickMs = random.between(1, 40);
    const fraction = random.between(1, 1000) / 1000;
    if (this.isQuiet || pace === 'brisk') return quickMs;
    let delayMs = quickMs;
    if (pace === 'uneven') delayMs = draw < 80 ? quickMs * 5 : fraction * (draw < 95 ? 20 * SECOND_MS : 10 * MINUTE_MS);
    else if (draw >= 50) delayMs = fraction * (draw < 80 ? 5 * MINUTE_MS : 55 * MINUTE_MS);
    // A sweep may be overtaken by days.
    if (endsByMs === Number.POSITIVE_INFINITY && draw >= 98) delayMs = fraction * 72 * HOUR_MS;
    if (delayMs >= SECOND_MS && !this.#happens(`delay ${name}`, 'delays')) return quickMs;
    return Math.ceil(delayMs);
  }

  #fault({ request: { random }, method, args }: Call, name: string): Fault | undefined {
    const { rates } = this.#options;
    const crash = random.chance(rates.crash);
    const failure = random.chance(rates.failure);
    const isAfter = random.chance(0.5);
    const kind = random.weighted({ fails: 3, 'reply-lost': 3, repeated: 1, late: 1, 'keys-refused': 1 });
    if (this.isQuiet || !(crash || failure)) return undefined;
    const fault = crash ? (isAfter ? 'crash-after' : 'crash-before') : kind;
    if (fault === 'keys-refused' && method !== 'delete') return undefined;
    if (isRead(method) && (fault === 'late' || fault === 'repeated')) return undefined;
    // A call that is sent once has one reply.
    const isOnce = (args[2] as WriteOptions | undefined)?.once === true;
    const happening = fault === 'repeated' && isOnce ? 'late-reply' : fault;
    return this.#happens(`fault ${name}`, happening) ? happening : undefined;
  }

  #answer(call: Call, fault: Fault | undefined): void {
    const { request, method } = call;
    const { random } = request;
    if (fault && fault !== 'repeated') this.disturbed.add(request.attempt);
    // Of a batch of deletes that fails on the way, some took effect.
    const some = fault === undefined ? call : partOf(call, random);
    const afterwardsMs = this.nowMs + random.between(1, request.pace === 'brisk' ? 500 : 30 * MINUTE_MS);
    if (fault === undefined) this.#apply(call);
    if (fault === 'keys-refused') this.#refuseSome(call);
    if (fault === undefined || fault === 'keys-refused') return;
    const { remark, isMade, code } = FAULTS[fault];
    const isWhole = fault === 'repeated' || fault === 'late-reply';
    if (isMade) this.#apply(unheard(isWhole ? call : some), remark);
    else this.#note(request, `${describe(call)}: ${remark}`);
    if (fault.startsWith('crash')) this.crash(request.process);
    if (code) call.reject(new StoreError('unavailable', method, code));
    if (afterwardsMs > request.endsByMs) return;
    if (fault === 'late') this.at(afterwardsMs, () => this.#apply(unheard(call), 'arrives late'));
    if (fault === 'late-reply') this.at(afterwardsMs, () => request.isOver || call.resolve(undefined));
    if (fault === 'repeated') this.at(afterwardsMs, () => request.isOver || this.#apply(call, 'arrives again'));
  }

  #refuseSome(call: Call): void {
    const targets = call.args[0] as readonly DeleteTarget[];
    const refused = new Set(targets.filter(() => call.request.random.chance(0.5)).map(({ key }) => key));
    const others = targets.filter(({ key }) => !refused.has(key));
    const failures = [...refused].map((key) => ({ key, code: 'InternalError' }));
    const resolve = (always: unknown) => call.resolve([...failures, ...(always as DeleteFailure[])]);
    this.#apply({ ...call, args: [others], resolve }, `refused: ${[...refused].join(' ')}`);
  }

  /** Takes effect on the store at once, and answers the caller. */
  #apply(call: Call, remark?: string): void {
    const { store, onEffect } = this.#options;
    const { request, method, sentMs, args, resolve, reject } = call;
    this.count('calls');
    this.sentMs = sentMs;
    const [first, uploadId] = args;
    const key = typeof first === 'string' ? first : '';
    const targets = method === 'delete' ? new Set(keysIn(args)) : [];
    const readable = [...targets].filter((name) => store.peek(name) !== undefined);
    const isAbort = method === 'abortMultipartUpload';
    const aborted = isAbort ? store.openUploads(key).find((upload) => upload.uploadId === uploadId) : undefined;
    const act = store[method] as (...all: unknown[]) => Promise<unknown>;
    act.apply(store, [...args]).then(resolve, reject);
    const gone = readable.filter((name) => store.peek(name) === undefined);
    this.#note(request, remark ? `${describe(call)}: ${remark}` : describe(call));
    const isLate = remark?.startsWith('arrives') === true;
    if (!isRead(method)) onEffect({ request, method, key, sentMs, gone, isLate, aborted });
  }
}

function isRead(method: Method): boolean {
  return /^(get|list|is|tags)/.test(method);
}

/** The same call, without an answer to the caller. */
function unheard(call: Call): Call {
  return { ...call, resolve: () => {}, reject: () => {} };
}

/** What of a call takes effect when it fails on the way: of a batch of deletes, some. */
function partOf(call: Call, random: Random): Call {
  if (call.method !== 'delete' || random.chance(0.5)) return call;
  const targets = call.args[0] as readonly DeleteTarget[];
  return { ...call, args: [targets.filter(() => random.chance(0.5))] };
}

function describe({ method, args }: Call): string {
  return args.length === 0 ? method : `${method} ${keysIn(args).join(' ')}`;
}
