// What audit events say must be so: restricted, assessed, erased; and that a recording was there at all.
import type { AssessmentRecord, Attempt, RecordingState } from '../bucket/attempt.ts';
import { isKept } from '../bucket/attempt.ts';
import { readAuditEvents } from '../bucket/audit-trail.ts';
import type { AuditEventDocument } from '../bucket/documents.ts';
import { keysIn } from '../bucket/inventory.ts';
import { actOnEach } from '../bucket/listing.ts';
import { DAY_MS } from '../model/durations.ts';
import { type AttemptRef, attemptId, createdAtOf, type RecordingRef, recordingId } from '../model/ids.ts';
import type { AuditEvent } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import { provesThatItWas } from '../recordings/explain-vanished.ts';
import { AT_ONCE_MS, isAudited, type Promised, promiseIn } from './promises.ts';
import { isAfter, type VerifyRun } from './run.ts';

/** Events expire by whole days. */
const MARGIN_MS = 2 * DAY_MS;

/** The latest event of each kind that counts, of one recording. */
interface RecordingFacts {
  readonly ref: RecordingRef;
  readonly lastMs: Map<AuditEvent, number>;
  /** The latest that proves that it was there. */
  proof: { readonly key: string; readonly atMs: number } | undefined;
}

interface AttemptFacts {
  readonly ref: AttemptRef;
  readonly promises: (Promised & { readonly key: string })[];
}

interface ReadEvent {
  readonly key: string;
  readonly event: AuditEventDocument;
  readonly atMs: number;
  readonly ref: RecordingRef | AttemptRef;
}

/** Collects what events say, and compares it with a listing of the recordings for every `windowKeys` recordings. */
export class EventFacts {
  readonly #run: VerifyRun;
  #recordings = new Map<string, RecordingFacts>();
  #attempts = new Map<string, AttemptFacts>();
  /** Since when assessments are in the audit trail. */
  #assessedSinceMs = Number.POSITIVE_INFINITY;

  constructor(run: VerifyRun) {
    this.#run = run;
  }

  async add({ key, event: document, atMs, ref }: ReadEvent): Promise<void> {
    const { event, detail = '' } = document;
    if (event === 'assessed') this.#assessedSinceMs = Math.min(this.#assessedSinceMs, atMs);
    if (this.#run.isYoung(atMs)) return;
    if (!('recording' in ref)) {
      const promised = event === 'assessed' ? promiseIn(detail) : undefined;
      if (!promised) return;
      const facts = this.#attempts.get(attemptId(ref)) ?? { ref, promises: [] };
      facts.promises.push({ ...promised, key });
      this.#attempts.set(attemptId(ref), facts);
    } else {
      const id = recordingId(ref);
      const facts = this.#recordings.get(id) ?? { ref, lastMs: new Map(), proof: undefined };
      facts.lastMs.set(event, Math.max(facts.lastMs.get(event) ?? 0, atMs));
      if (provesThatItWas(document) && atMs > (facts.proof?.atMs ?? 0)) facts.proof = { key, atMs };
      this.#recordings.set(id, facts);
    }
    if (this.#recordings.size + this.#attempts.size >= this.#run.windowKeys) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#recordings.size + this.#attempts.size === 0) return;
    const gone = this.#recordings;
    const attempts = this.#attempts;
    this.#recordings = new Map();
    this.#attempts = new Map();
    await actOnEach(this.#run.bucket.attemptsIn({}), async (attempt) => {
      for (const promised of attempts.get(attemptId(attempt.ref))?.promises ?? []) {
        await this.#checkPromise(attempt, promised);
      }
      const facts = attempts.get(attemptId(attempt.ref));
      if (facts) await this.#checkAssessments(attempt, facts);
      for (const state of attempt.recordings) {
        const known = gone.get(recordingId(state.ref));
        gone.delete(recordingId(state.ref));
        if (known && isKept(state)) await this.#checkKept(state, known);
      }
    });
    await this.#checkGone(gone);
  }

  /** An assessment that was answered counts, or an earlier one, and its deadline is not later than it was promised. */
  async #checkPromise(listed: Attempt, promised: Promised & { readonly key: string }): Promise<void> {
    if (!isBroken(listed, promised)) return;
    const attempt = await this.#run.bucket.attempt(listed.ref);
    const kind = isBroken(attempt, promised);
    if (!kind) return;
    const name = this.#run.bucket.attemptName(attempt.ref);
    const detail = `${promised.key} says ${toIso(promised.deadlineMs)}, the facts say ${toIso(latestOf(attempt))}`;
    await this.#run.report(kind, name, detail);
  }

