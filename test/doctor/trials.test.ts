// What the service needs of a store, tried on stores in memory with the quirks of real ones.
import { expect, test } from '@jest/globals';
import { DOCTOR_PREFIX } from '../../src/bucket/layout.ts';
import { type CheckStatus, resultOf } from '../../src/doctor/check.ts';
import { Scratch } from '../../src/doctor/scratch.ts';
import { NEEDED_TRIALS, OPTIONAL_TRIALS, runTrials } from '../../src/doctor/trials.ts';
import { isNeeded } from '../../src/objectstore/needs.ts';
import type { DeleteTarget, ListOptions, ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError, type StoreErrorCode } from '../../src/objectstore/store-error.ts';
import { START_MS } from '../kit/clock.ts';
import { overriding } from '../kit/interventions.ts';
import { MemoryStore } from '../kit/memory-store.ts';

type Quirk = (memory: MemoryStore) => Partial<ObjectStore>;

const now = () => START_MS;
const randomBytes = (length: number) => new Uint8Array(length);
const BODY = Buffer.from('x');

/** Refuses one call. */
function refuses(call: keyof ObjectStore, operation: string, code: StoreErrorCode = 'access-denied'): Quirk {
  return () => ({ [call]: () => Promise.reject(new StoreError(code, operation, 'No')) });
}

/** Lists in an order of its own. */
function ordered(rank: (key: string) => string, { backwards = false, repeats = false } = {}): Quirk {
  const isBefore = (a: string, b: string) => (backwards ? rank(a) > rank(b) : rank(a) < rank(b));
  return (memory) => ({
    async list(prefix: string, { startAfter, limit = 1000 }: ListOptions = {}) {
      const sorted = memory.keysUnder(prefix).toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
      const isLeft = (key: string) =>
        startAfter === undefined || isBefore(startAfter, key) || (repeats && key === startAfter);
      const left = sorted.filter(isLeft);
      const objects = left.slice(0, limit).map((key) => ({ key, sizeBytes: 0, lastModifiedMs: 0 }));
      return { objects, truncated: limit < left.length, storeTimeMs: START_MS };
    },
  });
}

const sendsNoDate: Quirk = (memory) => ({
  list: async (...asked) => ({ ...(await memory.list(...asked)), storeTimeMs: Number.NaN }),
});
const readsAll: Quirk = (memory) => ({ getRange: async (key) => [memory.peek(key) ?? BODY].values() as never });
const refusesKeys: Quirk = () => ({ delete: async (targets) => targets.map(({ key }) => ({ key, code: 'No' })) });
const keepsKeys: Quirk = () => ({ delete: async () => [] });
const keepsUploads: Quirk = () => ({ abortMultipartUpload: async () => {} });
const keepsLateParts: Quirk = (memory) => {
  const late = new Set<string>();
  const part = { partNumber: 1, sizeBytes: 1, etag: 'e', lastModifiedMs: START_MS };
  return {
    async streamPart(_, uploadId, __, body) {
      await Array.fromAsync(body);
      late.add(uploadId);
      return part.etag;
    },
    listParts: async (key, uploadId) => (late.has(uploadId) ? [part] : memory.listParts(key, uploadId)),
  };
};
const refusesInPart =
  (code: StoreErrorCode, storeCode: string): Quirk =>
  () => ({
    async streamPart(_, __, ___, body) {
      await Array.fromAsync(body);
      throw new StoreError(code, 'UploadPart', storeCode);
    },
  });
