// The document of an export: what is held of a participant, in a form that explains itself to people and machines.
import type { z } from 'zod';
import { EXPORT_FIELDS, type exportedRecording } from '../model/recording.ts';

/** What of a recording is known when its part of the document begins; its access log follows. */
export type ExportedRecording = Readonly<Omit<z.output<typeof exportedRecording>, 'accessLog'>>;
export type ExportedRestriction = NonNullable<ExportedRecording['restriction']>;

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
