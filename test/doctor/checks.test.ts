// Each check and each line of the report by itself, on plain data and a store in memory.
import { describe, expect, test } from '@jest/globals';
import { untilExpired } from '../../src/doctor/attacks/expiry.ts';
import { type CheckResult, judged, ok } from '../../src/doctor/check.ts';
import type { DoctorCheck } from '../../src/doctor/checks/doctor-check.ts';
import { LIFECYCLE_CHECKS } from '../../src/doctor/checks/lifecycle.ts';
import { findObjectLock } from '../../src/doctor/checks/object-lock.ts';
import { publicStatements } from '../../src/doctor/checks/privacy.ts';
import { checkReach, transport } from '../../src/doctor/checks/reach.ts';
import { SETUP_CHECKS } from '../../src/doctor/checks/setup.ts';
import type { CheckContext } from '../../src/doctor/context.ts';
import type { DoctorReport } from '../../src/doctor/doctor.ts';
import { toTable } from '../../src/doctor/table.ts';
import { Workspace } from '../../src/doctor/workspace.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import type { LifecycleRuleSummary } from '../../src/storage/s3/bucket-inspection.ts';
import { StoreError, type StoreErrorCode } from '../../src/storage/store-error.ts';
import { START_MS } from '../kit/clock.ts';
import { overriding } from '../kit/interventions.ts';
import { MemoryStore } from '../kit/memory-store.ts';

const policy = { afterAssessmentMs: 30 * DAY_MS, unassessedMs: 30 * DAY_MS, byTenantMs: new Map() };

/** What a check is given, as far as it looks at it. */
function run(id: string, given: Partial<CheckContext>): Promise<CheckResult> {
  const check: DoctorCheck | undefined = [...LIFECYCLE_CHECKS, ...SETUP_CHECKS, transport].find(
    (each) => each.id === id,
  );
  const store = new MemoryStore();
  const workspace = new Workspace(store, (length) => new Uint8Array(length));
  const settings = { policy, logRetentionMs: 365 * DAY_MS };
  const context = { store, workspace, settings, place: { keyPrefix: 'exams/' }, fix: false, ...given };
  return judged(id, id, async () => check?.run(context as CheckContext) ?? ok('no such check'));
}

/** An inspection that answers these questions. */
function inspection(answers: Partial<CheckContext['inspection']>): CheckContext['inspection'] {
  return answers as CheckContext['inspection'];
}

function withRule(rule: Partial<LifecycleRuleSummary>): Partial<CheckContext> {
  const none = { abortUploadsDays: undefined, expirationDays: undefined, expiresAtDate: false, isNarrowed: false };
  return { inspection: inspection({ lifecycleRules: async () => [{ id: 'theirs', prefix: '', ...none, ...rule }] }) };
}

describe('a lifecycle rule', () => {
  test.each([
    ['exams/', 31, 'failed'],
    ['', 31, 'failed'],
    ['exams/attempts/acme/', 31, 'failed'],
    ['exams/due/', 31, 'failed'],
    ['exams/receipts/', 100, 'failed'],
    ['exams/receipts/', 400, 'ok'],
    ['', 400, 'ok'],
    ['others/', 1, 'ok'],
  ])('on "%s" that expires after %d days: %s', async (prefix, expirationDays, status) => {
    expect((await run('expiration', withRule({ prefix, expirationDays }))).status).toBe(status);
  });

  test('that expires some objects only is warned of', async () => {
    const rule = { prefix: 'exams/', expirationDays: 31, isNarrowed: true };
    expect((await run('expiration', withRule(rule))).status).toBe('warning');
  });

  test.each([
    ['exams/', 1, 'warning', 'live'],
    ['exams/', 7, 'ok', '7 days'],
    ['', 31, 'ok', '31 days'],
    ['others/', 7, 'warning', 'No rule'],
  ])('on "%s" that aborts uploads after %d days: %s', async (prefix, abortUploadsDays, status, words) => {
    const line = await run('stray-uploads', withRule({ prefix, abortUploadsDays }));
    expect(line).toMatchObject({ status, reason: expect.stringContaining(words) });
  });
});

describe('a bucket policy', () => {
  const allow = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
  test.each([
    ['allows everybody', { ...allow, Principal: '*' }, [{ hasCondition: false }]],
    ['allows everybody of AWS', { ...allow, Principal: { AWS: ['*'] } }, [{ hasCondition: false }]],
    ['allows all but some', { ...allow, NotPrincipal: { AWS: 'a' } }, [{ hasCondition: false }]],
    ['allows under a condition', { ...allow, Principal: '*', Condition: { IpAddress: {} } }, [{ hasCondition: true }]],
    ['allows a named user', { ...allow, Principal: { AWS: ['arn:aws:iam:::user/uploader'] } }, []],
    ['denies everybody', { ...allow, Effect: 'Deny', Principal: '*' }, []],
  ])('%s', (_name, statement, open) => {
    expect(publicStatements(JSON.stringify({ Statement: statement }))).toEqual(open);
    expect(publicStatements(JSON.stringify({ Statement: [statement] }))).toEqual(open);
  });

  test.each(['', '{}', '[]', '{"Statement":"x"}'])('that is not one is said to be unknown: %j', (text) => {
    expect(publicStatements(text)).toBeUndefined();
  });
});

