// …/parts: part URLs, what the store does with them, and what it says it has.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/domain/durations.ts';
import type { SignedPart } from '../../src/recordings/upload.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

interface Parts {
  parts: { partNumber: number; sizeBytes: number; etag: string }[];
}

async function sign(created: CreatedRecording, ...parts: [partNumber: number, sizeBytes: number][]) {
  const body = { parts: parts.map(([partNumber, sizeBytes]) => ({ partNumber, sizeBytes })) };
  const as = { scope: 'recordings:upload', exam: 'math', attempt: created.ref.attempt };
  return api.call<{ parts: SignedPart[] }>('post', `${created.path}/parts`, { as, body });
}

async function signOne(created: CreatedRecording, partNumber: number, sizeBytes: number): Promise<SignedPart> {
  const [part] = (await sign(created, [partNumber, sizeBytes])).body.parts;
  if (!part) throw new Error('no part was signed');
  return part;
}

async function partsOf(created: CreatedRecording, by = api): Promise<Parts['parts']> {
  const answer = await by.call<Parts>('get', `${created.path}/parts`, { as: { scope: 'recordings:upload' } });
  expect(answer.status).toBe(200);
  return answer.body.parts;
}

/** Some stores say 403, Ceph says 400 or 404 here and there: a refusal, and no part. */
function expectRefused(status: number): void {
  expect({ status, isRefused: status >= 400 && status < 500 }).toMatchObject({ isRefused: true });
}

