// For whom a store request is made, and how urgent it is: known to all code that a call starts.
import { AsyncLocalStorage } from 'node:async_hooks';

/** From the most urgent on. */
export const URGENCIES = ['upload', 'read', 'background'] as const;
export type Urgency = (typeof URGENCIES)[number];

export interface Work {
  readonly urgency: Urgency;
  /** Undefined: of no tenant. */
  readonly tenant: string | undefined;
  /** Work that began earlier has the lower number. */
  readonly order: number;
}

/**
 * Code that said nothing is background work. If it was forgotten, it is slower than it could be, and keeps nobody from
 * uploading; it has a share of its own, so it is never starved.
 */
const UNSAID: Work = { urgency: 'background', tenant: undefined, order: 0 };

const works = new AsyncLocalStorage<Work>();
let begun = 0;

/** Store requests of `act`, and of all that it starts, are made for this tenant, with this urgency. */
export function onBehalfOf<T>(
  { urgency, tenant }: { readonly urgency: Urgency; readonly tenant?: string | undefined },
  act: () => T,
): T {
  begun += 1;
  return works.run({ urgency, tenant, order: begun }, act);
}

/** The work that this code belongs to. */
export function currentWork(): Work {
  return works.getStore() ?? UNSAID;
}
