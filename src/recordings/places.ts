// Places that callers share: work that takes one counts in each of its shares, and none of them may become fuller than it may.

/** What counts together: the process, a tenant, a caller. */
export interface Share {
  readonly name: string;
  /** Places at once. */
  readonly max: number;
  /** Where it is full, only who fills it waits: nobody has to give way for that. */
  readonly isOwn?: boolean;
}

/** Who asks: the tenant and the caller of a token. */
export interface Holder {
  readonly tenant: string;
  /** `Principal.id`. */
  readonly caller: string;
}

/**
 * The shares of work of which a process does `max` at once: a caller has half of it at most, a tenant three quarters,
 * and each of them `least`, so that neither can keep all others out. The narrowest comes first.
 */
export function sharesOf({ tenant, caller }: Holder, max: number, least = 1): Share[] {
  return [
    { name: `caller ${caller}`, max: Math.max(least, Math.floor(max / 2)), isOwn: true },
    { name: `tenant ${tenant}`, max: Math.max(least, Math.floor((max * 3) / 4)) },
    { name: 'process', max },
  ];
}

export class Places {
  readonly #taken = new Map<string, number>();

  /** The first share that is full; undefined: there is room. */
  fullOf(shares: readonly Share[]): Share | undefined {
    return shares.find(({ name, max }) => (this.#taken.get(name) ?? 0) >= max);
  }

  /** Whether there is room is the caller's to find out before. */
  take(shares: readonly Share[]): void {
    for (const { name } of shares) this.#taken.set(name, (this.#taken.get(name) ?? 0) + 1);
  }

  /** Once for each `take`. */
  give(shares: readonly Share[]): void {
    for (const { name } of shares) {
      const left = (this.#taken.get(name) ?? 0) - 1;
      if (left > 0) this.#taken.set(name, left);
      else this.#taken.delete(name);
    }
  }
}

/** Whether work that has these shares keeps out what finds `full`. */
export function keepsOut(shares: readonly Share[], full: Share): boolean {
  return !full.isOwn && shares.some(({ name }) => name === full.name);
}