describe('part URLs', () => {
  it('are given for the parts that are named, in their order', async () => {
    const created = await api.create();
    const answer = await sign(created, [3, 1000], [1, 5 * MIB], [2, 5 * MIB]);
    expect(answer.status).toBe(200);
    expect(answer.body.parts.map(({ partNumber }) => partNumber)).toEqual([3, 1, 2]);
    for (const part of answer.body.parts) {
      expect(part).toEqual({
        partNumber: part.partNumber,
        method: 'PUT',
        url: expect.stringContaining(`partNumber=${part.partNumber}&`),
        headers: { 'content-length': part.partNumber === 3 ? '1000' : String(5 * MIB) },
        expiresAt: expect.stringMatching(/Z$/),
      });
      // A signature has its time in whole seconds.
      const signedMs = api.service.clock.now() - (api.service.clock.now() % SECOND_MS);
      expect(Date.parse(part.expiresAt)).toBe(signedMs + HOUR_MS);
    }
  });

  it.each<[string, [number, number][], number, 'invalid-request' | 'part-too-large' | 'part-number-too-large']>([
    ['a negative size', [[1, -1]], 422, 'invalid-request'],
    ['half a byte', [[1, 0.5]], 422, 'invalid-request'],
    ['part -1', [[-1, 1]], 422, 'invalid-request'],
    ['a size above the limit', [[1, 5 * MIB + 1]], 422, 'part-too-large'],
    ['a size beyond all numbers', [[1, 1e300]], 422, 'invalid-request'],
    ['a number above the limit', [[21, 1]], 422, 'part-number-too-large'],
  ])('are not given for %s', async (_, parts, status, code) => {
    expectProblem(await sign(await api.create(), ...parts), status, code);
  });

  it('take a part of exactly the size that was named', async () => {
    const created = await api.create();
    const part = await signOne(created, 1, 1000);
    for (const sizeBytes of [0, 999, 1001]) {
      expectRefused((await api.service.putPart(part, new Uint8Array(sizeBytes))).status);
    }
    expect(await partsOf(created)).toEqual([]);
    expect((await api.service.putPart(part, new Uint8Array(1000))).status).toBe(200);
    expect(await partsOf(created)).toEqual([{ partNumber: 1, sizeBytes: 1000, etag: expect.any(String) }]);
  });

  it('replace a part that is sent again', async () => {
    const created = await api.create();
    const first = await signOne(created, 1, 1000);
    await api.service.putPart(first, new Uint8Array(1000));
    const [before] = await partsOf(created);
    await api.service.putPart(first, new Uint8Array(1000).fill(1));
    await api.service.putPart(await signOne(created, 1, 500), new Uint8Array(500).fill(2));
    const after = await partsOf(created);
    expect(after).toEqual([{ partNumber: 1, sizeBytes: 500, etag: expect.any(String) }]);
    expect(after[0]?.etag).not.toBe(before?.etag);
  });

  it('expire', async () => {
    const brief = await startApi({ uploads: { partUrlTtlMs: 15 * SECOND_MS } });
    const created = await brief.create();
    const asked = { as: { scope: 'recordings:upload' }, body: { parts: [{ partNumber: 1, sizeBytes: 1000 }] } };
    const [part] = (await brief.call<{ parts: SignedPart[] }>('post', `${created.path}/parts`, asked)).body.parts;
    if (!part) throw new Error('no part was signed');
    expect((await brief.service.putPart(part, new Uint8Array(1000))).status).toBe(200);
    const [stored] = await partsOf(created, brief);
    brief.service.clock.advance(16 * SECOND_MS);
    expectRefused((await brief.service.putPart(part, new Uint8Array(1000).fill(1))).status);
    expect(await partsOf(created, brief)).toEqual([stored]);
  });

  it('die with the upload: after it is complete nothing is added', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    const open = [await signOne(created, 1, 1000), await signOne(created, 2, 1000)];
    const { body } = await api.call('post', `${created.path}/complete`);
    for (const part of open) expectRefused((await api.service.putPart(part, new Uint8Array(1000))).status);
    expect((await api.call('get', created.path)).body).toEqual(body);
  });

  it.each(['abort', 'erase'])('die with the upload: after %s nothing comes back', async (how) => {
    const created = await api.create();
    const part = await signOne(created, 1, 1000);
    if (how === 'abort') await api.call('post', `${created.path}/abort`);
    else await api.call('delete', `${created.path}?reason=erasure`);
    expectRefused((await api.service.putPart(part, new Uint8Array(1000))).status);
    expectProblem(await sign(created, [2, 1000]), 410, 'recording-deleted');
    expectProblem(await api.call('get', `${created.path}/parts`), 410, 'recording-deleted');
    expectProblem(await api.call('post', `${created.path}/complete`), 410, 'recording-deleted');
  });

  it('are not given for a recording whose deadline has passed', async () => {
    const late = await startApi();
    const created = await late.create();
    late.service.clock.advance(30 * DAY_MS);
    const body = { parts: [{ partNumber: 1, sizeBytes: 1 }] };
    expectProblem(await late.call('post', `${created.path}/parts`, { body }), 410, 'recording-expired');
  });

  it('asked for many times at once share a look at the store', async () => {
    const interventions = createInterventions();
    const watched = await startApi({ wrap: interventions.wrap });
    const created = await watched.create();
    watched.service.context.takingParts.clear();
    let looks = 0;
    interventions.watch('list', () => {
      looks += 1;
    });
    const body = { parts: [{ partNumber: 1, sizeBytes: 1 }] };
    const ask = () => watched.call('post', `${created.path}/parts`, { body });
    const answers = await Promise.all(Array.from({ length: 8 }, ask));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(looks).toBe(1);
  });

  it('are given again right after a look at the store that failed', async () => {
    const interventions = createInterventions();
    const broken = await startApi({ wrap: interventions.wrap });
    const created = await broken.create();
    broken.service.context.takingParts.clear();
    const mend = interventions.failOn('list', 'attempts/');
    const body = { parts: [{ partNumber: 1, sizeBytes: 1 }] };
    const ask = () => broken.call('post', `${created.path}/parts`, { body });
    for (const answer of await Promise.all([ask(), ask()])) expectProblem(answer, 503, 'store-unavailable');
    mend();
    expect((await ask()).status).toBe(200);
  });

  it('of a recording that is complete are refused, or lead nowhere', async () => {
    const stored = await api.store();
    const answer = await sign(stored, [1, 10]);
    if (answer.status === 200) {
      for (const part of answer.body.parts) expectRefused((await api.service.putPart(part, new Uint8Array(10))).status);
    } else expectProblem(answer, 409, 'recording-stored');
    expect((await api.call('get', stored.path)).body.sizeBytes).toBe(webm.length);
  });
});

describe('the parts that have arrived', () => {
  it('are none at first, and those of a complete recording are no parts any more', async () => {
    expect(await partsOf(await api.create())).toEqual([]);
    const stored = await api.store();
    expectProblem(await api.call('get', `${stored.path}/parts`), 409, 'recording-stored');
  });

  it('tell where to resume, in whatever order they came', async () => {
    const created = await api.create();
    const file = enlargeWebm(webm, 12 * MIB);
    await api.upload(created, file, [3, 1]);
    const parts = await partsOf(created);
    expect(parts.map(({ partNumber, sizeBytes }) => [partNumber, sizeBytes])).toEqual([
      [1, 5 * MIB],
      [3, 2 * MIB],
    ]);
    await api.upload(created, file, [2]);
    const claimed = (await partsOf(created)).map(({ partNumber, etag }) => ({ partNumber, etag }));
    const done = await api.call('post', `${created.path}/complete`, { body: { parts: claimed } });
    expect(done.body).toMatchObject({ state: 'stored', sizeBytes: 12 * MIB });
  });
});
