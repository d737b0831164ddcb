// The reference model: what must be true of each recording, told from the effects on the store alone.

import { parseKey } from '../../src/bucket/layout.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { type AttemptRef, createdAtOf, newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import type { RetentionPolicy } from '../../src/model/retention.ts';
import { keyedRandom } from '../../src/recordings/idempotency.ts';
import type { SweepContext } from '../../src/sweeper/run.ts';
import { attemptPrefix, recordingKey, recordingPrefix } from '../kit/keys.ts';
import type { MemoryStore } from '../kit/memory-store.ts';
import { Logs } from './logs.ts';
import type { Request } from './world.ts';

/** The rules of a history. */
export type Rules = RetentionPolicy & Pick<SweepContext, 'leadMs' | 'settleMs' | 'logRetentionMs'>;

/** Two clocks that both pass the guard against the store's. */
export const CLOCK_TOLERANCE_MS = 10 * MINUTE_MS;
export const REQUEST_LIMIT_MS = HOUR_MS;

/** A recording as soon as anything of it is in the bucket. */
const newKnown = (ref: RecordingRef) => ({
  ref,
  bornMs: createdAtOf(ref.recording),
  /** The request that began its upload: it may still write the manifest that names it. */
  creation: undefined as Request | undefined,
  /** Its manifest was written: from then on somebody may have its id. */
  hasManifest: false,
  /** When its manifest was first written, an assessment of a time before its creation counted. */
  beganEnded: false,
  /** A caller was answered with it. */
  isAnswered: false,
  /** How often somebody asked for its deletion, and was not refused: from the first time on it may go. */
  deletionsAsked: 0,
  /** Its client gave it up while it was not stored: it may go unless it gets stored first. */
  mayBeAborted: false,
  /** When its client first gave it up. */
  givenUpMs: undefined as number | undefined,
  /** `deleting` stands, or stood, on it. */
  doomedMs: undefined as number | undefined,
  receiptMs: undefined as number | undefined,
  /** When its first part arrived: what was given up before leaves nothing. */
  firstPartMs: undefined as number | undefined,
  /** When the first overview was accepted. */
  firstOverviewMs: undefined as number | undefined,
  /** Requests whose overview came when the deletion had been decided, or proven. */
  lateOverviews: new Set<string>(),
  /** Who wrote the overview last; undefined where the write came after its caller had given up, or a second time. */
  lastOverviewBy: undefined as string | undefined,
  /** The earliest time that an index of receipts has for it: its deletion was proven by then. */
  provenMs: undefined as number | undefined,
  /** It was due before its attempt was assessed, which would keep it longer: a sweep may be at it. */
  wasDue: false,
  /** Its media are no recording. */
  isJunk: false,
});
type Known = ReturnType<typeof newKnown>;

export class Model {
  readonly store: MemoryStore;
  /** Undefined where the service has no key to sign with. */
  readonly logs: Logs | undefined;
  readonly rules: Rules;
  readonly recordings = new Map<string, Known>();
  /** Keys that nobody can read or may delete: they stay, and are reported. */
  readonly poisoned = new Set<string>();
  /** Written by `verify --fix`, or by a repeated creation after a deletion, which take them back unless they die. */
  readonly repairedMarkers = new Set<string>();
  /** Markers that nobody took back, written late or again or by who died then: only `verify --fix` finds them. */
  readonly strayMarkers = new Set<string>();
  /** What was answered under each key of an attempt, by what the key leaves in a recording's id. */
  readonly #answered = new Map<string, Set<string>>();
  /** When an attempt was assessed last, by its prefix. */
  readonly assessedAtMs = new Map<string, number>();
  /** A sweep lasted for half a day and more: another may have taken away the entries of what it then failed to finish. */
  hadEndlessSweep = false;
  /** Two were at work at the same time. */
  hadSweepsAtOnce = false;

  constructor(store: MemoryStore, rules: Rules, { isSigned = false } = {}) {
    this.store = store;
    this.logs = isSigned ? new Logs(store) : undefined;
    this.rules = rules;
  }

