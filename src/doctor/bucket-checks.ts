// How the bucket is set up: object lock, versions, encryption, the key for uploads, lifecycle rules, leftovers.
import {
  ATTEMPTS_PREFIX,
  AUDIT_PREFIX,
  DOCTOR_PREFIX,
  DUE_PREFIX,
  PARTICIPANTS_PREFIX,
  RECEIPTS_PREFIX,
} from '../bucket/layout.ts';
import { DAY_MS, HOUR_MS } from '../model/durations.ts';
import { CAPABILITIES, isDispensable } from '../objectstore/needs.ts';
import { listAll, listAllMultipartUploads, type ObjectStore, type OpenUpload } from '../objectstore/object-store.ts';
import type { BucketInspection, LifecycleRuleSummary } from '../objectstore/s3/bucket-inspection.ts';
import { isStoreError, isUndecided, isUnreadable } from '../objectstore/store-error.ts';
import { type CheckResult, checkAndFix, failed, info, ok, resultOf, type Verdict, warning } from './check.ts';
import { type CheckContext, type DoctorCheck, readingCheck, writingCheck } from './context.ts';

// Object lock makes deletion impossible. Checked by the doctor and by `serve`

const OBJECT_LOCK = { id: 'object-lock', name: CAPABILITIES['object-lock'].name } as const;

/** Why the service must not use the bucket; undefined: objects are never locked. @throws StoreError */
async function lockProblem(inspection: BucketInspection, signal?: AbortSignal): Promise<string | undefined> {
  const lock = await inspection.objectLock(signal);
  if (!lock) return undefined;
  return lock.defaultRetention === undefined
    ? 'The bucket has object lock: a recording can be locked so that it cannot be deleted by its deadline.'
    : `The bucket locks every object (${lock.defaultRetention}): no recording could be deleted by its deadline.`;
}

/** After an unreadable response the trial of deletion decides, as in `serve`. */
export async function checkObjectLock(inspection: BucketInspection): Promise<CheckResult> {
  const result = await resultOf(OBJECT_LOCK, async () => {
    try {
      const problem = await lockProblem(inspection);
      const remedy = 'Make another bucket without object lock; it cannot be removed from this one.';
      return problem === undefined ? ok('Objects are never locked.') : failed(problem, remedy);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return info(`The store's response cannot be read: ${CAPABILITIES['object-lock'].without}.`, null, 'unknown');
    }
  });
  // Unproven counts as failed, so that nothing is written.
  return result.outcome === 'unproven' ? { ...result, status: 'failed' } : result;
}

/**
 * For `serve`: a reason to refuse the bucket. Undefined also where the store refuses the call or its response cannot be
 * read: then the trial of deletion decides. @throws StoreError `unavailable`: not known yet
 */
export async function findObjectLock(inspection: BucketInspection, signal?: AbortSignal): Promise<string | undefined> {
  try {
    return await lockProblem(inspection, signal);
  } catch (error) {
    if (isStoreError(error) && !isUndecided(error)) return undefined;
    throw error;
  }
}

// Lifecycle rules: one that aborts stray uploads is a second safeguard; one that expires recordings deletes too early

const STRAY_UPLOAD_RULE_ID = 'proctoring-recordings-stray-uploads';
/** Longer than a recording that is not assessed is kept (30 days), so that no live upload is aborted. */
const STRAY_UPLOAD_DAYS = 31;
/** A store counts from the upload's start: a rule of one day could abort an exam that is still being recorded. */
const MIN_STRAY_UPLOAD_DAYS = 2;

function strayVerdict(rules: readonly LifecycleRuleSummary[], keyPrefix: string): Verdict {
  const uploads = keyPrefix + ATTEMPTS_PREFIX;
  const aborting = rules.filter(({ prefix, abortUploadsDays }) => {
    return uploads.startsWith(prefix) && abortUploadsDays !== undefined;
  });
  const tooSoon = aborting.find(({ abortUploadsDays = 0 }) => abortUploadsDays < MIN_STRAY_UPLOAD_DAYS);
  if (tooSoon) {
    return warning(
      `Rule "${tooSoon.id}" aborts uploads after ${tooSoon.abortUploadsDays} day: it could end one that is still live.`,
      `Set it to ${STRAY_UPLOAD_DAYS} days.`,
    );
  }
  const rule = aborting.find(({ isNarrowed }) => !isNarrowed);
  if (rule) return ok(`Rule "${rule.id}" aborts uploads ${rule.abortUploadsDays} days after they began.`);
  return warning(
    'No rule aborts uploads that were never completed; the sweeper does, and there is no second safeguard.',
    `Run doctor --fix: it adds a rule of ${STRAY_UPLOAD_DAYS} days, more than the 30 that a recording is kept, so that no live upload is aborted.`,
  );
}

