// Made by `npm run openapi` from openapi.json, not by hand.

/**
 * The organisation that is the controller of the data.
 */
export type TenantId = string;
/**
 * The exam, by its id in your organisation.
 */
export type ExamId = string;
/**
 * The attempt: one participant taking the exam once.
 */
export type AttemptId = string;
/**
 * The participant, by an opaque id of your organisation.
 */
export type ParticipantId = string;
/**
 * The id of the recording, assigned by the service. Ids sort by creation time.
 */
export type RecordingId = string;
export type DeletionReason = 'erasure' | 'consent-withdrawn' | 'controller-instruction';
/**
 * Every `code` of a problem: see /docs#problems.
 */
export type ProblemCode =
  | 'assessment-before-recording'
  | 'assessment-ends-recordings'
  | 'assessment-in-future'
  | 'assessment-later'
  | 'assessment-not-found'
  | 'assessment-too-old'
  | 'attempt-assessed'
  | 'attempt-full'
  | 'attempt-of-another-participant'
  | 'auth-unavailable'
  | 'body-too-large'
  | 'clock-skew'
  | 'consent-missing'
  | 'content-too-large'
  | 'content-type-not-allowed'
  | 'cross-origin'
  | 'daily-limit'
  | 'erasure-incomplete'
  | 'exports-busy'
  | 'file-missing'
  | 'headers-too-large'
  | 'idempotency-key-reused'
  | 'internal'
  | 'invalid-id'
  | 'invalid-request'
  | 'length-required'
  | 'log-unreadable'
  | 'malformed-form'
  | 'malformed-json'
  | 'malformed-path'
  | 'malformed-request'
  | 'method-not-allowed'
  | 'not-a-recording'
  | 'not-found'
  | 'overview-too-large'
  | 'part-number-too-large'
  | 'part-too-large'
  | 'parts-changed'
  | 'parts-left-over'
  | 'parts-mismatch'
  | 'parts-missing'
  | 'rate-limited'
  | 'reason-not-allowed'
  | 'receipt-not-signed'
  | 'recording-being-created'
  | 'recording-deleted'
  | 'recording-expired'
  | 'recording-not-found'
  | 'recording-not-stored'
  | 'recording-restricted'
  | 'recording-stored'
  | 'recording-too-large'
  | 'recording-unreadable'
  | 'request-aborted'
  | 'request-idle'
  | 'scope-missing'
  | 'store-not-proven'
  | 'store-refused'
  | 'store-unavailable'
  | 'token-expired'
  | 'token-invalid'
  | 'token-missing'
  | 'unsupported-media-type'
  | 'upload-gone'
  | 'uploads-busy'
  | 'uploads-proxied'
  | 'wrong-attempt'
  | 'wrong-participant';

