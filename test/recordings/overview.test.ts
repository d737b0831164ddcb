// An overview belongs to a recording that is being uploaded: it goes wherever the recording goes, and never stays behind.
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Receipt } from '../../src/bucket/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { abortRecording, eraseRecording } from '../../src/recordings/delete.ts';
import { eraseParticipant } from '../../src/recordings/erase-participant.ts';
import { storeOverview } from '../../src/recordings/overview.ts';
import { failing, keeping, meanwhile, replacing } from '../kit/interventions.ts';
import { recordingKey } from '../kit/keys.ts';
import { JPEG, overviewOf } from '../kit/overview.ts';
import { createRounds } from '../kit/rounds.ts';
import { CALLER, HOLDER, sendOverview } from '../kit/service.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';

const OTHER = overviewOf(Buffer.concat([JPEG, Buffer.from('another')]));
const PUT = { when: 'before', call: 'put', keys: /\/overview$/ } as const;
const BEFORE_SECOND_LOOK = { when: 'before', call: 'list', keys: 'attempts/', nth: 2 } as const;

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

const keyOf = (ref: RecordingRef) => recordingKey(ref, 'overview');
const send = (ref: RecordingRef, store: ObjectStore = service.store, overview = overviewOf()) =>
  sendOverview({ ...service.context, store }, ref, overview);
const stored = async (ref: RecordingRef) => {
  const body = await service.store.get(keyOf(ref));
  return body && Buffer.from(body);
};
const markOf = (ref: RecordingRef) => service.readJson<{ overviewEtag?: string }>(recordingKey(ref, 'stored'));
/** As a sweep that has seen the deletion through: no entry of before leads to what is written later. */
const forgetEntries = async () => service.remove(...(await service.due('attempt')));

describe('is stored', () => {
  test('while the recording is uploaded, as often as it is sent, and known by the mark of the stored recording', async () => {
    const ref = await service.uploaded();
    await send(ref);
    await send(ref, service.store, OTHER);
    expect(await stored(ref)).toEqual(OTHER);
    await service.complete(ref);
    const { objects } = await service.store.list(keyOf(ref));
    expect(objects.map(({ etag }) => etag)).toEqual([(await markOf(ref)).overviewEtag]);
    service.clock.advance(4 * HOUR_MS);
    expect(await service.kinds()).toEqual([]);
  });

  test('before any part of the recording, in three round trips', async () => {
    const rounds = createRounds();
    service = startRetention({ wrap: rounds.wrap });
    const ref = await service.begin();
    expect(await rounds.count(() => send(ref))).toBe(3);
    expect(await stored(ref)).toEqual(overviewOf());
  });

  test('with a queue entry that leads to it where a sweep may be deleting the recording', async () => {
    const ref = await service.uploaded();
    service.clock.advance(29 * DAY_MS);
    await forgetEntries();
    await send(ref);
    expect(await service.due('attempt', ref)).toHaveLength(1);
  });
});

describe('is refused', () => {
  test('when the recording is stored, and what is stored stays', async () => {
    const ref = await service.uploaded();
    await send(ref);
    await service.complete(ref);
    await expect(send(ref, service.store, OTHER)).rejects.toMatchObject({ code: 'recording-stored' });
    expect(await stored(ref)).toEqual(overviewOf());
  });

  test('when the recording was deleted, is past its deadline, or never was', async () => {
    const [erased, expired] = [await service.uploaded(), await service.uploaded()];
    await service.erase(erased);
    await expect(send(erased)).rejects.toMatchObject({ code: 'recording-deleted' });
    service.clock.advance(31 * DAY_MS);
    await expect(send(expired)).rejects.toMatchObject({ code: 'recording-expired' });
    const unknown = { ...erased, attempt: 'other' };
    await expect(send(unknown)).rejects.toMatchObject({ code: 'recording-not-found' });
    expect(await service.keys(keyOf(erased))).toEqual([]);
  });

  test('when it is no overview, with what is wrong, and nothing is written', async () => {
    const ref = await service.begin();
    await expect(send(ref, service.store, Buffer.from('no overview'))).rejects.toMatchObject({
      code: 'invalid-request',
      data: { errors: [{ path: 'body' }] },
    });
    expect(await stored(ref)).toBeUndefined();
    expect(service.context.proxiedUploads.buffers.taken).toBe(0);
  });

  test('when its bytes end too early, and its buffer is given back', async () => {
    const ref = await service.begin();
    const torn = Readable.from(
      (function* () {
        yield overviewOf().subarray(0, 10);
        throw new Error('cut off');
      })(),
    );
    const sent = storeOverview(service.context, ref, { bytes: torn, sizeBytes: overviewOf().length, holder: HOLDER });
    await expect(sent).rejects.toThrow('cut off');
    expect(service.context.proxiedUploads.buffers.taken).toBe(0);
  });
});

