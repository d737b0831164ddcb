// Made by `npm run openapi` from openapi.json, not by hand.

/**
 * The organisation that is the controller of these data.
 */
export type TenantId = string;
/**
 * The exam, by the id that the organisation gave.
 */
export type ExamId = string;
/**
 * The attempt: one sitting of the exam by the participant.
 */
export type AttemptId = string;
/**
 * The participant, by the opaque id that the organisation gave.
 */
export type ParticipantId = string;
/**
 * The id of the recording, made by the service; ids sort by creation time.
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
   * Audio or video in WebM, Matroska, MP4 or Ogg, in any spelling of RFC 9110; an operator may allow fewer (`CONTENT_TYPES`). Answered as `type/subtype;codecs=…`, without other parameters.
   */
  contentType: string;
  /**
   * Without recorded consent there is no recording: 422 `consent-missing`.
   */
  consent: {
    /**
     * When the participant agreed. A time in the future is taken as the time of the service.
     */
    givenAt: string;
    /**
     * The version of the privacy policy that was agreed to.
     */
    policyVersion: string;
  };
  /**
   * How many part URLs to return; 1 when absent.
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
   * What the client believes it stored, to be checked against what the store has.
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
   * Kept in the audit trail.
   */
  reason?: string | null;
}
export interface ReportAssessment {
  /**
   * When the human assessment of the attempt was completed.
   */
  completedAt: string;
  /**
   * Recordings of which the caller knows that this assessment ends them early. Name those of an earlier `assessment-ends-recordings`, after somebody has looked at the times; never others.
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
   * The media type of the recording, with its codecs where they are known: as it was announced, and once it is stored that of its content.
   */
  contentType: string;
  /**
   * What the recording is by its content. unrecognized: unknown or damaged bytes, kept like a recording until the deadline, and only to be downloaded. null: it is being sent, or was stored before this was found out.
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
   * uploading: still being sent, it cannot be played yet. stored: complete.
   */
  state: 'uploading' | 'stored';
  /**
   * When the recording began.
   */
  createdAt: string;
  /**
   * When it was complete; null while it is being sent.
   */
  storedAt: string | null;
  /**
   * Its size in bytes; null while it is being sent.
   */
  sizeBytes: number | null;
  /**
   * When the human assessment of the attempt was completed; null when it was not assessed yet.
   */
  assessment: {
    completedAt: string;
  } | null;
  /**
   * The deadline: the recording is deleted no later than this.
   */
  deleteBy: string;
  /**
   * From this time on the recording may already be gone, because the first sweep from then on deletes it: look before.
   */
  deletableFrom: string;
  /**
   * Whether its processing is restricted: it is kept, and cannot be played.
   */
  restricted: boolean;
  /**
   * Whether the client never completed the upload, and the service kept the parts that had arrived.
   */
  truncated: boolean;
  /**
   * When the recording ran and where it has gaps, as the exam client reported; null if it did not. doubtful: what it reported could not all be true, and was corrected.
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
   * Send exactly these, and the part without a Content-Type.
   */
  headers: {
    [k: string]: string;
  };
  expiresAt: string;
}
export interface UploadSettings {
  /**
   * The size of every part but the last, of recordings that are created now.
   */
  partSizeBytes: number;
  /**
   * The most that a recording may have.
   */
  maxRecordingBytes: number;
  /**
   * The media types that may be recorded, without their parameters.
   */
  contentTypes: string[];
  /**
   * direct: parts go straight to the store. proxy: no part URL is handed out, all bytes pass through the service.
   */
  uploads: 'direct' | 'proxy';
}
export interface CreatedRecording {
  recording: Recording;
  upload: {
    /**
     * `direct`: parts go to part URLs. `proxy`: there are none; PUT each part to `…/parts/{partNumber}`.
     */
    mode: 'direct' | 'proxy';
    /**
     * The size of every part but the last.
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
  expiresAt: string;
}
export interface Assessment {
  /**
   * The assessment that counts: the earliest one reported.
   */
  completedAt: string;
  /**
   * The deadline: every recording of the attempt is deleted no later than this.
   */
  deleteBy: string;
  /**
   * From this time on the recording may already be gone, because the first sweep from then on deletes it: look before.
   */
  deletableFrom: string;
  recordings: number;
}
/**
 * The public keys of the service (RFC 7517), as at `/.well-known/jwks.json`. Compare them with your own copy.
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
   * The time by which the recording had to be deleted.
   */
  deadline: string;
  deletedAt: string;
  /**
   * When a second listing showed that nothing was left.
   */
  verifiedAt: string;
  objects: number;
  versions: number;
  bytes: number;
  actor: string;
  /**
   * The run that wrote it, its position there, and the SHA-256 of the receipt before it.
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
   * Random, so that nobody finds out by trying which receipt an entry of the log stands for.
   */
  salt?: string;
  /**
   * The hashes of earlier receipts of the recording, which this one replaces.
   */
  supersedes?: string[];
  /**
   * All of the above, signed with a key of `/.well-known/jwks.json` (RFC 7515). Keep it: it proves the deletion also without this service. Absent where the service has no signing key.
   */
  jws?: string;
}
export interface ReceiptList {
  items: Receipt[];
  /**
   * Receipts that exist and cannot be read, so that nobody knows whether they belong here: the operator has to act. To a token that is bound to a participant they are not named.
   */
  unreadable: {
    examId: ExamId;
    attemptId: AttemptId;
    recordingId: RecordingId;
  }[];
  /**
   * How many receipts of this page could not be read.
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
     * Its place in the log, from 0.
     */
    index: number;
    /**
     * SHA-256, in base64.
     */
    hashes: string[];
    /**
     * A signed note (C2SP signed-note): the name of the log, its size, its root, and a signature with Ed25519.
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
   * Every entry of the log, in order: a version, the last day on which its receipt is kept, the hash of it, that of the recording, how many receipts it replaces, and how many seconds before its deadline the recording was deleted.
   */
  entries: string[];
  /**
   * Every signed receipt that is kept.
   */
  receipts: string[];
  /**
   * Recordings whose receipt is not signed.
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
   * How many entries the log has.
   */
  size: number;
  checkpoint: string | null;
}
export interface ConsistencyProof {
  /**
   * The latest checkpoint; null while the log has no entry.
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
   * held: kept until its time comes. deletable: the next sweep deletes it. overdue: past its deadline, and still there. being-deleted: its deletion was decided, and is not proven yet. left-over: what a request wrote after a deletion; the next sweep deletes it. deleted: a receipt proves it. vanished: neither it nor a receipt is there, and the audit trail knows it.
   */
  state: 'held' | 'deletable' | 'overdue' | 'being-deleted' | 'left-over' | 'deleted' | 'vanished';
  /**
   * What ends it, or has ended it. after-assessment, unassessed: the general retention. tenant-order: the shorter one that the organisation ordered. ceiling: the 30 days that no setting exceeds. retention: its deadline, of which the receipt does not say what set it. erasure, consent-withdrawn, controller-instruction: a request. aborted: its upload was given up. not-a-recording: its content was none. left-over, unknown: see `facts`.
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
   * Whether an operator has to act: `facts` and `next` say why.
   */
  wrong: boolean;
  /**
   * Null where it is decided.
   */
  deletableFrom: string | null;
  /**
   * Its deadline.
   */
  deleteBy: string | null;
  /**
   * What is known, and from where.
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
     * Where it is known from: an object of the bucket, the listing, a setting, the receipt.
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
     * Null: at the next sweep, or at once.
     */
    at: string | null;
    sentence: string;
  }[];
  receipt: Receipt | null;
}
/**
 * What was recorded, deleted and is held of a tenant, and whether everything was deleted in time.
 */
