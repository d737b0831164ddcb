// Access and portability (policy 9.1): all that is held of a participant, as one document that is written as it is read.
import type { z } from 'zod';
import { isStored } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import type { ParticipantRef } from '../model/ids.ts';
import { type AccessLogEntry, EXPORT_FIELDS, type exportedRecording, type Recording } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import { accessLogOf } from './access-log.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { heldRecordings } from './list.ts';
import { presignPlaybackOf } from './playback.ts';
import { type LiveRecording, toRecording } from './read.ts';

/** What of a recording is known when its part of the document begins; its access log follows. */
export type ExportedRecording = Readonly<Omit<z.output<typeof exportedRecording>, 'accessLog'>>;

export interface ExportOptions {
  /** Whether recordings whose processing is restricted come with a link or a file, and not with their description alone. */
  readonly includeRestricted: boolean;
  /** Names the file of a recording in an archive; undefined: links instead. */
  readonly fileFor?: ((live: LiveRecording, recording: Recording) => string) | undefined;
}

/**
 * The JSON text of the export, chunk by chunk: memory holds a few recordings, whatever their number. Every recording in it
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
  for await (const { ref, live, isUnreadable } of heldRecordings(context, participant)) {
    if (isUnreadable) unreadable.push({ recordingId: ref.recording, examId: ref.exam, attemptId: ref.attempt });
    if (!live) continue;
    const { recording, access } = await exportRecording(context, caller, live, options);
    yield `${separator}${openEnd(recording)},"accessLog":[`;
    // What other exports write meanwhile is not read: many at once would each read what all of them write.
    for await (const entry of accessLogOf(context, ref, startedMs)) yield `${JSON.stringify(entry)},`;
    yield `${JSON.stringify(access)}]}`;
    separator = ',\n';
  }
  yield `],"unreadable":${JSON.stringify(unreadable)}}\n`;
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

async function exportRecording(
  context: RecordingsContext,
  caller: Caller,
  live: LiveRecording,
  { includeRestricted, fileFor }: ExportOptions,
): Promise<{ recording: ExportedRecording; access: AccessLogEntry }> {
  const { state } = live;
  const recording = await toRecording(context, live);
  const restriction = await readRestriction(context, live);
  const isGiven = isStored(state) && (!restriction || includeRestricted);
  const link = (isGiven && !fileFor && (await presignPlaybackOf(context, live))) || null;
  const file = isGiven && fileFor ? fileFor(live, recording) : null;
  const detail = link ? `link until ${link.expiresAt}` : file ? 'file in an archive' : 'description alone';
  const { actor, requestId } = caller;
  const access = { event: 'exported', actor, requestId, detail } as const;
  const at = toIso(context.now());
  await context.audit.record({ ...access, ref: state.ref });
  return { recording: { ...recording, restriction, link, file }, access: { ...access, at, reason: null } };
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
