// The doctor and its attacks on a real store: what they find, and that they leave the bucket as it was but for --fix.
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketCorsCommand,
  PutBucketAclCommand,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutObjectLockConfigurationCommand,
} from '@aws-sdk/client-s3';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../demo/free-port.ts';
import type { AttackOutcome, CheckResult } from '../../src/doctor/check.ts';
import { examine } from '../../src/doctor/doctor.ts';
import { runAttacks } from '../../src/doctor/run-attacks.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { overriding } from '../kit/interventions.ts';
import { hasExternalStore, openTestStore, type RealStore, type TestStoreOptions } from '../objectstore/stores.ts';
import { bucketContents, type DoctorOptions, doctorFor, find, type Holes, startHoledStore } from './support.ts';

const ATTACKS = (
  'copy-source-with-body copy-source-without-body acl tagging another-part another-key another-length another-method ' +
  'tampered-signature expired after-complete after-abort ' +
  'playback-another-key playback-tampered playback-write playback-expired'
).split(' ');

const THEIR_CORS = { ID: 'theirs', AllowedOrigins: ['https://a.example'], AllowedMethods: ['GET'], MaxAgeSeconds: 60 };

const NOT_KNOWN = () => Promise.reject(new StoreError('not-implemented', 'ListMultipartUploads', 'No'));
const LOCK_UNREAD = {
  objectLock: () => Promise.reject(new StoreError('unexpected', 'GetObjectLockConfiguration', 'InvalidRequest')),
};

let testStore: RealStore;

async function open(options: TestStoreOptions = {}): Promise<void> {
  const opened = await openTestStore(options);
  afterThisTest(() => opened.close());
  testStore = opened;
}

beforeEach(() => open({ keyPrefix: 'exams/' }));

const doctor = ({ fix = false, ...options }: DoctorOptions & { fix?: boolean } = {}) =>
  examine(doctorFor(testStore, options), { fix });

const attack = (options: DoctorOptions = {}) => runAttacks(doctorFor(testStore, options));

const endpointWith = async (holes: Holes) => (await startHoledStore(testStore, holes)).endpoint;

function idsWith(checks: readonly CheckResult[], ...outcomes: readonly AttackOutcome[]): string[] {
  return checks.filter(({ outcome }) => outcome && outcomes.includes(outcome)).map(({ id }) => id);
}

function expectLine(checks: readonly CheckResult[], id: string, status: CheckResult['status'], words = ''): void {
  const line = find(checks, id);
  expect(line).toMatchObject({ id, status });
  expect(`${line.reason} ${line.remedy}`).toContain(words);
}

async function putSomeoneElsesRules(): Promise<void> {
  const { client, bucket: Bucket } = testStore;
  const Filter = { Prefix: 'other/' };
  const Rules = [{ ID: 'theirs', Status: 'Enabled' as const, Filter, Expiration: { Days: 400 } }];
  await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [THEIR_CORS] } }));
  await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
}

