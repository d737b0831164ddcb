// A store with bucket policies refuses to delete one key of a batch: it is reported, and the others are deleted.
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterAll, expect, test } from '@jest/globals';
import { openTestStore } from '../objectstore/stores.ts';

const opened = await openTestStore();
afterAll(() => opened.close());

test('the refused key is reported with its code, and stays', async () => {
  const { store, client, bucket } = opened;
  const keys = ['a', 'kept', 'z'];
  for (const key of keys) await store.put(key, Buffer.from(key));
  const Resource = [`arn:aws:s3:::${bucket}/kept`];
  const Statement = [{ Effect: 'Deny', Principal: '*', Action: 's3:DeleteObject', Resource }];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  expect(await store.delete(keys.map((key) => ({ key })))).toMatchObject([{ key: 'kept', code: 'AccessDenied' }]);
  expect((await store.list('')).objects.map(({ key }) => key)).toEqual(['kept']);
});
