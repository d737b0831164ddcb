// Proof that does not rest on the operator: signed receipts, the log that they stand in, and its checkpoints.
import { consistencyFrom, latestCheckpoint, proofFile, receiptProof } from '../../recordings/proof.ts';
import { operation } from '../operation.ts';
import { checkpoint, consistency, consistencyQuery, proof, proofOfReceipt } from '../schemas.ts';

const OFFLINE = 'The package `@proctoring-recordings/receipt-verifier` checks it offline, as a page or a command.';

export const checkpointOfLog = operation('get', '/v1/log/checkpoint', {
  operationId: 'getCheckpoint',
  summary: 'Get the latest checkpoint of the log of receipts',
  description:
    'The first sweep after the grace period adds each receipt to the append-only log of its tenant. A checkpoint is the ' +
    'number of log entries and their root hash, signed by the service. Keep the checkpoints that you receive here, in ' +
    'reports and in webhooks: any later change to or removal from the log contradicts them.',
  scopes: ['privacy:manage', 'recordings:review', 'assessments:write'],
  isOfTenant: true,
  problems: ['log-unreadable'],
  success: { description: 'The checkpoint.', schema: checkpoint },
  handle: ({ ctx, ref }) => latestCheckpoint(ctx, ref.tenant),
});

export const consistencyOfLog = operation('get', '/v1/log/consistency', {
  operationId: 'getConsistencyProof',
  summary: 'Prove that the log has only grown since a checkpoint',
  description: `A consistency proof from an older checkpoint with \`size\` entries to the latest one (RFC 6962, section 2.1.2). ${OFFLINE}`,
  scopes: ['privacy:manage', 'recordings:review', 'assessments:write'],
  isOfTenant: true,
  query: consistencyQuery,
  problems: ['log-unreadable'],
  success: { description: 'The proof.', schema: consistency },
  handle: ({ ctx, ref, query }) => consistencyFrom(ctx, ref.tenant, query.size),
});

export const proofOfTenant = operation('get', '/v1/proof', {
  operationId: 'getProof',
  summary: 'Download the proof of every deletion',
  description:
    'All signed receipts that are still kept, all log entries and the latest checkpoint, in one file. The response is ' +
    `streamed: if the connection breaks, the JSON is invalid. ${OFFLINE} The file contains the ids of participants.`,
  scopes: ['privacy:manage'],
  isOfTenant: true,
  problems: ['exports-busy', 'log-unreadable'],
  success: { description: 'The proof, as a file.', schema: proof, isFile: true },
  async handle({ ctx, ref: { tenant } }) {
    const chunks = ctx.exportPlaces.during(tenant, proofFile(ctx, tenant));
    return { contentType: 'application/json', fileName: `deletion-proof-${tenant}.json`, chunks };
  },
});

export const proofOfRecording = operation(
  'get',
  '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/receipt-proof',
  {
    operationId: 'getReceiptProof',
    summary: 'Prove that a recording was deleted',
    description:
      'The signed receipt and its inclusion proof for the latest checkpoint (RFC 6962, section 2.1.1). `inclusion` is null ' +
      `until the receipt has been added to the log. ${OFFLINE}`,
    scopes: ['privacy:manage'],
    problems: ['recording-unreadable', 'receipt-not-signed', 'log-unreadable'],
    success: { description: 'The proof.', schema: proofOfReceipt },
    handle: ({ ctx, ref }) => receiptProof(ctx, ref),
  },
);
