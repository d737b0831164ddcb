// Single checks: lifecycle rules, policies, and what is said when a store refuses to tell.

import { PutBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { judged, ok } from '../../src/doctor/check.ts';
import type { DoctorCheck } from '../../src/doctor/checks/doctor-check.ts';
import { LIFECYCLE_CHECKS } from '../../src/doctor/checks/lifecycle.ts';
import { findObjectLock } from '../../src/doctor/checks/object-lock.ts';
import { publicStatements } from '../../src/doctor/checks/privacy.ts';
import { transport } from '../../src/doctor/checks/reach.ts';
import type { DoctorDependencies } from '../../src/doctor/context.ts';
import { openWire } from '../../src/doctor/wire.ts';
import { Workspace } from '../../src/doctor/workspace.ts';
import { StoreError, type StoreErrorCode } from '../../src/storage/store-error.ts';
import { openTestStore, type RealStore } from '../storage/stores.ts';
import { type DoctorOptions, doctorFor, find } from './support.ts';

let testStore: RealStore;

beforeAll(async () => {
  testStore = await openTestStore({ keyPrefix: 'exams/' });
});

afterAll(async () => {
  await testStore.close();
});

async function run(check: DoctorCheck | undefined, options: DoctorOptions = {}, fix = false) {
  const deps = doctorFor(testStore, options);
  const workspace = new Workspace(deps.store, deps.randomBytes);
  const wire = await openWire(testStore.endpoint, undefined);
  try {
    return await judged('id', 'name', async () => check?.run({ ...deps, workspace, wire, fix }) ?? ok('no such check'));
  } finally {
    deps.done();
  }
}

async function putLifecycle(
  Prefix: string,
  days: number,
  action: 'Expiration' | 'Abort' = 'Expiration',
  tagged = false,
) {
  const Tags = [{ Key: 'a', Value: 'b' }];
  const rule = {
    ID: 'theirs',
    Status: 'Enabled' as const,
    Filter: tagged ? { And: { Prefix, Tags } } : { Prefix },
    ...(action === 'Expiration' && { Expiration: { Days: days } }),
    ...(action === 'Abort' && { AbortIncompleteMultipartUpload: { DaysAfterInitiation: days } }),
  };
  await testStore.client.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket: testStore.bucket, LifecycleConfiguration: { Rules: [rule] } }),
  );
}

const check = (id: string) => LIFECYCLE_CHECKS.find((each) => each.id === id);

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
  ])('on "%s" that expires after %d days: %s', async (prefix, days, status) => {
    await putLifecycle(prefix, days);
    expect((await run(check('expiration'))).status).toBe(status);
  });

  test('that expires some objects only is warned of', async () => {
    await putLifecycle('exams/', 31, 'Expiration', true);
    expect((await run(check('expiration'))).status).toBe('warning');
  });

  test.each([
    ['exams/', 1, 'warning', 'live'],
    ['exams/', 7, 'ok', '7 days'],
    ['', 31, 'ok', '31 days'],
    ['others/', 7, 'warning', 'No rule'],
  ])('on "%s" that aborts uploads after %d days: %s', async (prefix, days, status, words) => {
    await putLifecycle(prefix, days, 'Abort');
    expect(await run(check('stray-uploads'))).toMatchObject({ status, reason: expect.stringContaining(words) });
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
  const inspectionThat = (answer: () => Promise<never>) =>
    ({ objectLock: answer }) as unknown as DoctorDependencies['inspection'];

  test('is not held against a store that may not be asked', async () => {
    const denied = inspectionThat(async () => {
      throw new StoreError('access-denied', 'GetObjectLockConfiguration', 'AccessDenied');
    });
    expect(await findObjectLock(denied)).toBeUndefined();
  });

  test('is unknown while the store is down', async () => {
    const down = inspectionThat(async () => {
      throw new StoreError('unavailable', 'GetObjectLockConfiguration', 'ECONNREFUSED');
    });
    await expect(findObjectLock(down)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('is found to be off on a plain bucket', async () => {
    expect(await findObjectLock(doctorFor(testStore).inspection)).toBeUndefined();
  });
});

test.each([
  ['https://store.example', 'ok'],
  ['http://127.0.0.1:9000', 'info'],
  ['http://store.example', 'warning'],
])('URLs for browsers at %s: %s', async (publicEndpoint, status) => {
  expect((await run(transport, { s3: { publicEndpoint } })).status).toBe(status);
});

test('a line that is looked for and missing is an error of the test', () => {
  expect(() => find([], 'none')).toThrow('none');
});
