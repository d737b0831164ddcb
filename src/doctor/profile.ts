// What a store was found to do, by looking: never by its name.
import type { CapabilityId } from '../objectstore/needs.ts';
import type { CheckResult } from './check.ts';

/** By the id of the check that looked. */
export type Profile = Readonly<Record<string, string>>;

/** The lines of the block, in order. */
export const PROFILE_LINES: ReadonlyMap<CapabilityId | 'part-numbers', string> = new Map([
  ['listing-order', 'listings in byte order'],
  ['upload-listing', 'uploads listed by folder'],
  ['object-tagging', 'tags'],
  ['versioning', 'versions'],
  ['batch-delete', 'batch delete'],
  ['conditional-writes', 'conditional writes'],
  ['small-parts', 'smallest part'],
  ['unequal-parts', 'equal parts'],
  ['part-numbers', 'highest part number tried'],
]);

/** What was skipped is unknown. */
export function profileOf(checks: readonly CheckResult[]): Profile {
  const valueFrom = (id: string) => checks.find((check) => check.id === id)?.value ?? 'unknown';
  return Object.fromEntries([...PROFILE_LINES.keys()].map((id) => [id, valueFrom(id)]));
}
