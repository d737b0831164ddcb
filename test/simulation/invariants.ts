// What must be true after every step of a history, whatever has failed: each invariant a function that throws `Violation`.
import { parseDocument } from '../../src/bucket/documents.ts';
import { DUE_PREFIX, parseKey } from '../../src/bucket/layout.ts';
import { type AttemptRef, createdAtOf, type RecordingRef } from '../../src/model/ids.ts';
import { MAX_CLOCK_SKEW_MS } from '../../src/model/times.ts';
import type { SweepReport } from '../../src/sweeper/report.ts';
import { keysIn, type StoreCall } from '../kit/interventions.ts';
import { attemptPrefix, participantKey, receiptKey, recordingKey, recordingPrefix } from '../kit/keys.ts';
import { CLOCK_TOLERANCE_MS, type Model } from './model.ts';
import { PART_SIZE_BYTES } from './plan.ts';
import { must, Violation } from './violation.ts';
import type { Effect, Request, World } from './world.ts';

/** After each effect on the store. */
export function checkEffect(model: Model, world: World, effect: Effect): void {
  learn(model, world, effect);
  const { method, key, gone, aborted } = effect;
  if (method === 'put') model.logs?.written(key, world.nowMs - effect.sentMs > model.rules.settleMs);
  for (const name of gone) model.logs?.deleted(name);
  const touched: AttemptRef[] = [];
  for (const name of gone) {
    const parsed = parseKey(name);
    if (parsed?.type === 'assessed') factsOutliveRecordings(model, parsed.ref, name);
    if (parsed?.type === 'receipt') receiptsAreKept(model, world, parsed.ref, name);
    if (parsed?.type === 'due-attempt') touched.push(parsed.ref);
    nothingIsDeletedEarly(model, world, effect, name);
    whatEndsEarlyIsAudited(model, world, effect, name);
    // What was on its way before it could not be read any more may still arrive.
    must(effect.isLate || !model.poisoned.has(name), 'what cannot be read is kept', `${name} is deleted`);
  }
  if (aborted) nothingIsDeletedEarly(model, world, effect, aborted.key, aborted.uploadId);
  const isWrite = ['put', 'createMultipartUpload', 'completeMultipartUpload'].includes(method);
  const written = isWrite ? parseKey(key) : undefined;
  if (written?.type === 'assessed' || written?.type === 'recording') touched.push(written.ref);
  for (const attempt of touched) everyLiveRecordingHasADueEntry(model, attempt);
  if (written?.type === 'recording' && written.object === 'manifest') itsParticipantLeadsToIt(model, key, written.ref);
  if (written?.type === 'receipt') aReceiptMeansThatNothingIsLeft(model, written.ref);
  if (written?.type === 'recording' && method !== 'createMultipartUpload')
    deletedStaysDeleted(model, effect, written.ref, written.object);
}

/** What the model has to know of an effect before it is judged. */
function learn(model: Model, world: World, { request, method, key, isLate }: Effect): void {
  const parsed = parseKey(key);
  if (parsed?.type === 'recording' && method === 'createMultipartUpload') model.know(parsed.ref).creation ??= request;
  // One that comes after the end of its upload is refused.
  if (parsed?.type === 'recording' && method === 'uploadPart' && model.isLiveUpload(parsed.ref)) {
    model.know(parsed.ref).firstPartMs ??= world.nowMs;
  }
  if (method !== 'put') return;
  if (parsed?.type === 'recording') {
    if (parsed.object === 'manifest') begins(model, parsed.ref);
    if (parsed.object === 'deleting') model.know(parsed.ref).doomedMs ??= world.nowMs;
    if (parsed.object === 'stored' && isLate) model.strayMarkers.add(key);
    if (parsed.object === 'overview') overviewComes(model, parsed.ref, { request, isLate });
  }
  if (parsed?.type === 'participant') {
    if (isLate) model.strayMarkers.add(key);
    const isRepair = request.tenant === undefined || model.know(parsed.ref).receiptMs !== undefined;
    if (isRepair) model.repairedMarkers.add(key);
  }
  if (parsed?.type === 'receipt') model.know(parsed.ref).receiptMs ??= world.nowMs;
  if (parsed?.type === 'due-receipts') {
    const index = parseDocument('receiptIndex', model.store.peek(key) ?? new Uint8Array());
    if (index && index.first > 1) world.count('later-batches');
    for (const name of index?.keys ?? []) {
      const receipt = parseKey(name);
      if (receipt?.type !== 'receipt') continue;
      const known = model.know(receipt.ref);
      known.provenMs = Math.min(known.provenMs ?? Number.POSITIVE_INFINITY, parsed.timeMs - model.rules.logRetentionMs);
    }
  }
  if (parsed?.type === 'assessed') {
    model.assessedAtMs.set(attemptPrefix(parsed.ref), world.nowMs);
    const dueMs =
      world.nowMs + model.rules.leadMs + CLOCK_TOLERANCE_MS - model.retentionMs(parsed.ref.tenant, 'unassessedMs');
    for (const known of model.of(parsed.ref)) known.wasDue ||= known.bornMs <= dueMs;
  }
}

