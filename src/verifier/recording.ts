// Checks one recording: its objects by what a listing shows of them, its documents, its tags.
import { createHash } from 'node:crypto';
import { type Attempt, hasLostManifest, isKept, type RecordingState } from '../bucket/attempt.ts';
import { readAuditEvents } from '../bucket/audit-trail.ts';
import {
  type DeletionReason,
  type DocumentOf,
  type Manifest,
  parseDocument,
  readAs,
  type StoredMark,
  type Timeline,
  UNKNOWN_INTENT,
} from '../bucket/documents.ts';
import { isProof } from '../bucket/receipt-log.ts';
import { MAX_REQUEST_MS } from '../model/durations.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import { mistakesInOverview } from '../model/overview.ts';
import type { AuditEvent } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import type { ListedObject } from '../objectstore/object-store.ts';
import { isBusy, isStoreError } from '../objectstore/store-error.ts';
import { tagRecordings } from '../recordings/assess.ts';
import type { Claims } from './claims.ts';
import { type Comparison, compareDocument, compareEtags, compareSizes } from './media.ts';
import { AT_ONCE_MS, isAudited } from './promises.ts';
import { isAfter, type VerifyRun } from './run.ts';

/** Objects that have no body. */
const EMPTY = ['truncated', 'announced', 'ahead'] as const;

const REQUESTS: readonly AuditEvent[] = ['erased', 'aborted', 'content-refused'];

/** The audit event that is before each deletion on request; any where the sweeper could not read the intent. */
export function eventsOf({ reason, actor }: { reason: DeletionReason; actor: string }): readonly AuditEvent[] {
  if (isOfUnknown({ actor })) return REQUESTS;
  if (reason === 'retention') return [];
  if (reason === 'aborted') return ['aborted'];
  return reason === 'not-a-recording' ? ['content-refused'] : ['erased'];
}

/** Whether the sweeper deleted by an intent that it could not read. */
export function isOfUnknown({ actor }: { actor: string }): boolean {
  return actor === UNKNOWN_INTENT.actor;
}

export interface CheckedRecording {
  /** Undefined where it could not be read, or nothing needs it. */
  readonly manifest: Manifest | undefined;
  /** Its deletion has begun: the sweeper must come now. */
  readonly isBeingDeleted: boolean;
}

/** The documents of a recording past its grace period, one GET each, and its tags. */
export async function checkRecording(
  run: VerifyRun,
  attempt: Attempt,
  state: RecordingState,
  claims: Claims,
): Promise<CheckedRecording> {
  const { bucket, findings } = run;
  const { ref, objects } = state;
  for (const object of EMPTY) {
    const marker = objects[object];
    if (marker && marker.sizeBytes > 0) await run.report('wrong-body', marker.key, `${marker.sizeBytes} bytes`);
  }
  if (objects.deleting) {
    findings.counts.checked += 1;
    findings.skip('being-deleted');
    await checkIntent(run, attempt, ref, objects.deleting, claims);
    return { manifest: undefined, isBeingDeleted: !run.isYoung(objects.deleting.lastModifiedMs) };
  }
  findings.counts.checked += 1;
  if (!objects.manifest) {
    const names = Object.keys(objects).join(', ') || 'older versions only';
    const isLeftOver = !hasLostManifest(state, await isProof(run.context.signer, await bucket.readReceipt(ref)));
    // Only the sweeper deletes, and what no receipt proves deleted only by its deadline.
    const repair = run.enqueue(ref, isLeftOver ? run.context.now() : attempt.deadlineMs(ref));
    const what = isLeftOver ? 'left after its deletion' : 'its manifest is gone';
    await run.report('media-without-manifest', bucket.recordingName(ref), `${what}: ${names}`, repair);
    return { manifest: undefined, isBeingDeleted: false };
  }
  const createdAtMs = createdAtOf(ref.recording);
  if (!objects.ahead && !run.isFromFuture(createdAtMs)) {
    await run.reportIfAhead(objects.manifest.key, 'the time in its id', createdAtMs, objects.manifest.lastModifiedMs);
  }
  const read = await readManifest(run, ref, objects.manifest);
  if (read === undefined) return { manifest: undefined, isBeingDeleted: false };
  const manifest = read === 'unreadable' ? undefined : read.manifest;
  if (!manifest) {
    await run.report('manifest-unreadable', objects.manifest.key, 'kept: an operator has to look');
  } else if (isAfter(Date.parse(manifest.consent.givenAt), createdAtMs)) {
    await run.report('manifest-changed', objects.manifest.key, 'its consent was given after it was created');
  }
  const mark = await checkMark(run, attempt, state);
  if (mark) await compareAll(run, state, mark, read === 'unreadable' ? undefined : read);
  await checkRestriction(run, state, claims);
  await checkTimeline(run, attempt, state, mark?.timelineEtag);
  await checkOverview(run, attempt, state, mark?.overviewEtag);
  if (objects.media) await checkTags(run, attempt, ref);
  return { manifest, isBeingDeleted: false };
}

