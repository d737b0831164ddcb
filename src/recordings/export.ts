// Access and portability (policy 9.1): all that is held of a participant, as one document that is written as it is read.
import { pMapIterable } from 'p-map';
import type { z } from 'zod';
import { isKept, isStored } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import type { ParticipantRef } from '../model/ids.ts';
import { type AccessLogEntry, EXPORT_FIELDS, type exportedRecording, type Recording } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import { accessLogOf } from './access-log.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { type HeldRecording, heldRecordings } from './list.ts';
import { presignPlaybackOf } from './playback.ts';
import { type LiveRecording, toRecording } from './read.ts';

/** Recordings that are read at once, before they are written one after the other. */
const RECORDINGS_AT_ONCE = 8;

/** What of a recording is known when its part of the document begins; its access log follows. */
export type ExportedRecording = Readonly<Omit<z.output<typeof exportedRecording>, 'accessLog'>>;

export interface ExportOptions {
  /** Whether recordings whose processing is restricted come with a link or a file, and not with their description alone. */
  readonly includeRestricted: boolean;
  /** Names the files of a recording in an archive; undefined: links instead. */
  readonly filesFor?: ((live: LiveRecording, recording: Recording) => FilesOfRecording) | undefined;
}

export type FilesOfRecording = Pick<ExportedRecording, 'file' | 'overviewFile'>;

/**
 * The JSON text of the export, chunk by chunk: memory holds a few recordings, whatever their number, and the beginning of their access logs. Every recording in it
 * is audited as `exported` before it is written, and before its link or file is returned; its access log is that of
 * the export's beginning, and this export. When it breaks off, the text is no JSON. @throws what the store throws.
 */
export async function* exportDocument(
  context: RecordingsContext,
  caller: Caller,
  participant: ParticipantRef,
  options: ExportOptions,
): AsyncGenerator<string, void, undefined> {
  // An outage fails the call before the first chunk.
  await requireListing(context, participant);
  const unreadable: { recordingId: string; examId: string; attemptId: string }[] = [];
  const startedMs = context.now();
  const head = exportHead(participant.tenant, participant.participant, toIso(startedMs));
  yield `${openEnd(head)},"recordings":[`;
  let separator = '';
  const read = async ({ ref, live, isUnreadable }: HeldRecording) => {
    if (!live) return { ref, isUnreadable };
    // What other exports write meanwhile is not read: many at once would each read what all of them write.
    const log = begin(accessLogOf(context, ref, startedMs));
    return { ref, isUnreadable, log, exported: await exportRecording(context, caller, live, options) };
  };
  const recordings = pMapIterable(heldRecordings(context, participant), read, { concurrency: RECORDINGS_AT_ONCE });
  for await (const { ref, isUnreadable, log, exported } of recordings) {
    if (isUnreadable) unreadable.push({ recordingId: ref.recording, examId: ref.exam, attemptId: ref.attempt });
    if (!exported) continue;
    const recording: ExportedRecording = { ...exported.recording, ...exported.nameFiles() };
    yield `${separator}${openEnd(recording)},"accessLog":[`;
    for await (const entry of log) yield `${JSON.stringify(entry)},`;
    yield `${exported.accesses.map((entry) => JSON.stringify(entry)).join(',')}]}`;
    separator = ',\n';
  }
  yield `],"unreadable":${JSON.stringify(unreadable)}}\n`;
}

/** Requests the first items at once; the others as they are consumed. What fails is thrown to the consumer. */
function begin<T>(items: AsyncGenerator<T, void, undefined>): AsyncIterable<T> {
  const first = items.next();
  first.catch(() => {});
  return (async function* () {
    for (let next = await first; !next.done; next = await items.next()) yield next.value;
  })();
}

/** The members before `recordings`. */
export function exportHead(tenantId: string, participantId: string, exportedAt: string) {
  return {
    format: 'proctoring-recordings-export' as const,
    version: 1 as const,
    about: 'Everything that the exam recording service keeps of one participant. "fields" says what each member means.',
    fields: EXPORT_FIELDS,
    exportedAt,
    tenantId,
    participantId,
  };
}

/** @throws StoreError when what is held of a participant cannot be listed */
export async function requireListing(context: RecordingsContext, participant: ParticipantRef): Promise<void> {
  await new Bucket(context).recordingsOf(participant, { limit: 1 }).next();
}

/** Its JSON without the closing brace. */
function openEnd(document: object): string {
  return JSON.stringify(document).slice(0, -1);
}

interface ReadRecording {
  readonly recording: Omit<ExportedRecording, keyof FilesOfRecording>;
  /** To be called in the order of the document. */
  readonly nameFiles: () => FilesOfRecording;
  readonly accesses: readonly AccessLogEntry[];
}

/** Undefined: it was deleted while its audit event was written. What was restricted then is described, and audited, again. */
async function exportRecording(
  context: RecordingsContext,
  caller: Caller,
  live: LiveRecording,
  options: ExportOptions,
): Promise<ReadRecording | undefined> {
  const { includeRestricted, filesFor } = options;
  const { state } = live;
  const recording = await toRecording(context, live);
  const restriction = await readRestriction(context, live);
  const isGiven = isStored(state) && (!restriction || includeRestricted);
  const link = (isGiven && !filesFor && (await presignPlaybackOf(context, live))) || null;
  const isFile = isGiven && filesFor !== undefined;
  const detail = link ? `link until ${link.expiresAt}` : isFile ? 'file in an archive' : 'description alone';
  const { actor, requestId } = caller;
  const access = { event: 'exported', actor, requestId, detail } as const;
  const accesses = [{ ...access, at: toIso(context.now()), reason: null }];
  await context.audit.record({ ...access, ref: state.ref });
  const later = await new Bucket(context).recording(state.ref);
  if (!later || !isKept(later)) return undefined;
  if (later.objects.restricted && !state.objects.restricted) {
    const again = await exportRecording(context, caller, { ...live, state: later }, options);
    return again && { ...again, accesses: [...accesses, ...again.accesses] };
  }
  const nameFiles = () => (isFile ? filesFor(live, recording) : { file: null, overviewFile: null });
  return { recording: { ...recording, restriction, link }, nameFiles, accesses };
}

async function readRestriction(
  context: RecordingsContext,
  { state: { ref, objects } }: LiveRecording,
): Promise<ExportedRecording['restriction']> {
  if (!objects.restricted) return null;
  const restriction = await new Bucket(context).read(ref, 'restricted');
  if (restriction && restriction !== 'unreadable')
    return { reason: restriction.reason, since: restriction.restrictedAt };
  return { reason: null, since: toIso(objects.restricted.lastModifiedMs) };
}
