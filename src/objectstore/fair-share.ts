// Shares the connections to the store between tenants: one tenant never has all, and they leave some to the work of none.

/** Of those for tenants, one may have three quarters. */
const OF_ONE_TENANT = 3 / 4;
/** Of all connections, tenants may have seven eighths: the rest is for the work of no tenant. */
const OF_TENANTS = 7 / 8;

export class FairShare {
  readonly #max: number;
  readonly #maxOfTenants: number;
  readonly #maxOfTenant: number;
  readonly #inUse = new Map<string | undefined, number>();
  #total = 0;

  /** @param connections that the process may have to the store */
  constructor(connections: number) {
    this.#max = connections;
    this.#maxOfTenants = Math.floor(connections * OF_TENANTS);
    this.#maxOfTenant = Math.floor(this.#maxOfTenants * OF_ONE_TENANT);
  }

  hasRoom(tenant: string | undefined): boolean {
    if (tenant === undefined) return this.#total < this.#max;
    return this.#total - this.#of(undefined) < this.#maxOfTenants && this.#of(tenant) < this.#maxOfTenant;
  }

  take(tenant: string | undefined): void {
    this.#total += 1;
    this.#inUse.set(tenant, this.#of(tenant) + 1);
  }

  give(tenant: string | undefined): void {
    this.#total -= 1;
    const left = this.#of(tenant) - 1;
    if (left > 0) this.#inUse.set(tenant, left);
    else this.#inUse.delete(tenant);
  }

  #of(tenant: string | undefined): number {
    return this.#inUse.get(tenant) ?? 0;
  }
}
