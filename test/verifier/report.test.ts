// What a reading costs, and what its report says of what was checked and what was not.
import { expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { presignPlayback } from '../../src/recordings/playback.ts';
import { reportVerify, verifyProgress } from '../../src/runtime/verify.ts';
import { type VerifyOptions, verify } from '../../src/verifier/verify.ts';
import { overriding } from '../kit/interventions.ts';
import { recordingKey } from '../kit/keys.ts';
import { CALLER, mediaKey, startTestService, type TestService, type TestServiceOptions } from '../kit/service.ts';

async function textOf(service: TestService, options: VerifyOptions = {}): Promise<string> {
  const written: string[] = [];
  const logger = { error() {}, warn() {}, info() {}, debug() {}, audit() {} };
  const output = { write: (text: string) => void written.push(text) };
  await reportVerify(() => verify(service.sweepContext, options), { json: false, logger, output });
  return written.join('');
}

async function recordMany(service: TestService, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const ref = await service.record({ attempt: `a${index}` });
    await presignPlayback(service.context, CALLER, ref);
  }
}

const startSmall = (sweep: TestServiceOptions['sweep'] = {}) => startTestService({ sweep });

test('a recording costs four requests, its audit event included, and windows cost pages', async () => {
  const service = startSmall();
  await recordMany(service, 60);
  service.clock.advance(2 * HOUR_MS);
  const requests = async (windowKeys: number) => {
    service.testStore.requests.length = 0;
    expect(await verify({ ...service.sweepContext, windowKeys })).toMatchObject({ wrong: 0, checked: 60 });
    return Map.groupBy(service.testStore.requests, ({ operation }) => operation);
  };
  const atOnce = await requests(1000);
  expect(atOnce.get('GetObject')).toHaveLength(3 * 60);
  expect(atOnce.get('GetObjectTagging')).toHaveLength(60);
  const others = [...atOnce].filter(([operation]) => !operation.startsWith('GetObject'));
  expect(others.flatMap(([, all]) => all).length).toBeLessThan(30);
  const inWindows = await requests(20);
  expect(inWindows.get('GetObject')).toHaveLength(3 * 60);
  expect(inWindows.get('ListObjectsV2')?.length).toBeLessThan(80);
});

test('the first line says what was checked, and what was only counted', async () => {
  const service = startSmall();
  expect(await textOf(service)).toMatch(/^Nothing is wrong with the 0 recordings that were checked\.\n/);
  const ref = await service.record();
  expect(await textOf(service)).toMatch(
    /^Nothing is wrong with the 0 recordings that were checked; 1 is younger than 1h and was only counted\.\n/,
  );
  service.clock.advance(2 * HOUR_MS);
  expect(await textOf(service)).toMatch(/^Nothing is wrong with the 1 recording that was checked\.\n/);
  await recordMany(service, 2);
  await service.store.put(recordingKey(ref, 'manifest'), Buffer.from('{"torn'));
  const text = await textOf(service);
  expect(text).toMatch(/^1 thing is wrong, with 1 recording checked; 2 are younger than 1h and were only counted\.\n/);
  expect(text).toContain('3 recordings (');
  expect(text).toContain('There are no receipts, so nothing is known about deletions.');
});

test('what could not be checked is counted, in the report and in words', async () => {
  const service = startSmall();
  const ref = await service.record();
  const {
    media: _,
    manifestEtag: __,
    ...older
  } = JSON.parse(Buffer.from((await service.store.get(recordingKey(ref, 'stored'))) ?? []).toString()) as Record<
    string,
    unknown
  >;
  await service.store.put(recordingKey(ref, 'stored'), Buffer.from(JSON.stringify({ ...older, parts: [] })));
  service.clock.advance(2 * HOUR_MS);
  const store = overriding(service.store, { tags: async () => undefined });
  const report = await verify({ ...service.sweepContext, store });
  const counted = ['media-size', 'media-etag', 'manifest-etag', 'tags'].map((what) => ({ what, count: 1 }));
  expect(report).toMatchObject({ wrong: 0, checked: 1, notChecked: counted });
  expect(await textOf(service)).toContain('       1  recordings whose media have an ETag that cannot be compared');
});

test('receipts of late deletions are a figure, and are not called in time', async () => {
  const service = startSmall();
  await service.record();
  service.clock.advance(31 * DAY_MS);
  await service.sweep();
  service.clock.advance(2 * HOUR_MS);
  const text = await textOf(service);
  expect(text).toContain('1 receipt of a deletion');
  expect(text).toContain(
    'According to the receipts that were read, 1 was deleted after the deadline, the latest 86400 s after it.',
  );
});

test('a repair is in the audit trail first, and is told to the log', async () => {
  const service = startSmall();
  const ref = await service.record();
  service.clock.advance(2 * HOUR_MS);
  await service.store.tag(mediaKey(ref), {});
  const repaired: string[] = [];
  expect(await textOf(service, { fix: true, onRepaired: (kind, key) => void repaired.push(`${kind} ${key}`) })).toMatch(
    /^Nothing is wrong with the 1 recording/,
  );
  expect(repaired).toEqual([`wrong-tags ${mediaKey(ref)}`]);
  const [key = ''] = (await service.keys('audit/')).filter((name) => name.includes('-repaired-'));
  const event = JSON.parse(Buffer.from((await service.store.get(key)) ?? []).toString()) as unknown;
  expect(event).toMatchObject({ event: 'repaired', actor: 'verify', detail: expect.stringMatching(/^wrong-tags: /) });
});

test('nothing is repaired without its audit event', async () => {
  const service = startSmall();
  const ref = await service.record();
  service.clock.advance(2 * HOUR_MS);
  await service.store.tag(mediaKey(ref), {});
  const store = overriding(service.store, {
    put: async (key, ...rest) => {
      if (key.startsWith('audit/')) throw new StoreError('access-denied', 'PutObject', 'AccessDenied');
      return service.store.put(key, ...rest);
    },
  });
  expect(await verify({ ...service.sweepContext, store }, { fix: true })).toMatchObject({ wrong: 1 });
  expect(await service.store.tags(mediaKey(ref))).toEqual({});
});

test('progress is shown on a terminal alone', async () => {
  const service = startSmall();
  await recordMany(service, 2);
  service.clock.advance(2 * HOUR_MS);
  for (const isTTY of [true, false]) {
    const written: string[] = [];
    const progress = verifyProgress({ isTTY, write: (text: string) => void written.push(text) });
    await verify(service.sweepContext, { onProgress: progress.show });
    progress.clear();
    expect(written.at(-2)).toEqual(isTTY ? '\r\u001b[Kread 2 recordings, 0 receipts, 2 audit events' : undefined);
    expect(written.at(-1)).toEqual(isTTY ? '\r\u001b[K' : undefined);
  }
});
