// Object tags: their limits, their XML, and the two operations on them.
import { S3Error } from '../errors.ts';
import type { Tag } from '../records.ts';
import { xmlReply } from '../reply.ts';
import { CHECKSUM_HEADERS } from '../request-body.ts';
import { childrenNamed, childText, element, parseXml, xmlDocument } from '../xml.ts';
import type { Operation } from './operation.ts';

const MAX_TAGS = 10;
/** Letters, spaces and digits of any script, and + - = . _ : / @ (S3 User Guide, "Categorizing your storage"). */
const TAG_KEY = /^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u;
const TAG_VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;

export const taggingOperations: readonly Operation[] = [
  {
    name: 'GetObjectTagging',
    method: 'GET',
    on: 'object',
    requires: ['tagging'],
    run({ bucket, key }) {
      const tags = bucket.objects
        .get(key)
        .tags.map((tag) => element('Tag', element('Key', tag.key), element('Value', tag.value)));
      return xmlReply(xmlDocument('Tagging', [element('TagSet', ...tags)]));
    },
  },
  {
    name: 'PutObjectTagging',
    method: 'PUT',
    on: 'object',
    requires: ['tagging'],
    amz: CHECKSUM_HEADERS,
    async run({ body, bucket, key }) {
      bucket.objects.get(key);
      const tags = parseTagging(await body.text());
      await bucket.space.forUploads(() => bucket.objects.setTags(key, tags));
      return { status: 200 };
    },
  },
];

/** @throws S3Error MalformedXML, BadRequest (too many), InvalidTag */
function parseTagging(xml: string): Tag[] {
  const [tagSet, ...more] = childrenNamed(parseXml(xml, 'Tagging'), 'TagSet');
  if (tagSet === undefined || more.length > 0) throw new S3Error('MalformedXML');
  const tags = childrenNamed(tagSet, 'Tag').map((tag) => {
    const key = childText(tag, 'Key');
    const value = childText(tag, 'Value');
    if (key === undefined || value === undefined) throw new S3Error('MalformedXML');
    if (!TAG_KEY.test(key) || !TAG_VALUE.test(value)) throw new S3Error('InvalidTag');
    return { key, value };
  });
  if (tags.length > MAX_TAGS) throw new S3Error('BadRequest', 'Object tags cannot be greater than 10');
  if (new Set(tags.map((tag) => tag.key)).size < tags.length) throw new S3Error('InvalidTag');
  return tags;
}
