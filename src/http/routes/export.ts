// Access and portability: all that is held of a participant as one document, or as an archive with the recordings.
import { exportDocument } from '../../recordings/export.ts';
import { exportArchive } from '../../recordings/export-archive.ts';
import { exportHead } from '../../recordings/export-document.ts';
import { operation } from '../operation.ts';
import { exportQuery, participantExport } from '../schemas.ts';
import { EXAMPLE_EXPORTED } from './examples.ts';

const ZIP = 'application/zip';

export const exportOne = operation({
  operationId: 'exportParticipant',
  method: 'get',
  at: 'participant',
  suffix: '/export',
  summary: 'Export all that is held of a participant',
  description:
    'For every recording its description, consent, assessment, deadline and access log, and a fresh link that lives as ' +
    'long as a playback link. The document says itself what each of its members means. `format=zip`: an archive of that ' +
    'document (`manifest.json`) and the recordings themselves, as they were uploaded. Both are written as they are read, ' +
    'at the pace of the caller; one that breaks off is no valid JSON, and no valid archive. Each recording is audited as ' +
    '`exported`. Where processing is restricted a recording is described and not handed out, unless `includeRestricted` ' +
    'is `true`: for the data subject, or a legal claim.',
  scopes: ['privacy:manage'],
  query: exportQuery,
  // The document has links; an archive is read by the service itself.
  handsOut: ({ format }) => format !== 'zip',
  success: {
    status: 200,
    description: 'The export.',
    schema: participantExport,
    orAs: ZIP,
    example: {
      ...exportHead('acme', EXAMPLE_EXPORTED.participantId, '2026-11-03T10:00:00.000Z'),
      recordings: [EXAMPLE_EXPORTED],
      unreadable: [],
    },
  },
  problems: [],
  async handle({ ctx, caller, ref, query: { format, includeRestricted } }) {
    const name = `participant-${ref.participant}`;
    if (format === 'zip') {
      const chunks = exportArchive(ctx, caller, ref, { includeRestricted });
      return { stream: { contentType: ZIP, fileName: `${name}.zip`, chunks } };
    }
    const chunks = exportDocument(ctx, caller, ref, { includeRestricted });
    return { stream: { contentType: 'application/json', fileName: `${name}.json`, chunks } };
  },
});
