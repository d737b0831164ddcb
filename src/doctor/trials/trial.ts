// A trial: does the store do what the service needs of it? Tried on throw-away keys, by the service's own code.

import { CAPABILITIES, type CapabilityId } from '../../objectstore/needs.ts';
import type { ObjectStore } from '../../objectstore/object-store.ts';
import type { Verdict } from '../check.ts';
import type { Workspace } from '../workspace.ts';

export interface TrialContext {
  readonly store: ObjectStore;
  readonly workspace: Workspace;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Has the shape of a check, so that the doctor runs it as one. */
export interface Trial {
  readonly id: CapabilityId;
  readonly name: string;
  readonly writes: true;
  run(context: TrialContext): Promise<Verdict>;
}

/** What it throws is judged by the capability's need. */
export function trial(id: CapabilityId, run: (context: TrialContext) => Promise<Verdict>): Trial {
  return { id, name: CAPABILITIES[id].name, writes: true, run };
}

export const BYTES = Buffer.from('a throw-away object of the doctor');

export function isSame(found: Uint8Array | undefined, expected: Uint8Array): boolean {
  return found !== undefined && Buffer.from(found).equals(expected);
}
