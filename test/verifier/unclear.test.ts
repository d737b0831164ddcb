// What a store, or somebody else, leaves unclear: it is counted, or called what it is, and never guessed.
import { beforeEach, expect, test } from '@jest/globals';
import { createSigner } from '../../src/bucket/signer.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { toIso } from '../../src/model/times.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { verify } from '../../src/verifier/verify.ts';
import { webm } from '../kit/fixtures.ts';
import { failing, overriding, replacing } from '../kit/interventions.ts';
import { assessedKey, participantKey, recordingKey } from '../kit/keys.ts';
import { CALLER, mediaKey, sendOverview, uploadParts } from '../kit/service.ts';
import { privateJwk } from '../kit/signer.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

test('documents whose ETags are no MD5s are compared with nothing, and that is counted', async () => {
  const ref = await service.begin();
  await uploadParts(service.context, ref, [webm]);
  await sendOverview(service.context, ref);
  const at = toIso(service.clock.now());
  await service.complete(ref, service.store, { timeline: { startedAt: at, endedAt: at, gaps: [] } });
  service.clock.advance(4 * HOUR_MS);
  const opaque = overriding(service.store, {
    async list(prefix, options) {
      const page = await service.store.list(prefix, options);
      return { ...page, objects: page.objects.map((object) => ({ ...object, etag: '"opaque"' })) };
    },
  });
  const { findings, notChecked } = await verify({ ...service.sweepContext, store: opaque });
  const counted = ['manifest-etag', 'timeline-etag', 'overview-etag'].map((what) => ({ what, count: 1 }));
  expect(notChecked).toEqual(expect.arrayContaining(counted));
  // Of media the ETag that was listed is kept.
  expect(findings.map(({ kind }) => kind)).toEqual(['media-changed']);
});

test('tags of an earlier deadline are kept where an assessment that moved it is in no event', async () => {
  const other = await service.record({ attempt: 'a2' });
  service.clock.advance(5 * DAY_MS);
  await service.assess(other);
  const ref = await service.record();
  service.clock.advance(2 * DAY_MS);
  await service.put(assessedKey(ref, service.clock.now() - HOUR_MS));
  service.clock.advance(4 * HOUR_MS);
  expect(await service.kinds({ fix: true })).toEqual(['assessment-unproven', 'deadline-moved']);
  expect(await service.kinds()).toEqual(['assessment-unproven', 'deadline-moved']);
});

test('earlier heads of a log are judged: one that nobody signed, and one by a key that is not known', async () => {
  const sizes: string[] = [];
  for (const attempt of ['a1', 'a2']) {
    const ref = await service.record({ attempt });
    service.clock.advance(2 * HOUR_MS);
    await service.erase(ref);
    await service.after(2 * HOUR_MS).sweep();
    sizes.push(...(await service.keys('log/acme/heads/')));
  }
  const [earlier = ''] = sizes;
  await service.put(earlier, '{}');
  service.clock.advance(4 * DAY_MS);
  expect((await service.verify()).findings).toMatchObject([{ kind: 'unknown-key', key: earlier }]);
  const stranger = await createSigner([privateJwk('stranger')]);
  const { findings } = await verify({ ...service.sweepContext, signer: stranger });
  expect(new Set(findings.map(({ kind }) => kind))).toContain('log-key-unknown');
});

test('tags from before an assessment, whose writer died, are written again', async () => {
  const ref = await service.record();
  const before = await service.store.tags(mediaKey(ref));
  service.clock.advance(2 * DAY_MS);
  await service.assess(ref);
  await service.store.tag(mediaKey(ref), before ?? {});
  service.clock.advance(4 * HOUR_MS);
  expect(await service.kinds({ fix: true })).toEqual(['wrong-tags']);
  expect(await service.kinds()).toEqual([]);
});

test('an assessment beside those that were reported is found by what their events tell', async () => {
  await service.assess(await service.record({ attempt: 'a2' }));
  service.clock.advance(3 * DAY_MS);
  const ref = await service.record();
  service.clock.advance(5 * HOUR_MS);
  await service.assess(ref, service.clock.now() - HOUR_MS);
  await service.assess(ref, service.clock.now() - 4 * HOUR_MS);
  await service.put(assessedKey(ref, service.clock.now() - 2 * HOUR_MS));
  service.clock.advance(4 * HOUR_MS);
  expect(await service.kinds()).toEqual(['assessment-unproven']);
});

test('a participant that the store has no receipt and no recording of, after the time of receipts, is left over', async () => {
  const ref = await service.record();
  await service.erase(ref);
  await service.after(400 * DAY_MS).put(participantKey('p1', ref));
  service.clock.advance(4 * HOUR_MS);
  expect(await service.kinds({ fix: true })).toContain('stray-marker');
});

test('what was listed, and is gone when it is read, is not judged', async () => {
  service = startRetention({ events: new Map([['acme', new Set(['recording.stored'] as const)]]) });
  const [ref, restricted, deleting] = [
    await service.record(),
    await service.record({ attempt: 'a2' }),
    await service.record({ attempt: 'a3' }),
  ];
  const at = toIso(service.clock.now());
  await service.put(recordingKey(ref, 'timeline'), JSON.stringify({ startedAt: at, endedAt: at, gaps: [] }));
  await service.put(recordingKey(ref, 'overview'), 'gone when it is read');
  await restrictRecording(service.context, CALLER, restricted, 'a dispute');
  service.clock.advance(2 * HOUR_MS);
  await expect(service.erase(deleting, failing(service.store, 'delete'))).rejects.toThrow();
  service.clock.advance(4 * HOUR_MS);
  const gone = overriding(service.store, {
    get: (key) =>
      /timeline|overview|deleting|restricted|^outbox/.test(key) ? Promise.resolve(undefined) : service.store.get(key),
  });
  const { findings } = await verify({ ...service.sweepContext, store: gone });
  expect(findings).toEqual([]);
});

test.each([
  ['a manifest', 'get', 'attempts/'],
  ['tags', 'tags', ''],
  ['an index of receipts', 'get', /^due\//],
] as const)('a store that throttles at %s is not asked for each: nothing is known', async (_, call, keys) => {
  for (let index = 0; index < 50; index += 1) await service.record({ attempt: `a${index}` });
  for (const attempt of ['gone', 'gone-too']) await service.erase(await service.record({ attempt }));
  service.clock.advance(4 * HOUR_MS);
  let asked = 0;
  const busy = replacing(service.store, call, keys, () => {
    asked += 1;
    throw new StoreError('unavailable', call, 'SlowDown');
  });
  await expect(verify({ ...service.sweepContext, store: busy })).rejects.toMatchObject({ storeCode: 'SlowDown' });
  // Some were asked for at the same time.
  expect(asked).toBeLessThan(40);
});