function overviewComes(model: Model, ref: RecordingRef, { request, isLate }: Pick<Effect, 'request' | 'isLate'>): void {
  const known = model.know(ref);
  const isOver = known.doomedMs !== undefined || known.receiptMs !== undefined;
  if (isOver && !isLate) known.lateOverviews.add(request.name);
  known.lastOverviewBy = isLate ? undefined : request.name;
}

function begins(model: Model, ref: RecordingRef): void {
  const known = model.know(ref);
  if (known.hasManifest) return;
  known.hasManifest = true;
  known.beganEnded = (model.assessedTimeMs(ref) ?? Number.POSITIVE_INFINITY) < known.bornMs - MAX_CLOCK_SKEW_MS;
}

/** Nothing is deleted before its deadline but by request. The sweeper comes up to the lead before the deadline. */
function nothingIsDeletedEarly(model: Model, world: World, { request }: Effect, key: string, uploadId?: string): void {
  const parsed = parseKey(key);
  if (parsed?.type !== 'recording' || !['media', 'manifest', 'stored'].includes(parsed.object)) return;
  const { ref } = parsed;
  const known = model.know(ref);
  // Of a recording that a receipt speaks of, the manifest is the last to go.
  const isDue =
    known.receiptMs !== undefined || model.deadlineMs(ref) - model.rules.leadMs <= world.nowMs + CLOCK_TOLERANCE_MS;
  if (isDue || known.wasDue || known.deletionsAsked > 0 || known.isJunk) return;
  // A creation gives way to another try with its key, and to an assessment, before a caller was answered with it.
  if (known.doomedMs !== undefined && !known.isAnswered) return;
  const isUpload = uploadId !== undefined;
  if (known.mayBeAborted && (isUpload || parsed.object === 'manifest')) return;
  // An upload that no manifest names, or will name, holds nothing that anybody could ever read.
  const isCreating = known.creation?.isOver === false && known.creation !== request;
  const manifest = Buffer.from(model.store.peek(recordingKey(ref, 'manifest')) ?? []);
  if (isUpload && !isCreating && !manifest.includes(uploadId)) return;
  const deadline = new Date(model.deadlineMs(ref)).toISOString();
  throw new Violation('nothing is deleted early', `${request.name} deletes ${key}, its deadline is ${deadline}`);
}

/**
 * Media, and the manifest of what has media, that go before the deadline which the recording had unassessed go by an act in
 * the audit trail, with its actor: an assessment of the attempt, or a request about this very recording.
 */
function whatEndsEarlyIsAudited(model: Model, world: World, { request }: Effect, key: string): void {
  const parsed = parseKey(key);
  if (parsed?.type !== 'recording' || !['media', 'manifest'].includes(parsed.object)) return;
  const { ref } = parsed;
  const known = model.know(ref);
  const unassessedMs = createdAtOf(ref.recording) + model.retentionMs(ref.tenant, 'unassessedMs');
  const isDue = unassessedMs - model.rules.leadMs <= world.nowMs + CLOCK_TOLERANCE_MS;
  const wasEmpty =
    known.firstPartMs === undefined || known.firstPartMs >= (known.givenUpMs ?? Number.POSITIVE_INFINITY);
  // Nobody was answered with it, or nothing had arrived when it was given up.
  if (isDue || !known.isAnswered || wasEmpty || !known.hasManifest) return;
  const isAsked = model.isAudited(ref, ['erased', 'aborted', 'content-refused']);
  const { tenant, exam, attempt } = ref;
  const isAssessed = model.isAudited({ tenant, exam, attempt }, ['assessed']);
  must(isAsked || isAssessed, 'what ends early is in the audit trail', `${request.name} deletes ${key}`);
}

