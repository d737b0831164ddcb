// What must have an audit event: restrictions, assessments, deletions on request. The names of events are enough to see it.
import { isEventKey, parseEventName } from '../bucket/audit-trail.ts';
import { keysIn } from '../bucket/inventory.ts';
import { actOnEach } from '../bucket/listing.ts';
import { DAY_MS } from '../model/durations.ts';
import { type AttemptRef, attemptId, type RecordingRef, recordingId } from '../model/ids.ts';
import type { AuditEvent } from '../model/recording.ts';
import type { FindingKind } from './findings.ts';
import type { VerifyRun } from './run.ts';

export interface Claim {
  readonly kind: FindingKind;
  readonly key: string;
  readonly ref: RecordingRef | AttemptRef;
  /** One of these is before it in the audit trail. */
  readonly events: readonly AuditEvent[];
  /** When it was written. */
  readonly atMs: number;
  /** The event cannot be from before this; it may be much older than what it is about, where no sweep has run for long. */
  readonly eventFromMs: number;
  /** Looked up once more. */
  readonly isStill: () => Promise<boolean>;
}

/** Events expire by whole days. */
const MARGIN_MS = 2 * DAY_MS;

export function refId(ref: RecordingRef | AttemptRef): string {
  return 'recording' in ref ? recordingId(ref) : attemptId(ref);
}

/** Collects claims, and searches their events in one listing for every `windowKeys` of them. */
export class Claims {
  readonly #run: VerifyRun;
  #waiting = new Map<string, Claim[]>();
  #count = 0;

  constructor(run: VerifyRun) {
    this.#run = run;
  }

  async add(claim: Claim): Promise<void> {
    const id = refId(claim.ref);
    this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), claim]);
    this.#count += 1;
    if (this.#count >= this.#run.windowKeys) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#count === 0) return;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#count = 0;
    /** When each kind of event is first in the trail: before that, the version that was running did not write it. */
    const since = new Map<AuditEvent, number>();
    for await (const { parsed } of keysIn(this.#run.bucket.store, 'audit')) {
      const named = isEventKey(parsed) ? parseEventName(parsed.name) : undefined;
      if (!isEventKey(parsed) || !named) continue;
      const { event, atMs } = named;
      since.set(event, Math.min(since.get(event) ?? Number.POSITIVE_INFINITY, atMs));
      const id = refId(parsed.ref);
      const left = waiting.get(id)?.filter(({ events }) => !events.includes(event));
      if (left?.length === 0) waiting.delete(id);
      else if (left) waiting.set(id, left);
    }
    await actOnEach([...waiting.values()].flat(), (claim) => this.#judge(claim, since));
  }

  async #judge(claim: Claim, since: ReadonlyMap<AuditEvent, number>): Promise<void> {
    const { kind, key, events, atMs, eventFromMs, isStill } = claim;
    const sinceMs = Math.min(...events.map((event) => since.get(event) ?? Number.POSITIVE_INFINITY));
    // The processes of an upgrade are replaced within a day.
    if (atMs <= sinceMs + DAY_MS || this.#run.isExpiring(eventFromMs, MARGIN_MS)) this.#run.findings.skip('unaudited');
    else if (await isStill())
      await this.#run.report(kind, key, `no event ${events.join(' or ')} is in the audit trail`);
  }
}