const breaksOff: Quirk = () => ({
  streamPart: async () => {
    throw new StoreError('unavailable', 'UploadPart', 'TimeoutError');
  },
});
const listsDeleted: Quirk = (memory) => ({
  async delete(targets) {
    for (const { key } of targets) await memory.put(key, BODY);
    return [];
  },
});
const ignoresStart: Quirk = (memory) => ({ list: (prefix, { limit = 9 } = {}) => memory.list(prefix, { limit }) });
const knowsNoGap: Quirk = (memory) => ({
  list: (prefix, asked = {}) =>
    memory.list(prefix, { ...asked, startAfter: memory.peek(asked.startAfter ?? '') ? asked.startAfter : undefined }),
});
const mixesNames: Quirk = (memory) => ({ list: (prefix, asked) => memory.list(prefix.replace(/x\/$/, 'x'), asked) });
const losesPart: Quirk = (memory) => ({ listParts: async (...of) => (await memory.listParts(...of))?.slice(1) });
const tagsOver: Quirk = (memory) => ({ tag: (key) => memory.put(key, BODY).then(() => true) });
const treeOrder = ordered((key) => key.replaceAll('/', '\0'));
const byExactKey: Quirk = (memory) => ({
  async listMultipartUploads(prefix) {
    const uploads = memory.openUploads(prefix).filter(({ key }) => key === prefix);
    return { uploads, cursor: undefined, storeTimeMs: START_MS };
  },
});
const noUploadListing = refuses('listMultipartUploads', 'ListMultipartUploads', 'not-implemented');
const noAbort = refuses('abortMultipartUpload', 'AbortMultipartUpload', 'not-implemented');
const noVersioning = refuses('isVersioned', 'GetBucketVersioning');

test.each([
  ['that was never versioned', false],
  ['that keeps versions', true],
])('a bucket %s passes every trial, and nothing is left in it', async (_, versioned) => {
  const memory = new MemoryStore({ now, versioned });
  const results = await runTrials({ store: memory, now, randomBytes });
  expect(results.map(({ id, status }) => `${id} ${status}`)).toEqual(NEEDED_TRIALS.map(({ id }) => `${id} ok`));
  expect([(await memory.listVersions('')).versions, memory.openUploads('')]).toEqual([[], []]);
});

const CANNOT_DELETE = 'The store refuses DeleteObject (No): recordings could not be deleted.';
test.each<[what: string, quirk: Quirk, id: string, status: CheckStatus, words: string]>([
  ['sends no Date', sendsNoDate, 'clock', 'failed', 'deadlines cannot be checked'],
  ['reads all where a range is asked', readsAll, 'read-write', 'failed', 'not the range'],
  ['refuses to delete', refusesKeys, 'delete', 'failed', CANNOT_DELETE],
  ['keeps what is deleted', keepsKeys, 'delete', 'failed', 'can be read'],
  ['lists no versions', refuses('listVersions', 'ListObjectVersions', 'not-implemented'), 'delete', 'ok', 'is deleted'],
  ['does not tell of versions', noVersioning, 'delete', 'failed', 'GetBucketVersioning (No)'],
  ['does not answer', refuses('delete', 'DeleteObjects', 'unavailable'), 'delete', 'failed', 'nothing is proven'],
  ['cannot abort', noAbort, 'abort', 'failed', 'refuses AbortMultipartUpload (No)'],
  ['keeps uploads that are aborted', keepsUploads, 'abort', 'failed', 'UploadStaysOpen'],
  ['keeps a part that was under way', keepsLateParts, 'abort', 'failed', 'stays behind'],
  ['takes no part under way', breaksOff, 'abort', 'failed', 'did not respond to UploadPart (TimeoutError)'],
  [
    'closes the connection of a part',
    refusesInPart('unavailable', 'ECONNRESET'),
    'abort',
    'ok',
    'while a part was sent',
  ],
  ['throttles in a part', refusesInPart('unavailable', 'SlowDown'), 'abort', 'failed', 'nothing is proven'],
  ['forbids a part', refusesInPart('access-denied', 'AccessDenied'), 'abort', 'failed', 'refuses UploadPart'],
  ['lists a deleted key', listsDeleted, 'listings', 'failed', 'deleted key'],
  ['ignores where a page begins', ignoresStart, 'listing-pages', 'failed', 'each key once'],
  ['goes on after no deleted key', knowsNoGap, 'listing-pages', 'failed', 'not there'],
  ['repeats a key', ordered((key) => key, { repeats: true }), 'listing-pages', 'failed', 'each key once'],
  ['takes x-1/ for x/', mixesNames, 'listing-folders', 'failed', 'x/ was not listed alone'],
  ['lists backwards', ordered((key) => key, { backwards: true }), 'listing-times', 'failed', 'order of time'],
  ['loses a part', losesPart, 'parts', 'failed', 'ListParts'],
  ['takes a tag for the object', tagsOver, 'object-tagging', 'failed', 'overwrote'],
  ['may not be tagged', refuses('tag', 'PutObjectTagging'), 'object-tagging', 'warning', 'no deadline depends on tags'],
  ['lists as a tree', treeOrder, 'listing-order', 'info', 'one by one'],
  ['lists as a tree', treeOrder, 'listing-folders', 'ok', ''],
  ['lists uploads by exact key', byExactKey, 'upload-listing', 'info', 'reads all keys under attempts/'],
  ['lists no uploads', noUploadListing, 'upload-listing', 'info', 'reads all keys under attempts/'],
])('a store that %s', async (_, quirk, id, status, words) => {
  const memory = new MemoryStore({ now });
  const store = overriding(memory, quirk(memory));
  const scratch = new Scratch(store, randomBytes);
  const [tried] = [...NEEDED_TRIALS, ...OPTIONAL_TRIALS].filter((trial) => trial.id === id);
  if (!tried) throw new Error(`there is no trial ${id}`);
  const result = await resultOf(tried, () => tried.run({ store, scratch, now }));
  expect(result).toMatchObject({ status, reason: expect.stringContaining(words) });
  if (status === 'failed' && result.outcome !== 'unproven') expect(result.fault).toMatch(/^\w+ \(.+\)$/);
});

