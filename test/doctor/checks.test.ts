// Each check and each line of the report by itself, on plain data and a store in memory.
import { expect, test } from '@jest/globals';
import { ACCESS_CHECKS, checkReach } from '../../src/doctor/access-checks.ts';
import { untilExpired } from '../../src/doctor/attack-fixture.ts';
import { BUCKET_CHECKS, checkObjectLock, findObjectLock } from '../../src/doctor/bucket-checks.ts';
import { type CheckResult, type CheckStatus, resultOf } from '../../src/doctor/check.ts';
import type { CheckContext } from '../../src/doctor/context.ts';
import { toTable } from '../../src/doctor/report.ts';
import { Scratch } from '../../src/doctor/scratch.ts';
import { MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { LifecycleRuleSummary } from '../../src/objectstore/s3/bucket-inspection.ts';
import { StoreError, type StoreErrorCode } from '../../src/objectstore/store-error.ts';
import { START_MS } from '../kit/clock.ts';
import { overriding } from '../kit/interventions.ts';
import { MemoryStore } from '../kit/memory-store.ts';
import { holdMonotonicClock } from '../kit/monotonic.ts';
import { find, RETENTION } from './support.ts';

type Given = Partial<CheckContext>;

async function lineOf(id: string, given: Given): Promise<CheckResult> {
  const store = new MemoryStore({ now: () => START_MS });
  const scratch = new Scratch(store, (length) => new Uint8Array(length));
  const place = { keyPrefix: 'exams/' };
  const context = { store, scratch, settings: RETENTION, place, fix: false, ...given } as CheckContext;
  if (id === 'clock') return find(await checkReach(context), id);
  const check = [...BUCKET_CHECKS, ...ACCESS_CHECKS].find((each) => each.id === id);
  if (!check) throw new Error(`there is no check ${id}`);
  return resultOf({ id, name: id }, () => check.run(context));
}

/** A bucket that answers these questions. */
function bucket(answers: Partial<CheckContext['inspection']>): Pick<CheckContext, 'inspection'> {
  return { inspection: answers as CheckContext['inspection'] };
}

function rule(prefix: string, more: Partial<LifecycleRuleSummary>): Given {
  const none = { abortUploadsDays: undefined, expirationDays: undefined, expiresAtDate: false, isNarrowed: false };
  return bucket({ lifecycleRules: async () => [{ id: 'theirs', prefix, ...none, ...more }] });
}
const expires = (prefix: string, expirationDays: number) => rule(prefix, { expirationDays });
const aborts = (prefix: string, abortUploadsDays: number) => rule(prefix, { abortUploadsDays });

/** An upload of a run that was killed two hours ago. */
function withLeftUpload(): Given {
  let nowMs = START_MS - 120 * MINUTE_MS;
  const store = new MemoryStore({ now: () => nowMs });
  void store.createMultipartUpload('doctor/killed/1-open');
  nowMs = START_MS;
  return { store };
}

const UNFIXABLE: Given = {
  ...bucket({
    lifecycleRules: async () => [],
    setStrayUploadRule: () => Promise.reject(new StoreError('unexpected', 'PutBucketLifecycleConfiguration', 'No')),
  }),
  fix: true,
};

const withPolicy = (text: string) => bucket({ policy: async () => text, isPolicyPublic: async () => false });
const allowing = (more: object) =>
  withPolicy(JSON.stringify({ Statement: { Effect: 'Allow', Action: 's3:GetObject', Resource: '*', ...more } }));

const failing = (code: StoreErrorCode) => Promise.reject(new StoreError(code, 'GetBucketAcl', 'AccessDenied'));
const aclFails = (code: StoreErrorCode) => bucket({ publicGrants: () => failing(code) });
const urlsAt = (url: string): Given => ({
  presigner: { presignPlayback: async () => url, presignPart: async () => url },
});
const unsigned = (): Given => {
  return {
    settings: {
      isEmbedded: false,
      corsOrigins: [],
      uploads: 'direct',
      maxPartNumber: 2048,
      unchecked: [],
      isSigning: false,
      ...RETENTION,
    },
  };
};
const withUnchecked = (...unchecked: string[]): Given => {
  return {
    settings: {
      isEmbedded: false,
      corsOrigins: [],
      uploads: 'direct',
      maxPartNumber: 2048,
      unchecked,
      isSigning: true,
      ...RETENTION,
    },
  };
};
const clockOff = (ms: number): Given => ({ store: new MemoryStore({ now: () => START_MS }), now: () => START_MS + ms });

const store = new MemoryStore({ now: () => START_MS });
const refuse = () => failing('access-denied');
const uploadKeyStore = overriding(store, { list: refuse, getStart: refuse, delete: refuse });

test.each<[id: string, what: string, given: Given, status: CheckStatus, words: string]>([
  ['expiration', 'of the whole bucket', expires('', 31), 'failed', 'expires recordings after 31 days'],
  ['expiration', 'of one tenant', expires('exams/attempts/acme/', 31), 'failed', 'expires recordings'],
  ['expiration', 'of the queue', expires('exams/due/', 31), 'failed', 'expires recordings'],
  ['expiration', 'of receipts too soon', expires('exams/receipts/', 100), 'failed', 'expires receipts'],
  ['expiration', 'of receipts in time', expires('exams/receipts/', 400), 'ok', ''],
  ['expiration', 'in time', expires('', 400), 'ok', ''],
  ['expiration', 'of others', expires('others/', 1), 'ok', ''],
  ['expiration', 'of some', rule('exams/', { expirationDays: 31, isNarrowed: true }), 'warning', 'expires some'],
  ['stray-uploads', 'within a day', aborts('exams/', 1), 'warning', 'live'],
  ['stray-uploads', 'within a week', aborts('exams/', 7), 'ok', '7 days'],
  ['leftovers', 'that are none', {}, 'ok', 'No earlier run'],
  ['leftovers', 'that are an upload', withLeftUpload(), 'warning', '1 objects or uploads under doctor/'],
  ['stray-uploads', 'that cannot be set', UNFIXABLE, 'warning', 'PutBucketLifecycleConfiguration (No)'],
  ['stray-uploads', 'of others', aborts('others/', 7), 'warning', 'No rule'],
  ['bucket-policy', 'for everybody', allowing({ Principal: '*' }), 'failed', 'everyone'],
  ['bucket-policy', 'for everybody of AWS', allowing({ Principal: { AWS: ['*'] } }), 'failed', 'everyone'],
  ['bucket-policy', 'for all but some', allowing({ NotPrincipal: { AWS: 'a' } }), 'failed', 'everyone'],
  ['bucket-policy', 'if', allowing({ Principal: '*', Condition: { IpAddress: {} } }), 'warning', 'under a condition'],
  ['bucket-policy', 'for a user', allowing({ Principal: { AWS: ['arn:aws:iam:::user/a'] } }), 'ok', 'named users'],
  ['bucket-policy', 'that denies', allowing({ Effect: 'Deny', Principal: '*' }), 'ok', 'named users'],
  ['bucket-policy', 'in a list', withPolicy('{"Statement":[{"Effect":"Allow","Principal":"*"}]}'), 'failed', ''],
  ['bucket-policy', 'that is empty', withPolicy(''), 'warning', 'could not be read'],
  ['bucket-policy', 'that is none', withPolicy('{"Statement":"x"}'), 'warning', 'could not be read'],
  ['bucket-acl', 'that the store does not know', aclFails('not-implemented'), 'info', 'GetBucketAcl'],
  ['bucket-acl', 'that may not be read', aclFails('access-denied'), 'warning', 'GetBucketAcl'],
  ['bucket-acl', 'while the store is down', aclFails('unavailable'), 'failed', 'GetBucketAcl'],
  ['bucket-acl', 'that fails', aclFails('unexpected'), 'failed', 'GetBucketAcl'],
  ['signed-receipts', 'with a key', withUnchecked(), 'ok', ''],
  ['signed-receipts', 'without a key', unsigned(), 'warning', 'not signed'],
  ['tokens', 'with both checks', withUnchecked(), 'ok', ''],
  ['tokens', 'of any audience', withUnchecked('AUTH_AUDIENCE'), 'warning', 'AUTH_AUDIENCE is not set'],
  [
    'tokens',
    'of anybody',
    withUnchecked('AUTH_ISSUER', 'AUTH_AUDIENCE'),
    'warning',
    'AUTH_ISSUER and AUTH_AUDIENCE are',
  ],
  ['transport', 'encrypted', urlsAt('https://store.example'), 'ok', ''],
  ['transport', 'on this machine', urlsAt('http://127.0.0.1:9000'), 'info', ''],
  ['transport', 'open', urlsAt('http://store.example'), 'warning', ''],
  ['clock', 'in time', clockOff(0), 'ok', ''],
  ['clock', 'ahead', clockOff(MINUTE_MS), 'warning', '60 s ahead'],
  ['clock', 'without a Date', clockOff(Number.NaN), 'failed', 'deadlines cannot be checked'],
  ['clock', 'far behind', clockOff(-6 * MINUTE_MS), 'failed', '360 s behind'],
  ['upload-key', 'that may do nothing else', { store, uploadKeyStore }, 'ok', 'neither list, read nor delete'],
  ['upload-key', "that is the service's own", { store, uploadKeyStore: store }, 'warning', 'list, read, delete'],
  ['upload-key', 'that there is not', { uploadKeyStore: undefined }, 'warning', "the service's own key"],
])('%s %s', async (id, _what, given, status, words) => {
  const line = await lineOf(id, given);
  expect(line).toMatchObject({ status, reason: expect.stringContaining(words) });
  if (status === 'warning' || status === 'failed') expect(line.remedy).toEqual(expect.any(String));
});

test('nothing is written while nobody knows whether objects are locked', async () => {
  const objectLock = (code: StoreErrorCode) => bucket({ objectLock: () => failing(code) }).inspection;
  expect(await checkObjectLock(objectLock('unavailable'))).toMatchObject({ status: 'failed', outcome: 'unproven' });
  expect(await checkObjectLock(objectLock('access-denied'))).toMatchObject({ status: 'warning' });
});

test('a check that breaks repeats no message that could hold a URL', async () => {
  const breaks = () => Promise.reject(new Error('https://store/?X-Amz-Signature=abc'));
  const line = await lineOf('bucket-acl', bucket({ publicGrants: breaks }));
  expect(line.status).toBe('failed');
  expect(JSON.stringify(line)).not.toContain('abc');
});

test('object lock is not held against a store that may not be asked, and unknown while the store is down', async () => {
  const asked = (objectLock: () => Promise<undefined>) => findObjectLock(bucket({ objectLock }).inspection);
  expect(await asked(() => failing('access-denied'))).toBeUndefined();
  await expect(asked(() => failing('unavailable'))).rejects.toMatchObject({ code: 'unavailable' });
  expect(await asked(async () => undefined)).toBeUndefined();
});

test.each([
  ['refuses once it has expired', 1, 1, 'refused'],
  ['answers after its time', Number.POSITIVE_INFINITY, 1, 'succeeded'],
  ['has a clock that stands still', Number.POSITIVE_INFINITY, 0, 'unproven'],
])('a URL of a store that %s', async (_name, lifeSeconds, pace, outcome) => {
  let nowMs = START_MS;
  const elapsed = () => (nowMs - START_MS) * pace;
  const ask = async () => {
    const headers = { date: new Date(START_MS + elapsed()).toUTCString() };
    const isRefused = elapsed() > lifeSeconds * SECOND_MS;
    return { status: isRefused ? 403 : 200, code: '', headers, body: Buffer.alloc(0) };
  };
  const date = new Date(START_MS).toISOString().replace(/[-:]|\.\d+/g, '');
  const url = `https://store.example/a?X-Amz-Date=${date}&X-Amz-Expires=1`;
  const wait = async (ms: number) => {
    nowMs += ms;
  };
  expect(await untilExpired({ now: () => nowMs, wait }, url, ask, 'remedy')).toMatchObject({ outcome });
});

test('the wait for the expiry of a URL ends, though the clock was set back meanwhile', async () => {
  const monotonic = holdMonotonicClock();
  const headers = { date: new Date(START_MS).toUTCString() };
  const ask = async () => ({ status: 200, code: '', headers, body: Buffer.alloc(0) });
  const wait = (ms: number) => {
    monotonic.advance(ms);
    return new Promise<void>((resolve) => setImmediate(resolve));
  };
  const url = 'https://store.example/a?X-Amz-Date=20260302T090000Z&X-Amz-Expires=60';
  expect(await untilExpired({ now: () => START_MS, wait }, url, ask, 'remedy')).toMatchObject({ outcome: 'unproven' });
});

test('a report has a mark, a name and a reason on each line, a remedy below what is not ok, and fits its columns', () => {
  const line = (name: string, status: CheckStatus, reason: string, remedy: string | null) => {
    return { id: name, name, status, reason, remedy };
  };
  const checks = [
    line('short', 'ok', 'Good.', 'not shown'),
    line('a longer name', 'failed', `It is ${'very '.repeat(20)}bad.`, 'Do better.'),
    line('odd', 'warning', 'Odd.', 'Look.'),
    line('note', 'info', 'Note.', null),
  ];
  const place = { endpoint: 'https://store.example', bucket: 'recordings' };
  const report = { startedAt: '', finishedAt: '', ...place, determined: true, fit: false, checks };
  const linesIn = (columns: number) => toTable({ ...report, profile: { versioning: 'off' } }, columns).split('\n');
  const lines = linesIn(200);
  expect(lines[0]).toBe('Bucket recordings at https://store.example');
  expect(lines).toEqual(expect.arrayContaining(['✓  short          Good.', '!  odd            Odd.']));
  expect(lines).toEqual(expect.arrayContaining(['                  → Look.', '–  note           Note.']));
  expect(lines).toContainEqual(expect.stringMatching(/^✗ {2}a longer name {2}It is very/));
  expect(lines.join()).not.toContain('not shown');
  expect(lines).toContain('   versions: off');
  expect(lines.at(-2)).toBe('The bucket is NOT fit: 1 failed, 1 warned.');
  const unknown = toTable({ ...report, determined: false, profile: {} }, 200).split('\n');
  expect(unknown.at(-2)).toBe('It could not be determined whether the bucket is fit.');
  for (const columns of [60, 120]) {
    expect(Math.max(...linesIn(columns).map(({ length }) => length))).toBeLessThanOrEqual(columns);
  }
});
