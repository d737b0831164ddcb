// Can anybody without a key get at the bucket? Tried, and read from its policy and its ACL.
import { z } from 'zod';
import { isStoreError } from '../../objectstore/store-error.ts';
import { failed, ok, type Verdict, warning } from '../check.ts';
import type { CheckContext } from '../context.ts';
import { type Answer, describe } from '../wire.ts';
import type { DoctorCheck } from './doctor-check.ts';

const SECRET = Buffer.from('nobody without a key may read this');
const REMEDY =
  'Take away every policy, ACL and setting that opens the bucket, and block public access where the store can.';

/** The address without a signature, of the key and of the bucket. */
async function plainUrls({ presigner, place }: CheckContext, key: string): Promise<{ object: string; bucket: string }> {
  const url = new URL(await presigner.presignPlayback(key, { contentType: 'text/plain' }, 1));
  url.search = '';
  return { object: url.href, bucket: url.href.slice(0, -(place.keyPrefix + key).length) };
}

function isOpen({ status }: Answer): boolean {
  return status >= 200 && status < 400;
}

function verdictOn(answers: readonly Answer[], harm: string): Verdict {
  const answered = [...new Set(answers.map(describe))].join(', ');
  if (answers.some(isOpen)) return failed(`${harm} (answered ${answered}).`, REMEDY);
  if (answers.some(({ status }) => status < 400 || status >= 500)) {
    return failed(`Nothing is proven: answered ${answered}.`, 'See that the public endpoint can be reached from here.');
  }
  return ok(`Refused: ${answered}.`);
}

export const PRIVACY_CHECKS: readonly DoctorCheck[] = [
  {
    id: 'anonymous-get',
    name: 'no anonymous GET',
    writes: true,
    async run(context) {
      const key = context.workspace.key('private');
      await context.store.put(key, SECRET);
      const { object } = await plainUrls(context, key);
      return verdictOn([await context.wire.send(object)], 'Anybody can read a recording');
    },
  },
  {
    id: 'anonymous-list',
    name: 'no anonymous LIST',
    async run(context) {
      const { bucket } = await plainUrls(context, 'doctor');
      const answers = [await context.wire.send(`${bucket}?list-type=2&max-keys=1`), await context.wire.send(bucket)];
      return verdictOn(answers, 'Anybody can list the bucket');
    },
  },
  {
    id: 'anonymous-put',
    name: 'no anonymous PUT',
    writes: true,
    async run(context) {
      const key = context.workspace.key('open');
      const { object } = await plainUrls(context, key);
      const answers = [await context.wire.send(object, { method: 'PUT', body: 'anybody' })];
      const isThere = (await context.store.getStart(key, 1)) !== undefined;
      return isThere ? failed('Anybody can write to the bucket.', REMEDY) : verdictOn(answers, 'Anybody may write');
    },
  },
  {
    id: 'bucket-policy',
    name: 'no public policy',
    async run({ inspection }) {
      const text = await inspection.policy();
      if (text === undefined) return ok('There is no bucket policy.');
      const open = publicStatements(text);
      if (open === undefined)
        return warning('The bucket policy could not be read.', 'Read it: nobody but named users.');
      if (open.some(({ hasCondition }) => !hasCondition)) return failed('The bucket policy allows everybody.', REMEDY);
      if (open.length > 0) {
        return warning(
          'The bucket policy allows everybody under a condition.',
          'See that the condition is what you mean.',
        );
      }
      const isCalledPublic = await inspection.isPolicyPublic().catch(ignoreStoreError);
      return isCalledPublic
        ? // Ceph 16 says so of every policy that grants to a named user (measured).
          ok('The bucket policy allows named users only, though the store calls it public.')
        : ok('The bucket policy allows named users only.');
    },
  },
  {
    id: 'bucket-acl',
    name: 'no public ACL',
    async run({ inspection }) {
      const grants = await inspection.publicGrants();
      return grants.length === 0
        ? ok('It grants nothing to everybody.')
        : failed(`It grants ${grants.join(', ')}.`, REMEDY);
    },
  },
];

function ignoreStoreError(error: unknown): undefined {
  if (!isStoreError(error)) throw error;
}

const oneOrMany = z.union([z.string(), z.array(z.string())]);
const statementSchema = z.object({
  Effect: z.string(),
  Principal: z.union([z.string(), z.record(z.string(), oneOrMany)]).optional(),
  NotPrincipal: z.unknown().optional(),
  Condition: z.record(z.string(), z.unknown()).optional(),
});
const policySchema = z.object({ Statement: z.union([statementSchema, z.array(statementSchema)]) });

/** The statements that allow everybody something; undefined when the policy is none that is known. */
export function publicStatements(text: string): { hasCondition: boolean }[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = policySchema.safeParse(json);
  if (!parsed.success) return undefined;
  return [parsed.data.Statement]
    .flat()
    .filter(({ Effect, Principal, NotPrincipal }) => {
      if (Effect !== 'Allow') return false;
      const named = typeof Principal === 'object' ? Object.values(Principal).flat() : [Principal];
      return NotPrincipal !== undefined || named.includes('*');
    })
    .map(({ Condition }) => ({ hasCondition: Object.keys(Condition ?? {}).length > 0 }));
}
