import { afterEach, describe, expect, test } from '@jest/globals';
import { type BucketInspection, inspectBucket } from '../../src/storage/s3/bucket-inspection.ts';
import { createS3Client } from '../../src/storage/s3/client.ts';
import { type FakeReply, type FakeS3, s3Error, startFakeS3, xml } from './fake-s3.ts';

/** A whole document, root element and all. */
function document(text: string): FakeReply {
  const [, root = '', content = ''] = /^<(\w+)>([\s\S]*)<\/\1>$/.exec(text) ?? [];
  return xml(root, content);
}

let fake: FakeS3 | undefined;
afterEach(() => fake?.close());

/** What a store answers to each question about its bucket, by the question's parameter. */
async function asked(answers: Readonly<Record<string, FakeReply>>): Promise<BucketInspection> {
  fake = await startFakeS3(({ query }) => {
    const name = Object.keys(answers).find((parameter) => query.has(parameter));
    return name === undefined ? s3Error(404, 'NoSuchThing') : (answers[name] ?? {});
  });
  const settings = {
    endpoint: fake.endpoint,
    region: 'us-east-1',
    bucket: 'bucket',
    keyPrefix: '',
    forcePathStyle: true,
    credentials: { accessKeyId: 'k', secretAccessKey: 's' },
  };
  return inspectBucket(createS3Client(settings), settings);
}

const lock = (inner: string) => document(`<ObjectLockConfiguration>${inner}</ObjectLockConfiguration>`);
const retention = (inner: string) =>
  lock(`<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>${inner}</DefaultRetention></Rule>`);

describe('a bucket with object lock', () => {
  test.each([
    ['without a default', lock('<ObjectLockEnabled>Enabled</ObjectLockEnabled>'), { defaultRetention: undefined }],
    ['of days', retention('<Mode>COMPLIANCE</Mode><Days>40</Days>'), { defaultRetention: 'COMPLIANCE, 40 days' }],
    ['of years', retention('<Mode>GOVERNANCE</Mode><Years>7</Years>'), { defaultRetention: 'GOVERNANCE, 7 years' }],
    ['that is off', lock(''), undefined],
    ['of a store that knows no such thing', s3Error(501, 'NotImplemented'), undefined],
  ])('%s', async (_, answer, expected) => {
    expect(await (await asked({ 'object-lock': answer })).objectLock()).toEqual(expected);
  });

  test('that may not be asked about is not taken for one without', async () => {
    const inspection = await asked({ 'object-lock': s3Error(403, 'AccessDenied') });
    await expect(inspection.objectLock(new AbortController().signal)).rejects.toMatchObject({
      storeCode: 'AccessDenied',
    });
  });
});

describe('what else is asked of a bucket', () => {
  test.each([
    ['Enabled', 'enabled'],
    ['Suspended', 'suspended'],
    ['', 'off'],
  ])('versioning %j is %s', async (status, expected) => {
    const body = status ? `<Status>${status}</Status>` : '';
    const inspection = await asked({
      versioning: document(`<VersioningConfiguration>${body}</VersioningConfiguration>`),
    });
    expect(await inspection.versioning()).toBe(expected);
  });

  test('a public policy status and public grants', async () => {
    const grant = (uri: string) =>
      `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>${uri}</URI></Grantee><Permission>READ</Permission></Grant>`;
    const groups = ['global/AllUsers', 'global/AuthenticatedUsers', 's3/LogDelivery'].map((name) =>
      grant(`http://acs/groups/${name}`),
    );
    const inspection = await asked({
      policyStatus: document('<PolicyStatus><IsPublic>true</IsPublic></PolicyStatus>'),
      acl: document(
        `<AccessControlPolicy><AccessControlList>${groups.join('')}</AccessControlList></AccessControlPolicy>`,
      ),
    });
    expect(await inspection.isPolicyPublic()).toBe(true);
    expect(await inspection.publicGrants()).toEqual(['READ to AllUsers', 'READ to AuthenticatedUsers']);
  });

  test('encryption, by algorithm', async () => {
    const rule =
      '<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>';
    const inspection = await asked({
      encryption: document(
        `<ServerSideEncryptionConfiguration>${rule}<Rule></Rule></ServerSideEncryptionConfiguration>`,
      ),
    });
    expect(await inspection.encryption()).toEqual(['AES256']);
  });

  test('lifecycle rules, wherever they name their prefix, and whether tags or sizes narrow them', async () => {
    const rule = (inner: string) => `<Rule><Status>Enabled</Status>${inner}</Rule>`;
    const inspection = await asked({
      lifecycle: document(
        `<LifecycleConfiguration>${rule('<ID>a</ID><Prefix>old/</Prefix><Expiration><Days>9</Days></Expiration>')}${rule(
          '<Filter><Prefix>new/</Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>',
        )}${rule('<Filter><And><Prefix>and/</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter><Expiration><Date>2027-01-01T00:00:00.000Z</Date></Expiration>')}${rule(
          '<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>',
        )}<Rule><ID>off</ID><Status>Disabled</Status></Rule></LifecycleConfiguration>`,
      ),
    });
    expect(await inspection.lifecycleRules()).toMatchObject([
      { id: 'a', prefix: 'old/', isNarrowed: false, expirationDays: 9, expiresAtDate: false },
      { id: '(no id)', prefix: 'new/', isNarrowed: false, abortUploadsDays: 3 },
      { prefix: 'and/', isNarrowed: true, expiresAtDate: true },
      { prefix: '', isNarrowed: true },
    ]);
  });

  test('a bucket that has none of it, and one that is not there', async () => {
    const inspection = await asked({});
    expect(await inspection.policy()).toBeUndefined();
    expect(await inspection.isPolicyPublic()).toBe(false);
    expect(await inspection.publicGrants()).toEqual([]);
    expect(await inspection.encryption()).toEqual([]);
    expect(await inspection.corsRules()).toEqual([]);
    expect(await inspection.lifecycleRules()).toEqual([]);
    await fake?.close();
    const missing = await asked({ cors: s3Error(404, 'NoSuchBucket') });
    await expect(missing.corsRules()).rejects.toMatchObject({ code: 'no-such-bucket' });
  });

  test('a conditional write that is refused for another reason is an error', async () => {
    const inspection = await asked({ 'x-id': s3Error(403, 'AccessDenied') });
    await expect(inspection.putIfAbsent('key', Buffer.from('x'))).rejects.toMatchObject({ code: 'access-denied' });
  });
});
