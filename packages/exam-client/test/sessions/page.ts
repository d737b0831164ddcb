// One page of the exam: the client's own code, with the globals of a browser. What happens in it ends when it is closed.
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import type { Random } from '../../../../test/simulation/random.ts';
import type * as Client from '../../src/index.ts';
import { ForgetfulAbortController, forgetful } from './listeners.ts';
import type { Machine } from './machine.ts';

type Globals = Readonly<Record<string, unknown>>;

/** A module whose default export runs the client's code with these globals, each time anew, and returns its exports. */
type Bundle = { readonly default: (globals: Globals) => typeof Client };
let bundle: Promise<Bundle> | undefined;
async function bundled(names: readonly string[]): Promise<Bundle> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../src/index.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'client',
    target: 'es2024',
  });
  // Its process would keep a thread from ending.
  await stop();
  const code = `export default ($page) => { const { ${names.join(', ')} } = $page;\n${outputFiles[0]?.text}\nreturn client; };`;
  return (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as Bundle;
}

interface Timer {
  readonly fire: () => void;
  dueMs: number;
  cancel: () => void;
}

/** What stops while the page is frozen. */
interface Sleeper {
  freeze(): void;
  /** @param clockStood whether the monotonic clock stood still meanwhile */
  thaw(clockStood: boolean): void;
}

