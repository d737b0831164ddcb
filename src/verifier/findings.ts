// What `verify` found, counted in full and listed up to a limit; and what its checks share.
import { Bucket } from '../bucket/bucket.ts';
import type { AttemptRef } from '../model/ids.ts';
import { CLOCKS_AGREE_WITHIN_MS } from '../model/times.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import type { SweepContext } from '../sweeper/run.ts';

export const FINDING_KINDS = {
  overdue: 'kept past its deadline',
  'no-due-entry': 'nothing would delete it by its deadline',
  'from-future': 'it claims to be of a time to come',
  'media-without-manifest': 'left over, without a manifest',
  'manifest-unreadable': 'its manifest cannot be read',
  'wrong-tags': 'the tags do not match its deadline',
  'stray-upload': 'an open upload that belongs to no recording',
  'marker-missing': 'a request of its participant would not find it',
  'stray-marker': "a participant's marker without a recording",
  'receipt-but-objects': 'a receipt says that it is deleted, and it is there',
  'receipt-missing': 'deleted, and its receipt is missing',
  'receipt-changed': 'a receipt does not fit the one before it',
  'receipt-without-expiry': 'nothing would ever delete this receipt',
  'log-overdue': 'a receipt or audit event kept past its time',
  'event-overdue': 'an event for a webhook, kept past its time',
  'unknown-key': 'not a key of this service',
  unreadable: 'could not be read',
} as const;

export type FindingKind = keyof typeof FINDING_KINDS;

export interface Finding {
  readonly kind: FindingKind;
  readonly key: string;
  readonly detail: string;
  /** Whether `--fix` put it right: it was there before, and not after. */
  readonly fixed: boolean;
}

export interface VerifyReport {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly attempts: number;
  readonly recordings: number;
  readonly bytes: number;
  readonly receipts: number;
  /** Of the receipts, those of recordings that were deleted after their deadline: a figure, and nothing that is wrong now. */
  readonly late: number;
  /** How long after its deadline the latest of them was deleted, in seconds, rounded up. */
  readonly greatestLatenessSeconds: number;
  readonly auditEvents: number;
  /** Why the store did not list open uploads, so that stray ones are not all found; null where it did. */
  readonly uploadsUnlisted: string | null;
  readonly requests: number;
  /** How many findings of all kinds are left. */
  readonly wrong: number;
  /** How many of each kind were found, and how many of them `--fix` put right. */
  readonly kinds: readonly { readonly kind: FindingKind; readonly found: number; readonly fixed: number }[];
  /** At most `MAX_LISTED` of each kind. */
  readonly findings: readonly Finding[];
}

/** Findings of a kind that are listed; all are counted. Bounds the memory of a run over a ruined bucket. */
export const MAX_LISTED = 1000;

const WINDOW = 50_000;

/** A listing by folder shows no upload that is open in it. */
export const NOT_SHOWN = 'NotShown';

export class Findings {
  readonly counts = { attempts: 0, recordings: 0, bytes: 0, receipts: 0, late: 0, auditEvents: 0 };
  greatestLatenessMs = 0;
  uploadsUnlisted: string | undefined;
  readonly #byKind = new Map<FindingKind, { found: number; listed: Map<string, string> }>();

  add(kind: FindingKind, key: string, detail: string): void {
    const entry = this.#byKind.get(kind) ?? { found: 0, listed: new Map<string, string>() };
    entry.found += 1;
    if (entry.listed.size < MAX_LISTED) entry.listed.set(key, detail);
    this.#byKind.set(kind, entry);
  }

  get kinds(): FindingKind[] {
    return [...this.#byKind.keys()];
  }

  found(kind: FindingKind): number {
    return this.#byKind.get(kind)?.found ?? 0;
  }

  listed(kind: FindingKind): ReadonlyMap<string, string> {
    return this.#byKind.get(kind)?.listed ?? new Map();
  }
}

/** Without a repair `before` and `after` are one; with one, what is only in `before` was repaired. */
export function compare(before: Findings, after: Findings): Pick<VerifyReport, 'wrong' | 'kinds' | 'findings'> {
  const kinds = [...new Set([...before.kinds, ...after.kinds])];
  return {
    wrong: kinds.reduce((sum, kind) => sum + after.found(kind), 0),
    kinds: kinds.map((kind) => {
      const found = Math.max(before.found(kind), after.found(kind));
      return { kind, found, fixed: found - after.found(kind) };
    }),
    findings: kinds.flatMap((kind) =>
      [...new Map([...before.listed(kind), ...after.listed(kind)])].map(([key, detail]) => {
        return { kind, key, detail, fixed: !after.listed(kind).has(key) };
      }),
    ),
  };
}

/** What the checks of one reading share. */
export class VerifyRun {
  readonly context: SweepContext;
  readonly bucket: Bucket;
  readonly findings = new Findings();
  /** How many keys are held in memory at once, to be searched in another folder of the bucket. */
  readonly windowKeys: number;
  readonly #repair: boolean;

  constructor(context: SweepContext, repair: boolean) {
    this.context = context;
    this.bucket = new Bucket(context);
    this.windowKeys = context.windowKeys ?? WINDOW;
    this.#repair = repair;
  }

  /** Younger things may belong to a request that is still running: they are not judged. What has no time is young. */
  isYoung(timeMs: number): boolean {
    return !(this.context.now() - timeMs > this.context.settleMs);
  }

  /** Whether something claims a time to come; processes may be off by some minutes from each other. */
  isFromFuture(timeMs: number): boolean {
    return timeMs > this.context.now() + CLOCKS_AGREE_WITHIN_MS;
  }

  /** Reports, and in a repairing run repairs: what the store refuses stays as it is, and is found again. */
  async report(kind: FindingKind, key: string, detail: string, repair?: () => Promise<unknown>): Promise<void> {
    this.findings.add(kind, key, detail);
    if (!this.#repair || !repair) return;
    try {
      await repair();
    } catch (error) {
      if (!isStoreError(error) || error.code === 'unavailable') throw error;
    }
  }

  /** Leads the sweeper to an attempt: only the sweeper deletes. */
  enqueue(ref: AttemptRef, timeMs: number): Promise<void> {
    return this.bucket.queue.enqueue(ref, timeMs);
  }
}
