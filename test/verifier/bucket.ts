// A bucket with everything in it, as the service and its sweeps leave it after some days; and what a corruption needs to reach it.
import { strict as assert } from 'node:assert';
import { type Receipt, toBody } from '../../src/bucket/documents.ts';
import type { EventType } from '../../src/bucket/outbox.ts';
import { submitReceipts } from '../../src/bucket/receipt-log.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { type AttemptRef, newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { toDay, toIso } from '../../src/model/times.ts';
import { listAll, type ObjectStore } from '../../src/objectstore/object-store.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { abortRecording, eraseRecording } from '../../src/recordings/delete.ts';
import { presignPlayback } from '../../src/recordings/playback.ts';
import { liftRestriction, restrictRecording } from '../../src/recordings/restriction.ts';
import { webm } from '../kit/fixtures.ts';
import { JPEG, overviewOf } from '../kit/overview.ts';
import {
  CALLER,
  mediaKey,
  sendOverview,
  type TestService,
  type TestServiceOptions,
  uploadParts,
} from '../kit/service.ts';

const EVENTS: ReadonlySet<EventType> = new Set(['recording.stored', 'recording.deleted', 'recording.erased']);

/** How the service of such a bucket is set. `beta` keeps nothing for more than four days. */
export const OPTIONS: TestServiceOptions = {
  policy: { afterAssessmentMs: 10 * DAY_MS, byTenantMs: new Map([['beta', 4 * DAY_MS]]) },
  events: new Map([['acme', EVENTS]]),
};

/** After that nothing that was planted is younger than the grace period, or than an upload may be idle. */
export const LATER_MS = 4 * HOUR_MS;

export type Built = Awaited<ReturnType<typeof build>>;

/** Six days of two tenants, from nine o'clock on. Nothing is younger than the grace period at the end, but for one recording. */
export async function build(service: TestService) {
  const { clock, context, store } = service;
  clock.advance((9 * HOUR_MS + DAY_MS - (clock.now() % DAY_MS)) % DAY_MS);
  const startMs = clock.now();
  const by = (tenant: string) => ({ ...CALLER, tenant });
  const whole = {
    timeline: () => {
      const at = new Date(clock.now()).toISOString();
      return { startedAt: at, endedAt: at, gaps: [{ from: at, to: at, reason: 'offline' }] };
    },
  };
  async function record(where: Partial<RecordingRef>, participant?: string, picture?: string): Promise<RecordingRef> {
    const ref = await service.begin(where, participant);
    await uploadParts(context, ref, [webm]);
    if (picture) await sendOverview(context, ref, overviewOf(Buffer.concat([JPEG, Buffer.from(picture)])));
    await completeRecording(context, ref, { timeline: whole.timeline() });
    return ref;
  }
  const play = (ref: RecordingRef) => presignPlayback(context, by(ref.tenant), ref);
  const assess = (ref: AttemptRef) =>
    assessAttempt(context, by(ref.tenant), ref, { completedAtMs: clock.now() - MINUTE_MS });

  // The first day.
  const played = await record({ attempt: 'played' });
  const second = await record({ attempt: 'played' }, undefined, 'second');
  const restricted = await record({ attempt: 'restricted' }, 'p2');
  await restrictRecording(context, by('acme'), restricted, 'a dispute');
  const lifted = await record({ attempt: 'lifted' }, 'p2');
  await restrictRecording(context, by('acme'), lifted, 'a mistake');
  const assessed = await record({ attempt: 'assessed' }, 'p3', 'assessed');
  const silent = await record({ attempt: 'silent' }, 'p4');
  const uploading = await service.begin({ attempt: 'uploading' }, 'p5');
  await store.uploadPart(mediaKey(uploading), await uploadOf(store, uploading), 2, webm);
  const abandoned = await service.begin({ attempt: 'abandoned' }, 'p5');
  await uploadParts(context, abandoned, [webm]);
  const aborted = await service.begin({ attempt: 'aborted' }, 'p5');
  await uploadParts(context, aborted, [webm]);
  const erased = await record({ attempt: 'erased' }, 'p6', 'erased');
  const swept: RecordingRef[] = [];
  for (const attempt of ['b1', 'b2', 'b3', 'b4']) swept.push(await record({ tenant: 'beta', attempt }, 'q1'));
  for (const ref of swept.slice(0, 2)) await play(ref);
  clock.advance(2 * HOUR_MS);
  await assess(assessed);
  await liftRestriction(context, by('acme'), lifted, 'settled');
  await abortRecording(context, by('acme'), aborted);
  await eraseRecording(context, by('acme'), erased, 'erasure');
  const beta: RecordingRef[] = [];
  let unseen: RecordingRef | undefined;
  const earlierLog = new Map<string, Uint8Array>();
  await submitExpired(service);
  // The days after it.
  for (let day = 1; day <= 5; day += 1) {
    clock.advance(DAY_MS);
    await service.sweep();
    await play(played);
    await play(second);
    await play(assessed);
    if (day === 1) unseen = await record({ tenant: 'beta', attempt: 'unseen' }, 'q3');
    // It has what was swept the day before.
    if (day === 4)
      for (const { key } of await Array.fromAsync(listAll(store, 'log/beta/')))
        earlierLog.set(key, (await store.get(key)) ?? new Uint8Array());
    if (day < 3) continue;
    beta.push(await record({ tenant: 'beta', attempt: `c${day}` }, 'q2'));
    await play(beta.at(-1) as RecordingRef);
  }
  const another = await record({ attempt: 'erased' }, 'p6');
  clock.advance(2 * HOUR_MS);
  await eraseRecording(context, by('acme'), another, 'controller-instruction');
  await play(played);
  await play(beta.at(-1) as RecordingRef);
  clock.advance(3 * HOUR_MS);
  await service.sweep();
  clock.advance(2 * HOUR_MS);
  const young = await record({ attempt: 'young' }, 'p7', 'young');
  const stored = [played, second, restricted, lifted, assessed, silent, abandoned];
  const refs = { played, second, restricted, lifted, assessed, silent, uploading, abandoned, erased, another, young };
  assert(unseen);
  return { ...refs, stored, swept, beta, unseen, earlierLog, ...reach(service, startMs) };
}

