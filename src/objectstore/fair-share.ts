// Shares the connections to the store between tenants: when all are in use they get one in turn, and one tenant never has all.
import { AsyncLocalStorage } from 'node:async_hooks';

const tenants = new AsyncLocalStorage<string | undefined>();

/**
 * Store requests of `act`, and of all that it starts, count for this tenant. Those of no tenant (sweeps, readiness, the
 * self-test) are never kept waiting here.
 */
export function onBehalfOf<T>(tenant: string | undefined, act: () => T): T {
  return tenants.run(tenant, act);
}

/** Of those for tenants, one may have three quarters. */
const OF_ONE_TENANT = 3 / 4;
/** Of all connections, tenants may have seven eighths: the rest is for the work of no tenant. */
const OF_TENANTS = 7 / 8;

interface Line {
  inUse: number;
  readonly waiting: (() => void)[];
}

export class FairShare {
  readonly #max: number;
  readonly #maxOfTenant: number;
  /** In the order of their turns. */
  readonly #lines = new Map<string, Line>();
  #inUse = 0;

  /** @param connections that the process may have to the store */
  constructor(connections: number) {
    this.#max = Math.floor(connections * OF_TENANTS);
    this.#maxOfTenant = Math.floor(this.#max * OF_ONE_TENANT);
  }

  /** Resolves when a request of the tenant of this code may be sent; what it resolves with is called once it has ended. */
  async take(): Promise<() => void> {
    const tenant = tenants.getStore();
    if (tenant === undefined) return () => {};
    const line = this.#lines.get(tenant) ?? { inUse: 0, waiting: [] };
    this.#lines.set(tenant, line);
    if (this.#hasRoom(line)) this.#start(line);
    else await new Promise<void>((resolve) => line.waiting.push(resolve));
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      this.#give(tenant, line);
    };
  }

  #hasRoom(line: Line): boolean {
    return this.#inUse < this.#max && line.inUse < this.#maxOfTenant;
  }

  #start(line: Line): void {
    this.#inUse += 1;
    line.inUse += 1;
  }

  #give(tenant: string, line: Line): void {
    this.#inUse -= 1;
    line.inUse -= 1;
    if (line.inUse === 0 && line.waiting.length === 0) this.#lines.delete(tenant);
    for (const [name, next] of this.#lines) {
      const resolve = this.#hasRoom(next) ? next.waiting.shift() : undefined;
      if (!resolve) continue;
      // Its next turn comes after those of all others.
      this.#lines.delete(name);
      this.#lines.set(name, next);
      this.#start(next);
      resolve();
      return;
    }
  }
}