export interface Report {
  format: 'proctoring-recordings-report';
  version: 1;
  /**
   * Names this report: whose, of which days, made when.
   */
  number: string;
  tenantId: TenantId;
  period: {
    /**
     * From this time on.
     */
    from: string;
    /**
     * Before this time.
     */
    to: string;
  };
  verdict: {
    /**
     * What the report answers.
     */
    question: string;
    /**
     * unknown: not everything could be checked.
     */
    answer: 'yes' | 'no' | 'unknown';
    /**
     * The answer in plain English.
     */
    summary: string;
    /**
     * What the answer does not rest on.
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
     * Recordings that began in the period, and are still held or have a receipt. One that was lost without a receipt is not counted.
     */
    begun: number;
    /**
     * Recordings that were deleted in the period.
     */
    deleted: number;
    /**
     * Of these, those that were deleted after their deadline.
     */
    late: number;
    /**
     * Of these, those whose deletion was requested.
     */
    onRequest: number;
    /**
     * Recordings that are still held.
     */
    held: number;
    /**
     * Of these, those whose attempt was assessed.
     */
    assessed: number;
    /**
     * Of these, those whose attempt was not assessed.
     */
    unassessed: number;
    /**
     * Of those that are held, those of a webcam.
     */
    webcam: number;
    /**
     * Of those that are held, those of a screen.
     */
    screen: number;
    /**
     * Of those that are held, those of sound alone.
     */
    audio: number;
    /**
     * Of those that are held, those without a description that can be read.
     */
    kindUnknown: number;
    /**
     * Of those that are held, those past their deadline: none may be.
     */
    overdue: number;
    /**
     * From then on a sweep may have deleted some of what is held.
     */
    earliestDeletableFrom: string | null;
    /**
     * The earliest deadline of what is held.
     */
    earliestDeleteBy: string | null;
    /**
     * The latest deadline of what is held, as things are now.
     */
    latestDeleteBy: string | null;
    /**
     * The latest deadline that an assessment can still give to what is held unassessed; null where nothing is.
     */
    latestDeleteByIfAssessed: string | null;
    /**
     * Held recordings whose processing is restricted.
     */
    restricted: number;
    /**
     * Held recordings whose deletion was decided, and is not proven yet.
     */
    beingDeleted: number;
    /**
     * What is left of recordings without a description; the next sweep deletes it.
     */
    withoutDescription: number;
    /**
     * How many bytes of media are held, older versions included.
     */
    heldBytes: number;
    /**
     * How many bytes were deleted in the period.
     */
    deletedBytes: number;
  };
  /**
   * Why recordings were deleted in the period: every reason, also those of which there is no deletion.
   */
  reasons: {
    reason: 'retention' | 'aborted' | 'erasure' | 'consent-withdrawn' | 'controller-instruction' | 'not-a-recording';
    /**
     * How many.
     */
    deleted: number;
  }[];
  /**
   * By exam; the totals have all exams.
   */
  exams: {
    examId: ExamId;
    /**
     * Recordings that began in the period, and are still held or have a receipt. One that was lost without a receipt is not counted.
     */
    begun: number;
    /**
     * Recordings that were deleted in the period.
     */
    deleted: number;
    /**
     * Of these, those that were deleted after their deadline.
     */
    late: number;
    /**
     * Of these, those whose deletion was requested.
     */
    onRequest: number;
    /**
     * Recordings that are still held.
     */
    held: number;
    /**
     * Of these, those whose attempt was assessed.
     */
    assessed: number;
    /**
     * Of these, those whose attempt was not assessed.
     */
    unassessed: number;
    /**
     * Of those that are held, those of a webcam.
     */
    webcam: number;
    /**
     * Of those that are held, those of a screen.
     */
    screen: number;
    /**
     * Of those that are held, those of sound alone.
     */
    audio: number;
    /**
     * Of those that are held, those without a description that can be read.
     */
    kindUnknown: number;
    /**
     * Of those that are held, those past their deadline: none may be.
     */
    overdue: number;
    /**
     * From then on a sweep may have deleted some of what is held.
     */
    earliestDeletableFrom: string | null;
    /**
     * The earliest deadline of what is held.
     */
    earliestDeleteBy: string | null;
    /**
     * The latest deadline of what is held, as things are now.
     */
    latestDeleteBy: string | null;
    /**
     * The latest deadline that an assessment can still give to what is held unassessed; null where nothing is.
     */
    latestDeleteByIfAssessed: string | null;
  }[];
  /**
   * Exams without a row of their own.
   */
  examsLeftOut: number;
  /**
   * Of all deletions of the period, the one that came closest to its deadline, or furthest past it.
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
     * How long after its deadline; 0 when it was in time.
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
       * How long after its deadline; 0 when it was in time.
       */
      lateSeconds: number;
    }[];
    /**
     * How many more there are.
     */
    leftOut: number;
  };
  /**
   * Deletions that were requested, the newest first: by whom (`actor`) and why (`reason`).
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
       * How long after its deadline; 0 when it was in time.
       */
      lateSeconds: number;
    }[];
    /**
     * How many more there are.
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
       * Its deadline, which has passed.
       */
      deleteBy: string;
    }[];
    /**
     * How many more there are.
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
       * Since when it may not be played.
       */
      since: string;
      reason: string | null;
      actor: string | null;
      /**
       * Its deadline, which a restriction does not move.
       */
      deleteBy: string;
    }[];
    /**
     * How many more there are.
     */
    leftOut: number;
  };
  notChecked: {
    /**
     * Receipts that exist and cannot be read.
     */
    unreadableReceipts: {
      items: {
        examId: ExamId;
        attemptId: AttemptId;
        recordingId: RecordingId;
      }[];
      /**
       * How many more there are.
       */
      leftOut: number;
    };
    /**
     * Receipts that are not as the service has signed them: somebody else has changed or made them. They are not counted.
     */
    changedReceipts: {
      items: {
        examId: ExamId;
        attemptId: AttemptId;
        recordingId: RecordingId;
      }[];
      /**
       * How many more there are.
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
       * How many more there are.
       */
      leftOut: number;
    };
    /**
     * Objects in the folders of the tenant that this service did not make.
     */
    unknownKeys: number;
    /**
     * The part of the period before this is not covered: receipts of deletions before it have expired.
     */
    receiptsExpiredBefore: string | null;
    /**
     * Receipts that were read and have no signature.
     */
    unsignedReceipts: number;
    /**
     * Receipts whose signature was not checked, because the key was not given.
     */
    uncheckedSignatures: number;
    /**
     * Whether the log of receipts is damaged, or signed by an unknown key.
     */
    isLogUnreadable: boolean;
    /**
     * Deletions in the log for which there is no receipt that can be read. Null: it was not compared, because there is no log, or the period is a part of what it has.
     */
    missingReceipts: number | null;
    /**
     * Deletions after their deadline that the log has, whatever the receipts say. Null: it was not compared.
     */
    lateInLog: number | null;
    /**
     * Signed receipts that are older than three days, and are not in the log. Null: it was not compared.
     */
    unloggedReceipts: number | null;
    /**
     * What such a report never checks.
     */
    notes: string[];
  };
  settings: {
    /**
     * How long recordings are kept after the assessment.
     */
    afterAssessmentSeconds: number;
    /**
     * How long recordings are kept that nobody has assessed.
     */
    unassessedSeconds: number;
    /**
     * The shorter retention that the organisation has ordered, if any.
     */
    tenantOrderSeconds: number | null;
    /**
     * The longest retention, whatever is set.
     */
    ceilingSeconds: number;
    /**
     * How long before the deadline sweeps delete.
     */
    deletionMarginSeconds: number;
    /**
     * How long receipts and the audit trail are kept.
     */
    logRetentionSeconds: number;
  };
  /**
   * The latest checkpoint of the log of receipts, a signed note; null where there is none.
   */
  checkpoint: string | null;
  /**
   * When reading began, by the clock of the service.
   */
  generatedAt: string;
  /**
   * When all was read.
   */
  finishedAt: string;
  /**
   * The clock of the store when reading began; null: it sent none.
   */
  storeClock: string | null;
  serviceVersion: string;
  /**
   * What was compared with what.
   */
  compared: string[];
  howToCheck: {
    step: string;
    /**
     * By which calls or commands.
     */
    call: string;
  }[];
}
/**
 * A receipt for each recording that this call has deleted.
 */
