// Object tags: their limits, their XML, and the two operations on them.
import { S3Error } from '../errors.ts';
import type { Tag } from '../records.ts';
import { xmlReply } from '../reply.ts';
import { childrenNamed, childText, element, parseXml, xmlDocument } from '../xml.ts';
import type { Operation } from './operation.ts';

const MAX_TAGS = 10;
const MAX_KEY_CHARS = 128;
const MAX_VALUE_CHARS = 256;
/** Letters, spaces and digits of any script, and + - = . _ : / @ (S3 User Guide, "Categorizing your storage"). */
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** @throws S3Error BadRequest (too many), InvalidTag */
function checkTags(tags: Tag[]): Tag[] {
  if (tags.length > MAX_TAGS) throw new S3Error('BadRequest', 'Object tags cannot be greater than 10');
  if (new Set(tags.map((tag) => tag.key)).size < tags.length) {
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key');
  }
  for (const { key, value } of tags) {
    if (key.length === 0 || key.length > MAX_KEY_CHARS || !TAG_TEXT.test(key) || key.startsWith('aws:')) {
      throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid');
    }
    if (value.length > MAX_VALUE_CHARS || !TAG_TEXT.test(value)) {
      throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid');
    }
  }
  return tags;
}

function parseTagging(xml: string): Tag[] {
  const [tagSet, ...more] = childrenNamed(parseXml(xml, 'Tagging'), 'TagSet');
  if (tagSet === undefined || more.length > 0) throw new S3Error('MalformedXML');
  const tags = childrenNamed(tagSet, 'Tag').map((tag) => {
    const key = childText(tag, 'Key');
    const value = childText(tag, 'Value');
    if (key === undefined || value === undefined) throw new S3Error('MalformedXML');
    return { key, value };
  });
  return checkTags(tags);
}

export const taggingOperations: Operation[] = [
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
    async run({ body, bucket, key }) {
      bucket.objects.get(key);
      await bucket.objects.setTags(key, parseTagging(await body.text()));
      return { status: 200 };
    },
  },
];
