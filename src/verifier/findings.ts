// What `verify` found and what it did not check, counted in full and listed up to a limit.

export const FINDING_KINDS = {
  overdue: 'kept past its deadline',
  'no-due-entry': 'nothing would delete it by its deadline',
  'deletion-stuck': 'it is being deleted, and nothing leads the sweeper to it',
  'deadline-moved': 'it was promised to be deleted earlier',
  'from-future': 'it claims to be of a time to come',
  'impossible-time': 'a time that cannot be true',
  'media-missing': 'it is marked as stored, and its media are gone',
  'media-changed': 'its media are not those that were stored',
  'stored-missing': 'its media are there, and not marked as stored',
  'media-without-manifest': 'left over, without a manifest',
  'manifest-unreadable': 'its manifest cannot be read',
  'manifest-changed': 'its manifest is not as it was written',
  'wrong-tags': 'the tags do not match its deadline',
  'wrong-timeline': 'its timeline cannot be true',
  'wrong-body': 'a body where none belongs',
  'stray-upload': 'an open upload that belongs to no recording',
  'marker-missing': 'a request of its participant would not find it',
  'stray-marker': "a participant's marker without a recording",
  'wrong-participant': 'it is in the index of another participant',
  'restriction-missing': 'the audit trail says that it is restricted, and it is not',
  'restriction-unproven': 'it is restricted, and the audit trail does not say so',
  'assessment-missing': 'the audit trail says when it was assessed, and nothing else does',
  'assessment-unproven': 'an assessment of which the audit trail does not know',
  'assessing-left': 'nothing would remove the marker of this assessment',
  'erasure-unfinished': 'the audit trail says that its erasure was requested, and it is kept',
  'deletion-unproven': 'its deletion was requested, and the audit trail does not say so',
  'deleted-early': 'a receipt tells of a deletion long before its deadline, which nobody requested',
  'recording-vanished': 'the audit trail knows it, and neither it nor a receipt is there',
  'receipt-but-objects': 'a receipt says that it is deleted, and it is there',
  'receipt-missing': 'deleted, and its receipt is missing',
  'receipt-changed': 'a receipt does not fit the one before it',
  'receipt-without-expiry': 'nothing would ever delete this receipt',
  'receipt-forged': 'a receipt is not as the service has signed it',
  'receipt-not-in-log': 'a receipt never came into the log of receipts',
  'receipt-unsigned': 'a receipt without a signature, written after the service had begun to sign',
  'log-key-missing': 'there is a log of receipts, and SIGNING_KEYS_FILE is not set',
  'log-key-unknown': 'signed by a key that is not in SIGNING_KEYS_FILE',
  'log-head-unreadable': 'a log of receipts cannot be read',
  'log-changed': 'a log of receipts is not as the service has signed it',
  'log-entry-expired': 'an entry came into its log after its receipt had expired',
  'log-submission-forged': 'no key of the service has signed what is to come into a log',
  'log-submission-expired': 'receipts that had expired when somebody submitted them to their log',
  'log-submission-waiting': 'receipts that no sweep has brought into their log',
  'audit-missing': 'an audit event is missing from its chain',
  'audit-changed': 'an audit event does not fit its key, or its chain',
  'audit-unchained': 'an audit event without a place in a chain',
  'log-overdue': 'a receipt or audit event kept past its time',
  'event-overdue': 'an event for a webhook, kept past its time',
  'event-unproven': 'an event for a webhook of what did not happen',
  'unknown-key': 'not a key of this service',
  unreadable: 'could not be read',
} as const;

export type FindingKind = keyof typeof FINDING_KINDS;

/** What was counted, and could not be checked. */
export const NOT_CHECKED = {
  'being-deleted': 'recordings that are being deleted',
  tags: 'recordings whose tags the store did not return',
  'media-size': 'recordings whose size was not kept when they were stored (earlier versions)',
  'media-etag': 'recordings whose media have an ETag that cannot be compared',
  'manifest-etag': 'manifests whose ETag cannot be compared',
  'timeline-etag': 'timelines whose ETag cannot be compared',
  unmarked: 'recordings that are not marked as stored: their media and manifests',
  'shorter-retention': 'deletions by a shorter retention than that of today',
  unaudited: 'restrictions, assessments and deletions from before the audit trail had their events',
  'events-unchained': 'audit events of earlier versions, which are in no chain',
  'chain-ends': 'ends of chains of audit events that are named by others',
  'receipts-unread': 'receipts that could not be read',
  'receipts-unsigned': 'receipts without a signature',
  'receipts-unlogged': 'signed receipts that are not in the log yet',
  signatures: 'receipts whose signature could not be checked, for want of the key',
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