  /** Each record must be one of those that events tell of. */
  async #checkAssessments(attempt: Attempt, { promises }: AttemptFacts): Promise<void> {
    const run = this.#run;
    const isBounded = attempt.assessments.some((other) => isAfter(other.completedAtMs, other.lastModifiedMs));
    const isDue = ({ lastModifiedMs, completedAtMs }: AssessmentRecord) =>
      !run.isYoung(lastModifiedMs) &&
      lastModifiedMs > this.#assessedSinceMs + DAY_MS &&
      !run.isExpiring(completedAtMs, MARGIN_MS) &&
      !promises.some(({ completedMs }) => completedMs === completedAtMs);
    for (const record of isBounded ? [] : attempt.assessments.filter(isDue)) {
      const still = await run.bucket.attempt(attempt.ref);
      if (!still.assessments.some(({ key }) => key === record.key) || (await isAudited(run, still, record))) continue;
      await run.report('assessment-unproven', record.key, 'events of its attempt tell of others');
    }
  }

  async #checkKept({ objects, ref }: RecordingState, { lastMs }: RecordingFacts): Promise<void> {
    const run = this.#run;
    if (!objects.restricted && isLast(lastMs, 'restricted', 'unrestricted') && (await this.#isRestricted(ref))) {
      await run.report('restriction-missing', run.bucket.recordingName(ref), 'it may be played');
    }
    if (isLast(lastMs, 'erased', 'deletion-refused') && (await this.#isHeld(ref))) {
      const detail = `requested at ${toIso(lastMs.get('erased') ?? 0)}`;
      await run.report('erasure-unfinished', run.bucket.recordingName(ref), detail);
    }
  }

  /** By all of its events: those of this window may not be all. */
  async #isRestricted(ref: RecordingRef): Promise<boolean> {
    if (!(await this.#isHeld(ref))) return false;
    const { bucket } = this.#run;
    if ((await bucket.recording(ref))?.objects.restricted) return false;
    const lastMs = new Map<AuditEvent, number>();
    const times = this.#run.eventTimes(createdAtOf(ref.recording));
    for await (const { event } of readAuditEvents(bucket.store, ref, times)) {
      lastMs.set(event.event, Math.max(lastMs.get(event.event) ?? 0, Date.parse(event.at)));
    }
    return isLast(lastMs, 'restricted', 'unrestricted');
  }

  async #isHeld(ref: RecordingRef): Promise<boolean> {
    const state = await this.#run.bucket.recording(ref);
    return state !== undefined && isKept(state);
  }

  /** `gone`: recordings that are not listed any more. */
  async #checkGone(gone: Map<string, RecordingFacts>): Promise<void> {
    const { bucket } = this.#run;
    for (const [id, { ref, proof }] of gone) {
      // Its receipt is no older than itself, and may be older than the event.
      if (!proof || this.#run.isExpiring(createdAtOf(ref.recording), MARGIN_MS)) gone.delete(id);
    }
    if (gone.size === 0) return;
    for await (const { parsed } of keysIn(bucket.store, 'receipts')) {
      if (parsed?.type === 'receipt') gone.delete(recordingId(parsed.ref));
    }
    await actOnEach(gone.values(), async ({ ref, proof }) => {
      // It may have been deleted since the receipts were listed.
      if ((await bucket.hasRecording(ref)) || (await bucket.readReceipt(ref)) !== undefined) return;
      await this.#run.report('recording-vanished', bucket.recordingName(ref), `${proof?.key} tells of it`);
    });
  }
}

/** Whether an event is the last that counts, and the other is not from about the same time. */
function isLast(lastMs: ReadonlyMap<AuditEvent, number>, event: AuditEvent, other: AuditEvent): boolean {
  const atMs = lastMs.get(event);
  return atMs !== undefined && (lastMs.get(other) ?? Number.NEGATIVE_INFINITY) < atMs - AT_ONCE_MS;
}

function isBroken(
  attempt: Attempt,
  { completedMs, deadlineMs }: Promised,
): 'assessment-missing' | 'deadline-moved' | undefined {
  if (!attempt.recordings.some(isKept)) return undefined;
  const counts = attempt.assessments.some(
    ({ completedAtMs, isNoncurrent }) => !isNoncurrent && completedAtMs <= completedMs,
  );
  if (!counts) return 'assessment-missing';
  return latestOf(attempt) > deadlineMs ? 'deadline-moved' : undefined;
}

/** The latest deadline of what is kept of an attempt. */
function latestOf(attempt: Attempt): number {
  return Math.max(...attempt.recordings.filter(isKept).map(({ ref }) => attempt.deadlineMs(ref)));
}