/** A deadline never moves later once assessed: the fact stays as long as anything that it is about. */
function factsOutliveRecordings(model: Model, attempt: AttemptRef, key: string): void {
  const live = model.of(attempt).find(({ ref }) => model.hasAny(ref));
  must(!live, 'a deadline never moves later', `${key} is deleted, and ${live?.ref.recording} is there`);
}

/** Counted from the first proof of the deletion, though a crash may have put off the receipt. */
function receiptsAreKept(model: Model, world: World, ref: RecordingRef, key: string): void {
  const sinceMs = model.know(ref).provenMs ?? Number.NaN;
  const untilMs = sinceMs + model.rules.logRetentionMs - CLOCK_TOLERANCE_MS;
  must(world.nowMs >= untilMs, 'a receipt is kept for its time', `${key} is deleted before`);
}

/** Every live recording has a due entry at or before its deadline. */
function everyLiveRecordingHasADueEntry(model: Model, attempt: AttemptRef): void {
  const live = model.of(attempt).filter(({ ref }) => model.isLive(ref));
  const prefix = attemptPrefix(attempt);
  const entries = model.store.keysUnder(DUE_PREFIX).map(parseKey);
  const first = entries.find((entry) => entry?.type === 'due-attempt' && attemptPrefix(entry.ref) === prefix);
  const firstMs = first && 'timeMs' in first ? first.timeMs : Number.POSITIVE_INFINITY;
  for (const { ref } of live) {
    const deadlineMs = model.deadlineMs(ref);
    const told = firstMs === Number.POSITIVE_INFINITY ? 'none' : new Date(firstMs).toISOString();
    const detail = `${recordingPrefix(ref)} is due at ${new Date(deadlineMs).toISOString()}, its first entry is ${told}`;
    must(firstMs <= deadlineMs, 'every live recording has a due entry at or before its deadline', detail);
  }
}

/** From its manifest on a recording is found by whoever asks for its participant: an erasure never says that nothing is held. */
function itsParticipantLeadsToIt(model: Model, key: string, ref: RecordingRef): void {
  const manifest = parseDocument('manifest', model.store.peek(key) ?? new Uint8Array(), ref);
  // One that comes after its deletion is judged as such.
  if (!manifest || model.know(ref).doomedMs !== undefined) return;
  const isFound = model.store.peek(participantKey(manifest.participantId, ref)) !== undefined;
  must(isFound, 'a participant leads to its recordings', recordingPrefix(ref));
}

/** A receipt implies that there are no data any more: a mark that a request adds meanwhile goes with the next sweep. */
function aReceiptMeansThatNothingIsLeft(model: Model, ref: RecordingRef): void {
  const prefix = recordingPrefix(ref);
  const uploads = model.store.uploadsToEnd(prefix).map(({ uploadId }) => uploadId);
  const isLeft = model.has(ref, 'media') || uploads.length > 0;
  must(!isLeft, 'a receipt means that nothing is left', [...model.store.keysUnder(prefix), ...uploads].join(' '));
}

/** A deleted recording never becomes readable again: once there was a receipt, no media and no manifest come. */
function deletedStaysDeleted(model: Model, { key, request }: Effect, ref: RecordingRef, object: string): void {
  if (model.recordings.get(ref.recording)?.receiptMs === undefined) return;
  const isBack = (object === 'media' || object === 'manifest') && model.has(ref, object);
  must(!isBack, 'what was deleted never comes back', `${request.name} brings back ${key}`);
}

/** No call of one tenant touches another's keys. Sweepers work for all. */
export function tenantsStayApart({ tenant, name }: Request, method: StoreCall, args: readonly unknown[]): void {
  if (tenant === undefined || method === 'isVersioned') return;
  for (const key of keysIn(args)) {
    const parsed = parseKey(key);
    const ofLog = parsed && 'tenant' in parsed ? parsed.tenant : undefined;
    const owner = parsed && 'ref' in parsed ? parsed.ref.tenant : ofLog;
    const isShared = parsed?.type === 'due-receipts';
    const prefix = method.startsWith('list')
      ? /^(?:attempts|participants|receipts|due\/[^/]+\/attempt)\/([^/]+)\//
      : /$^/;
    const isOwn = owner === undefined ? prefix.exec(key)?.[1] === tenant : owner === tenant;
    must(isOwn || isShared, 'tenants stay apart', `${name} of ${tenant}: ${method} ${key}`);
  }
}