export interface CreateRecording {
  participantId: ParticipantId;
  kind: 'webcam' | 'screen' | 'audio';
  /**
   * Audio or video in WebM, Matroska, MP4 or Ogg, in any form that RFC 9110 allows. The operator may allow fewer types (`CONTENT_TYPES`). Returned as `type/subtype;codecs=…`, without other parameters.
   */
  contentType: string;
  /**
   * Required. Without it the request is rejected with 422 `consent-missing`.
   */
  consent: {
    /**
     * When the participant agreed. A time in the future is replaced by the current time of the service.
     */
    givenAt: string;
    /**
     * The version of the privacy policy to which the participant agreed.
     */
    policyVersion: string;
  };
  /**
   * How many part URLs to return. Default: 1.
   */
  parts?: number | null;
}
export interface PresignParts {
  /**
   * @minItems 1
   * @maxItems 1000
   */
  parts: {
    partNumber: number;
    sizeBytes: number;
  }[];
}
export interface CompleteRecording {
  /**
   * The parts that the client has stored. They are checked against the parts in the store.
   */
  parts?:
    | {
        partNumber: number;
        etag: string;
      }[]
    | null;
  timeline?: {
    startedAt: string;
    endedAt: string;
    /**
     * @maxItems 1000
     */
    gaps: {
      from: string;
      to: string;
      reason: string;
    }[];
    /**
     * @maxItems 100
     */
    anchors?: {
      at: string;
      mediaSeconds: number;
    }[];
  } | null;
}
export interface RequestPlaybackLink {
  /**
   * Stored in the audit trail.
   */
  reason?: string | null;
  /**
   * Whether this link replaces one that the same viewing had before. Stored in the audit trail, which so tells viewings from renewals.
   */
  renewal?: boolean;
}
export interface ReportAssessment {
  /**
   * When the human assessment of the attempt was completed.
   */
  completedAt: string;
  /**
   * Ids of recordings that this assessment may end early. Send only ids from an earlier `assessment-ends-recordings` problem, after somebody has checked the times.
   *
   * @maxItems 1000
   */
  confirm?: string[];
}
export interface Recording {
  recordingId: RecordingId;
  examId: ExamId;
  attemptId: AttemptId;
  participantId: ParticipantId;
  /**
   * What was recorded: webcam, screen or audio.
   */
  kind: 'webcam' | 'screen' | 'audio';
  /**
   * The media type, with codecs if known: the announced type during the upload, the type of the content once the recording is stored.
   */
  contentType: string;
  /**
   * The container format, detected from the content. `unrecognized`: unknown or damaged content; it is kept until the deadline and can only be downloaded. null: still uploading, or never detected.
   */
  container: ('webm' | 'matroska' | 'mp4' | 'ogg' | 'unrecognized') | null;
  /**
   * When the participant agreed to be recorded, and to which version of the privacy policy.
   */
  consent: {
    givenAt: string;
    policyVersion: string;
  };
  /**
   * `uploading`: incomplete, cannot be played yet. `stored`: complete.
   */
  state: 'uploading' | 'stored';
  /**
   * When the recording began.
   */
  createdAt: string;
  /**
   * When the upload was completed; null while uploading.
   */
  storedAt: string | null;
  /**
   * The size in bytes; null while uploading.
   */
  sizeBytes: number | null;
  /**
   * When the human assessment of the attempt was completed; null if not assessed yet.
   */
  assessment: {
    completedAt: string;
  } | null;
  /**
   * The deadline: the recording is deleted no later than this time.
   */
  deleteBy: string;
  /**
   * The earliest time at which a sweep may delete the recording, some time before `deleteBy`. Finish any review before it.
   */
  deletableFrom: string;
  /**
   * Whether processing is restricted. A restricted recording is kept but cannot be played.
   */
  restricted: boolean;
  /**
   * Whether the client did not complete the upload, so that the service kept only the parts that had arrived.
   */
  truncated: boolean;
  /**
   * When the recording ran and where it has gaps, as reported by the exam client; null if not reported. `doubtful`: some reported values were impossible and were corrected.
   */
  timeline: {
    startedAt: string;
    endedAt: string;
    gaps: {
      from: string;
      to: string;
      reason: string;
    }[];
    doubtful?: true;
    anchors?: {
      at: string;
      mediaSeconds: number;
    }[];
  } | null;
}
export interface SignedPart {
  partNumber: number;
  method: 'PUT';
  url: string;
  /**
   * Send exactly these headers, and no `Content-Type`.
   */
  headers: {
    [k: string]: string;
  };
  expiresAt: string;
}
export interface UploadSettings {
  /**
   * The size of every part except the last, for new recordings.
   */
  partSizeBytes: number;
  /**
   * The maximum size of a recording.
   */
  maxRecordingBytes: number;
  /**
   * The allowed media types, without parameters.
   */
  contentTypes: string[];
  /**
   * `direct`: the client sends parts to the store. `proxy`: there are no part URLs, and all media passes through the service.
   */
  uploads: 'direct' | 'proxy';
}
export interface CreatedRecording {
  recording: Recording;
  upload: {
    /**
     * `direct`: send parts to their part URLs. `proxy`: send each part with `PUT …/parts/{partNumber}`.
     */
    mode: 'direct' | 'proxy';
    /**
     * The size of every part except the last.
     */
    partSizeBytes: number;
    maxParts: number;
    parts: SignedPart[];
  };
}
export interface SignedParts {
  parts: SignedPart[];
}
export interface UploadedPart {
  partNumber: number;
  sizeBytes: number;
  etag: string;
}
export interface UploadedParts {
  parts: UploadedPart[];
}
export interface RecordingList {
  items: Recording[];
  nextCursor: string | null;
}
export interface PlaybackLink {
  url: string;
  /**
   * The overview of the recording (small pictures, and how much each second changed); null if it has none. Valid for as long as `url`.
   */
  overviewUrl: string | null;
  expiresAt: string;
}
export interface Assessment {
  /**
   * The earliest assessment reported. It is the one that counts.
   */
  completedAt: string;
  /**
   * The deadline: every recording of the attempt is deleted no later than this time. See also `deletableFrom`.
   */
  deleteBy: string;
  /**
   * The earliest time at which a sweep may delete the recording, some time before `deleteBy`. Finish any review before it.
   */
  deletableFrom: string;
  recordings: number;
}
/**
 * The public keys of the service (RFC 7517), as in `/.well-known/jwks.json`. Compare them with your own copy.
 */