describe('is withdrawn, and refused, when it is overtaken', () => {
  const deletions = {
    'an erasure': (ref: RecordingRef) => eraseRecording(service.context, CALLER, ref, 'erasure'),
    'an abort': (ref: RecordingRef) => abortRecording(service.context, CALLER, ref),
    'an erasure of the participant': (ref: RecordingRef) =>
      eraseParticipant(service.context, CALLER, { tenant: ref.tenant, participant: 'p1' }, 'erasure'),
  };
  test.each(Object.entries(deletions))('by %s', async (_, deletion) => {
    const ref = await service.uploaded();
    const outcome = await meanwhile(
      service.store,
      PUT,
      async () => {
        await deletion(ref);
        await forgetEntries();
      },
      (store) => send(ref, store).catch((error: unknown) => error),
    );
    expect(outcome).toMatchObject({ code: 'recording-deleted' });
    expect(await service.objectsOf(ref)).toEqual([]);
  });

  test('by an abort of what is empty, which leaves nothing at all', async () => {
    const ref = await service.begin();
    const abort = () => abortRecording(service.context, CALLER, ref);
    const outcome = await meanwhile(service.store, PUT, abort, (store) =>
      send(ref, store).catch((error: unknown) => error),
    );
    expect(outcome).toMatchObject({ code: 'recording-not-found' });
    expect(await service.objectsOf(ref)).toEqual([]);
    service.clock.advance(4 * HOUR_MS);
    expect(await service.kinds()).toEqual([]);
  });

  test('by a sweep at the deadline', async () => {
    const ref = await service.uploaded();
    service.clock.advance(20 * DAY_MS);
    const outcome = await meanwhile(
      service.store,
      PUT,
      async () => {
        service.clock.advance(11 * DAY_MS);
        await service.sweep();
        await forgetEntries();
      },
      (store) => send(ref, store).catch((error: unknown) => error),
    );
    expect(outcome).toMatchObject({ code: 'recording-deleted' });
    expect(await service.objectsOf(ref)).toEqual([]);
  });

  test('by an abort that has ended the upload, and has not written its intent yet', async () => {
    const ref = await service.uploaded();
    const moment = { when: 'before', call: 'put', keys: recordingKey(ref, 'deleting') } as const;
    let outcome: unknown;
    const put = async () => {
      outcome = await send(ref).catch((error: unknown) => error);
    };
    const abort = (store: ObjectStore) => abortRecording({ ...service.context, store }, CALLER, ref);
    await meanwhile(service.store, moment, put, abort);
    expect(outcome).toMatchObject({ code: 'upload-gone' });
    expect(await service.objectsOf(ref)).toEqual([]);
  });

  test('by a sweep that has written the receipt, and died before it deleted the manifest', async () => {
    const ref = await service.uploaded();
    service.clock.advance(29 * DAY_MS + HOUR_MS);
    await service.sweepOn(failing(service.store, 'put', 'log-queue/')).catch(() => {});
    expect(await service.receiptOf(ref)).toBeDefined();
    expect(await service.objectsOf(ref)).toEqual([recordingKey(ref, 'manifest')]);
    await expect(send(ref)).rejects.toMatchObject({ code: 'upload-gone' });
    expect(await service.objectsOf(ref)).toEqual([recordingKey(ref, 'manifest')]);
  });

  test('and where the store will not delete it, a queue entry leads the next sweep to it', async () => {
    const ref = await service.uploaded();
    const outcome = await meanwhile(
      service.store,
      PUT,
      async () => {
        await service.erase(ref);
        await forgetEntries();
      },
      (store) => send(ref, keeping(store, /\/overview$/)).catch((error: unknown) => error),
    );
    expect(outcome).toMatchObject({ name: 'StoreError', storeCode: 'AccessDenied' });
    expect(await service.objectsOf(ref)).toEqual([keyOf(ref)]);
    expect(await service.after(2 * HOUR_MS).sweep()).toMatchObject({ failed: 0 });
    expect(await service.objectsOf(ref)).toEqual([]);
  });
});