/** Nothing is readable past its deadline once a sweep has run: what a sweep that ended well must not have left. */
export function aSweepLeavesNothingDue(model: Model, due: RecordingRef[], beganMs: number, report: SweepReport): void {
  const reported = report.problems.flatMap(({ keys }) => keys);
  for (const ref of due) {
    const prefix = attemptPrefix(ref);
    // An assessment that came meanwhile may keep it: the next sweep will see.
    if (model.isAssessedSince(ref, beganMs) || reported.some((key) => key.includes(prefix))) continue;
    must(!model.hasAny(ref), 'nothing is readable past its deadline', `${recordingPrefix(ref)} is there after a sweep`);
  }
}

/** An accepted overview was written before its recording's deletion was decided, so the deletion finds it. */
export function anOverviewIsOfALiveRecording(model: Model, ref: RecordingRef, request: string): void {
  const isLate = model.know(ref).lateOverviews.has(request);
  must(!isLate, 'what was deleted never comes back', `${ref.recording} gets an overview by ${request}`);
}

/** What came too late is withdrawn before its request is refused. */
export function aRefusedOverviewIsGone(model: Model, ref: RecordingRef, request: string): void {
  const { lateOverviews, lastOverviewBy } = model.know(ref);
  if (!lateOverviews.has(request) || lastOverviewBy !== request) return;
  must(
    !model.has(ref, 'overview'),
    'what was deleted never comes back',
    `${ref.recording} has an overview of ${request}`,
  );
}

/** An answered erasure, or abort: nothing can be read any more, and there is a receipt, if there ever was anything. */
export function erasureIsWhole(model: Model, ref: RecordingRef, abortedAtMs?: number): void {
  must(!model.isLive(ref), 'an answered erasure is whole', `${recordingPrefix(ref)} is there`);
  const known = model.know(ref);
  const firstMs = Math.min(
    known.firstPartMs ?? Number.POSITIVE_INFINITY,
    known.firstOverviewMs ?? Number.POSITIVE_INFINITY,
  );
  if (abortedAtMs !== undefined && !(firstMs < abortedAtMs)) return;
  must(known.receiptMs !== undefined, 'an answered erasure is whole', `${receiptKey(ref)} never was`);
}

/**
 * One key, one recording: another one is answered only when one of the two was deleted, or is about to be. A slow request may
 * be answered with the first one although that was deleted since it was listed.
 */
export function oneKeyOneRecording(model: Model, attempt: AttemptRef, recording: string): void {
  const answered = model.answeredWith(recording);
  if (!answered) return;
  const isGone = (id: string) => {
    const ref = { ...attempt, recording: id };
    return model.know(ref).doomedMs !== undefined || !model.isLive(ref);
  };
  for (const other of answered) {
    const isOne = other === recording || isGone(other) || isGone(recording);
    must(isOne, 'one key, one recording', `${other} and ${recording}`);
  }
  answered.add(recording);
}

/** Stored implies whole: media that begin as a recording, and are the very parts that the client says it sent. */
export function storedMeansWhole(model: Model, ref: RecordingRef, sent?: Uint8Array): void {
  const media = model.store.peek(recordingKey(ref, 'media'));
  if (!media) return;
  // Two clients may have sent part 1, and only one of them junk: the bytes that stand count.
  const isJunk = Buffer.from(media.subarray(4, 8)).toString() === 'free';
  must(!isJunk, 'stored implies whole', `${recordingPrefix(ref)} is no recording`);
  // Each part is filled with its number.
  const hasHole = media.some((byte, at) => (at + 1) % PART_SIZE_BYTES === 0 && byte !== (at + 1) / PART_SIZE_BYTES);
  must(!hasHole, 'stored implies whole', `${recordingPrefix(ref)} lacks a part`);
  const isWhole = sent === undefined || Buffer.from(sent).equals(media);
  must(isWhole, 'stored implies whole', `${recordingPrefix(ref)} has not the ${sent?.length} bytes that were sent`);
}

/** The tags of the media tell what the facts say, once nobody is at work on them and every request was answered. */
export function tagsTellTheDeadline({ model, world }: { model: Model; world: World }, ref: RecordingRef): void {
  const attempt = attemptPrefix(ref);
  if ([attempt, undefined].some((each) => world.disturbed.has(each) || world.isAsked(each))) return;
  if ([...model.poisoned].some((key) => key.startsWith(attempt))) return;
  if (!model.has(ref, 'stored') || !model.has(ref, 'manifest')) return;
  const told = model.store.peekTags(recordingKey(ref, 'media'))?.['delete-by'];
  const wanted = new Date(model.deadlineMs(ref)).toISOString();
  must(told === undefined || told === wanted, 'the tags tell the deadline', `${recordingPrefix(ref)} ${told}`);
}