export interface KeySet {
  keys: {
    [k: string]: unknown;
  }[];
}
/**
 * Proof that the recording is no longer retrievable.
 */
export interface Receipt {
  tenantId: TenantId;
  examId: ExamId;
  attemptId: AttemptId;
  recordingId: RecordingId;
  participantId: ParticipantId | null;
  reason: 'retention' | 'aborted' | 'erasure' | 'consent-withdrawn' | 'controller-instruction' | 'not-a-recording';
  /**
   * The deadline of the recording.
   */
  deadline: string;
  deletedAt: string;
  /**
   * When a second listing confirmed that nothing was left.
   */
  verifiedAt: string;
  objects: number;
  versions: number;
  /**
   * At least so many were deleted. A part that arrives while its upload is deleted may not be counted.
   */
  bytes: number;
  actor: string;
  /**
   * The run that wrote the receipt, its position in that run, and the SHA-256 of the previous receipt.
   */
  chain: {
    run: string;
    sequence: number;
    previous: string | null;
  };
  /**
   * The last day (UTC) on which the service keeps this receipt.
   */
  keptUntil?: string;
  /**
   * A random value, so that nobody can guess which receipt a log entry stands for.
   */
  salt?: string;
  /**
   * The hashes of earlier receipts of the recording that this one replaces.
   */
  supersedes?: string[];
  /**
   * All other members, signed with a key from `/.well-known/jwks.json` (RFC 7515). Keep it: it proves the deletion without this service. Absent if the service has no signing key.
   */
  jws?: string;
}
export interface ReceiptList {
  items: Receipt[];
  /**
   * Receipts that cannot be read, so it is unknown whether they belong in this list. The operator has to act. Empty for a token bound to a participant.
   */
  unreadable: {
    examId: ExamId;
    attemptId: AttemptId;
    recordingId: RecordingId;
  }[];
  /**
   * The number of receipts on this page that could not be read.
   */
  unreadableCount: number;
  nextCursor: string | null;
}
export interface ReceiptProof {
  version: 1;
  /**
   * The signed receipt (RFC 7515).
   */
  receipt: string;
  inclusion: {
    /**
     * Its position in the log, starting at 0.
     */
    index: number;
    /**
     * SHA-256, in base64.
     */
    hashes: string[];
    /**
     * A signed note (C2SP signed-note): the name, size and root hash of the log, with an Ed25519 signature.
     */
    checkpoint: string;
  } | null;
  keys: KeySet;
}
export interface Proof {
  version: 1;
  tenant: TenantId;
  exportedAt: string;
  checkpoint: string | null;
  /**
   * Every log entry, in order: a version, the last day on which the receipt is kept, the hash of the receipt, the hash of the recording, how many receipts it replaces, and how many seconds before its deadline the recording was deleted.
   */
  entries: string[];
  /**
   * Every signed receipt that is still kept.
   */
  receipts: string[];
  /**
   * Recordings whose receipt is unsigned.
   */
  unsigned: string[];
  /**
   * Recordings whose receipt cannot be read.
   */
  unreadable: string[];
  keys: KeySet;
}
export interface Checkpoint {
  /**
   * The name of the log.
   */
  origin: string;
  /**
   * The number of entries in the log.
   */
  size: number;
  checkpoint: string | null;
}
export interface ConsistencyProof {
  /**
   * The latest checkpoint; null while the log is empty.
   */
  newer: string | null;
  /**
   * SHA-256, in base64.
   */
  hashes: string[];
}
export interface Explanation {
  tenantId: TenantId;
  examId: ExamId;
  attemptId: AttemptId;
  recordingId: RecordingId;
  explainedAt: string;
  /**
   * `held`: kept until `deletableFrom`. `deletable`: the next sweep deletes it. `overdue`: past its deadline but not deleted. `being-deleted`: the deletion has begun but is not proven yet. `left-over`: written by a request after the deletion; the next sweep deletes it. `deleted`: there is a receipt. `vanished`: only the audit trail knows it; there is neither a recording nor a receipt.
   */
  state: 'held' | 'deletable' | 'overdue' | 'being-deleted' | 'left-over' | 'deleted' | 'vanished';
  /**
   * The rule that determines the deletion. `after-assessment`, `unassessed`: the general retention. `tenant-order`: the shorter retention of the tenant. `ceiling`: the maximum of 30 days. `retention`: the deadline; the receipt does not say which rule set it. `erasure`, `consent-withdrawn`, `controller-instruction`: a request. `aborted`: the upload was aborted. `not-a-recording`: the content was not a recording. `left-over`, `unknown`: see `facts`.
   */
  rule:
    | 'after-assessment'
    | 'unassessed'
    | 'tenant-order'
    | 'ceiling'
    | 'retention'
    | 'aborted'
    | 'erasure'
    | 'consent-withdrawn'
    | 'controller-instruction'
    | 'not-a-recording'
    | 'left-over'
    | 'unknown';
  /**
   * The answer in plain English.
   */
  summary: string;
  /**
   * Whether the operator has to act. `facts` and `next` say why.
   */
  wrong: boolean;
  /**
   * The earliest time at which a sweep may delete it; null if the deletion has begun.
   */
  deletableFrom: string | null;
  /**
   * The deadline.
   */
  deleteBy: string | null;
  /**
   * What is known, with sources.
   */
  facts: {
    code:
      | 'created'
      | 'created-ahead'
      | 'description-unreadable'
      | 'description-lost'
      | 'uploading'
      | 'stored'
      | 'truncated'
      | 'assessed'
      | 'not-assessed'
      | 'retention'
      | 'margin'
      | 'restricted'
      | 'warned'
      | 'deletion-requested'
      | 'queued'
      | 'not-queued'
      | 'queue-not-searched'
      | 'deleted'
      | 'receipt-unreadable'
      | 'audited';
    at: string | null;
    /**
     * The source: an object in the bucket, the listing, a setting or the receipt.
     */
    source: string;
    sentence: string;
  }[];
  /**
   * What happens next, in order.
   */
  next: {
    code: 'assessment-counts' | 'deletable' | 'deleted-by-sweep' | 'deadline' | 'receipt-kept' | 'run-verify';
    /**
     * null: at the next sweep, or immediately.
     */
    at: string | null;
    sentence: string;
  }[];
  receipt: Receipt | null;
}
/**
 * What was recorded, deleted and is held for a tenant, and whether everything was deleted on time.
 */