  know(ref: RecordingRef): Known {
    const known = this.recordings.get(ref.recording) ?? newKnown(ref);
    this.recordings.set(ref.recording, known);
    return known;
  }

  /** From here on recordings may be made under this key. */
  expectKey(attempt: AttemptRef, key: string): void {
    const zeros = (length: number) => new Uint8Array(length);
    const fragment = fragmentOf(newRecordingId(0, keyedRandom(zeros, attempt, key)));
    if (!this.#answered.has(fragment)) this.#answered.set(fragment, new Set());
  }

  /** All that callers were given under the key of this recording; undefined when it was made under none. */
  answeredWith(recording: string): Set<string> | undefined {
    return this.#answered.get(fragmentOf(recording));
  }

  /** Of several tries with one key, callers know only the one that was answered. */
  isKnownToCallers({ recording }: RecordingRef): boolean {
    return this.answeredWith(recording)?.has(recording) !== false;
  }

  /** Their writer may have died before it took them back. */
  leaveRepairs(): void {
    for (const key of this.repairedMarkers) this.strayMarkers.add(key);
  }

  of(attempt: AttemptRef): Known[] {
    const prefix = attemptPrefix(attempt);
    return [...this.recordings.values()].filter(({ ref }) => attemptPrefix(ref) === prefix);
  }

  has(ref: RecordingRef, object: 'media' | 'manifest' | 'stored' | 'deleting' | 'overview'): boolean {
    return this.store.peek(recordingKey(ref, object)) !== undefined;
  }

  /** Whether there is anything that somebody could read, now or after a completion. */
  isLive(ref: RecordingRef): boolean {
    return this.hasAny(ref) || this.isLiveUpload(ref);
  }

  isLiveUpload(ref: RecordingRef): boolean {
    return this.store.uploadsToEnd(recordingPrefix(ref)).length > 0;
  }

  /** Its media or its manifest. */
  hasAny(ref: RecordingRef): boolean {
    return this.has(ref, 'media') || this.has(ref, 'manifest');
  }

  /** Whether an assessment was written since, whatever it says. */
  isAssessedSince(attempt: AttemptRef, sinceMs: number): boolean {
    return (this.assessedAtMs.get(attemptPrefix(attempt)) ?? Number.NEGATIVE_INFINITY) >= sinceMs;
  }

  retentionMs(tenant: string, rule: 'afterAssessmentMs' | 'unassessedMs'): number {
    return Math.min(this.rules.byTenantMs.get(tenant) ?? Number.POSITIVE_INFINITY, this.rules[rule]);
  }

  /** Whether the audit trail has an event of this kind, with its actor, about the recording or its attempt. */
  isAudited(ref: RecordingRef | AttemptRef, events: readonly string[]): boolean {
    const prefix = 'recording' in ref ? recordingPrefix(ref) : `${attemptPrefix(ref)}attempt/`;
    const about = prefix.replace('attempts/', '');
    return this.store.keysUnder('audit/').some((key) => {
      if (!key.includes(`/${about}`) || !events.some((event) => key.includes(`-${event}-`))) return false;
      const body = Buffer.from(this.store.peek(key) ?? []).toString();
      return /"actor":"[^"]+"/.test(body);
    });
  }

  deadlineMs(ref: RecordingRef): number {
    const assessedMs = this.assessedTimeMs(ref);
    if (assessedMs !== undefined) return assessedMs + this.retentionMs(ref.tenant, 'afterAssessmentMs');
    return this.unassessedDeadlineMs(ref);
  }

  /** The time of the assessment that counts. */
  assessedTimeMs(attempt: AttemptRef): number | undefined {
    // The first that stands.
    const [first = ''] = this.store.keysUnder(`${attemptPrefix(attempt)}assessed/`);
    const fact = parseKey(first);
    return fact?.type === 'assessed' ? fact.completedAtMs : undefined;
  }

  unassessedDeadlineMs({ recording, tenant }: RecordingRef): number {
    return createdAtOf(recording) + this.retentionMs(tenant, 'unassessedMs');
  }
}

/** What the key alone decides: after the time, before the bits that stay random. */
function fragmentOf(recording: string): string {
  return recording.slice(10, 29);
}
