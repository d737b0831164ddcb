// Access and portability (policy 9.1): all that is held of a participant, as one document that is written as it is read.
import { parseRestriction } from '../bucket/documents.ts';
import { participantPrefix, recordingKey } from '../bucket/layout.ts';
import type { ParticipantRef } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { accessLogOf } from './access-log.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { type ExportedRecording, type ExportedRestriction, exportHead } from './export-document.ts';
import { heldRecordings } from './participants.ts';
import { signPlayback } from './playback.ts';
import { type LiveRecording, viewOf } from './read.ts';
import { isStored } from './recording.ts';

export interface ExportOptions {
  /** Whether recordings whose processing is restricted come with a link or a file, and not with their description alone. */
  readonly includeRestricted: boolean;
  /** Names the file of a recording in an archive; undefined: links instead. */
  readonly fileFor?: ((live: LiveRecording) => string) | undefined;
}

/**
 * The JSON text of the export, piece by piece: memory holds a few recordings, whatever their number. Every recording in it
 * is audited as `exported` before it is told of, and before its link or file is handed out. When it breaks off, the text
 * is no JSON. @throws what the store throws.
 */
export async function* exportDocument(
  context: RecordingsContext,
  caller: Caller,
  who: ParticipantRef,
  options: ExportOptions,
): AsyncGenerator<string, void, undefined> {
  // An outage is told before the first piece is.
  await context.store.list(participantPrefix(who.tenant, who.participant), { limit: 1 });
  const unreadable: { recordingId: string; examId: string; attemptId: string }[] = [];
  const head = exportHead(who.tenant, who.participant, toIso(context.now()));
  yield `${openEnd(head)},"recordings":[`;
  let separator = '';
  for await (const { ref, live, isUnreadable } of heldRecordings(context, who)) {
    if (isUnreadable) unreadable.push({ recordingId: ref.recording, examId: ref.exam, attemptId: ref.attempt });
    if (!live) continue;
    yield `${separator}${openEnd(await exportRecording(context, caller, live, options))},"accessLog":[`;
    let comma = '';
    for await (const entry of accessLogOf(context, ref)) {
      yield comma + JSON.stringify(entry);
      comma = ',';
    }
    yield ']}';
    separator = ',\n';
  }
  yield `],"unreadable":${JSON.stringify(unreadable)}}\n`;
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
): Promise<ExportedRecording> {
  const { attempt, state, manifest } = live;
  const view = await viewOf(context, attempt, state, manifest);
  const restriction = await readRestriction(context, live);
  const isGiven = isStored(state) && (!restriction || includeRestricted);
  const link = (isGiven && !fileFor && (await signPlayback(context, live))) || null;
  const file = isGiven && fileFor ? fileFor(live) : null;
  const detail = link ? `link until ${link.expiresAt}` : file ? 'file in an archive' : 'description alone';
  const { actor, requestId } = caller;
  await context.audit.record({ event: 'exported', ref: state.ref, actor, requestId, detail });
  return { ...view, restriction, link, file };
}

async function readRestriction(
  { store }: RecordingsContext,
  { state: { ref, objects } }: LiveRecording,
): Promise<ExportedRestriction | null> {
  if (!objects.restricted) return null;
  const body = await store.get(recordingKey(ref, 'restricted'));
  const restriction = body && parseRestriction(body);
  return {
    reason: restriction?.reason ?? null,
    since: restriction?.restrictedAt ?? toIso(objects.restricted.lastModifiedMs),
  };
}