export interface Report {
  format: 'proctoring-recordings-report';
  version: 1;
  /**
   * Identifies the report: tenant, period and time of creation.
   */
  number: string;
  tenantId: TenantId;
  period: {
    /**
     * The start, inclusive.
     */
    from: string;
    /**
     * The end, exclusive.
     */
    to: string;
  };
  verdict: {
    /**
     * The question that the report answers.
     */
    question: string;
    /**
     * `unknown`: not everything could be checked.
     */
    answer: 'yes' | 'no' | 'unknown';
    /**
     * The answer in plain English.
     */
    summary: string;
    /**
     * What the answer does not cover.
     */
    limit: string;
    /**
     * Why the answer is not yes.
     */
    reasons: {
      code:
        | 'deleted-late'
        | 'overdue'
        | 'unreadable-receipts'
        | 'changed-receipts'
        | 'unsigned-receipts'
        | 'unchecked-signatures'
        | 'missing-receipts'
        | 'unlogged-receipts'
        | 'late-in-log'
        | 'log-unreadable'
        | 'unreadable-descriptions'
        | 'unknown-keys'
        | 'receipts-expired'
        | 'clock'
        | 'nothing-known';
      sentence: string;
    }[];
  };
  totals: {
    /**
     * Recordings that began in the period and are still held or have a receipt.
     */
    begun: number;
    /**
     * Recordings deleted in the period.
     */
    deleted: number;
    /**
     * Deleted after their deadline.
     */
    late: number;
    /**
     * Deleted on request.
     */
    onRequest: number;
    /**
     * Recordings still held.
     */
    held: number;
    /**
     * Held, attempt assessed.
     */
    assessed: number;
    /**
     * Held, attempt not assessed.
     */
    unassessed: number;
    /**
     * Held webcam recordings.
     */
    webcam: number;
    /**
     * Held screen recordings.
     */
    screen: number;
    /**
     * Held audio recordings.
     */
    audio: number;
    /**
     * Held recordings without a readable description.
     */
    kindUnknown: number;
    /**
     * Held past their deadline. Must be 0.
     */
    overdue: number;
    /**
     * The earliest time at which a sweep may delete a held recording.
     */
    earliestDeletableFrom: string | null;
    /**
     * The earliest deadline of a held recording.
     */
    earliestDeleteBy: string | null;
    /**
     * The latest current deadline of a held recording.
     */
    latestDeleteBy: string | null;
    /**
     * The latest deadline that an assessment can still set for unassessed recordings; null if there are none.
     */
    latestDeleteByIfAssessed: string | null;
    /**
     * Held recordings whose processing is restricted.
     */
    restricted: number;
    /**
     * Held recordings whose deletion has begun but is not proven yet.
     */
    beingDeleted: number;
    /**
     * Remains of recordings without a description. The next sweep deletes them.
     */
    withoutDescription: number;
    /**
     * Bytes of media held, including older versions.
     */
    heldBytes: number;
    /**
     * Bytes deleted in the period.
     */
    deletedBytes: number;
  };
  /**
   * The deletions in the period by reason, including reasons without deletions.
   */
  reasons: {
    reason: 'retention' | 'aborted' | 'erasure' | 'consent-withdrawn' | 'controller-instruction' | 'not-a-recording';
    /**
     * The number of recordings.
     */
    deleted: number;
  }[];
  /**
   * The numbers by exam. `totals` covers all exams.
   */
  exams: {
    examId: ExamId;
    /**
     * Recordings that began in the period and are still held or have a receipt.
     */
    begun: number;
    /**
     * Recordings deleted in the period.
     */
    deleted: number;
    /**
     * Deleted after their deadline.
     */
    late: number;
    /**
     * Deleted on request.
     */
    onRequest: number;
    /**
     * Recordings still held.
     */
    held: number;
    /**
     * Held, attempt assessed.
     */
    assessed: number;
    /**
     * Held, attempt not assessed.
     */
    unassessed: number;
    /**
     * Held webcam recordings.
     */
    webcam: number;
    /**
     * Held screen recordings.
     */
    screen: number;
    /**
     * Held audio recordings.
     */
    audio: number;
    /**
     * Held recordings without a readable description.
     */
    kindUnknown: number;
    /**
     * Held past their deadline. Must be 0.
     */
    overdue: number;
    /**
     * The earliest time at which a sweep may delete a held recording.
     */
    earliestDeletableFrom: string | null;
    /**
     * The earliest deadline of a held recording.
     */
    earliestDeleteBy: string | null;
    /**
     * The latest current deadline of a held recording.
     */
    latestDeleteBy: string | null;
    /**
     * The latest deadline that an assessment can still set for unassessed recordings; null if there are none.
     */
    latestDeleteByIfAssessed: string | null;
  }[];
  /**
   * The number of exams that are not listed.
   */
  examsLeftOut: number;
  /**
   * The deletion closest to its deadline, or furthest past it.
   */
  closest: {
    examId: ExamId;
    attemptId: AttemptId;
    recordingId: RecordingId;
    reason: 'retention' | 'aborted' | 'erasure' | 'consent-withdrawn' | 'controller-instruction' | 'not-a-recording';
    actor: string;
    deadline: string;
    deletedAt: string;
    /**
     * Seconds after the deadline; 0 if on time.
     */
    lateSeconds: number;
  } | null;
  /**
   * Deletions after their deadline, the latest first.
   */
  late: {
    items: {
      examId: ExamId;
      attemptId: AttemptId;
      recordingId: RecordingId;
      reason: 'retention' | 'aborted' | 'erasure' | 'consent-withdrawn' | 'controller-instruction' | 'not-a-recording';
      actor: string;
      deadline: string;
      deletedAt: string;
      /**
       * Seconds after the deadline; 0 if on time.
       */
      lateSeconds: number;
    }[];
    /**
     * The number of further items.
     */
    leftOut: number;
  };
  /**
   * Deletions on request, the newest first, with `actor` and `reason`.
   */
  onRequest: {
    items: {
      examId: ExamId;
      attemptId: AttemptId;
      recordingId: RecordingId;
      reason: 'retention' | 'aborted' | 'erasure' | 'consent-withdrawn' | 'controller-instruction' | 'not-a-recording';
      actor: string;
      deadline: string;
      deletedAt: string;
      /**
       * Seconds after the deadline; 0 if on time.
       */
      lateSeconds: number;
    }[];
    /**
     * The number of further items.
     */
    leftOut: number;
  };
  /**
   * Held recordings past their deadline, the oldest deadline first.
   */
  overdue: {
    items: {
      examId: ExamId;
      attemptId: AttemptId;
      recordingId: RecordingId;
      /**
       * The deadline, which has passed.
       */
      deleteBy: string;
    }[];
    /**
     * The number of further items.
     */
    leftOut: number;
  };
  /**
   * Held recordings whose processing is restricted.
   */
  restrictions: {
    items: {
      examId: ExamId;
      attemptId: AttemptId;
      recordingId: RecordingId;
      /**
       * When the restriction began.
       */
      since: string;
      reason: string | null;
      actor: string | null;
      /**
       * The deadline. A restriction does not change it.
       */
      deleteBy: string;
    }[];
    /**
     * The number of further items.
     */
    leftOut: number;
  };
  notChecked: {
    /**
     * Receipts that cannot be read.
     */
    unreadableReceipts: {
      items: {
        examId: ExamId;
        attemptId: AttemptId;
        recordingId: RecordingId;
      }[];
      /**
       * The number of further items.
       */
      leftOut: number;
    };
    /**
     * Receipts whose signature does not match: somebody else changed or made them. They are not counted.
     */
    changedReceipts: {
      items: {
        examId: ExamId;
        attemptId: AttemptId;
        recordingId: RecordingId;
      }[];
      /**
       * The number of further items.
       */
      leftOut: number;
    };
    /**
     * Held recordings whose description cannot be read.
     */
    unreadableDescriptions: {
      items: {
        examId: ExamId;
        attemptId: AttemptId;
        recordingId: RecordingId;
      }[];
      /**
       * The number of further items.
       */
      leftOut: number;
    };
    /**
     * Objects in the folders of the tenant that this service did not create.
     */
    unknownKeys: number;
    /**
     * Deletions before this time are not covered, because their receipts have expired.
     */
    receiptsExpiredBefore: string | null;
    /**
     * Receipts without a signature.
     */
    unsignedReceipts: number;
    /**
     * Receipts whose signature was not checked because the key was missing.
     */
    uncheckedSignatures: number;
    /**
     * Whether the log of receipts is damaged or signed with an unknown key.
     */
    isLogUnreadable: boolean;
    /**
     * Deletions in the log without a readable receipt. null if not compared: there is no log, or the period covers only a part of it.
     */
    missingReceipts: number | null;
    /**
     * Deletions after their deadline according to the log. null if not compared.
     */
    lateInLog: number | null;
    /**
     * Signed receipts older than three days that are not in the log. null if not compared.
     */
    unloggedReceipts: number | null;
    /**
     * What the report does not check.
     */
    notes: string[];
  };
  settings: {
    /**
     * The retention after the assessment.
     */
    afterAssessmentSeconds: number;
    /**
     * The retention of unassessed recordings.
     */
    unassessedSeconds: number;
    /**
     * The shorter retention of the tenant, if any.
     */
    tenantOrderSeconds: number | null;
    /**
     * The longest possible retention.
     */
    ceilingSeconds: number;
    /**
     * The deletion margin: how long before the deadline sweeps delete.
     */
    deletionMarginSeconds: number;
    /**
     * The retention of receipts and the audit trail.
     */
    logRetentionSeconds: number;
  };
  /**
   * The latest checkpoint of the log of receipts, a signed note; null if there is none.
   */
  checkpoint: string | null;
  /**
   * When reading began, by the clock of the service.
   */
  generatedAt: string;
  /**
   * When reading ended.
   */
  finishedAt: string;
  /**
   * The clock of the store when reading began; null if it sent none.
   */
  storeClock: string | null;
  serviceVersion: string;
  /**
   * The comparisons that were made.
   */
  compared: string[];
  howToCheck: {
    step: string;
    /**
     * The call or command to use.
     */
    call: string;
  }[];
}
/**
 * A receipt for each recording that this call deleted.
 */
