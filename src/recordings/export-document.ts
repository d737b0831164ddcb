// The document of an export: what is held of a participant, in a form that explains itself to people and machines.
import type { AccessLogEntry } from './access-log.ts';
import type { PlaybackLink } from './playback.ts';
import type { Recording } from './read.ts';

export interface ExportedRestriction {
  readonly reason: string | null;
  readonly since: string;
}

/** What of a recording is known when its part of the document begins; its access log follows. */
export interface ExportedRecording extends Recording {
  readonly restriction: ExportedRestriction | null;
  readonly link: PlaybackLink | null;
  readonly file: string | null;
}

type Described =
  | `recordings[].${keyof ExportedRecording | 'accessLog'}`
  | `recordings[].accessLog[].${keyof AccessLogEntry}`;

/** What each member means: a member without a sentence does not compile. */
export const EXPORT_FIELDS: Readonly<
  Record<Described | 'exportedAt' | 'tenantId' | 'participantId' | 'unreadable', string>
> = {
  exportedAt: 'When this document was begun. All times are UTC, ISO 8601.',
  tenantId: 'The organisation that is the controller of these data.',
  participantId: 'The participant, by the opaque id that the organisation gave.',
  unreadable: 'Recordings that are kept and whose description cannot be read: an operator has to look.',
  'recordings[].recordingId': 'The id of the recording, made by the service.',
  'recordings[].examId': 'The exam, by the id that the organisation gave.',
  'recordings[].attemptId': 'The attempt: one sitting of the exam by the participant.',
  'recordings[].participantId': 'The participant, once more.',
  'recordings[].kind': 'What was recorded: webcam, screen or audio.',
  'recordings[].contentType': 'The media type of the recording, with its codecs where they are known.',
  'recordings[].consent': 'When the participant agreed to be recorded, and to which version of the privacy policy.',
  'recordings[].state': 'uploading: still being sent, there is nothing to play yet. stored: complete.',
  'recordings[].createdAt': 'When the recording was begun.',
  'recordings[].storedAt': 'When it was complete; null while it is being sent.',
  'recordings[].sizeBytes': 'Its size in bytes; null while it is being sent.',
  'recordings[].assessment':
    'When the human assessment of the attempt was completed; null when it was not assessed yet.',
  'recordings[].deleteBy': 'The deadline: the recording is deleted no later than this.',
  'recordings[].restricted': 'Whether its processing is restricted, so that it is kept and nobody may play it.',
  'recordings[].truncated': 'Whether the upload broke off, and what had arrived was kept.',
  'recordings[].timeline':
    'When the recording ran and where it has gaps, as the exam client told; null when it did not.',
  'recordings[].restriction': 'Why and since when processing is restricted; null when it is not.',
  'recordings[].link':
    'A link that plays the recording for some minutes; null in an archive, while it is being sent, and while it is restricted unless it was asked for.',
  'recordings[].file': 'Where the recording lies in the archive; null outside of an archive, and when it is not in it.',
  'recordings[].accessLog':
    'Everything that was done with the recording and is in the audit trail, this export included.',
  'recordings[].accessLog[].at': 'When it happened.',
  'recordings[].accessLog[].event':
    'link-issued: somebody got a link to play it. link-refused: somebody asked and got none. exported: it was in an export such as this. restricted, unrestricted: its processing was, or was no longer. erased: its deletion was ordered.',
  'recordings[].accessLog[].actor': 'Who did it, by an opaque id of the organisation.',
  'recordings[].accessLog[].reason': 'Why, in the words of whoever did it; null when nothing was said.',
  'recordings[].accessLog[].detail': 'Until when a link lived, why it was refused, or what was exported.',
  'recordings[].accessLog[].requestId': 'The request, as the log of the service names it.',
};

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
