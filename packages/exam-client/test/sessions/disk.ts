// IndexedDB of one browser: `fake-indexeddb`, which can be full, hang, refuse, be cleared, or lose its last second.
import { IDBFactory as Factory, IDBKeyRange } from 'fake-indexeddb';
import type { Page } from './page.ts';
import type { World } from './world.ts';

export { IDBKeyRange };

type State = 'well' | 'full' | 'hanging' | 'refusing';
type Handler = (event: unknown) => unknown;

/** What a write replaced, so that it can be undone. */
interface Undo {
  readonly atMs: number;
  readonly store: string;
  readonly restore: (store: IDBObjectStore) => void;
}

/** The writes of the last moment are not on the disk yet when a machine loses its power. */
const VOLATILE_MS = 1_000;
const WRITES = new Set(['put', 'add', 'delete', 'clear']);

export class Disk {
  state: State = 'well';
  readonly #world: World;
  readonly #isJournaled: boolean;
  #factory = new Factory();
  readonly #open = new Set<IDBDatabase>();
  #journal: Undo[] = [];

  /** @param isJournaled whether `losePower` will be called */
  constructor(world: World, isJournaled: boolean) {
    this.#world = world;
    this.#isJournaled = isJournaled;
  }

  /** `indexedDB` as this page sees it. */
  of(page: Page): Pick<IDBFactory, 'open' | 'deleteDatabase' | 'cmp'> {
    return {
      cmp: (a, b) => this.#factory.cmp(a, b),
      deleteDatabase: (name) => this.#factory.deleteDatabase(name),
      open: (name, version) => {
        if (!page.isAlive || this.state === 'hanging') return silentRequest();
        if (this.state === 'refusing') return refusedRequest(page);
        const request = this.#factory.open(name, version);
        const end = this.#world.begin();
        request.addEventListener('success', () => {
          this.#open.add(request.result);
          page.whenClosed(() => this.#leave(request.result));
          end();
        });
        request.addEventListener('error', end);
        return this.#seen(page, request);
      },
    };
  }

  /** The candidate clears the data of the site: the browser closes its databases. */
  clear(): void {
    const open = [...this.#open];
    this.#open.clear();
    this.#factory = new Factory();
    this.#journal = [];
    for (const database of open) {
      database.close();
      (database.onclose as Handler | null)?.(new Event('close'));
    }
  }

  /** What is in a store of the client's database, when all pages are closed or quiet. */
  async all<Value>(name: string): Promise<Value[]> {
    const [{ name: database, version } = {}] = await this.#factory.databases();
    if (database === undefined) return [];
    const opened = await this.#opened(database, version);
    if (!opened.objectStoreNames.contains(name)) return [];
    const request = opened.transaction(name).objectStore(name).getAll();
    const values = await new Promise<Value[]>((resolve) => {
      request.onsuccess = () => resolve(request.result as Value[]);
    });
    opened.close();
    return values;
  }

  #opened(name: string, version: number | undefined): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = this.#factory.open(name, version);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new Error('The database does not open.', { cause: request.error }));
    });
  }

  /** Undoes the writes of the last second. All pages are closed. */
  async losePower(): Promise<void> {
    const since = this.#world.nowMs - VOLATILE_MS;
    const lost = this.#journal.filter(({ atMs }) => atMs > since).reverse();
    this.#journal = [];
    const [{ name, version } = {}] = await this.#factory.databases();
    if (name === undefined || lost.length === 0) return;
    const database = await this.#opened(name, version);
    await new Promise((resolve) => {
      const transaction = database.transaction([...database.objectStoreNames], 'readwrite');
      transaction.oncomplete = resolve;
      for (const { store, restore } of lost) restore(transaction.objectStore(store));
    });
    database.close();
  }

  #leave(database: IDBDatabase): void {
    this.#open.delete(database);
    database.close();
  }

  /** An object of IndexedDB as the page sees it: nothing is told to a closed page. */
  #seen<Target extends object>(page: Page, target: Target, more: Readonly<Record<string, unknown>> = {}): Target {
    return new Proxy(target, {
      get: (_, name) => {
        if (typeof name === 'string' && name in more) return more[name];
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value === 'function') return (...args: unknown[]) => this.#call(page, target, String(name), args);
        return this.#wrapped(page, value);
      },
      set: (_, name, value) => {
        const told = typeof value === 'function' ? toldTo(page, value as Handler) : (value as unknown);
        return Reflect.set(target, name, told, target);
      },
    });
  }

  #wrapped(page: Page, value: unknown): unknown {
    return isOfIndexedDb(value) ? this.#seen(page, value) : value;
  }

  #call(page: Page, target: object, name: string, args: unknown[]): unknown {
    if (name === 'transaction') return this.#transaction(page, target as IDBDatabase, args);
    const given = args.map((arg) => (typeof arg === 'function' ? toldTo(page, arg as Handler) : arg));
    const method = Reflect.get(target, name, target) as (...all: unknown[]) => unknown;
    return this.#wrapped(page, method.apply(target, given));
  }

  #transaction(page: Page, database: IDBDatabase, args: unknown[]): IDBTransaction {
    if (!page.isAlive || this.state === 'hanging') return silentTransaction();
    if (this.state === 'refusing') throw new DOMException('The connection is closing.', 'InvalidStateError');
    const transaction = database.transaction(...(args as Parameters<IDBDatabase['transaction']>));
    const end = this.#world.begin();
    const undos: Undo[] = [];
    transaction.addEventListener('complete', () => {
      const since = this.#world.nowMs - VOLATILE_MS;
      this.#journal = [...this.#journal.filter(({ atMs }) => atMs > since), ...undos];
      end();
    });
    transaction.addEventListener('abort', end);
    page.whenClosed(() => abort(transaction));
    const about: { error?: DOMException; objectStore?: unknown } = {
      objectStore: (name: string) => {
        const store = transaction.objectStore(name);
        return new Proxy(store, {
          get: (_, member) => {
            const value = Reflect.get(store, member, store) as unknown;
            if (typeof value !== 'function') return value;
            return (...given: unknown[]) => {
              if (this.#isJournaled && WRITES.has(String(member))) this.#note(undos, store, String(member), given);
              const request = (value as (...all: unknown[]) => unknown).apply(store, given);
              if (this.state === 'full' && (member === 'put' || member === 'add')) {
                about.error = new DOMException('The disk is full.', 'QuotaExceededError');
                transaction.abort();
              }
              return this.#wrapped(page, request);
            };
          },
        });
      },
    };
    return this.#seen(page, transaction, about as Record<string, unknown>);
  }

  /** Reads what a write replaces, before the write. */
  #note(undos: Undo[], store: IDBObjectStore, write: string, [given]: unknown[]): void {
    const query = write === 'put' || write === 'add' ? keyOf(store, given) : (given as IDBKeyRange | undefined);
    const before = store.getAll(query as IDBValidKey);
    before.onsuccess = () => {
      const old = before.result as unknown[];
      undos.push({
        atMs: this.#world.nowMs,
        store: store.name,
        restore: (again) => {
          if (write === 'put' || write === 'add') again.delete(query as IDBValidKey);
          for (const value of old) again.put(value);
        },
      });
    };
  }
}