describe('the doctor', () => {
  test('finds a good bucket fit, with a reason on each line and a remedy on each that is not ok, and leaves it as it was', async () => {
    await putSomeoneElsesRules();
    await testStore.store.put('attempts/kept', Buffer.from('kept'));
    await testStore.store.createMultipartUpload('attempts/open', { contentType: 'video/webm' });
    const before = await bucketContents(testStore);
    const report = await doctor();
    expect(report.checks).not.toContainEqual(expect.objectContaining({ status: 'failed' }));
    expect(report).toMatchObject({ fit: true, bucket: testStore.bucket, endpoint: testStore.endpoint });
    expect(report.startedAt <= report.finishedAt).toBe(true);
    for (const { reason, remedy, status } of report.checks) {
      expect(reason).not.toBe('');
      if (status === 'warning') expect(remedy).not.toBeNull();
    }
    const ids = report.checks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ['upload-key', 'bucket-acl', 'bucket-policy']) expectLine(report.checks, id, 'ok');
    expect(await bucketContents(testStore)).toEqual(before);
  });

  test('leaves the bucket as it found it when checks throw, and when it or its attacks are stopped', async () => {
    const before = await bucketContents(testStore);
    const deps = doctorFor(testStore);
    const broken = overriding(deps.store, {
      tag: () => Promise.reject(new TypeError('broken')),
      completeMultipartUpload: () => Promise.reject(new StoreError('access-denied', 'CompleteMultipartUpload', 'No')),
    });
    const { checks } = await examine({ ...deps, store: broken });
    expectLine(checks, 'object-tagging', 'failed', 'TypeError');
    expectLine(checks, 'parts', 'failed', 'CompleteMultipartUpload');
    expect(await bucketContents(testStore)).toEqual(before);

    const [doctorEnds, attacksEnd] = [new AbortController(), new AbortController()];
    const versioning = async () => {
      doctorEnds.abort();
      return 'off' as const;
    };
    const inspection = { ...deps.inspection, versioning };
    const stopped = await examine({ ...deps, inspection, signal: doctorEnds.signal });
    expectLine(stopped.checks, 'batch-delete', 'info', 'stopped');
    expect(stopped).toMatchObject({ determined: false, fit: false });
    expect(await bucketContents(testStore)).toEqual(before);

    const ending = overriding(deps.store, {
      async completeMultipartUpload() {
        attacksEnd.abort();
        throw new TypeError('broken');
      },
    });
    const attacks = await runAttacks({ ...deps, store: ending, signal: attacksEnd.signal });
    expect(idsWith(attacks, 'unproven').length).toBeGreaterThan(0);
    expect(await bucketContents(testStore)).toEqual(before);
  });

  test('says so when the store does not answer, when the key is refused, and when there is no such bucket', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const silent = await doctor({ s3: { endpoint: `http://${host}` } });
    expect(silent).toMatchObject({ determined: false, fit: false, checks: [{ id: 'reachable', status: 'failed' }] });
    expectLine(silent.checks, 'reachable', 'failed', `No usable response from ${host} (`);
    expectLine(silent.checks, 'reachable', 'failed', 'S3_ENDPOINT');
    const credentials = { accessKeyId: testStore.settings.credentials?.accessKeyId ?? '', secretAccessKey: 'another' };
    const refused = await doctor({ s3: { credentials } });
    expect(refused).toMatchObject({ determined: true, fit: false });
    expectLine(refused.checks, 'reachable', 'ok');
    expectLine(refused.checks, 'credentials', 'failed', 'SignatureDoesNotMatch');
    expect(refused.checks).toHaveLength(2);
    const missing = await doctor({ s3: { bucket: 'there-is-no-such-bucket' } });
    expectLine(missing.checks, 'credentials', 'failed', 'S3_BUCKET');
  });

  test('finds a bucket that locks every object, and writes nothing to it', async () => {
    const { checks, fit } = await doctor({ s3: { endpoint: await endpointWith({ locks: true }) } });
    expect(fit).toBe(false);
    expectLine(checks, 'object-lock', 'failed', 'COMPLIANCE, 90 days');
    for (const id of ['anonymous-get', 'copy-source-with-body']) expectLine(checks, id, 'info', 'Skipped');
    expect((await bucketContents(testStore)).versions).toEqual([]);
  });

  test.each<[what: string, lock: object, broken: Partial<ObjectStore>, fit: boolean, id: string, words: string]>([
    ['a lock that cannot be read, where deletion works', LOCK_UNREAD, {}, true, 'object-lock', 'tries a deletion'],
    [
      'a lock that cannot be read, where objects stay',
      LOCK_UNREAD,
      { delete: async () => [] },
      false,
      'anonymous-get',
      'Skipped',
    ],
    [
      'no listing of uploads',
      {},
      { listMultipartUploads: NOT_KNOWN },
      true,
      'upload-listing',
      'reads all keys under attempts/',
    ],
  ])('judges %s by what the service can do without', async (_, lock, broken, fit, id, words) => {
    const deps = doctorFor(testStore);
    const store = overriding(deps.store, broken);
    const report = await examine({ ...deps, store, inspection: { ...deps.inspection, ...lock } });
    expect(report.fit).toBe(fit);
    expectLine(report.checks, id, 'info', words);
    if (!fit) expectLine(report.checks, 'clean-up', 'warning', 'could not be removed');
    expect(report.profile['upload-listing']).toBe(
      'listMultipartUploads' in broken ? 'no (No)' : fit ? 'yes' : 'unknown',
    );
  });

  test('with --fix sets CORS and the rule for stray uploads, keeps all other rules, and takes over a new origin', async () => {
    await putSomeoneElsesRules();
    const before = await bucketContents(testStore);
    const settings = { corsOrigins: ['https://exams.example'] };
    const unfixed = await doctor({ settings });
    expectLine(unfixed.checks, 'cors', 'failed', '--fix');
    expectLine(unfixed.checks, 'stray-uploads', 'warning', '--fix');
    const fixed = await doctor({ settings, fix: true });
    for (const id of ['cors', 'stray-uploads']) expectLine(fixed.checks, id, 'ok');
    const after = await bucketContents(testStore);
    expect({ ...after, cors: before.cors, lifecycle: before.lifecycle }).toEqual(before);
    const { CORSRules } = await testStore.client.send(new GetBucketCorsCommand({ Bucket: testStore.bucket }));
    expect(CORSRules).toContainEqual(THEIR_CORS);
    expect(after.lifecycle).toEqual(expect.arrayContaining(before.lifecycle));
    expect(after.cors.map(({ ID = '' }) => ID).toSorted()).toEqual(['proctoring-recordings', 'theirs']);
    const lifecycleIds = after.lifecycle.map(({ id }) => id).toSorted();
    expect(lifecycleIds).toEqual(['proctoring-recordings-stray-uploads', 'theirs']);
    expect((await doctor({ settings, fix: true })).fit).toBe(true);
    expect(await bucketContents(testStore)).toEqual(after);
    const corsOrigins = ['https://new.example'];
    expectLine((await doctor({ settings: { corsOrigins }, fix: true })).checks, 'cors', 'ok');
    const { cors } = await bucketContents(testStore);
    expect(cors.filter(({ ID }) => ID !== 'theirs')).toMatchObject([{ AllowedOrigins: corsOrigins }]);
  });

  test('with --fix sets no CORS in the embedded store, and names the setting that it follows', async () => {
    const settings = { isEmbedded: true, corsOrigins: ['https://exams.example'] };
    const { cors } = await bucketContents(testStore);
    const { checks } = await doctor({ settings, fix: true });
    expect(find(checks, 'cors')).toMatchObject({
      status: 'failed',
      remedy: expect.stringContaining('Start serve with these CORS_ORIGINS'),
    });
    expect((await bucketContents(testStore)).cors).toEqual(cors);
  });
});