export interface ParticipantErasure {
  receipts: Receipt[];
}
/**
 * Everything that is held about a participant.
 */
export interface ParticipantExport {
  format: 'proctoring-recordings-export';
  version: 1;
  about: string;
  /**
   * What each member means.
   */
  fields: {
    [k: string]: string;
  };
  /**
   * When this export was started. All times are in UTC (ISO 8601).
   */
  exportedAt: string;
  tenantId: TenantId;
  participantId: ParticipantId;
  /**
   * All recordings of the participant.
   */
  recordings: {
    recordingId: RecordingId;
    examId: ExamId;
    attemptId: AttemptId;
    participantId: ParticipantId;
    /**
     * What was recorded: webcam, screen or audio.
     */
    kind: 'webcam' | 'screen' | 'audio';
    /**
     * The media type, with codecs if known: the announced type during the upload, the type of the content once the recording is stored.
     */
    contentType: string;
    /**
     * The container format, detected from the content. `unrecognized`: unknown or damaged content; it is kept until the deadline and can only be downloaded. null: still uploading, or never detected.
     */
    container: ('webm' | 'matroska' | 'mp4' | 'ogg' | 'unrecognized') | null;
    /**
     * When the participant agreed to be recorded, and to which version of the privacy policy.
     */
    consent: {
      givenAt: string;
      policyVersion: string;
    };
    /**
     * `uploading`: incomplete, cannot be played yet. `stored`: complete.
     */
    state: 'uploading' | 'stored';
    /**
     * When the recording began.
     */
    createdAt: string;
    /**
     * When the upload was completed; null while uploading.
     */
    storedAt: string | null;
    /**
     * The size in bytes; null while uploading.
     */
    sizeBytes: number | null;
    /**
     * When the human assessment of the attempt was completed; null if not assessed yet.
     */
    assessment: {
      completedAt: string;
    } | null;
    /**
     * The deadline: the recording is deleted no later than this time.
     */
    deleteBy: string;
    /**
     * The earliest time at which a sweep may delete the recording, some time before `deleteBy`. Finish any review before it.
     */
    deletableFrom: string;
    /**
     * Whether processing is restricted. A restricted recording is kept but cannot be played.
     */
    restricted: boolean;
    /**
     * Whether the client did not complete the upload, so that the service kept only the parts that had arrived.
     */
    truncated: boolean;
    /**
     * When the recording ran and where it has gaps, as reported by the exam client; null if not reported. `doubtful`: some reported values were impossible and were corrected.
     */
    timeline: {
      startedAt: string;
      endedAt: string;
      gaps: {
        from: string;
        to: string;
        reason: string;
      }[];
      doubtful?: true;
      anchors?: {
        at: string;
        mediaSeconds: number;
      }[];
    } | null;
    /**
     * Why and since when processing is restricted; null if it is not.
     */
    restriction: {
      reason: string | null;
      since: string;
    } | null;
    /**
     * Playback links to the recording and its overview, valid for minutes. null in an archive, while uploading, and for a restricted recording unless restricted recordings were requested.
     */
    link: PlaybackLink | null;
    /**
     * The path of the recording in the archive; null if there is no archive or the recording is not in it.
     */
    file: string | null;
    /**
     * The path of the overview in the archive: small pictures of the recording, and how much each second changed. null if `file` is, or the recording has no overview.
     */
    overviewFile: string | null;
    /**
     * All audit events of the recording at the time of the export, including this export.
     */
    accessLog: AccessLogEntry[];
  }[];
  /**
   * Recordings that are held but whose description cannot be read. The operator has to act.
   */
  unreadable: {
    recordingId: RecordingId;
    examId: ExamId;
    attemptId: AttemptId;
  }[];
}
export interface AccessLogEntry {
  /**
   * When it happened.
   */
  at: string;
  /**
   * `link-issued`: a caller received a playback link. `link-refused`: a caller was refused one. `exported`: the recording was exported. `restricted`, `unrestricted`: processing was restricted, or the restriction was lifted. `erased`: deletion was requested. `deletion-refused`: deletion was requested but refused, because processing is restricted. `aborted`: the upload was aborted and its parts were deleted. `content-refused`: the content was not a recording and was deleted. `assessed`: the attempt was assessed, which set the deadline. `repaired`: the operator repaired something in the store.
   */
  event:
    | 'assessed'
    | 'aborted'
    | 'content-refused'
    | 'link-issued'
    | 'link-refused'
    | 'deleted'
    | 'erased'
    | 'restricted'
    | 'unrestricted'
    | 'deletion-refused'
    | 'exported'
    | 'foreign-attempt-refused'
    | 'repaired';
  /**
   * Who did it, by an opaque id of your organisation.
   */
  actor: string;
  /**
   * The reason that the caller gave; null if none.
   */
  reason: string | null;
  /**
   * Until when the link was valid, and whether it was a renewal of one that the same viewing had before; why the request was refused, what was exported, or what the assessment set.
   */
  detail: string | null;
  /**
   * The id of the request in the log of the service.
   */
  requestId: string;
}
export interface RestrictRecording {
  /**
   * Stored in the audit trail for as long as receipts are kept. Do not name a person.
   */
  reason: string;
}
export interface LiftRestriction {
  reason?: string | null;
}
export interface AccessLog {
  items: AccessLogEntry[];
  nextCursor: string | null;
}
/**
 * Problem details (RFC 9457). The members after the first six depend on `code`.
 */