function keyOf({ keyPath }: IDBObjectStore, value: unknown): IDBValidKey {
  const read = (path: string) => (value as Record<string, IDBValidKey>)[path] as IDBValidKey;
  return Array.isArray(keyPath) ? keyPath.map(read) : read(String(keyPath));
}

function isOfIndexedDb(value: unknown): value is object {
  return typeof value === 'object' && value !== null && /^FDB(?!KeyRange)/.test(value.constructor?.name ?? '');
}

function toldTo(page: Page, handler: Handler): Handler {
  return (event) => (page.isAlive ? handler(event) : undefined);
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It is complete.
  }
}

/** Nothing is ever heard of it. */
function silentRequest(): IDBOpenDBRequest {
  return new EventTarget() as IDBOpenDBRequest;
}

function refusedRequest(page: Page): IDBOpenDBRequest {
  const error = new DOMException('The user denied permission to access the database.', 'InvalidStateError');
  const request = Object.assign(new EventTarget(), { error }) as IDBOpenDBRequest;
  page.setTimeout(() => {
    const event = new Event('error');
    request.dispatchEvent(event);
    request.onerror?.(event);
  });
  return request;
}

function silentTransaction(): IDBTransaction {
  const store = new Proxy({}, { get: () => () => silentRequest() });
  const silent = { objectStore: () => store, abort() {}, commit() {}, error: null };
  return Object.assign(new EventTarget(), silent) as unknown as IDBTransaction;
}
