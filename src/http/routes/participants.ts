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
  summary: 'List the recordings of a participant',
  description:
    'Lists recordings across all exams of the tenant, including uploads in progress. Recordings that are deleted, being ' +
    'deleted or past their deadline are left out; read their receipts at the path of the recording. An unknown ' +
    'participant is not an error: the list is empty.',
  scopes: ['privacy:manage'],
  query: listQuery,
  success: PAGE,
  handle: ({ ctx, ref, query }) => listParticipantRecordings(ctx, ref, pageOf(query)),
});

const DESCRIPTION =
  'Deletes every recording of the participant in every exam. Uploads in progress are ended. Each deleted recording has a ' +
  'receipt. Safe to repeat, also during uploads: a repeated call returns the receipts of what it still found. Keep the ' +
  'receipts; each can also be read for twelve months at the path of its recording (410). If something could not be ' +
  'deleted, the response is 503 `erasure-incomplete`: `failed` lists what is left, and `receipts` has the receipts of the ' +
  'rest. Repeat the call; otherwise the next sweep deletes what is left.';

type ErasurePath = '/v1/participants/{participant}' | '/v1/participants/{participant}/recordings';

function eraseAt(
  path: ErasurePath,
  described: { operationId: string; summary: string; description: string; isDeprecated?: true },
): Operation {
  return operation('delete', path, {
    ...described,
    scopes: ['privacy:manage'],
    perDay: ERASURES,
    query: eraseQuery,
    success: {
      description: 'Nothing is held about the participant any more.',
      schema: participantErasure,
    },
    problems: ['erasure-incomplete'],
    handle: ({ ctx, caller, ref, query }) => eraseParticipant(ctx, caller, ref, query.reason),
  });
}

export const eraseAll = eraseAt('/v1/participants/{participant}', {
  operationId: 'eraseParticipant',
  summary: 'Delete all recordings of a participant',
  description: DESCRIPTION,
});
/** The same act under the name of the collection (ADR 11). */
export const eraseAllRecordings = eraseAt('/v1/participants/{participant}/recordings', {
  operationId: 'eraseParticipantRecordings',
  summary: 'Delete all recordings of a participant (alias)',
  description: 'The same as `DELETE /v1/participants/{participant}`: use that path.',
  isDeprecated: true,
});

const ZIP = 'application/zip';

export const exportOne = operation('get', '/v1/participants/{participant}/export', {
  operationId: 'exportParticipant',
  summary: 'Export everything held about a participant',
  description:
    'For each recording: its description, consent, assessment, deadline and access log, and a new playback link. The ' +
    'document explains each of its members. With `format=zip` the response is an archive of that document ' +
    '(`manifest.json`) and the media as uploaded.\n\n' +
    'The response is streamed. If the connection breaks, the JSON or the archive is invalid. Each recording gets an ' +
    '`exported` event in the audit trail. A restricted recording is described but has no link or file, unless ' +
    '`includeRestricted` is `true`, for example for the data subject or a legal claim.',
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
