// The privacy desk: what is kept of a participant, its export and its erasure.
import { eraseParticipant } from '../../recordings/erase-participant.ts';
import { exportDocument, exportHead } from '../../recordings/export.ts';
import { exportArchive } from '../../recordings/export-archive.ts';
import { listParticipantRecordings } from '../../recordings/list.ts';
import { ERASURES, EXPORTS } from '../daily-limits.ts';
import { type Operation, operation } from '../operation.ts';
import { eraseQuery, exportQuery, listQuery, participantErasure, participantExport } from '../schemas.ts';
import { PAGE, pageOf } from './recordings.ts';

export const listOfParticipant = operation('get', '/v1/participants/{participant}/recordings', {
  operationId: 'listParticipantRecordings',
  summary: 'List what is held of a participant',
  description:
    'Across all exams of the tenant, with uploads in progress. What was deleted, is being deleted or is past its ' +
    'deadline is left out; its receipt is at the path of the recording. A participant of whom nothing is held has an ' +
    'empty list: that is not an error.',
  scopes: ['privacy:manage'],
  query: listQuery,
  success: PAGE,
  handle: ({ ctx, ref, query }) => listParticipantRecordings(ctx, ref, pageOf(query)),
});

const DESCRIPTION =
  'Every recording of the participant, in every exam: uploads are ended, stored recordings are deleted, and each leaves a ' +
  'receipt. Safe to repeat, and during uploads: a second call returns the receipts of what it still found. Keep the ' +
  'receipts; each can be read for twelve months at the path of its recording (410). If something could not be deleted ' +
  'the response is 503 `erasure-incomplete`, which names it in `failed` and has the `receipts` of the rest; what failed ' +
  'is deleted by a repeated call, or by the next sweep.';

type ErasurePath = '/v1/participants/{participant}' | '/v1/participants/{participant}/recordings';

function eraseAt(path: ErasurePath, operationId: string, summary: string): Operation {
  return operation('delete', path, {
    operationId,
    summary,
    description: DESCRIPTION,
    scopes: ['privacy:manage'],
    perDay: ERASURES,
    query: eraseQuery,
    success: {
      description: 'Nothing is held of the participant.',
      schema: participantErasure,
    },
    problems: ['erasure-incomplete'],
    handle: ({ ctx, caller, ref, query }) => eraseParticipant(ctx, caller, ref, query.reason),
  });
}

export const eraseAll = eraseAt(
  '/v1/participants/{participant}',
  'eraseParticipant',
  'Delete all that is held of a participant',
);
/** The same act under the name of the collection (ADR 11). */
export const eraseAllRecordings = eraseAt(
  '/v1/participants/{participant}/recordings',
  'eraseParticipantRecordings',
  'Delete all recordings of a participant: the same',
);

const ZIP = 'application/zip';

export const exportOne = operation('get', '/v1/participants/{participant}/export', {
  operationId: 'exportParticipant',
  summary: 'Export all that is held of a participant',
  description:
    'For every recording its description, consent, assessment, deadline and access log, and a new link that is valid as ' +
    'long as a playback link. The document explains each of its members. `format=zip`: an archive of that document ' +
    '(`manifest.json`) and the recordings themselves, as they were uploaded. Both are written as they are read, at the ' +
    'pace of the caller; an export that was cut off is not valid JSON, or not a valid archive. Each recording is audited ' +
    'as `exported`. A recording whose processing is restricted is described, but has no link or file, unless ' +
    '`includeRestricted` is `true`: for the data subject, or a legal claim.',
  scopes: ['privacy:manage'],
  query: exportQuery,
  perDay: EXPORTS,
  problems: ['exports-busy'],
  // Only the document has playback links: the service reads the media of an archive itself.
  handsOut: ({ format }) => format !== 'zip',
  success: {
    description: 'The export.',
    schema: participantExport,
    orAs: ZIP,
    example(held) {
      const head = exportHead(held.tenantId, held.participantId, held.exportedAt);
      return { ...held, ...head, fields: Object.fromEntries(Object.entries(head.fields).slice(0, 2)) };
    },
  },
  async handle({ ctx, caller, ref, query: { format, includeRestricted } }) {
    const name = `participant-${ref.participant}`;
    const inTurn = <Chunk>(chunks: AsyncIterable<Chunk>) => ctx.exportPlaces.during(ref.tenant, chunks);
    if (format === 'zip') {
      const chunks = exportArchive(ctx, caller, ref, { includeRestricted });
      return { contentType: ZIP, fileName: `${name}.zip`, chunks: inTurn(chunks) };
    }
    const chunks = exportDocument(ctx, caller, ref, { includeRestricted });
    return { contentType: 'application/json', fileName: `${name}.json`, chunks: inTurn(chunks) };
  },
});
