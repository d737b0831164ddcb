// The deletion of one recording before its deadline: DELETE …/recordings/{recording}.
import type { z } from 'zod';
import { ServiceError } from '../../model/errors.ts';
import { eraseRecording } from '../../recordings/delete.ts';
import { requireScope } from '../access.ts';
import type { Principal } from '../auth.ts';
import { operation } from '../operation.ts';
import { eraseQuery, receipt } from '../schemas.ts';
import { EXAMPLE_RECEIPT } from './examples.ts';

export const erase = operation({
  operationId: 'eraseRecording',
  method: 'delete',
  at: 'recording',
  suffix: '',
  summary: 'Delete a recording now',
  description:
    'With the scope `privacy:manage` for any reason. With `recordings:upload`, on a token that is bound to the attempt, ' +
    'for `consent-withdrawn` only: consent can be withdrawn at any time, in the middle of an upload too.',
  scopes: ['privacy:manage', 'recordings:upload'],
  query: eraseQuery,
  success: { status: 200, description: 'The receipt.', schema: receipt, example: EXAMPLE_RECEIPT },
  problems: ['reason-not-allowed', 'recording-being-created', 'recording-unreadable'],
  async handle({ ctx, principal, caller, ref, query }) {
    requireRight(principal, query.reason);
    return { body: await eraseRecording(ctx, caller, ref, query.reason) };
  },
});

/** That a bound token is bound to this very attempt was checked before. */
function requireRight(principal: Principal, reason: z.output<typeof eraseQuery>['reason']): void {
  if (principal.scopes.has('privacy:manage')) return;
  if (principal.attempt === undefined) requireScope(principal, ['privacy:manage']);
  if (reason === 'consent-withdrawn') return;
  throw new ServiceError('reason-not-allowed', 'A token for uploads may delete for the reason consent-withdrawn only.');
}
