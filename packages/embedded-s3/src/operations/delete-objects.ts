// Deletes up to a thousand objects in one request; each key has its own outcome.
import type { Bucket } from '../bucket.ts';
import { asS3Error, S3Error } from '../errors.ts';
import { xmlReply } from '../reply.ts';
import { CHECKSUM_HEADERS } from '../request-body.ts';
import { childrenNamed, childText, element, type Markup, parseXml, xmlDocument } from '../xml.ts';
import { checkKey, checkVersion, type Operation } from './operation.ts';

const MAX_KEYS = 1000;
/** Enough for their directory syncs to be shared, few enough for the file system. */
const CONCURRENCY = 32;

interface Target {
  readonly key: string;
  readonly versionId: string | undefined;
}

interface Outcome extends Target {
  readonly error?: S3Error;
}

export const deleteObjects: Operation = {
  name: 'DeleteObjects',
  method: 'POST',
  on: 'bucket',
  requires: ['delete'],
  amz: CHECKSUM_HEADERS,
  async run({ body, bucket }) {
    const { targets, quiet } = parseDelete(await body.text());
    const outcomes = await deleteAll(bucket, targets);
    const reported = quiet ? outcomes.filter((outcome) => outcome.error !== undefined) : outcomes;
    return xmlReply(xmlDocument('DeleteResult', reported.map(describe)));
  },
};

/** @throws S3Error MalformedXML: no key, more than a thousand, or an object without one; NotImplemented: a condition */
function parseDelete(xml: string): { targets: Target[]; quiet: boolean } {
  const root = parseXml(xml, 'Delete');
  const targets = childrenNamed(root, 'Object').map((object) => {
    const key = childText(object, 'Key');
    if (key === undefined) throw new S3Error('MalformedXML');
    // ETag, Size and LastModifiedTime are conditions: ignoring them could delete an object that must stay.
    if (object.children.some(({ name }) => name !== 'Key' && name !== 'VersionId')) throw new S3Error('NotImplemented');
    return { key, versionId: childText(object, 'VersionId') };
  });
  if (targets.length === 0 || targets.length > MAX_KEYS) throw new S3Error('MalformedXML');
  return { targets, quiet: childText(root, 'Quiet')?.trim() === 'true' };
}

async function deleteAll(bucket: Bucket, targets: Target[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = targets.entries();
  const worker = async () => {
    for (const [index, target] of queue) outcomes[index] = await deleteOne(bucket, target);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return outcomes;
}

async function deleteOne(bucket: Bucket, target: Target): Promise<Outcome> {
  try {
    if (target.key === '') throw new S3Error('UserKeyMustBeSpecified');
    checkKey(target.key);
    checkVersion(target.versionId);
    await bucket.objects.delete(target.key);
    return target;
  } catch (error) {
    return { ...target, error: asS3Error(error) };
  }
}

function describe({ key, versionId, error }: Outcome): Markup {
  const version = versionId === undefined ? undefined : element('VersionId', versionId);
  if (error === undefined) return element('Deleted', element('Key', key), version);
  return element('Error', element('Key', key), version, element('Code', error.code), element('Message', error.message));
}
