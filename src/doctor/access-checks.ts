// Access to the bucket: the service with its key, no one without a key, and browsers from the allowed origins.
import { z } from 'zod';
import { isStoreError, type StoreError } from '../objectstore/store-error.ts';
import { type CheckResult, checkAndFix, failed, info, ok, type Verdict, warning } from './check.ts';
import {
  type CheckContext,
  type DoctorCheck,
  type DoctorDependencies,
  readingCheck,
  trying,
  writingCheck,
} from './context.ts';
import { describe, isSuccess, type RawResponse, unsignedUrl } from './raw-http.ts';
import { MEDIA } from './scratch.ts';
import { clock } from './trials.ts';

/** The check that the store responds, without which nothing is known of it. */
export const REACHABLE = 'reachable';

/**
 * Whether the store responds, accepts the service's key, and has the same time: one LIST shows all three. The other checks
 * need the first two: the lines end at the first of the two that failed.
 */
export async function checkReach({ store, now, place }: DoctorDependencies): Promise<CheckResult[]> {
  const reachable = { id: REACHABLE, name: 'store reachable' };
  const credentials = { id: 'credentials', name: 'key accepted' };
  const askedAtMs = performance.now();
  try {
    const time = await clock.run({ store, now });
    return [
      { ...reachable, ...ok(`It responded in ${Math.round(performance.now() - askedAtMs)} ms.`) },
      { ...credentials, ...ok('The key may list the bucket.') },
      { id: clock.id, name: clock.name, ...time },
    ];
  } catch (error) {
    if (isStoreError(error) && error.code !== 'unavailable') {
      return [
        { ...reachable, ...ok('It responds.') },
        { ...credentials, ...refused(error) },
      ];
    }
    const reason = `No usable response from ${hostOf(place)} (${isStoreError(error) ? error.storeCode : 'unknown'}).`;
    const remedy = 'See S3_ENDPOINT, S3_REGION, the network and its policies, and that the store is up.';
    return [{ ...reachable, ...failed(reason, remedy) }];
  }
}

/** As requests name it, without credentials. */
function hostOf({ endpoint, region, bucket, forcePathStyle }: DoctorDependencies['place']): string {
  if (endpoint === undefined) return `AWS in ${region}`;
  const { host } = new URL(endpoint);
  return forcePathStyle ? host : `${bucket}.${host}`;
}

