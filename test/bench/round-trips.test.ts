// What the bench counts: the requests of a call by operation, the longest chain of them, and what a provider accepts.
import { expect, test } from '@jest/globals';
import { Meter } from '../../bench/allowance.ts';
import { longestChain } from '../../bench/chain.ts';
import { countsOf, inWords, operationOf, sumOf } from '../../bench/operations.ts';

test.each([
  ['GET', '/bucket?list-type=2&prefix=attempts%2F', 'ListObjectsV2'],
  ['GET', '/bucket?uploads&prefix=attempts%2F', 'ListMultipartUploads'],
  ['GET', '/bucket/key?uploadId=u&max-parts=1000', 'ListParts'],
  ['GET', '/bucket/key?x-id=GetObject', 'GetObject'],
  ['PUT', '/bucket/key?x-id=PutObject', 'PutObject'],
  ['PUT', '/bucket/key?partNumber=2&uploadId=u', 'UploadPart'],
  ['PUT', '/bucket/key?tagging', 'PutObjectTagging'],
  ['POST', '/bucket/key?uploads', 'CreateMultipartUpload'],
  ['POST', '/bucket/key?uploadId=u', 'CompleteMultipartUpload'],
  ['POST', '/bucket?delete', 'DeleteObjects'],
  ['DELETE', '/bucket/key?uploadId=u', 'AbortMultipartUpload'],
  ['OPTIONS', '/bucket', 'other'],
])('%s %s is %s', (method, url, operation) => {
  expect(operationOf({ method, url })).toBe(operation);
});

test('operations are told with their numbers, in a fixed order', () => {
  const counts = countsOf(['PutObject', 'ListObjectsV2', 'PutObject']);
  expect(inWords(counts)).toBe('1 ListObjectsV2, 2 PutObject');
  expect(sumOf(counts)).toBe(3);
  expect(inWords(countsOf([]))).toBe('none');
});

test('requests at the same time are one round trip, and requests that wait for each other are several', () => {
  const at = (beganMs: number, endedMs: number) => ({ beganMs, endedMs });
  expect(longestChain([])).toBe(0);
  expect(longestChain([at(0, 200), at(1, 201), at(2, 199)])).toBe(1);
  expect(longestChain([at(0, 200), at(1, 201), at(202, 402)])).toBe(2);
  // A long one beside two short ones.
  expect(longestChain([at(0, 500), at(0, 200), at(210, 410)])).toBe(2);
});

test('a provider accepts so many requests a second, and a refused one uses nothing of that', () => {
  let nowMs = 0;
  const meter = new Meter({ writesOrLists: 2, all: 3 }, () => nowMs);
  const accepted = (operation: 'PutObject' | 'GetObject', times: number) =>
    Array.from({ length: times }, () => meter.accepts(operation)).filter(Boolean).length;
  expect(accepted('PutObject', 10)).toBe(2);
  expect(accepted('GetObject', 10)).toBe(1);
  nowMs += 500;
  expect(accepted('PutObject', 10)).toBe(1);
  expect(accepted('GetObject', 10)).toBe(0);
  // Not more than for a second, however long nothing was asked.
  nowMs += 60_000;
  expect(accepted('GetObject', 10)).toBe(3);
});
