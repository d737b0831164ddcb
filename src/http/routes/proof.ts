// Proof that does not rest on the operator: signed receipts, the log that they stand in, and its checkpoints.
import { consistencyFrom, latestCheckpoint, proofFile, receiptProof } from '../../recordings/proof.ts';
import { operation } from '../operation.ts';
import { checkpoint, consistency, consistencyQuery, proof, proofOfReceipt } from '../schemas.ts';

const OFFLINE =
  'The package `@proctoring-recordings/receipt-verifier` checks it without a network: as a page, or a command.';

export const checkpointOfLog = operation('get', '/v1/log/checkpoint', {
  operationId: 'getCheckpoint',
  summary: 'Read the latest checkpoint of the log of receipts',
  description:
    'Every receipt comes into the append-only log of its tenant with the first sweep after the grace period. A checkpoint ' +
    'says how many entries the log has and what they hash to, signed by the service. Keep those that you get, here or ' +
    'with reports and webhooks: nothing in the log can be changed or removed without contradicting them.',
  scopes: ['privacy:manage', 'recordings:review', 'assessments:write'],
  isOfTenant: true,
  problems: ['log-unreadable'],
  success: { description: 'The checkpoint.', schema: checkpoint },
  handle: ({ ctx, ref }) => latestCheckpoint(ctx, ref.tenant),
});

export const consistencyOfLog = operation('get', '/v1/log/consistency', {
  operationId: 'getConsistencyProof',
  summary: 'Prove that the log has only grown since a checkpoint',
  description: `From the log of \`size\` entries, which an older checkpoint names, to the latest (RFC 6962, 2.1.2). ${OFFLINE}`,
  scopes: ['privacy:manage', 'recordings:review', 'assessments:write'],
  isOfTenant: true,
  query: consistencyQuery,
  problems: ['log-unreadable'],
  success: { description: 'The proof.', schema: consistency },
  handle: ({ ctx, ref, query }) => consistencyFrom(ctx, ref.tenant, query.size),
});

export const proofOfTenant = operation('get', '/v1/proof', {
  operationId: 'getProof',
  summary: 'Take away the proof of every deletion',
  description:
    'Every signed receipt that is kept, every entry of the log and its latest checkpoint, in one file that is written as ' +
    `it is read. One that was cut off is not valid JSON. ${OFFLINE} It names the participants of receipts by their ids.`,
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
      'Its signed receipt, and the path from it to the latest checkpoint of the log (RFC 6962, 2.1.1); `inclusion` is null ' +
      `while the receipt is too young to be in the log. ${OFFLINE}`,
    scopes: ['privacy:manage'],
    problems: ['recording-unreadable', 'receipt-not-signed', 'log-unreadable'],
    success: { description: 'The proof.', schema: proofOfReceipt },
    handle: ({ ctx, ref }) => receiptProof(ctx, ref),
  },
);
