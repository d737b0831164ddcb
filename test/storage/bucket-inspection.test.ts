// What the doctor's questions about a bucket make of a store's answers.
import { expect, test } from '@jest/globals';
import { type BucketInspection, inspectBucket } from '../../src/storage/s3/bucket-inspection.ts';
import { createS3Client } from '../../src/storage/s3/client.ts';
import { type FakeReply, s3Error, startFakeS3, xml } from './fake-s3.ts';

/** By the parameter of its request. */
const QUESTIONS = {
  'object-lock': (inspection: BucketInspection) => inspection.objectLock(),
  versioning: (inspection: BucketInspection) => inspection.versioning(),
  policy: (inspection: BucketInspection) => inspection.policy(),
  policyStatus: (inspection: BucketInspection) => inspection.isPolicyPublic(),
  acl: (inspection: BucketInspection) => inspection.publicGrants(),
  encryption: (inspection: BucketInspection) => inspection.encryption(),
  cors: (inspection: BucketInspection) => inspection.corsRules(),
  lifecycle: (inspection: BucketInspection) => inspection.lifecycleRules(),
  'x-id': (inspection: BucketInspection) => inspection.putIfAbsent('key', Buffer.from('x')),
};
type Question = keyof typeof QUESTIONS;

/** Asks a store that answers this question so, and of every other that there is no such thing. */
async function ask(question: Question, answer: FakeReply): Promise<unknown> {
  const fake = await startFakeS3(({ query }) => (query.has(question) ? answer : s3Error(404, 'NoSuchThing')));
  const credentials = { accessKeyId: 'k', secretAccessKey: 's' };
  const place = { endpoint: fake.endpoint, region: 'us-east-1', bucket: 'bucket', keyPrefix: '' };
  const client = createS3Client({ ...place, forcePathStyle: true, credentials });
  try {
    return await QUESTIONS[question](inspectBucket(client, place));
  } finally {
    client.destroy();
    await fake.close();
  }
}

const LOCKED = '<ObjectLockEnabled>Enabled</ObjectLockEnabled>';
const locked = (retention: string) => `${LOCKED}<Rule><DefaultRetention>${retention}</DefaultRetention></Rule>`;
const GRANTEE = '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">';
const granted = ['global/AllUsers', 'global/AuthenticatedUsers', 's3/LogDelivery']
  .map(
    (group) => `<Grant>${GRANTEE}<URI>http://acs/groups/${group}</URI></Grantee><Permission>READ</Permission></Grant>`,
  )
  .join('');
const ENCRYPTED =
  '<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>';
const ABORTED =
  '<AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>';
const RULES = [
  '<ID>a</ID><Prefix>old/</Prefix><Expiration><Days>9</Days></Expiration>',
  `<Filter><Prefix>new/</Prefix></Filter>${ABORTED}`,
  '<Filter><And><Prefix>and/</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter>',
  '<Expiration><Date>2027-01-01T00:00:00.000Z</Date></Expiration>',
  '<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>',
].map((rule) => `<Rule><Status>Enabled</Status>${rule}</Rule>`);
const rule = { id: '(no id)', prefix: '', isNarrowed: false, expiresAtDate: false };

test.each<[Question, string, string, unknown]>([
  ['object-lock', 'one by one', LOCKED, { defaultRetention: undefined }],
  [
    'object-lock',
    'days',
    locked('<Mode>COMPLIANCE</Mode><Days>40</Days>'),
    { defaultRetention: 'COMPLIANCE, 40 days' },
  ],
  [
    'object-lock',
    'years',
    locked('<Mode>GOVERNANCE</Mode><Years>7</Years>'),
    { defaultRetention: 'GOVERNANCE, 7 years' },
  ],
  ['object-lock', 'off', '', undefined],
  ['versioning', 'enabled', '<Status>Enabled</Status>', 'enabled'],
  ['versioning', 'suspended', '<Status>Suspended</Status>', 'suspended'],
  ['versioning', 'never', '', 'off'],
  ['policyStatus', 'public', '<IsPublic>true</IsPublic>', true],
  [
    'acl',
    'for everybody',
    `<AccessControlList>${granted}</AccessControlList>`,
    ['READ to AllUsers', 'READ to AuthenticatedUsers'],
  ],
  ['encryption', 'by algorithm', `<Rule>${ENCRYPTED}</Rule><Rule></Rule>`, ['AES256']],
  [
    'lifecycle',
    'rules that are enabled, wherever they name their prefix, narrowed or not',
    `${RULES.join('')}<Rule><ID>off</ID><Status>Disabled</Status></Rule>`,
    [
      { ...rule, id: 'a', prefix: 'old/', expirationDays: 9 },
      { ...rule, prefix: 'new/', abortUploadsDays: 3 },
      { ...rule, prefix: 'and/', isNarrowed: true },
      { ...rule, expiresAtDate: true },
      { ...rule, isNarrowed: true },
    ],
  ],
])('%s: %s', async (question, _, content, expected) => {
  expect(await ask(question, xml('Answer', content))).toEqual(expected);
});

test.each<[Question, FakeReply, unknown]>([
  ['object-lock', s3Error(404, 'None'), undefined],
  ['object-lock', s3Error(501, 'NotImplemented'), undefined],
  ['policy', s3Error(404, 'None'), undefined],
  ['policyStatus', s3Error(404, 'None'), false],
  ['acl', s3Error(404, 'None'), []],
  ['encryption', s3Error(404, 'None'), []],
  ['cors', s3Error(404, 'None'), []],
  ['lifecycle', s3Error(404, 'None'), []],
  ['x-id', s3Error(412, 'PreconditionFailed'), false],
])('%s of a store that has none of it', async (question, answer, expected) => {
  expect(await ask(question, answer)).toEqual(expected);
});

test.each<[Question, FakeReply, object]>([
  ['object-lock', s3Error(403, 'AccessDenied'), { storeCode: 'AccessDenied' }],
  ['cors', s3Error(404, 'NoSuchBucket'), { code: 'no-such-bucket' }],
  ['x-id', s3Error(403, 'AccessDenied'), { code: 'access-denied' }],
])('%s that is refused is an error', async (question, answer, failure) => {
  await expect(ask(question, answer)).rejects.toMatchObject(failure);
});