test('one that dies before its second look, and that a deletion has overtaken, is gone with the next sweep', async () => {
  const ref = await service.uploaded();
  const store = replacing(service.store, 'put', keyOf(ref), async (go) => {
    await service.erase(ref);
    await go();
    throw new StoreError('unavailable', 'PutObject', 'InternalError');
  });
  await expect(send(ref, store)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await service.objectsOf(ref)).toEqual([keyOf(ref)]);
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.objectsOf(ref)).toEqual([]);
  service.clock.advance(4 * HOUR_MS);
  expect(await service.kinds()).toEqual([]);
});

test('one that dies after a sweep has deleted its recording at the deadline is gone with the next sweep', async () => {
  const ref = await service.uploaded();
  service.clock.advance(29 * DAY_MS + HOUR_MS);
  const store = replacing(service.store, 'put', keyOf(ref), async (go) => {
    await service.sweep();
    await go();
    throw new StoreError('unavailable', 'PutObject', 'InternalError');
  });
  await expect(send(ref, store)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await service.objectsOf(ref)).toEqual([keyOf(ref)]);
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.objectsOf(ref)).toEqual([]);
});

test('by a wrong clock it is not taken for too late: it stays, and the call is refused', async () => {
  const ref = await service.uploaded();
  const outcome = await meanwhile(
    service.store,
    { ...BEFORE_SECOND_LOOK },
    () => {},
    (store) => {
      const atMs = service.clock.now();
      let looks = 0;
      const counting = replacing(store, 'list', 'attempts/', async (go) => {
        const page = (await go()) as object;
        looks += 1;
        return looks === 2 ? { ...page, storeTimeMs: atMs - DAY_MS } : page;
      });
      return send(ref, counting).catch((error: unknown) => error);
    },
  );
  expect(outcome).toMatchObject({ code: 'clock-skew' });
  expect(await stored(ref)).toEqual(overviewOf());
});

describe('stays when a completion overtakes it, and nothing is found wrong', () => {
  test.each([
    ['the first', undefined],
    ['another one', OTHER],
  ])('%s', async (_, earlier) => {
    const ref = await service.uploaded();
    if (earlier) await send(ref, service.store, earlier);
    await meanwhile(
      service.store,
      PUT,
      () => service.complete(ref),
      (store) => send(ref, store),
    );
    expect(await stored(ref)).toEqual(overviewOf());
    service.clock.advance(4 * HOUR_MS);
    const { findings, notChecked } = await service.verify();
    expect(findings).toEqual([]);
    expect(notChecked).toContainEqual({ what: 'overview-etag', count: 1 });
  });

  test('one that is completed between the second listing and the parts', async () => {
    const ref = await service.uploaded();
    const moment = { when: 'before', call: 'listParts' } as const;
    const store = replacing(service.store, 'listParts', '', async (go) => {
      // The listing has been answered by then.
      await new Promise(setImmediate);
      return go();
    });
    await meanwhile(
      store,
      moment,
      () => service.complete(ref),
      (seen) => send(ref, seen),
    );
    expect(await stored(ref)).toEqual(overviewOf());
  });

  test('the same one again, which the mark knows', async () => {
    const ref = await service.uploaded();
    await send(ref);
    await meanwhile(
      service.store,
      PUT,
      () => service.complete(ref),
      (store) => send(ref, store),
    );
    service.clock.advance(4 * HOUR_MS);
    const { findings, notChecked } = await service.verify();
    expect(findings).toEqual([]);
    expect(notChecked.map(({ what }) => what)).not.toContain('overview-etag');
  });
});