describe('a check that cannot be done', () => {
  test.each([
    ['not-implemented', 'info'],
    ['access-denied', 'warning'],
    ['unavailable', 'failed'],
    ['unexpected', 'failed'],
  ] as [StoreErrorCode, string][])('says so with a remedy: %s', async (code, status) => {
    const line = await judged('id', 'name', async () => {
      throw new StoreError(code, 'GetBucketAcl', 'Word');
    });
    expect(line).toMatchObject({ status, reason: expect.stringContaining('GetBucketAcl'), remedy: expect.any(String) });
  });

  test('repeats no message that could hold a URL', async () => {
    const line = await judged('id', 'name', async () => {
      throw new Error('https://store/?X-Amz-Signature=abc');
    });
    expect(JSON.stringify(line)).not.toContain('abc');
  });
});

describe('object lock, as serve asks for it', () => {
  const asked = (answer: () => Promise<undefined>) => findObjectLock(inspection({ objectLock: answer }));
  const failing = (code: StoreErrorCode) => () => Promise.reject(new StoreError(code, 'GetObjectLock', 'Word'));

  test('is not held against a store that may not be asked, and unknown while the store is down', async () => {
    expect(await asked(failing('access-denied'))).toBeUndefined();
    await expect(asked(failing('unavailable'))).rejects.toMatchObject({ code: 'unavailable' });
    expect(await asked(async () => undefined)).toBeUndefined();
  });
});

test.each([
  ['https://store.example', 'ok'],
  ['http://127.0.0.1:9000', 'info'],
  ['http://store.example', 'warning'],
])('URLs for browsers at %s: %s', async (url, status) => {
  const presigner = { presignPlayback: async () => url, presignPart: async () => url };
  expect((await run('transport', { presigner })).status).toBe(status);
});

test.each([
  [0, 'ok'],
  [MINUTE_MS, 'warning'],
  [-6 * MINUTE_MS, 'failed'],
])('a clock that is %d ms off: %s', async (offMs, status) => {
  const given: Partial<CheckContext> = { store: new MemoryStore({ now: () => START_MS }), now: () => START_MS + offMs };
  const lines = await checkReach(given as CheckContext);
  expect(lines.find(({ id }) => id === 'clock')?.status).toBe(status);
});

describe('an upload key', () => {
  const store = new MemoryStore();
  const refuse = () => Promise.reject(new StoreError('access-denied', 'Any', 'AccessDenied'));
  const uploadsOnly = overriding(store, { list: refuse, getStart: refuse, delete: refuse });
  test.each([
    ['that may do nothing but upload', uploadsOnly, 'ok', 'neither list, read nor delete'],
    ["that is the service's own", store, 'warning', 'list, read, delete'],
    ['that there is not', undefined, 'warning', "the service's own key"],
  ])('%s', async (_name, uploadKeyStore, status, words) => {
    const line = await run('upload-key', { store, uploadKeyStore });
    expect(line).toMatchObject({ status, reason: expect.stringContaining(words) });
  });
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

const REPORT: DoctorReport = {
  startedAt: '2026-11-23T00:00:00.000Z',
  finishedAt: '2026-11-23T00:00:01.000Z',
  endpoint: 'https://store.example',
  bucket: 'recordings',
  fit: false,
  checks: [
    { id: 'a', name: 'short', status: 'ok', reason: 'Good.', remedy: 'not shown' },
    {
      id: 'b',
      name: 'a longer name',
      status: 'failed',
      reason: `It is ${'very '.repeat(20)}bad.`,
      remedy: 'Do better.',
    },
    { id: 'c', name: 'odd', status: 'warning', reason: 'Odd.', remedy: 'Look.' },
    { id: 'd', name: 'note', status: 'info', reason: 'Note.', remedy: null },
  ],
};

test('has a mark, a name and a reason on each line, and a remedy below what is not ok', () => {
  const lines = toTable(REPORT, 200).split('\n');
  expect(lines[0]).toBe('Bucket recordings at https://store.example');
  expect(lines).toContain('✓  short          Good.');
  expect(lines).toContain('!  odd            Odd.');
  expect(lines).toContain('                  → Look.');
  expect(lines).toContain('–  note           Note.');
  expect(lines.some((line) => line.startsWith('✗  a longer name  It is very'))).toBe(true);
  expect(lines.join()).not.toContain('not shown');
  expect(lines.at(-2)).toBe('The bucket is NOT fit: 1 failed, 1 to look at.');
});

test.each([60, 80, 120])('fits %d columns', (columns) => {
  expect(
    Math.max(
      ...toTable(REPORT, columns)
        .split('\n')
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(columns);
});
