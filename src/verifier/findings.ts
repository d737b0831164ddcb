// What `verify` found and what it did not check, counted in full and listed up to a limit.

export const FINDING_KINDS = {
  overdue: 'kept past its deadline',
  'no-due-entry': 'no queue entry would delete it by its deadline',
  'deletion-stuck': 'its deletion has begun, and no queue entry leads a sweep to it',
  'deadline-moved': 'an earlier deadline was promised',
  'from-future': 'it claims a future time',
  'impossible-time': 'it has a time that is impossible',
  'media-missing': 'it is marked as stored, but its media are missing',
  'media-changed': 'its media are not those that were stored',
  'stored-missing': 'its media exist, but it is not marked as stored',
  'media-without-manifest': 'media without a manifest',
  'manifest-unreadable': 'its manifest cannot be read',
  'manifest-changed': 'its manifest is not the one that was written',
  'wrong-tags': 'its tags do not match its deadline',
  'wrong-timeline': 'its timeline is impossible',
  'wrong-overview': 'its overview is not the one that was stored',
  'wrong-body': 'an object that must be empty has a body',
  'stray-upload': 'an open upload that belongs to no recording',
  'marker-missing': 'the participant index lacks its entry',
  'stray-marker': 'an entry of the participant index without a recording',
  'wrong-participant': 'it is in the index of another participant',
  'restriction-missing': 'the audit trail says that it is restricted, and it is not',
  'restriction-unproven': 'it is restricted, and the audit trail does not say so',
  'assessment-missing': 'the audit trail has an assessment that is not stored',
  'assessment-unproven': 'an assessment without an audit event',
  'assessing-left': 'no queue entry would remove the marker of this assessment',
  'erasure-unfinished': 'the audit trail says that its erasure was requested, and it exists',
  'deletion-unproven': 'its deletion was requested, and the audit trail does not say so',
  'deleted-early': 'a receipt says that it was deleted long before its deadline, and nobody requested that',
  'recording-vanished': 'the audit trail knows it, but neither the recording nor a receipt exists',
  'receipt-but-objects': 'a receipt says that it is deleted, and objects of it exist',
  'receipt-missing': 'it was deleted, and its receipt is missing',
  'receipt-changed': 'a receipt does not match the one before it',
  'receipt-without-expiry': 'no queue entry would ever delete this receipt',
  'receipt-forged': 'a receipt is not as the service signed it',
  'receipt-not-in-log': 'a receipt never entered the log of receipts',
  'receipt-unsigned': 'a receipt without a signature, written after the service began to sign',
  'log-key-missing': 'there is a log of receipts, and SIGNING_KEYS_FILE is not set',
  'log-key-unknown': 'signed by a key that is not in SIGNING_KEYS_FILE',
  'log-head-unreadable': 'the head of a log of receipts cannot be read',
  'log-changed': 'a log of receipts is not as the service signed it',
  'log-entry-expired': 'an entry entered its log after its receipt had expired',
  'log-submission-forged': 'a submission to a log that is not signed by a key of the service',
  'log-submission-expired': 'a submission to a log whose receipts had expired',
  'log-submission-waiting': 'a submission that no sweep has added to its log',
  'audit-missing': 'an audit event is missing from its chain',
  'audit-changed': 'an audit event does not match its key or its chain',
  'audit-unchained': 'an audit event without a place in a chain',
  'log-overdue': 'a receipt or audit event is kept past LOG_RETENTION',
  'event-overdue': 'a webhook event is kept past its time',
  'event-unproven': 'a webhook event reports something that did not happen',
  'unknown-key': 'an object that the service did not write',
  unreadable: 'it cannot be read',
} as const;

export type FindingKind = keyof typeof FINDING_KINDS;

/** What was counted, and could not be checked. */
export const NOT_CHECKED = {
  'being-deleted': 'recordings that are being deleted',
  tags: 'recordings whose tags the store did not return',
  'media-size': 'recordings whose size was not recorded when they were stored (earlier versions)',
  'media-etag': 'recordings whose media have an ETag that cannot be compared',
  'manifest-etag': 'manifests whose ETag cannot be compared',
  'timeline-etag': 'timelines whose ETag cannot be compared',
  'overview-etag': 'overviews whose ETag cannot be compared, or that came while their recording was completed',
  unmarked: 'recordings that are not marked as stored: their media and manifests',
  'shorter-retention': "deletions under a shorter retention than today's",
  unaudited: 'restrictions, assessments and deletions that are older than their audit events',
  'events-unchained': 'audit events of earlier versions, which are in no chain',
  'chain-ends': 'ends of chains of audit events',
  'receipts-unread': 'receipts that cannot be read',
  'receipts-unsigned': 'receipts without a signature',
  'receipts-unlogged': 'signed receipts that are not in the log yet',
  signatures: 'receipts whose signature could not be checked without a key',
} as const;

export type NotChecked = keyof typeof NOT_CHECKED;

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
  /** Of the recordings, those that were checked. */
  readonly checked: number;
  /** Of the recordings, those that are younger than the grace period: only their deadlines were checked. */
  readonly tooYoung: number;
  /** The grace period, in seconds. */
  readonly settleSeconds: number;
  readonly bytes: number;
  readonly receipts: number;
  /** Of the receipts, those of recordings that were deleted after their deadline: a figure, and nothing that is wrong now. */
  readonly late: number;
  /** How long after its deadline the latest of them was deleted, in seconds, rounded up. */
  readonly greatestLatenessSeconds: number;
  readonly auditEvents: number;
  /** What was counted, and could not be checked, of each sort. */
  readonly notChecked: readonly { readonly what: NotChecked; readonly count: number }[];
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

/** A listing by folder shows no upload that is open in it. */
export const NOT_SHOWN = 'NotShown';

export class Findings {
  readonly counts = {
    attempts: 0,
    recordings: 0,
    checked: 0,
    tooYoung: 0,
    bytes: 0,
    receipts: 0,
    late: 0,
    auditEvents: 0,
  };
  greatestLatenessMs = 0;
  uploadsUnlisted: string | undefined;
  readonly #byKind = new Map<FindingKind, { found: number; listed: Map<string, string> }>();
  readonly #notChecked = new Map<NotChecked, number>();

  add(kind: FindingKind, key: string, detail: string): void {
    const entry = this.#byKind.get(kind) ?? { found: 0, listed: new Map<string, string>() };
    entry.found += 1;
    if (entry.listed.size < MAX_LISTED) entry.listed.set(key, detail);
    this.#byKind.set(kind, entry);
  }

  skip(what: NotChecked): void {
    this.#notChecked.set(what, (this.#notChecked.get(what) ?? 0) + 1);
  }

  get notChecked(): VerifyReport['notChecked'] {
    return [...this.#notChecked].map(([what, count]) => ({ what, count }));
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