export interface Problem {
  /**
   * A link to the explanation of the code, relative to the request.
   */
  type: string;
  title: string;
  status: number;
  /**
   * What went wrong with this request, for people.
   */
  detail: string;
  /**
   * Stable. Programs decide by this member.
   */
  code: string;
  /**
   * Give this to the operator, who finds the request in the log.
   */
  requestId: string;
  /**
   * Every mistake, with its path, such as `parts.0.sizeBytes`.
   */
  errors?: {
    path: string;
    message: string;
  }[];
  /**
   * The scopes of which the token needs one.
   */
  scopes?: string[];
  /**
   * The allowed types.
   */
  allowed?: string[];
  /**
   * The time of the assessment that counts.
   */
  completedAt?: string;
  receipt?: Receipt;
  /**
   * The deadline that has passed.
   */
  deadline?: string;
  /**
   * The parts that the problem is about.
   */
  partNumbers?: number[];
  /**
   * The maximum size of a part.
   */
  partSizeBytes?: number;
  /**
   * The maximum number of parts.
   */
  maxParts?: number;
  /**
   * The maximum size of a recording.
   */
  maxRecordingBytes?: number;
  /**
   * The maximum size of one request.
   */
  maxContentBytes?: number;
  /**
   * The maximum size of an overview.
   */
  maxOverviewBytes?: number;
  /**
   * How often this may be done per day.
   */
  limit?: number;
  /**
   * Recordings that could not be deleted yet.
   */
  failed?: {
    examId: ExamId;
    attemptId: AttemptId;
    recordingId: RecordingId;
    code: string;
  }[];
  /**
   * Receipts of the recordings that were deleted.
   */
  receipts?: Receipt[];
  /**
   * The deadline that this assessment would set.
   */
  deleteBy?: string;
  /**
   * The recordings that the assessment would end early.
   */
  recordings?: {
    recordingId: RecordingId;
    createdAt: string;
    /**
     * The current deadline, which is unchanged.
     */
    deleteBy: string;
  }[];
  [k: string]: unknown;
}
