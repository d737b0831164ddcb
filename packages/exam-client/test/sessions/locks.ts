// navigator.locks of one browser: exclusive locks, by name, between its pages (Web Locks API). A closed page releases its own.
import type { Page } from './page.ts';

interface Request {
  readonly page: Page;
  readonly grant: () => void;
}

export interface LockOptions {
  readonly signal?: AbortSignal;
  readonly ifAvailable?: boolean;
}
type Callback = (lock: { name: string } | null) => unknown;

export class Locks {
  readonly #held = new Map<string, Page>();
  readonly #queues = new Map<string, Request[]>();

  /** As this page sees it. */
  of(page: Page) {
    page.whenClosed(() => this.#leave(page));
    return {
      request: (name: string, ...rest: [Callback] | [LockOptions, Callback]) => {
        const [options, callback] = rest.length === 1 ? [{}, rest[0]] : rest;
        return this.#request(page, name, options, callback);
      },
      query: () => Promise.resolve({ held: [...this.#held.keys()].map((name) => ({ name, mode: 'exclusive' })) }),
    };
  }

  #request(page: Page, name: string, { signal, ifAvailable }: LockOptions, callback: Callback): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!page.isAlive) return;
      if (signal?.aborted) return reject(signal.reason as Error);
      const run = async () => {
        try {
          resolve(await callback({ name }));
        } catch (error) {
          reject(error as Error);
        } finally {
          if (page.isAlive) this.#release(name);
        }
      };
      if (ifAvailable && this.#held.has(name)) return resolve(callback(null));
      const request = { page, grant: () => page.deliver(() => void run()) };
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      queue.push(request);
      signal?.addEventListener('abort', () => {
        const place = queue.indexOf(request);
        if (place < 0) return;
        queue.splice(place, 1);
        reject(signal.reason as Error);
      });
      queueMicrotask(() => this.#grantNext(name));
    });
  }

  #grantNext(name: string): void {
    if (this.#held.has(name)) return;
    const next = this.#queues.get(name)?.shift();
    if (!next) return;
    this.#held.set(name, next.page);
    next.grant();
  }

  #release(name: string): void {
    this.#held.delete(name);
    this.#grantNext(name);
  }

  #leave(page: Page): void {
    for (const queue of this.#queues.values()) {
      queue.splice(0, queue.length, ...queue.filter((request) => request.page !== page));
    }
    for (const [name, holder] of this.#held) if (holder === page) this.#release(name);
  }
}