/** Receipts that were kept until yesterday, and are gone: enough for the log of their tenant to have whole tiles. */
async function submitExpired({ context, clock }: TestService): Promise<void> {
  const { signer } = context;
  if (!signer) return;
  const yesterdayMs = clock.now() - DAY_MS;
  const expired = Array.from({ length: 270 }, (_, index) => {
    const recordingId = newRecordingId(yesterdayMs + index, (length) => Buffer.alloc(length, index));
    const times = { deadline: toIso(yesterdayMs + DAY_MS), deletedAt: toIso(yesterdayMs) };
    return { ...times, recordingId, keptUntil: toDay(yesterdayMs), jws: `expired ${index}` } as Receipt;
  });
  await submitReceipts({ ...context, signer }, 'acme', expired);
}

async function uploadOf(store: ObjectStore, ref: RecordingRef): Promise<string> {
  const [upload] = (await store.listMultipartUploads(mediaKey(ref))).uploads;
  assert(upload);
  return upload.uploadId;
}

/** What a person with a key of the store can do. */
function reach({ clock, store }: TestService, startMs: number) {
  const keys = async (pattern: RegExp, prefix = '') => {
    const all = await Array.fromAsync(listAll(store, prefix));
    return all.map(({ key }) => key).filter((key) => pattern.test(key));
  };
  const body = async (key: string) => {
    const found = await store.get(key);
    assert(found, `there is no ${key}`);
    return Buffer.from(found);
  };
  const put = (key: string, content: string | Uint8Array = '') => store.put(key, Buffer.from(content));
  const remove = async (...gone: readonly string[]) => {
    assert(gone.length > 0, 'nothing to remove');
    await store.delete(gone.map((key) => ({ key })));
  };
  const json = async <T = Record<string, unknown>>(key: string) => JSON.parse((await body(key)).toString()) as T;
  return {
    now: () => clock.now(),
    /** A day of the bucket, as audit events have it; the first is 0, the last 5. */
    day: (number: number) => new Date(startMs + number * DAY_MS).toISOString().slice(0, 10),
    store,
    keys,
    body,
    put,
    remove,
    json,
    /** Rewrites some members of a document. */
    edit: async (key: string, change: object) => put(key, toBody({ ...(await json(key)), ...change })),
    /** Renames an object. */
    move: async (from: string, to: string) => {
      await put(to, await body(from));
      await remove(from);
    },
  };
}