describe('goes with its recording, and counts in the receipt', () => {
  const size = overviewOf().length;

  /** Two recordings, of which one has an overview, and what the receipts of their deletion count. */
  async function counted(begin: () => Promise<RecordingRef>, end: (ref: RecordingRef) => Promise<unknown>) {
    const [bare, covered] = [await begin(), await begin()];
    await send(covered);
    for (const ref of [bare, covered]) await end(ref);
    expect(await service.objectsOf(covered)).toEqual([]);
    service.clock.advance(4 * HOUR_MS);
    expect(await service.kinds()).toEqual([]);
    const [without, whole] = [await service.receiptOf(bare), await service.receiptOf(covered)];
    return { objects: whole?.objects, bytes: whole?.bytes, without };
  }
  const andOverview = (without: Receipt | undefined) => ({
    objects: (without?.objects ?? 0) + 1,
    bytes: (without?.bytes ?? 0) + size,
  });

  test.each([
    ['before a part of it has arrived', () => service.begin()],
    ['while it is uploaded', () => service.uploaded()],
  ])('that is erased %s', async (_, begin) => {
    const { without, ...whole } = await counted(begin, (ref) => service.erase(ref));
    expect(whole).toEqual(andOverview(without));
  });

  test('that is erased when it is stored, whose mark is longer by the ETag of the overview', async () => {
    const { without, ...whole } = await counted(
      () => service.uploaded(),
      async (ref) => {
        await service.complete(ref);
        await service.erase(ref);
      },
    );
    const { objects, bytes } = andOverview(without);
    expect(whole).toEqual({ objects, bytes: bytes + ',"overviewEtag":"\\"\\""'.length + 32 });
  });

  test('that is aborted while it is uploaded', async () => {
    const { without, ...whole } = await counted(
      () => service.uploaded(),
      (ref) => abortRecording(service.context, CALLER, ref),
    );
    expect(whole).toEqual(andOverview(without));
  });

  test('that a sweep deletes at its deadline', async () => {
    const { without, ...whole } = await counted(
      () => service.begin(),
      async () => {
        service.clock.advance(30 * DAY_MS);
        await service.sweep();
      },
    );
    expect(whole).toEqual(andOverview(without));
  });

  test('that is aborted before a part arrived: an overview is not nothing, so there is an event and a receipt', async () => {
    const ref = await service.begin();
    await send(ref);
    await abortRecording(service.context, CALLER, ref);
    expect(await service.receiptOf(ref)).toMatchObject({ reason: 'aborted' });
    expect(service.audited).toContainEqual(expect.objectContaining({ event: 'aborted' }));
    service.clock.advance(4 * HOUR_MS);
    expect(await service.kinds()).toEqual([]);
  });

  test('whose file is no recording', async () => {
    const ref = await service.uploaded([Buffer.from('\0\0\0\x14ftypavif\0\0\0\0mif1', 'latin1')]);
    await send(ref);
    await expect(service.complete(ref, service.store, { by: CALLER })).rejects.toMatchObject({
      code: 'not-a-recording',
    });
    expect(await service.objectsOf(ref)).toEqual([]);
    expect((await service.receiptOf(ref))?.bytes).toBeGreaterThan(size);
  });

  test('that is given up empty at the same time: it leaves no receipt, and no sweep writes one later', async () => {
    const ref = await service.begin();
    // The abort has looked, and found nothing; it dies after its intent.
    const moment = { when: 'after', call: 'put', keys: recordingKey(ref, 'deleting') } as const;
    const write = () => service.put(keyOf(ref), overviewOf());
    const abort = (store: ObjectStore) =>
      abortRecording({ ...service.context, store: failing(store, 'delete') }, CALLER, ref).catch(() => {});
    await meanwhile(service.store, moment, write, abort);
    expect(await service.objectsOf(ref)).toContain(keyOf(ref));
    await service.after(2 * HOUR_MS).sweep();
    expect(await service.objectsOf(ref)).toEqual([]);
    expect(await service.receiptOf(ref)).toBeUndefined();
    service.clock.advance(4 * HOUR_MS);
    expect(await service.kinds()).toEqual([]);
  });
});
