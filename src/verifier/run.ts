// What the checks of one reading share: the bucket, the clock, what was found, and how it is repaired.
import type { AuditTrail } from '../bucket/audit-trail.ts';
import { Bucket } from '../bucket/bucket.ts';
import { DAY_MS } from '../model/durations.ts';
import type { AttemptRef, RecordingRef } from '../model/ids.ts';
import { MAX_LIFE_MS } from '../model/retention.ts';
import { CLOCKS_AGREE_WITHIN_MS } from '../model/times.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import type { SweepContext } from '../sweeper/run.ts';
import { type FindingKind, Findings } from './findings.ts';

const WINDOW = 50_000;

export interface VerifyProgress {
  readonly recordings: number;
  readonly receipts: number;
  readonly auditEvents: number;
}

export type OnProgress = (progress: VerifyProgress) => void;

export interface Repairs {
  readonly audit: AuditTrail;
  /** By which the audit events of one command are known. */
  readonly requestId: string;
  readonly onRepaired: (kind: FindingKind, key: string) => void;
}

/** How a finding is put right. `of`: the attempt or the recording that it is about, where it is about one. */
export interface Repair {
  readonly of?: AttemptRef | RecordingRef | undefined;
  readonly act: () => Promise<unknown>;
}

export class VerifyRun {
  readonly context: SweepContext;
  readonly bucket: Bucket;
  readonly findings = new Findings();
  /** How many keys are held in memory at once, to be searched in another folder of the bucket. */
  readonly windowKeys: number;
  /** Nothing that was written before may be missing from what is read. */
  readonly startedAtMs: number;
  readonly #repairs: Repairs | undefined;
  readonly #onProgress: OnProgress;

  constructor(
    context: SweepContext,
    {
      repairs,
      onProgress = () => {},
    }: { readonly repairs?: Repairs | undefined; readonly onProgress?: OnProgress | undefined } = {},
  ) {
    this.context = context;
    this.bucket = new Bucket(context);
    this.windowKeys = context.windowKeys ?? WINDOW;
    this.startedAtMs = context.now();
    this.#repairs = repairs;
    this.#onProgress = onProgress;
  }

  /** To be called now and then. */
  progress(): void {
    this.#onProgress(this.findings.counts);
  }

  /** Younger things may belong to a request that is still running: they are not judged. What has no time is young. */
  isYoung(timeMs: number): boolean {
    return !(this.context.now() - timeMs > this.context.settleMs);
  }

  /** Whether something claims a time to come; processes may be off by some minutes from each other. */
  isFromFuture(timeMs: number): boolean {
    return timeMs > this.context.now() + CLOCKS_AGREE_WITHIN_MS;
  }

  /** Whether audit events or receipts of that time are about to be deleted, or were: that one is missing says nothing. */
  isExpiring(timeMs: number, marginMs: number): boolean {
    return timeMs + this.context.logRetentionMs <= this.context.now() + marginMs;
  }

  /**
   * Reports, and in a repairing run repairs: the audit event first, where it is about an attempt or a recording. What the
   * store refuses stays as it is, and is found again.
   */
  async report(kind: FindingKind, key: string, detail: string, repair?: Repair): Promise<void> {
    this.findings.add(kind, key, detail);
    if (!this.#repairs || !repair) return;
    const { audit, requestId, onRepaired } = this.#repairs;
    try {
      if (repair.of) {
        const said = `${kind}: ${detail}`.slice(0, 1_000);
        await audit.record({ event: 'repaired', ref: only(repair.of), actor: 'verify', requestId, detail: said });
      }
      await repair.act();
      onRepaired(kind, key);
    } catch (error) {
      if (!isStoreError(error) || error.code === 'unavailable') throw error;
    }
  }

  /** Reports a time of a key or a document that comes after the store's own date of the object. */
  async reportIfAhead(key: string, what: string, timeMs: number, writtenMs: number): Promise<void> {
    if (!isAfter(timeMs, writtenMs)) return;
    await this.report('impossible-time', key, `${what} is after it was written`);
  }

  /** How long before a deadline a sweep may have deleted: `DELETE_LEAD` may have been longer than it is. */
  get longestLeadMs(): number {
    return Math.max(this.context.leadMs, 3 * DAY_MS);
  }

  /**
   * From when to when events of what is kept can be that are not older than this. A time that was read from the bucket must
   * not decide how many days are listed.
   */
  eventTimes(sinceMs: number): { fromMs: number; toMs: number } {
    const nowMs = this.context.now();
    return { fromMs: Math.max(sinceMs - CLOCKS_AGREE_WITHIN_MS, nowMs - MAX_LIFE_MS - DAY_MS), toMs: nowMs };
  }

  /** Whether a receipt proves it. One that cannot be read, or was changed, proves nothing. */
  async isDeleted(ref: RecordingRef): Promise<boolean> {
    const receipt = await this.bucket.readReceipt(ref);
    return receipt !== undefined && receipt !== 'unreadable';
  }

  /** Leads the sweeper to an attempt: only the sweeper deletes. */
  enqueue(ref: AttemptRef, timeMs: number): Repair {
    return { of: ref, act: () => this.bucket.queue.enqueue(ref, timeMs) };
  }
}

/** Whether a time is later than another, by more than clocks differ. A restored object has a later date: that proves nothing. */
export function isAfter(timeMs: number, otherMs: number): boolean {
  return timeMs > otherMs + CLOCKS_AGREE_WITHIN_MS;
}

/** The audit trail takes no other members. */
function only(ref: AttemptRef | RecordingRef): AttemptRef | RecordingRef {
  const { tenant, exam, attempt } = ref;
  return 'recording' in ref ? { tenant, exam, attempt, recording: ref.recording } : { tenant, exam, attempt };
}