test('a bucket that keeps versions and does not say so is found, and left empty', async () => {
  const memory = new MemoryStore({ now, versioned: true });
  const store = overriding(memory, { isVersioned: async () => false });
  const results = await runTrials({ store, now, randomBytes });
  expect(results.at(-1)).toMatchObject({
    id: 'delete',
    fault: 'GetBucketVersioning (versions are kept and not reported)',
  });
  expect((await memory.listVersions('')).versions).toEqual([]);
});

test.each([
  ['lists uploads by exact key', byExactKey, 0],
  ['lists no uploads', noUploadListing, 0],
  ['cannot abort', noAbort, 1],
])('a scratch prefix on a store that %s ends what it opened, or says how much stays', async (_, quirk: Quirk, left) => {
  const memory = new MemoryStore({ now });
  const store = overriding(memory, quirk(memory));
  const scratch = new Scratch(store, randomBytes);
  const key = scratch.key('open');
  await store.uploadPart(key, await scratch.openUpload(key), 1, BODY);
  const lines = await scratch.cleanUp('clean-up');
  expect(memory.openUploads(DOCTOR_PREFIX)).toHaveLength(left);
  expect(lines).toHaveLength(left);
  if (left) expect(lines[0]?.reason).toContain(`1 uploads or objects under ${scratch.prefix}`);
});

test('a deletion that the store refuses is reported by its code, by the trial that needed it and by the clean-up', async () => {
  const memory = new MemoryStore({ now });
  let deletions = 0;
  const delete_ = async (targets: readonly DeleteTarget[]) => {
    deletions += 1;
    return targets.map(({ key }) => ({ key, code: 'AccessDenied' }));
  };
  const store = overriding(memory, { delete: delete_ });
  const scratch = new Scratch(store, randomBytes);
  for (const id of ['listings', 'listing-pages', 'parts']) {
    const tried = NEEDED_TRIALS.find((trial) => trial.id === id);
    const result = tried && (await resultOf(tried, () => tried.run({ store, scratch, now })));
    expect(result).toMatchObject({ id, status: 'failed', fault: 'DeleteObject (AccessDenied)' });
  }
  deletions = 0;
  const [line] = await scratch.cleanUp('clean-up');
  expect(line?.reason).toContain('could not be removed (AccessDenied)');
  // Refused once by its keys and once as listed: repeating it would change nothing.
  expect(deletions).toBe(2);
});

test('an operation is needed when a capability needs it, and when it is unknown', () => {
  const needed = ['ListParts', 'AbortMultipartUpload', 'DeleteObject', 'ListObjectVersions', 'Unheard'];
  expect(needed.filter(isNeeded)).toEqual(needed);
  const optional = ['ListMultipartUploads', 'DeleteObjects', 'GetBucketVersioning', 'PutObjectTagging'];
  expect(optional.filter(isNeeded)).toEqual([]);
});