export interface ParticipantErasure {
  receipts: Receipt[];
}
/**
 * Everything that is held of a participant.
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
   * When this document was begun. All times are UTC, ISO 8601.
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
     * The media type of the recording, with its codecs where they are known: as it was announced, and once it is stored that of its content.
     */
    contentType: string;
    /**
     * What the recording is by its content. unrecognized: unknown or damaged bytes, kept like a recording until the deadline, and only to be downloaded. null: it is being sent, or was stored before this was found out.
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
     * uploading: still being sent, it cannot be played yet. stored: complete.
     */
    state: 'uploading' | 'stored';
    /**
     * When the recording began.
     */
    createdAt: string;
    /**
     * When it was complete; null while it is being sent.
     */
    storedAt: string | null;
    /**
     * Its size in bytes; null while it is being sent.
     */
    sizeBytes: number | null;
    /**
     * When the human assessment of the attempt was completed; null when it was not assessed yet.
     */
    assessment: {
      completedAt: string;
    } | null;
    /**
     * The deadline: the recording is deleted no later than this.
     */
    deleteBy: string;
    /**
     * From this time on the recording may already be gone, because the first sweep from then on deletes it: look before.
     */
    deletableFrom: string;
    /**
     * Whether its processing is restricted: it is kept, and cannot be played.
     */
    restricted: boolean;
    /**
     * Whether the client never completed the upload, and the service kept the parts that had arrived.
     */
    truncated: boolean;
    /**
     * When the recording ran and where it has gaps, as the exam client reported; null if it did not. doubtful: what it reported could not all be true, and was corrected.
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
     * Why and since when processing is restricted; null when it is not.
     */
    restriction: {
      reason: string | null;
      since: string;
    } | null;
    /**
     * A link that plays the recording for some minutes; null in an archive, while the recording is being sent, and while it is restricted unless restricted recordings were requested.
     */
    link: PlaybackLink | null;
    /**
     * The path of the recording in the archive; null outside of an archive, and when it is not in it.
     */
    file: string | null;
    /**
     * Everything that the audit trail had about the recording when the export began, and this export.
     */
    accessLog: AccessLogEntry[];
  }[];
  /**
   * Recordings that are kept and whose description cannot be read: an operator has to act.
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
   * link-issued: a caller got a link to play it. link-refused: a caller was refused one. exported: it was in an export such as this. restricted, unrestricted: its processing was restricted, or the restriction was lifted. erased: its deletion was requested. deletion-refused: its deletion was requested, and left to the privacy desk, because its processing is restricted. aborted: its upload was given up, and what had arrived was deleted. content-refused: its content was no recording, and was deleted. assessed: its attempt was reported as assessed, which set its deadline. repaired: the operator had something put right that was found wrong in the store.
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
   * Who did it, by an opaque id of the organisation.
   */
  actor: string;
  /**
   * Why, in the words of the caller; null when no reason was given.
   */
  reason: string | null;
  /**
   * Until when a link was valid, why something was refused, what was exported, or what an assessment set.
   */
  detail: string | null;
  /**
   * The request, as the log of the service names it.
   */
  requestId: string;
}
export interface RestrictRecording {
  /**
   * Kept in the audit trail for as long as receipts are: do not name a person.
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
 * RFC 9457 problem details. Which members it has besides the first six depends on its `code`.
 */
export interface Problem {
  /**
   * Where it is explained, relative to the request: a section of /docs.
   */
  type: string;
  title: string;
  status: number;
  /**
   * For people, about this request.
   */
  detail: string;
  /**
   * Stable: decide by this one.
   */
  code: string;
  /**
   * For the operator, who finds the request in the log.
   */
  requestId: string;
  /**
   * Every mistake, by its path: `parts.0.sizeBytes`.
   */
  errors?: {
    path: string;
    message: string;
  }[];
  /**
   * Any one of them is enough.
   */
  scopes?: string[];
  /**
   * The types that are allowed.
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
   * The parts that are meant.
   */
  partNumbers?: number[];
  /**
   * How many bytes a part may have.
   */
  partSizeBytes?: number;
  /**
   * How many parts a recording may have.
   */
  maxParts?: number;
  /**
   * How many bytes a recording may have.
   */
  maxRecordingBytes?: number;
  /**
   * How many bytes one request may have.
   */
  maxContentBytes?: number;
  /**
   * How often it may be done a day.
   */
  limit?: number;
  /**
   * What could not be deleted yet.
   */
  failed?: {
    examId: ExamId;
    attemptId: AttemptId;
    recordingId: RecordingId;
    code: string;
  }[];
  /**
   * The receipts of what was deleted.
   */
  receipts?: Receipt[];
  /**
   * The deadline that the assessment would set.
   */
  deleteBy?: string;
  /**
   * What the assessment would end early.
   */
  recordings?: {
    recordingId: RecordingId;
    createdAt: string;
    /**
     * Its deadline, which stays.
     */
    deleteBy: string;
  }[];
  [k: string]: unknown;
}