interface ReadManifest {
  readonly manifest: Manifest;
  readonly body: Uint8Array;
}

function readManifest(
  { bucket }: VerifyRun,
  ref: RecordingRef,
  { key }: ListedObject,
): Promise<ReadManifest | 'unreadable' | undefined> {
  return readAs(bucket.store, key, (body) => {
    const manifest = parseDocument('manifest', body, ref);
    return manifest && { manifest, body };
  });
}

/** An intent that cannot be read deletes all the same; it does not say for whom. */
async function checkIntent(
  run: VerifyRun,
  attempt: Attempt,
  ref: RecordingRef,
  intent: ListedObject,
  claims: Claims,
): Promise<void> {
  if (run.isYoung(intent.lastModifiedMs)) return;
  const { bucket } = run;
  const deleting = await bucket.read(ref, 'deleting');
  if (!deleting) return;
  if (deleting === 'unreadable') return run.report('unreadable', intent.key, 'a deletion intent');
  await run.reportIfAhead(intent.key, 'its time', Date.parse(deleting.requestedAt), intent.lastModifiedMs);
  const atMs = Date.parse(deleting.requestedAt);
  const deadlineMs = attempt.deadlineOfDeletion(ref, deleting.deadline);
  if (deleting.reason === 'retention' && atMs < deadlineMs - run.longestLeadMs) {
    const detail = `for its retention, at ${deleting.requestedAt}; its deadline is ${toIso(deadlineMs)}`;
    await run.report('deleted-early', intent.key, detail);
  }
  const events = eventsOf(deleting);
  if (events.length === 0 || isDiscard(deleting)) return;
  const isStill = async () => (await bucket.recording(ref))?.objects.deleting !== undefined;
  const eventFromMs = createdAtOf(ref.recording);
  await claims.add({ kind: 'deletion-unproven', key: intent.key, ref, events, atMs, eventFromMs, isStill });
}

/** A creation that gave way, or an upload that was given up before a part arrived, leaves no event. */
export function isDiscard({ reason, actor, isEmpty }: { reason: string; actor: string; isEmpty?: true | undefined }) {
  return isEmpty === true || (reason === 'aborted' && actor === 'service');
}

/** The mark `stored`, where media and it are there and it can be read. */
async function checkMark(run: VerifyRun, attempt: Attempt, { ref, objects }: RecordingState) {
  const { bucket, context } = run;
  const { media, stored } = objects;
  // A sweep may be at it, whose deletes are not whole yet.
  const isEnding = attempt.deadlineMs(ref) <= context.now() + context.leadMs;
  const isStill = async (what: { media: boolean; stored: boolean }) => {
    const now = await bucket.recording(ref);
    if (!now || !isKept(now)) return false;
    return (now.objects.media !== undefined) === what.media && (now.objects.stored !== undefined) === what.stored;
  };
  if (stored && !media && !isEnding && !run.isYoung(stored.lastModifiedMs)) {
    if (!(await isStill({ media: false, stored: true })) || (await bucket.readReceipt(ref))) return undefined;
    await run.report('media-missing', stored.key, `stored at ${toIso(stored.lastModifiedMs)}`);
  }
  const isLong =
    context.now() - (media?.lastModifiedMs ?? context.now()) > context.uploadIdleLimitMs + context.settleMs;
  if (media && !stored && !isEnding && isLong && (await isStill({ media: true, stored: false }))) {
    await run.report(
      'stored-missing',
      media.key,
      'it is reported as uploading; any call that reads it looks at its media',
    );
  }
  if (!stored) {
    run.findings.skip('unmarked');
    return undefined;
  }
  const mark = await bucket.read(ref, 'stored');
  if (mark === 'unreadable') await run.report('unreadable', stored.key, 'the mark of a stored recording');
  return mark === 'unreadable' ? undefined : mark;
}