describe('the attacks', () => {
  test.each<[string, DoctorOptions]>([
    ['the upload key', {}],
    ["the service's own key", { s3: { uploadCredentials: undefined } }],
  ])('all fail when part URLs are signed with %s', async (_key, options) => {
    const before = await bucketContents(testStore);
    const results = await attack(options);
    expect(idsWith(results, 'refused', 'no-effect').sort()).toEqual([...ATTACKS].sort());
    // Only a header that the store took no notice of may be answered with anything but a refusal.
    expect(['acl', 'tagging']).toEqual(expect.arrayContaining(idsWith(results, 'no-effect')));
    expect(results.filter(({ status }) => status === 'failed' || status === 'warning')).toEqual([]);
    expect(await bucketContents(testStore)).toEqual(before);
  });

  test('find the hole of a signer that does not sign the length; UPLOADS=proxy makes it harmless, an upload key does not', async () => {
    const options = { unsafeWithoutSignedLength: true, s3: { uploadCredentials: undefined } };
    const direct = await doctor(options);
    // The embedded store refuses every unsigned x-amz header; Ceph 16 honours the copy.
    const copies = hasExternalStore ? ['copy-source-without-body'] : [];
    const succeeded = [...copies, 'another-length'];
    expect(idsWith(direct.checks, 'succeeded')).toEqual(succeeded);
    for (const id of succeeded) expectLine(direct.checks, id, 'failed', 'UPLOADS=proxy');
    expect(direct.fit).toBe(false);
    const proxied = await doctor({ ...options, settings: { uploads: 'proxy' } });
    expect(proxied.fit).toBe(true);
    expect(idsWith(proxied.checks, 'succeeded')).toEqual(succeeded);
    expectLine(proxied.checks, 'another-length', 'warning');
    const withUploadKey = await attack({ unsafeWithoutSignedLength: true });
    expect(idsWith(withUploadKey, 'succeeded')).toEqual(['another-length']);
    expect(JSON.stringify(withUploadKey)).not.toMatch(/X-Amz-|:\/\//);
  });

  test.each<[NonNullable<Holes['honours']>[number], string[]]>([
    ['x-amz-copy-source', ['copy-source-with-body', 'copy-source-without-body']],
    ['x-amz-acl', ['acl']],
    ['x-amz-tagging', ['tagging']],
  ])('find a store that honours an unsigned %s', async (header, ids) => {
    await open();
    const endpoint = await endpointWith({ honours: [header] });
    const results = await attack({ s3: { publicEndpoint: endpoint, endpoint } });
    expect(idsWith(results, 'succeeded')).toEqual(ids);
    expect(idsWith(results, 'unproven')).toEqual([]);
    expect(await bucketContents(testStore)).toMatchObject({ versions: [], uploads: [] });
  });

  test.each([403, 503])('prove nothing when ordinary uploads are answered %i too', async (status) => {
    const results = await attack({ s3: { publicEndpoint: await endpointWith({ status }) } });
    expect(idsWith(results, 'refused', 'succeeded')).toEqual([]);
    for (const id of ['part-url', 'acl', 'playback-write']) {
      expect(find(results, id)).toMatchObject({ status: 'failed', outcome: 'unproven' });
    }
  });

  test("go to the service's own endpoint under the public name when that cannot be reached", async () => {
    const results = await attack({ s3: { publicEndpoint: `http://127.0.0.1:${await freePort()}` } });
    expect(idsWith(results, 'unproven')).toEqual([]);
    expectLine(results, 'part-url', 'ok');
  });
});

// The embedded store has no versions, no ACL, no policies and no object lock.
const onMore = hasExternalStore ? test : undefined;

onMore?.('the doctor leaves no version behind in a versioned bucket, and says what versions cost', async () => {
  await open({ versioned: true });
  for (const body of ['first', 'second']) await testStore.store.put('attempts/kept', Buffer.from(body));
  const before = await bucketContents(testStore);
  const report = await doctor();
  expectLine(report.checks, 'versioning', 'warning');
  expect(report.fit).toBe(true);
  expect(await bucketContents(testStore)).toEqual(before);
});

onMore?.('the doctor finds a public ACL and a public policy, and that anybody can read', async () => {
  const { client, bucket: Bucket } = testStore;
  await client.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read' }));
  const reading = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [reading] });
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  const { checks, fit } = await doctor();
  expect(fit).toBe(false);
  for (const id of ['anonymous-get', 'anonymous-list', 'bucket-policy', 'bucket-acl']) expectLine(checks, id, 'failed');
  expectLine(checks, 'anonymous-put', 'ok');
});

onMore?.('the doctor finds a real bucket with object lock', async () => {
  const { client } = testStore;
  const Bucket = `${testStore.bucket}-locked`;
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  try {
    const enabled = await doctor({ s3: { bucket: Bucket } });
    expectLine(enabled.checks, 'object-lock', 'failed');
    const Rule = { DefaultRetention: { Mode: 'GOVERNANCE' as const, Days: 1 } };
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled' as const, Rule };
    await client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
    const locking = await doctor({ s3: { bucket: Bucket } });
    expectLine(locking.checks, 'object-lock', 'failed', 'GOVERNANCE, 1 days');
  } finally {
    // Refused unless it is empty: nothing was written that would have been locked.
    await client.send(new DeleteBucketCommand({ Bucket }));
  }
});
