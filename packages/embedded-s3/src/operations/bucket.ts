// Operations on the bucket itself, and on its CORS and lifecycle documents.
import { parseCorsRules } from '../cors.ts';
import { S3Error, type S3ErrorCode } from '../errors.ts';
import { xmlReply } from '../reply.ts';
import { CHECKSUM_HEADERS } from '../request-body.ts';
import { childrenNamed, element, parseXml, xmlDocument } from '../xml.ts';
import type { Operation } from './operation.ts';

const DOCUMENTS = {
  cors: { operations: 'BucketCors', missing: 'NoSuchCORSConfiguration', check: parseCorsRules },
  lifecycle: {
    operations: 'BucketLifecycleConfiguration',
    missing: 'NoSuchLifecycleConfiguration',
    check: checkLifecycle,
  },
} as const;

export const bucketOperations: readonly Operation[] = [
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
      const owner = [element('ID', 'local'), element('DisplayName', 'local')];
      const grantee =
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">' +
        `${owner.map(({ markup }) => markup).join('')}</Grantee>`;
      const grant = element('Grant', { markup: grantee }, element('Permission', 'FULL_CONTROL'));
      return xmlReply(
        xmlDocument('AccessControlPolicy', [element('Owner', ...owner), element('AccessControlList', grant)]),
      );
    },
  },
  absent('GetBucketPolicy', 'policy', 'NoSuchBucketPolicy'),
  absent('GetObjectLockConfiguration', 'object-lock', 'ObjectLockConfigurationNotFoundError'),
  absent('GetBucketEncryption', 'encryption', 'ServerSideEncryptionConfigurationNotFoundError'),
  ...documentOperations('cors'),
  ...documentOperations('lifecycle'),
];

/** A configuration that this bucket never has, and the error of its absence. */
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

/** Get and Put of a document that is kept as it was sent. */
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
      amz: CHECKSUM_HEADERS,
      async run({ body, bucket }) {
        const document = await body.text();
        check(document);
        await bucket.changeSettings({ [parameter]: document });
        return { status: 200 };
      },
    },
  ];
}

/** Lifecycle rules are kept and returned, not executed; only their outline is checked. */
function checkLifecycle(xml: string): void {
  const rules = childrenNamed(parseXml(xml, 'LifecycleConfiguration'), 'Rule');
  if (rules.length === 0 || rules.length > 1000) throw new S3Error('MalformedXML');
}