async function compareAll(
  run: VerifyRun,
  { objects: { media, manifest } }: RecordingState,
  mark: StoredMark,
  read: ReadManifest | undefined,
): Promise<void> {
  const { findings } = run;
  const judge = async (found: Comparison, kind: 'media-changed' | 'manifest-changed', key: string) => {
    if (typeof found === 'object') await run.report(kind, key, found.changed);
    return found === 'incomparable';
  };
  if (media) {
    const size = compareSizes(media, mark, read?.manifest);
    if (await judge(size, 'media-changed', media.key)) findings.skip('media-size');
    // One reason is enough.
    const etag = typeof size === 'object' ? undefined : compareEtags(media, mark);
    if (await judge(etag, 'media-changed', media.key)) findings.skip('media-etag');
  }
  if (manifest && read) {
    const found = compareDocument(manifest, read.body, mark.manifestEtag);
    if (await judge(found, 'manifest-changed', manifest.key)) findings.skip('manifest-etag');
  }
}

async function checkRestriction(run: VerifyRun, { ref, objects }: RecordingState, claims: Claims): Promise<void> {
  const { restricted } = objects;
  if (!restricted || run.isYoung(restricted.lastModifiedMs)) return;
  const { bucket } = run;
  const restriction = await bucket.read(ref, 'restricted');
  if (!restriction) return;
  if (restriction === 'unreadable') await run.report('unreadable', restricted.key, 'a restriction');
  else {
    const atMs = Date.parse(restriction.restrictedAt);
    await run.reportIfAhead(restricted.key, 'its time', atMs, restricted.lastModifiedMs);
    if (isAfter(createdAtOf(ref.recording), atMs)) {
      await run.report('impossible-time', restricted.key, 'it was restricted before it was created');
    } else if (await isContradicted(run, ref, restriction)) {
      await run.report(
        'restriction-unproven',
        restricted.key,
        'the audit trail has another time, another reason, or another actor',
      );
    }
  }
  const isStill = async () => (await bucket.recording(ref))?.objects.restricted !== undefined;
  await claims.add({
    kind: 'restriction-unproven',
    key: restricted.key,
    ref,
    events: ['restricted'],
    atMs: restricted.lastModifiedMs,
    eventFromMs: createdAtOf(ref.recording),
    isStill,
  });
}

/** Whether the recording was restricted, and never so: two LISTs for each day since it was created. */
async function isContradicted(
  run: VerifyRun,
  ref: RecordingRef,
  { reason, actor, restrictedAt }: DocumentOf<'restricted'>,
): Promise<boolean> {
  const isAtOnce = (at: string) => Math.abs(Date.parse(at) - Date.parse(restrictedAt)) <= AT_ONCE_MS;
  let isRestricted = false;
  for await (const { event } of readAuditEvents(run.bucket.store, ref, run.eventTimes(createdAtOf(ref.recording)))) {
    if (event.event !== 'restricted') continue;
    if (event.reason === reason && event.actor === actor && isAtOnce(event.at)) return false;
    isRestricted = true;
  }
  return isRestricted;
}

/** It is read only where the mark does not show that it is the one that was stored. */
async function checkTimeline(
  run: VerifyRun,
  attempt: Attempt,
  { ref, objects }: RecordingState,
  knownEtag: string | undefined,
): Promise<void> {
  const { bucket } = run;
  const listed = objects.timeline;
  if (!listed) {
    if (knownEtag !== undefined && (await isGone(run, attempt, ref, 'timeline'))) {
      await run.report('wrong-timeline', bucket.recordingName(ref), 'it is gone');
    }
    return;
  }
  if (run.isYoung(listed.lastModifiedMs) || (knownEtag !== undefined && listed.etag === knownEtag)) return;
  const read = await readAs(bucket.store, listed.key, (body) => {
    const timeline = parseDocument('timeline', body);
    return timeline && { timeline, body };
  });
  if (!read) return;
  if (read === 'unreadable') return run.report('unreadable', listed.key, 'a timeline');
  const found = knownEtag === undefined ? undefined : compareDocument(listed, read.body, knownEtag);
  if (found === 'incomparable') run.findings.skip('timeline-etag');
  if (typeof found === 'object') await run.report('wrong-timeline', listed.key, found.changed);
  else if (!isPossible(read.timeline)) await run.report('wrong-timeline', listed.key, 'it ends before it begins');
}

function isPossible({ startedAt, endedAt, gaps }: Timeline): boolean {
  const isRising = (from: string, to: string) => Date.parse(from) <= Date.parse(to);
  return isRising(startedAt, endedAt) && gaps.every(({ from, to }) => isRising(from, to));
}

