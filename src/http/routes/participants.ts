// The controller's privacy desk: what is held of a participant, and its erasure.
import { eraseParticipant } from '../../recordings/erase-participant.ts';
import { listParticipantRecordings } from '../../recordings/list.ts';
import { type Operation, operation } from '../operation.ts';
import { eraseQuery, listQuery, participantErasure } from '../schemas.ts';
import { EXAMPLE_RECEIPT } from './examples.ts';
import { PAGE, pageOf } from './read.ts';

export const listOfParticipant = operation({
  operationId: 'listParticipantRecordings',
  method: 'get',
  at: 'participant',
  suffix: '/recordings',
  summary: 'List what is held of a participant',
  description:
    'Across all exams of the tenant, uploads that are running included. What was deleted, is being deleted or is past its ' +
    'deadline is not held any more and is left out; its receipt stands where the recording was. A participant of whom ' +
    'nothing is held has an empty list: that is the answer to the question, not an error.',
  scopes: ['privacy:manage'],
  query: listQuery,
  success: PAGE,
  problems: [],
  async handle({ ctx, ref, query }) {
    return { body: await listParticipantRecordings(ctx, ref, pageOf(query)) };
  },
});

const DESCRIPTION =
  'Every recording of the participant, in every exam: uploads are stopped, what is stored is deleted, and each leaves a ' +
  'receipt. Safe to repeat, and while uploads run: a second call answers with the receipts of what it still found. Keep ' +
  'the receipts; each can be read for twelve months where its recording was (410). When something could not be ' +
  'deleted the answer is 503 `erasure-incomplete`, which names it in `failed` and has the `receipts` of the rest; what ' +
  'failed is deleted by a repeated call, or by the next sweep.';

function eraseAt(operationId: string, suffix: string, summary: string): Operation {
  return operation({
    operationId,
    method: 'delete',
    at: 'participant',
    suffix,
    summary,
    description: DESCRIPTION,
    scopes: ['privacy:manage'],
    query: eraseQuery,
    success: {
      status: 200,
      description: 'Nothing is held of the participant.',
      schema: participantErasure,
      example: { receipts: [EXAMPLE_RECEIPT] },
    },
    problems: ['erasure-incomplete'],
    async handle({ ctx, caller, ref, query }) {
      return { body: await eraseParticipant(ctx, caller, ref, query.reason) };
    },
  });
}

export const eraseAll = eraseAt('eraseParticipant', '', 'Delete all that is held of a participant');
/** The same act under the name of the collection (ADR 11). */
export const eraseAllRecordings = eraseAt(
  'eraseParticipantRecordings',
  '/recordings',
  'Delete all recordings of a participant: the same',
);