function expirationVerdict(rules: readonly LifecycleRuleSummary[], { place, settings }: CheckContext): Verdict {
  const { unassessedMs, afterAssessmentMs } = settings.policy;
  const recordings = { what: 'recordings', days: Math.ceil((unassessedMs + afterAssessmentMs) / DAY_MS) };
  const logs = { what: 'receipts and audit events', days: Math.ceil(settings.logRetentionMs / DAY_MS) };
  const kept = [
    ...[ATTEMPTS_PREFIX, PARTICIPANTS_PREFIX, DUE_PREFIX].map((area) => ({ area, ...recordings })),
    ...[RECEIPTS_PREFIX, AUDIT_PREFIX].map((area) => ({ area, ...logs })),
  ];
  for (const { id, prefix, expirationDays, expiresAtDate, isNarrowed } of rules) {
    if (expirationDays === undefined && !expiresAtDate) continue;
    const hit = kept.find(({ area, days }) => {
      // Whether a key can match both.
      const overlaps = prefix.startsWith(place.keyPrefix + area) || (place.keyPrefix + area).startsWith(prefix);
      return overlaps && (expirationDays ?? 0) < days;
    });
    if (!hit) continue;
    const when = expirationDays === undefined ? 'at a fixed date' : `after ${expirationDays} days`;
    const reason = `Rule "${id}" expires ${isNarrowed ? 'some ' : ''}${hit.what} ${when}, which may be before their time (up to ${hit.days} days), and leaves no receipt.`;
    const remedy = 'Remove this rule: the sweeper deletes on time; no lifecycle rule can (it counts from creation).';
    return isNarrowed ? warning(reason, remedy) : failed(reason, remedy);
  }
  return rules.length === 0 ? info('There are no lifecycle rules.') : ok('No rule expires anything before its time.');
}

// Versions, encryption, the key for uploads, and what earlier runs left

/** Longer than any run of the doctor. */
const LEFTOVER_AGE_MS = HOUR_MS;

export const BUCKET_CHECKS: readonly DoctorCheck[] = [
  readingCheck('versioning', CAPABILITIES.versioning.name, async ({ inspection }) => {
    const versioning = await inspection.versioning();
    if (versioning === 'off') return ok('Off: a deletion leaves no older version.', versioning);
    return warning(
      `It is ${versioning}: the service deletes every version, which costs a listing for each deletion.`,
      'Where the store allows it, use a bucket that was never versioned.',
      versioning,
    );
  }),
  readingCheck('encryption', 'encryption at rest', async ({ inspection }) => {
    const algorithms = await inspection.encryption();
    return algorithms.length > 0
      ? ok(`The store encrypts by default (${algorithms.join(', ')}).`)
      : info(
          "The bucket has no default encryption: bytes are encrypted only if the store's disks are.",
          "Encrypt the store's disks, or set default encryption on the bucket.",
        );
  }),
  writingCheck('upload-key', 'upload key', async ({ uploadKeyStore, store, scratch }) => {
    if (!uploadKeyStore) {
      return warning(
        "Part URLs are signed with the service's own key: only the signed length prevents a copy.",
        'Set S3_UPLOAD_ACCESS_KEY_ID to a key that may only s3:PutObject: a second safeguard.',
      );
    }
    const key = scratch.key('upload-key');
    await store.put(key, Buffer.from('not for the upload key'));
    const allowed: string[] = [];
    if (await isAllowed(() => uploadKeyStore.list(scratch.prefix, { limit: 1 }))) allowed.push('list');
    if (await isAllowed(() => uploadKeyStore.getStart(key, 1))) allowed.push('read');
    // The status of the response is not trusted: the key shows whether it was refused.
    await isAllowed(() => uploadKeyStore.delete([{ key }]));
    if ((await store.getStart(key, 1)) === undefined) allowed.push('delete');
    return allowed.length === 0
      ? ok('It may neither list, read nor delete.')
      : warning(
          `It may ${allowed.join(', ')}, which no upload needs.`,
          'Allow this key s3:PutObject on the keys of the service, and nothing else.',
        );
  }),
  readingCheck('leftovers', 'earlier runs removed', async ({ store, scratch }) => {
    const { storeTimeMs } = await store.list(DOCTOR_PREFIX, { limit: 1 });
    const isLeft = (key: string, sinceMs: number) =>
      !key.startsWith(scratch.prefix) && sinceMs < storeTimeMs - LEFTOVER_AGE_MS;
    let left = 0;
    for await (const { key, lastModifiedMs } of listAll(store, DOCTOR_PREFIX)) {
      if (isLeft(key, lastModifiedMs)) left += 1;
    }
    for (const { key, initiatedMs } of await openUploads(store)) if (isLeft(key, initiatedMs)) left += 1;
    return left === 0
      ? ok('No earlier run left anything behind that is listed.')
      : warning(`${left} objects or uploads under ${DOCTOR_PREFIX} are left of an earlier run.`, 'Delete them.');
  }),
  readingCheck('stray-uploads', CAPABILITIES['stray-uploads'].name, ({ inspection, place, fix }) => {
    return checkAndFix(
      fix,
      async () => strayVerdict(await inspection.lifecycleRules(), place.keyPrefix),
      () => inspection.setStrayUploadRule(STRAY_UPLOAD_RULE_ID, place.keyPrefix, STRAY_UPLOAD_DAYS),
      `Set now: uploads are aborted ${STRAY_UPLOAD_DAYS} days after they began.`,
    );
  }),
  readingCheck('expiration', 'no rule that expires too early', async (context) => {
    return expirationVerdict(await context.inspection.lifecycleRules(), context);
  }),
];

async function isAllowed(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (isStoreError(error) && error.code !== 'unavailable') return false;
    throw error;
  }
}

/** None where the store does not list them. */
async function openUploads(store: ObjectStore): Promise<OpenUpload[]> {
  try {
    return await Array.fromAsync(listAllMultipartUploads(store, DOCTOR_PREFIX));
  } catch (error) {
    if (isDispensable(error)) return [];
    throw error;
  }
}
