// What follows from an error of the store, and that a refused deletion cannot be overlooked.
import { expect, test } from '@jest/globals';
import { deleteOrThrow } from '../../src/objectstore/object-store.ts';
import {
  isOutage,
  isUndecided,
  isUnreadable,
  StoreError,
  type StoreErrorCode,
} from '../../src/objectstore/store-error.ts';

const UNAVAILABLE: readonly [storeCode: string, isOutage: boolean, isUndecided: boolean][] = [
  ['SlowDown', true, true],
  ['ServiceUnavailable', true, true],
  ['SlowDownRead', true, true],
  ['TooManyRequests', true, true],
  ['TooManyRequestsException', true, true],
  ['ThrottlingException', true, true],
  ['RequestLimitExceeded', true, true],
  ['RequestTimeout', true, true],
  ['TimeoutError', true, true],
  ['ECONNREFUSED', true, true],
  ['ECONNRESET', true, true],
  // A gateway that ends every large request says one of these; smaller ones may succeed.
  ['Unknown', false, true],
  ['GatewayTimeout', false, true],
  ['UnknownError', false, true],
  ['EPIPE', false, true],
  // A single key of a large request can cause it.
  ['InternalError', false, true],
  ['OperationAborted', false, true],
  ['CutShort', false, true],
  ['UnreadableAnswer', false, false],
  ['NotFound', false, false],
];

test.each(UNAVAILABLE)('%s: an outage %s, undecided %s', (storeCode, outage, undecided) => {
  const error = new StoreError('unavailable', 'ListObjectsV2', storeCode);
  expect([isOutage(error), isUndecided(error), isUnreadable(error)]).toEqual([outage, undecided, !undecided]);
});

test('a refusal, and an error of something else, is neither an outage nor undecided', () => {
  const codes: StoreErrorCode[] = ['access-denied', 'no-such-bucket', 'not-implemented', 'unexpected'];
  const errors = [...codes.map((code) => new StoreError(code, 'PutObject', 'SlowDown')), new Error('SlowDown'), null];
  expect(errors.filter((error) => isOutage(error) || isUndecided(error) || isUnreadable(error))).toEqual([]);
});

test.each<[string, StoreErrorCode]>([
  ['AccessDenied', 'access-denied'],
  ['SlowDown', 'unavailable'],
  ['ObjectLocked', 'unexpected'],
])('a key that is refused by %s fails the deletion', async (code, expected) => {
  const targets = [{ key: 'a' }, { key: 'b', versionId: '1' }];
  const refused = deleteOrThrow({ delete: async ([, second]) => [{ key: 'b', ...second, code }] }, targets);
  await expect(refused).rejects.toMatchObject({ code: expected, operation: 'DeleteObject', storeCode: code });
  await deleteOrThrow({ delete: async () => [] }, targets);
});
