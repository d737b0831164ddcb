// What can be asked about the bucket itself, and its CORS and lifecycle documents.
import { parseCorsRules } from '../cors.ts';
import { S3Error, type S3ErrorCode } from '../errors.ts';
import { xmlReply } from '../reply.ts';
import { childrenNamed, element, parseXml, xmlDocument } from '../xml.ts';
import { OWNER } from './listings.ts';
import type { Operation } from './operation.ts';

/** An aspect of a bucket that this store never has, and the error that says so. */
function absent(name: string, parameter: string, code: S3ErrorCode): Operation {
  return {
    name,
    method: 'GET',
    on: 'bucket',
    requires: [parameter],
    run() {
      throw new S3Error(code);
    },
  };
}

const DOCUMENTS = {
  cors: { operations: 'BucketCors', missing: 'NoSuchCORSConfiguration', check: parseCorsRules },
  lifecycle: {
    operations: 'BucketLifecycleConfiguration',
    missing: 'NoSuchLifecycleConfiguration',
    check: checkLifecycle,
  },
} as const;

/** Lifecycle rules are kept for whoever asks, not executed; only their outline is checked. */
function checkLifecycle(xml: string): void {
  const rules = childrenNamed(parseXml(xml, 'LifecycleConfiguration'), 'Rule');
  if (rules.length === 0 || rules.length > 1000) throw new S3Error('MalformedXML');
}

/** Get, Put and Delete of a document that is kept as it was sent. */
function documentOperations(parameter: keyof typeof DOCUMENTS): Operation[] {
  const { operations, missing, check } = DOCUMENTS[parameter];
  return [
    {
      name: `Get${operations}`,
      method: 'GET',
      on: 'bucket',
      requires: [parameter],
      run({ bucket }) {
        const document = bucket.settings[parameter];
        if (document === undefined) throw new S3Error(missing);
        return xmlReply(document);
      },
    },
    {
      name: `Put${operations}`,
      method: 'PUT',
      on: 'bucket',
      requires: [parameter],
      amz: ['x-amz-transition-default-minimum-object-size'],
      async run({ body, bucket }) {
        const document = await body.text();
        check(document);
        await bucket.changeSettings({ [parameter]: document });
        return { status: 200 };
      },
    },
    {
      name: `Delete${operations}`,
      method: 'DELETE',
      on: 'bucket',
      requires: [parameter],
      async run({ bucket }) {
        await bucket.changeSettings({ [parameter]: undefined });
        return { status: 204 };
      },
    },
  ];
}

export const bucketOperations: Operation[] = [
  {
    name: 'ListBuckets',
    method: 'GET',
    on: 'service',
    run({ bucket }) {
      const created = element('CreationDate', new Date(bucket.settings.created).toISOString());
      const entry = element('Bucket', element('Name', bucket.name), created);
      return xmlReply(xmlDocument('ListAllMyBucketsResult', [OWNER, element('Buckets', entry)]));
    },
  },
  {
    name: 'HeadBucket',
    method: 'HEAD',
    on: 'bucket',
    run: ({ region }) => ({ status: 200, headers: { 'x-amz-bucket-region': region } }),
  },
  {
    name: 'GetBucketLocation',
    method: 'GET',
    on: 'bucket',
    requires: ['location'],
    // us-east-1 is the absence of a constraint.
    run: ({ region }) => xmlReply(xmlDocument('LocationConstraint', [region === 'us-east-1' ? '' : region])),
  },
  {
    name: 'GetBucketVersioning',
    method: 'GET',
    on: 'bucket',
    requires: ['versioning'],
    run: () => xmlReply(xmlDocument('VersioningConfiguration', [])),
  },
  {
    name: 'GetBucketAcl',
    method: 'GET',
    on: 'bucket',
    requires: ['acl'],
    run() {
      const grantee =
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">' +
        '<ID>local</ID><DisplayName>local</DisplayName></Grantee>';
      const grant = element('Grant', { markup: grantee }, element('Permission', 'FULL_CONTROL'));
      return xmlReply(xmlDocument('AccessControlPolicy', [OWNER, element('AccessControlList', grant)]));
    },
  },
  absent('GetBucketPolicy', 'policy', 'NoSuchBucketPolicy'),
  absent('GetBucketPolicyStatus', 'policyStatus', 'NoSuchBucketPolicy'),
  absent('GetPublicAccessBlock', 'publicAccessBlock', 'NoSuchPublicAccessBlockConfiguration'),
  absent('GetObjectLockConfiguration', 'object-lock', 'ObjectLockConfigurationNotFoundError'),
  absent('GetBucketEncryption', 'encryption', 'ServerSideEncryptionConfigurationNotFoundError'),
  ...documentOperations('cors'),
  ...documentOperations('lifecycle'),
];