/** Longer delays overflow (HTML Standard, timers): they end at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export class Page {
  readonly name: string;
  readonly machine: Machine;
  readonly openedAtMs: number;
  /** Events of the window: `online`, `offline`, `pagehide`. */
  readonly window = forgetful(new EventTarget());
  closedAtMs: number | undefined;
  readonly #timers = new Map<number, Timer>();
  #timerIds = 0;
  #frozenAtMs: number | undefined;
  readonly #waiting: (() => void)[] = [];
  readonly #onClose: (() => void)[] = [];
  readonly #sleepers: Sleeper[] = [];

  constructor(name: string, machine: Machine) {
    this.name = name;
    this.machine = machine;
    this.openedAtMs = machine.world.nowMs;
    machine.pages.add(this);
  }

  get isAlive(): boolean {
    return this.closedAtMs === undefined;
  }

  get isFrozen(): boolean {
    return this.#frozenAtMs !== undefined;
  }

  /** Calls back into the page: later when it is frozen, never when it is closed. */
  deliver(fire: () => void): void {
    if (this.isFrozen) this.#waiting.push(fire);
    else if (this.isAlive) fire();
  }

  whenClosed(act: () => void): void {
    this.#onClose.push(act);
  }

  whenFrozen(sleeper: Sleeper): void {
    this.#sleepers.push(sleeper);
  }

  /** From now on nothing of it happens any more. */
  close(): void {
    if (!this.isAlive) return;
    this.closedAtMs = this.machine.world.nowMs;
    this.machine.pages.delete(this);
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#waiting.length = 0;
    for (const act of this.#onClose.splice(0)) act();
  }

  freeze(): void {
    if (!this.isAlive || this.isFrozen) return;
    this.#frozenAtMs = this.machine.world.nowMs;
    for (const { cancel } of this.#timers.values()) cancel();
    for (const sleeper of this.#sleepers) sleeper.freeze();
  }

  /** @param keepsRest whether its timers have as much time left as before */
  thaw(keepsRest: boolean): void {
    const { nowMs } = this.machine.world;
    if (!this.isAlive || this.#frozenAtMs === undefined) return;
    const frozenMs = nowMs - this.#frozenAtMs;
    this.#frozenAtMs = undefined;
    for (const sleeper of this.#sleepers) sleeper.thaw(keepsRest);
    for (const [id, timer] of this.#timers) {
      timer.dueMs = keepsRest ? timer.dueMs + frozenMs : Math.max(timer.dueMs, nowMs);
      timer.cancel = this.machine.world.at(timer.dueMs, () => this.#fire(id));
    }
    for (const fire of this.#waiting.splice(0)) this.machine.world.at(nowMs, () => this.deliver(fire));
  }

  setTimeout(fire: () => void, delayMs = 0): number {
    const id = ++this.#timerIds;
    if (this.isAlive) this.#arm(id, fire, delayMs);
    return id;
  }

  setInterval(fire: () => void, everyMs: number): number {
    const id = this.setTimeout(() => {
      // Before the call, which may clear it.
      this.#arm(id, repeat, everyMs);
      fire();
    }, everyMs);
    const repeat = this.#timers.get(id)?.fire ?? (() => {});
    return id;
  }

  #arm(id: number, fire: () => void, delayMs: number): void {
    const { world } = this.machine;
    const isSane = delayMs >= 0 && delayMs <= MAX_DELAY_MS;
    const dueMs = world.nowMs + (isSane ? Math.trunc(delayMs) : 0);
    this.#timers.set(id, { fire, dueMs, cancel: this.isFrozen ? () => {} : world.at(dueMs, () => this.#fire(id)) });
  }

  clearTimeout(id: unknown): void {
    this.#timers.get(id as number)?.cancel();
    this.#timers.delete(id as number);
  }

  #fire(id: number): void {
    const timer = this.#timers.get(id);
    this.#timers.delete(id);
    if (timer && this.isAlive) timer.fire();
  }

  /** Runs the client's code in this page. */
  async load(random: Random, others: Globals): Promise<typeof Client> {
    const globals: Globals = { ...this.#globals(random), ...others };
    const scope = { ...globals, globalThis: globals, window: globals, self: globals };
    bundle ??= bundled(Object.keys(scope));
    return (await bundle).default(scope);
  }

  #globals(random: Random): Globals {
    const { machine, window } = this;
    const openedAtWallMs = machine.wallMs;
    const openedAtMs = machine.monotonicMs;
    const fraction = () => random.between(0, 2 ** 31 - 1) / 2 ** 31;
    class PageDate extends Date {
      constructor(...given: [] | [number]) {
        if (given.length === 0) super(machine.wallMs);
        else super(...given);
      }
      static override now(): number {
        return machine.wallMs;
      }
    }
    const clear = (id: unknown) => this.clearTimeout(id);
    return {
      Date: PageDate,
      performance: { timeOrigin: openedAtWallMs, now: () => machine.monotonicMs - openedAtMs },
      Math: Object.assign(Object.create(Math) as typeof Math, { random: fraction }),
      crypto: { randomUUID: () => uuidFrom(random), getRandomValues: (into: Uint8Array) => fill(into, random) },
      setTimeout: (fire: () => void, ms?: number) => this.setTimeout(fire, ms),
      setInterval: (fire: () => void, ms: number) => this.setInterval(fire, ms),
      clearTimeout: clear,
      clearInterval: clear,
      AbortController: ForgetfulAbortController,
      AbortSignal: withTimeouts(this),
      addEventListener: window.addEventListener.bind(window),
      removeEventListener: window.removeEventListener.bind(window),
      BroadcastChannel: undefined,
      Worker: undefined,
      process: undefined,
      require: undefined,
    };
  }
}

/** Version 4 (RFC 9562), from the seed. */
function uuidFrom(random: Random): string {
  const hex = Buffer.from(random.bytes(16)).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function fill(into: Uint8Array, random: Random): Uint8Array {
  into.set(random.bytes(into.length));
  return into;
}

/** AbortSignal, whose `timeout` goes by the page's timers. */
function withTimeouts(page: Page): typeof AbortSignal {
  const timeout = (ms: number) => {
    const over = new ForgetfulAbortController();
    page.setTimeout(() => over.abort(new DOMException('The time is over.', 'TimeoutError')), ms);
    return over.signal;
  };
  return new Proxy(AbortSignal, {
    get: (target, name) => (name === 'timeout' ? timeout : (Reflect.get(target, name, target) as unknown)),
  });
}