function refused({ code, storeCode }: StoreError): Verdict {
  if (code === 'no-such-bucket') {
    return failed(`There is no such bucket (${storeCode}).`, 'Make the bucket, or correct S3_BUCKET.');
  }
  if (/RequestTimeTooSkewed/.test(storeCode)) {
    return failed(`The store refuses the clock of this machine (${storeCode}).`, 'Set the clock by NTP.');
  }
  return failed(
    `The store refuses the key, or the key may not list the bucket (${storeCode}).`,
    'See S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, and that this key may do everything in this bucket.',
  );
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

// Encryption on the way, and no access without a key: tried, and read from the bucket's policy and its ACL

const SECRET = Buffer.from('no one without a key may read this');
const CLOSE =
  'Take away every policy, ACL and setting that opens the bucket, and block public access where the store can.';

/** `harm`: what a response of success means. */
function mustBeRefused(responses: readonly RawResponse[], harm: string): Verdict {
  const answered = describe(...responses);
  if (responses.some(isSuccess)) return failed(`${harm} (response: ${answered}).`, CLOSE);
  if (responses.some(({ status }) => status < 400 || status >= 500)) {
    return failed(`Nothing is proven: answered ${answered}.`, 'See that the public endpoint can be reached from here.');
  }
  return ok(`Refused: ${answered}.`);
}

/** All access checks except reachability, which is checked first, and CORS. */
export const ACCESS_CHECKS: readonly DoctorCheck[] = [
  readingCheck('tokens', 'tokens for this service', async ({ settings: { unchecked } }) =>
    unchecked.length === 0
      ? ok('These settings let in no token that was made for another service.')
      : warning(
          `${unchecked.join(' and ')} ${unchecked.length === 1 ? 'is' : 'are'} not set: a token of the same keys that was made for another service is accepted.`,
          'Set both to what your issuer writes into the tokens for this service.',
        ),
  ),
  readingCheck('signed-receipts', 'receipts are signed', async ({ settings: { isSigning } }) =>
    isSigning
      ? ok('Deletion receipts are signed, and come into a log.')
      : warning(
          'Deletion receipts are not signed: nobody but you can tell whether one is true.',
          'Make a key with the command `signing-key`, and set SIGNING_KEYS_FILE (docs/proof.md).',
        ),
  ),
  readingCheck('transport', 'encrypted on the way', async ({ presigner }) => {
    const { protocol, hostname } = await unsignedUrl(presigner);
    if (protocol === 'https:') return ok('URLs for browsers are https.');
    if (LOOPBACK.test(hostname)) return info('URLs are http, on this machine only.');
    return warning(
      'URLs for browsers are http: links and recordings can be read on the way.',
      'Put TLS before the store, and name it in S3_PUBLIC_ENDPOINT.',
    );
  }),
  readingCheck('public-endpoint', 'public endpoint', async ({ http }) => {
    if (!http.isDetour) return ok('URLs for browsers can be reached from here.');
    return warning(
      'The host of the URLs for browsers is not reachable from here; requests went to S3_ENDPOINT under its name instead.',
      'See that S3_PUBLIC_ENDPOINT is right, and run the doctor once from where browsers are.',
    );
  }),
  writingCheck('anonymous-get', 'no anonymous GET', async ({ store, scratch, http, presigner }) => {
    const key = scratch.key('private');
    await store.put(key, SECRET);
    const { href } = await unsignedUrl(presigner, key);
    return mustBeRefused([await http.send(href)], 'Anyone can read a recording');
  }),
  readingCheck('anonymous-list', 'no anonymous LIST', async ({ http, presigner, place }) => {
    const key = 'doctor';
    const bucket = (await unsignedUrl(presigner, key)).href.slice(0, -(place.keyPrefix + key).length);
    const responses = [await http.send(`${bucket}?list-type=2&max-keys=1`), await http.send(bucket)];
    return mustBeRefused(responses, 'Anyone can list the bucket');
  }),
  writingCheck('anonymous-put', 'no anonymous PUT', async ({ store, scratch, http, presigner }) => {
    const key = scratch.key('open');
    const { href } = await unsignedUrl(presigner, key);
    const response = await http.send(href, { method: 'PUT', body: 'anyone' });
    const isWritten = (await store.getStart(key, 1)) !== undefined;
    return isWritten ? failed('Anyone can write to the bucket.', CLOSE) : mustBeRefused([response], 'Anyone may write');
  }),
  readingCheck('bucket-policy', 'no public policy', async ({ inspection }) => {
    const text = await inspection.policy();
    if (text === undefined) return ok('There is no bucket policy.');
    const open = statementsOf(text)?.filter(allowsEveryone);
    if (!open) return warning('The bucket policy could not be read.', 'Read it: it must allow named users only.');
    if (open.some(({ Condition }) => Object.keys(Condition).length === 0)) {
      return failed('The bucket policy allows everyone.', CLOSE);
    }
    if (open.length > 0) {
      return warning(
        'The bucket policy allows everyone under a condition.',
        'See that the condition is what you mean.',
      );
    }
    const isCalledPublic = await inspection.isPolicyPublic().catch((error: unknown) => {
      if (!isStoreError(error)) throw error;
    });
    // Ceph 16 calls every policy public that grants to a named user (measured).
    const although = isCalledPublic ? ', though the store calls it public' : '';
    return ok(`The bucket policy allows named users only${although}.`);
  }),
  readingCheck('bucket-acl', 'no public ACL', async ({ inspection }) => {
    const grants = await inspection.publicGrants();
    return grants.length === 0
      ? ok('It grants nothing to everyone.')
      : failed(`It grants ${grants.join(', ')}.`, CLOSE);
  }),
];

const oneOrMany = z.union([z.string(), z.array(z.string())]);
const statementSchema = z.object({
  Effect: z.string(),
  Principal: z.union([z.string(), z.record(z.string(), oneOrMany)]).optional(),
  NotPrincipal: z.unknown().optional(),
  Condition: z.record(z.string(), z.unknown()).default({}),
});
const policySchema = z.object({ Statement: z.union([statementSchema, z.array(statementSchema)]) });

/** Undefined when the text is not a policy of the known form. */
function statementsOf(text: string): z.infer<typeof statementSchema>[] | undefined {
  try {
    return [policySchema.parse(JSON.parse(text)).Statement].flat();
  } catch {
    return undefined;
  }
}

function allowsEveryone({ Effect, Principal, NotPrincipal }: z.infer<typeof statementSchema>): boolean {
  const named = typeof Principal === 'object' ? Object.values(Principal).flat() : [Principal];
  return Effect === 'Allow' && (NotPrincipal !== undefined || named.includes('*'));
}

// Whether the exam's pages may upload and play: as in a browser, a preflight and then the request itself

const PART = Buffer.from('a part');
const LIFETIME_SECONDS = 60;

export const cors: DoctorCheck = trying('cors', async (context) => {
  const { settings, inspection, fix } = context;
  const origins = settings.corsOrigins;
  if (origins.length === 0) {
    return info(
      'CORS_ORIGINS is not set: no page can upload directly to the store.',
      'Set it when exam clients are web pages.',
    );
  }
  async function check(isSet: boolean): Promise<Verdict> {
    const refusals = (await refusedOrigins(context)).join('; ');
    if (refusals === '') return ok(`Every origin of CORS_ORIGINS may upload and play, ${await rulesNote(context)}.`);
    if (settings.isEmbedded) {
      const remedy =
        'Start serve with these CORS_ORIGINS. The embedded store follows CORS_ORIGINS of serve; doctor --fix sets CORS only in a bucket of your own.';
      return failed(`Refused: ${refusals}.`, remedy);
    }
    if (!isSet) {
      const remedy = 'Run doctor --fix: it adds a rule for CORS_ORIGINS and keeps all others.';
      return failed(`Refused: ${refusals}.`, remedy);
    }
    return warning(
      `A rule is set, and the store still refuses: ${refusals}.`,
      'Some stores take minutes: run it again. If it stays, look for a proxy that responds to OPTIONS itself.',
    );
  }
  const set = () => inspection.setCorsRule('proctoring-recordings', origins, ['GET', 'PUT', 'HEAD']);
  return checkAndFix(
    fix && !settings.isEmbedded,
    check,
    set,
    'Set now: every origin of CORS_ORIGINS may upload and play.',
  );
});

async function rulesNote({ inspection, settings }: CheckContext): Promise<string> {
  if (settings.isEmbedded) return 'because the embedded store follows CORS_ORIGINS of serve';
  try {
    const { length } = await inspection.corsRules();
    return length > 0 ? `by ${length} rules of the bucket` : 'by the endpoint itself: the bucket has no rules';
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return `though the rules cannot be read (${error.storeCode})`;
  }
}

/** Each origin and method that a browser would refuse. */
async function refusedOrigins({ presigner, scratch, http, settings }: CheckContext): Promise<string[]> {
  const key = scratch.key('cors');
  const uploadId = await scratch.openUpload(key);
  const part = { uploadId, partNumber: 1, sizeBytes: PART.length };
  const urls = {
    PUT: await presigner.presignPart(key, part, LIFETIME_SECONDS),
    GET: await presigner.presignPlayback(key, MEDIA, LIFETIME_SECONDS),
  };
  const refusals: string[] = [];
  for (const origin of settings.corsOrigins) {
    for (const [method, url] of Object.entries(urls)) {
      const headers = { origin, 'access-control-request-method': method };
      const preflight = await http.send(url, { method: 'OPTIONS', headers });
      if (!allowsMethod(preflight, origin, method)) refusals.push(`${method} from ${origin} (${describe(preflight)})`);
    }
    const put = await http.send(urls.PUT, { method: 'PUT', body: PART, headers: { origin } });
    if (!allowsOrigin(put, origin)) refusals.push(`reading the response to PUT from ${origin} (${describe(put)})`);
  }
  return refusals;
}

function allowsOrigin({ headers }: RawResponse, origin: string): boolean {
  return ['*', origin].includes(headers['access-control-allow-origin'] ?? '');
}

/** A preflight passes with any 2xx; PUT has to be named, GET is always allowed (Fetch standard). */
function allowsMethod(response: RawResponse, origin: string, method: string): boolean {
  const allowed = (response.headers['access-control-allow-methods'] ?? '').split(',').map((name) => name.trim());
  const isNamed = method === 'GET' || allowed.includes(method) || allowed.includes('*');
  return response.status >= 200 && response.status < 300 && allowsOrigin(response, origin) && isNamed;
}