/** Whether an object that the mark knows is not there any more, and no deletion has taken it. */
async function isGone(
  { bucket, context }: VerifyRun,
  attempt: Attempt,
  ref: RecordingRef,
  object: 'timeline' | 'overview',
): Promise<boolean> {
  if (attempt.deadlineMs(ref) <= context.now() + context.leadMs) return false;
  const now = await bucket.recording(ref);
  return now !== undefined && isKept(now) && now.objects.stored !== undefined && !now.objects[object];
}

/**
 * As `checkTimeline`. The mark may have missed an overview that came while the recording was completed, at most as long after
 * it as a request lasts (`storeOverview`): that one is not compared.
 */
async function checkOverview(
  run: VerifyRun,
  attempt: Attempt,
  { ref, objects }: RecordingState,
  knownEtag: string | undefined,
): Promise<void> {
  const { bucket, findings } = run;
  const { overview: listed, stored } = objects;
  if (!listed) {
    if (knownEtag !== undefined && (await isGone(run, attempt, ref, 'overview'))) {
      await run.report('wrong-overview', bucket.recordingName(ref), 'it is gone');
    }
    return;
  }
  if (run.isYoung(listed.lastModifiedMs) || (knownEtag !== undefined && listed.etag === knownEtag)) return;
  const body = await readAs(bucket.store, listed.key, (bytes) =>
    mistakesInOverview(bytes).length === 0 ? bytes : undefined,
  );
  if (!body) return;
  if (body === 'unreadable') return run.report('unreadable', listed.key, 'an overview');
  if (!stored) return;
  const mayBeMissed = listed.lastModifiedMs <= stored.lastModifiedMs + MAX_REQUEST_MS;
  const found = knownEtag === undefined ? ADDED : compareDocument(listed, body, knownEtag);
  if (found === 'incomparable' || (found && mayBeMissed)) findings.skip('overview-etag');
  else if (found) await run.report('wrong-overview', listed.key, found.changed);
}

const ADDED = { changed: 'it was added after the recording was stored' };

/** Tags that tell an earlier deadline were a promise: nothing may wipe away that it was made. */
async function checkTags(run: VerifyRun, attempt: Attempt, ref: RecordingRef): Promise<void> {
  const { bucket } = run;
  const key = bucket.mediaKey(ref);
  // Nothing depends on them: a store that fails to return tags has no wrong ones. A busy one would be asked for each.
  const tags = await bucket.store.tags(key).catch((error: unknown) => {
    if (!isStoreError(error) || isBusy(error)) throw error;
    return undefined;
  });
  if (!tags) return run.findings.skip('tags');
  if (agree(tags, attempt.tagsOf(ref))) return;
  // An assessment may have arrived since the attempt was listed.
  const now = await bucket.attempt(ref);
  const wanted = now.tagsOf(ref);
  if (agree(tags, wanted)) return;
  const told = tags['delete-by'] ?? 'no delete-by';
  if (isEarlier(tags, wanted) && !(await isOutdated(run, now, tags))) {
    return run.report('deadline-moved', key, `its tags say ${told}, the facts say ${wanted['delete-by']}`);
  }
  const isWanted = ({ recording }: RecordingRef) => recording === ref.recording;
  // The event of the repair has it: what the tags said is not lost with them.
  await run.report('wrong-tags', key, `its tags say ${told}, delete-by should be ${wanted['delete-by']}`, {
    of: ref,
    act: async () => tagRecordings(bucket, await bucket.attempt(ref), isWanted),
  });
}

type Tags = Readonly<Record<string, string>>;

function agree(tags: Tags, wanted: Tags): boolean {
  return ['delete-by', 'assessment-completed-at'].every((name) => tags[name] === wanted[name]);
}

/** Whether tags tell of an earlier deadline, or of an earlier assessment, than the facts. */
function isEarlier(tags: Tags, wanted: Tags): boolean {
  const isBefore = (name: string) =>
    tags[name] !== undefined && Date.parse(tags[name]) < (Date.parse(wanted[name] ?? '') || Number.POSITIVE_INFINITY);
  return isBefore('delete-by') || isBefore('assessment-completed-at');
}

/** Whether they are those of before an assessment, which kept it longer, and whose writer died before the tags. */
async function isOutdated(run: VerifyRun, attempt: Attempt, tags: Tags): Promise<boolean> {
  const { assessedAtMs } = attempt;
  if (assessedAtMs === undefined || tags['assessment-completed-at'] !== undefined) return false;
  return isAudited(run, attempt, { completedAtMs: assessedAtMs });
}

/** A short name for an upload id, so that many are held in little memory. */
export function uploadName(uploadId: string): string {
  return createHash('sha256').update(uploadId).digest('base64').slice(0, 16);
}
