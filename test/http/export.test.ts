// GET /v1/participants/{participant}/export: all that is held, as a document that explains itself, and as an archive.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { unzipSync } from 'fflate';
import { enlargeWebm } from '../../demo/webm.ts';
import { MINUTE_MS } from '../../src/model/durations.ts';
import type { AccessLogEntry } from '../../src/model/recording.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import type { ExportedRecording, exportHead } from '../../src/recordings/export.ts';
import { box, cluster, docType, ebmlHeader, ftyp, segment, simpleBlock } from '../kit/containers.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, overriding } from '../kit/interventions.ts';
import { recordingKey } from '../kit/keys.ts';
import { until } from '../kit/until.ts';
import { type Api, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';
import { A_MINUTE, createLooks } from './looks.ts';
import { settled } from './settled.ts';

const DESK = { scope: 'privacy:manage', sub: 'desk' };
const TIMELINE = { startedAt: '2026-01-02T10:00:00Z', endedAt: '2026-01-02T11:00:00Z', gaps: [] };
const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

type Exported = ReturnType<typeof exportHead> & {
  readonly recordings: (ExportedRecording & { readonly accessLog: AccessLogEntry[] })[];
};

const pathOf = (participant: string, query = '') => `/v1/participants/${participant}/export${query}`;
const read = (participant: string, query = '', by = api) =>
  by.call<Exported>('get', pathOf(participant, query), { as: DESK });

const authorized = async (by = api, tenant = 'acme') => ({
  authorization: await by.authorization({ ...DESK, tenant }),
});

async function download(participant: string, query = '?format=zip', by = api, tenant = 'acme') {
  const answer = await fetch(by.url + pathOf(participant, query), { headers: await authorized(by, tenant) });
  return { answer, bytes: new Uint8Array(await answer.arrayBuffer()) };
}

const jsonIn = (file: Uint8Array = new Uint8Array()) => JSON.parse(Buffer.from(file).toString()) as unknown;

function opened({ bytes }: { readonly bytes: Uint8Array }) {
  const files = unzipSync(bytes);
  const manifest = jsonIn(files['manifest.json']) as Exported;
  /** Whether the media of a recording are there, and are these. */
  const has = (index: number, file: Uint8Array) =>
    Buffer.from(files[manifest.recordings[index]?.file ?? ''] ?? []).equals(file);
  return { names: Object.keys(files), files, manifest, has };
}

const large = enlargeWebm(webm, 7 * MIB);
/** Somebody with one recording in each state that an export shows in its own way, in the order in which it does. */
async function holdings() {
  const participantId = `person-${newAttempt()}`;
  const stored = await api.store({ exam: 'biology' }, large, { participantId });
  await api.call('post', `${stored.path}/complete`, { body: { timeline: TIMELINE } });
  const uploading = await api.create({ exam: 'chemistry' }, { participantId });
  const contested = await api.store({ exam: 'music' }, webm, { participantId });
  await api.call('put', `${contested.path}/restriction`, { body: { reason: 'contested' } });
  const asAudio = { participantId, kind: 'audio', contentType: 'audio/webm' };
  const audio = await api.store({ exam: 'physics' }, webm, asAudio);
  const completedAt = new Date(api.service.clock.now()).toISOString();
  await api.call('put', `${audio.attemptPath}/assessment`, { body: { completedAt } });
  const torn = await api.store({ exam: 'zoology' }, webm, { participantId });
  await api.service.store.put(recordingKey(torn.ref, 'manifest'), Buffer.from('{'));
  api.service.context.manifestCache.clear();
  return { who: participantId, stored, uploading, contested, audio, torn, completedAt };
}

describe('the document', () => {
  it('has everything that is held, says what its members mean, and has a fresh link to what may be played', async () => {
    const { who, stored, uploading, contested, audio, torn, completedAt } = await holdings();
    await api.call('post', `${stored.path}/playback-links`, { as: { sub: 'reviewer' }, body: { reason: 'review' } });
    const { status, headers, body } = await read(who);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': expect.stringMatching(/^application\/json/),
      'content-disposition': `attachment; filename=participant-${who}.json`,
      'cache-control': 'no-store',
    });
    const { recording: recordingId, exam: examId, attempt: attemptId } = torn.ref;
    const unreadable = [{ recordingId, examId, attemptId }];
    expect(body).toMatchObject({ tenantId: 'acme', participantId: who, unreadable });
    const [first, second, third, fourth] = body.recordings;
    expect(body.recordings).toHaveLength(4);
    expect(first).toMatchObject({ ...stored.recording, timeline: TIMELINE, restriction: null, file: null });
    expect(first?.accessLog).toMatchObject([
      { event: 'link-issued', actor: 'reviewer', reason: 'review' },
      { event: 'exported', actor: 'desk', detail: `link until ${first?.link?.expiresAt}` },
    ]);
    expect(second).toMatchObject({ ...uploading.recording, link: null, accessLog: [{ detail: 'description alone' }] });
    const restriction = { reason: 'contested', since: expect.stringMatching(/Z$/) };
    expect(third).toMatchObject({ ...contested.recording, restricted: true, restriction, link: null });
    expect(fourth).toMatchObject({ recordingId: audio.ref.recording, assessment: { completedAt } });
    expect(Date.parse(first?.link?.expiresAt ?? '')).toBeLessThanOrEqual(api.service.clock.now() + 10 * MINUTE_MS);
    const played = await api.service.testStore.fetch(fourth?.link?.url ?? '');
    expect(Buffer.from(await played.arrayBuffer()).equals(webm)).toBe(true);
    // The compiler checks that every member has a meaning.
    for (const meaning of Object.values(body.fields)) expect(meaning).toMatch(/\.$/);

    const asked = (await read(who, '?includeRestricted=true')).body.recordings[2];
    expect(asked).toMatchObject({ restricted: true, restriction, link: { url: expect.any(String) } });
    expect(asked?.accessLog.map(({ event, detail }) => [event, detail])).toEqual([
      ['restricted', null],
      ['exported', 'description alone'],
      ['exported', `link until ${asked?.link?.expiresAt}`],
    ]);
  });

  it('of a participant without recordings is empty, and has no other formats than the documented ones', async () => {
    expect((await read('nobody')).body).toMatchObject({ recordings: [], unreadable: [] });
    for (const query of ['format=tar', 'format=', 'includeRestricted=1', 'limit=1']) {
      expectProblem(await read('nobody', `?${query}`), 422, 'invalid-request');
    }
  });

  it('is not begun when the store does not answer, nor handed out when the audit trail cannot be written; its head costs nothing', async () => {
    const who = 'audited';
    await api.store({}, webm, { participantId: who });
    const restoreList = store.failOn('list', 'participants/');
    for (const query of ['', '?format=zip']) expectProblem(await read(who, query), 503, 'store-unavailable');
    restoreList();
    const restorePut = store.failOn('put', 'audit/');
    for (const query of ['', '?format=zip']) await expect(download(who, query)).rejects.toThrow();
    restorePut();
    expect(JSON.stringify((await read(who)).body)).toContain('X-Amz');

    const before = await api.service.keys('audit/');
    const head = { method: 'HEAD', headers: await authorized() };
    const answer = await fetch(api.url + pathOf(who, '?format=zip'), head);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/zip']);
    expect(await api.service.keys('audit/')).toEqual(before);
  });
});

describe('the archive', () => {
  it('has the document and the exact bytes of each recording; those of a restricted one only when it is asked for', async () => {
    const { who, stored, uploading, audio } = await holdings();
    const { answer, bytes } = await download(who);
    const given = ['content-type', 'content-disposition'].map((name) => answer.headers.get(name));
    expect(given).toEqual(['application/zip', `attachment; filename=participant-${who}.zip`]);
    const { names, files, manifest, has } = opened({ bytes });
    const [first, second, third, fourth] = manifest.recordings;
    expect(first?.file).toBe(`recordings/biology/${stored.ref.attempt}/webcam-${stored.ref.recording}.webm`);
    expect(second).toMatchObject({ recordingId: uploading.ref.recording, file: null, link: null });
    expect(third).toMatchObject({ restricted: true, file: null, link: null });
    expect(fourth?.file).toBe(`recordings/physics/${audio.ref.attempt}/audio-${audio.ref.recording}.webm`);
    expect(names).toEqual(['manifest.json', first?.file, fourth?.file]);
    expect([has(0, large), has(3, webm)]).toEqual([true, true]);
    expect(JSON.stringify(manifest)).not.toContain('X-Amz');
    expect(first?.accessLog).toMatchObject([{ event: 'exported', detail: 'file in an archive' }]);
    const directory = Buffer.from(bytes).subarray(Buffer.from(bytes).indexOf('PK\x01\x02', undefined, 'latin1'));
    // It has CRC-32 and sizes of each file, the lowest byte first (PKWARE's APPNOTE, 4.3.12).
    for (const file of Object.values(files)) {
      const { buffer } = Uint32Array.of(crc32(file), file.length, file.length);
      expect(directory.includes(Buffer.from(buffer))).toBe(true);
    }

    expect(opened(await download(who, '?format=zip&includeRestricted=true')).has(2, webm)).toBe(true);
    const ofOther = opened(await download(who, '?format=zip', api, 'other'));
    expect([ofOther.names, ofOther.manifest.recordings]).toEqual([['manifest.json'], []]);
  });

  it.each(['json', 'zip'])('gives nothing of what is restricted or erased while it is audited (%s)', async (format) => {
    const participantId = `person-${newAttempt()}`;
    const [restricted, erased] = [
      await api.store({}, webm, { participantId }),
      await api.store({}, webm, { participantId }),
    ];
    for (const [created, isKept] of [
      [restricted, true],
      [erased, false],
    ] as const) {
      let isDone = false;
      store.watch('put', async (key) => {
        if (isDone || !String(key).includes(`${created.ref.recording}/`) || !String(key).includes('-exported-')) return;
        isDone = true;
        const path = isKept ? `${created.path}/restriction` : `${created.path}?reason=erasure`;
        const body = isKept ? { body: { reason: 'contested' } } : {};
        expect((await api.call(isKept ? 'put' : 'delete', path, { as: DESK, ...body })).status).toBe(200);
      });
      const manifest =
        format === 'json' ? (await read(participantId)).body : opened(await download(participantId)).manifest;
      store.watch('put', () => {});
      expect(isDone).toBe(true);
      const found = manifest.recordings.find(({ recordingId }) => recordingId === created.ref.recording);
      if (isKept) expect(found).toMatchObject({ restricted: true, link: null, file: null });
      else expect(found).toBeUndefined();
    }
  });

  it('leaves out a file that was restricted between the document and its turn', async () => {
    const participantId = `person-${newAttempt()}`;
    const stored = await api.store({}, webm, { participantId });
    const path = `${stored.path}/restriction`;
    let looks = 0;
    store.watch('list', async (prefix) => {
      if (!String(prefix).startsWith('audit/')) return;
      looks += 1;
      if (looks === 1) expect((await api.call('put', path, { as: DESK, body: { reason: 'x' } })).status).toBe(200);
    });
    const { names } = opened(await download(participantId));
    store.watch('list', () => {});
    expect(looks).toBeGreaterThan(0);
    expect(names).toEqual(['manifest.json', 'left-out.json']);
  });

  it('names each file by what it is, whatever was announced', async () => {
    const participantId = `person-${newAttempt()}`;
    const matroska = Buffer.concat([ebmlHeader(docType('matroska')), segment(cluster(simpleBlock()))]);
    for (const file of [matroska, ftyp('isom'), Buffer.from('<html>')]) {
      const media = file === matroska ? file : Buffer.concat([file, box('mdat', 'media')]);
      await api.store({ exam: 'biology' }, media, { participantId });
    }
    const { manifest } = opened(await download(participantId));
    const told = manifest.recordings.map(({ file, container, contentType }) => [
      file?.split('.')[1],
      container,
      contentType,
    ]);
    expect(told).toEqual([
      ['mkv', 'matroska', 'video/matroska;codecs=vp8,opus'],
      ['mp4', 'mp4', 'video/mp4'],
      ['bin', 'unrecognized', 'application/octet-stream'],
    ]);
  });

  it('says what was deleted before its turn came, and breaks off when what it reads is deleted', async () => {
    const { who, stored, audio } = await holdings();
    const erasedAtRead = (recordings: readonly CreatedRecording[]) => {
      const left = [...recordings];
      store.watch('getRange', async () => {
        const next = left.shift();
        if (next) await api.call('delete', `${next.path}?reason=erasure`);
      });
    };
    erasedAtRead([audio]);
    const { names, files, manifest } = opened(await download(who));
    expect(names).toEqual(['manifest.json', manifest.recordings[0]?.file, 'left-out.json']);
    expect(jsonIn(files['left-out.json'])).toMatchObject({ leftOut: [manifest.recordings[3]?.file] });
    // The second read finds nothing: an archive that ended well would be taken for whole.
    erasedAtRead([audio, stored]);
    await expect(download(who)).rejects.toThrow();
    store.watch('getRange', () => {});
  });

  it('continues where it was when the store drops the connection, and breaks off when it does so at once', async () => {
    let chunksGiven = 1;
    async function* dropped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      let left = chunksGiven;
      for await (const chunk of chunks) {
        if (left === 0) throw new StoreError('unavailable', 'GetObject', 'ECONNRESET');
        left -= 1;
        yield chunk;
      }
    }
    const flaky = await startApi({
      wrap: (whole) =>
        overriding(whole, {
          async getRange(...range) {
            const chunks = await whole.getRange(...range);
            return chunks && dropped(chunks);
          },
        }),
    });
    await flaky.store({}, large, { participantId: 'flaky' });
    expect(opened(await download('flaky', '?format=zip', flaky)).has(0, large)).toBe(true);
    chunksGiven = 0;
    await expect(download('flaky', '?format=zip', flaky)).rejects.toThrow();
  });

  it('is not read ahead for a client that reads slowly, and ends without an error when the client goes away', async () => {
    const huge = enlargeWebm(webm, 60 * MIB);
    await api.store({}, huge, { participantId: 'huge' });
    let ranges = 0;
    store.watch('getRange', () => {
      ranges += 1;
    });
    const request = get(api.url + pathOf('huge', '?format=zip'), { headers: await authorized(), agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    // What fits into the sockets' buffers is sent; then nothing is read any more until the client goes on.
    await until(() => ranges > 0);
    const readAhead = await settled(() => ranges);
    expect(readAhead).toBeLessThan(8);
    const [errors, aborted] = [api.logged('"level":"error"'), api.logged('"aborted":true')];
    response.on('data', () => ranges > readAhead && request.destroy());
    await until(() => api.logged('"aborted":true') > aborted);
    const stoppedAt = ranges;
    // A call to the store that was under way may end; a later export reads everything, and shows that none goes on.
    expect(opened(await download('huge')).has(0, huge)).toBe(true);
    expect(ranges - 15).toBeLessThanOrEqual(stoppedAt + 1);
    expect(api.logged('"level":"error"')).toBe(errors);
  });
});

describe('many exports at once', () => {
  const exportAs = (by: Api, tenant: string, headers: Record<string, string>) =>
    by.raw('GET', pathOf('p-1'), { as: { ...DESK, tenant }, headers });

  it('do not read what the others write meanwhile', async () => {
    const own = createInterventions();
    const by = await startApi({ wrap: own.wrap });
    await by.store({}, webm, { participantId: 'p-1' });
    await by.call('get', pathOf('p-1'), { as: DESK });
    const held = own.holdNext('put');
    const first = by.call<Exported>('get', pathOf('p-1'), { as: DESK });
    await held.reached;
    const second = await by.call<Exported>('get', pathOf('p-1'), { as: DESK });
    held.release();
    const logOf = ({ body }: { body: Exported }) => body.recordings[0]?.accessLog.map(({ at }) => at);
    expect(logOf(await first)).toHaveLength(2);
    expect(logOf(second)).toHaveLength(2);
    expect(logOf(await by.call<Exported>('get', pathOf('p-1'), { as: DESK }))).toHaveLength(4);
  });

  it('are refused from the third of a tenant and the ninth of the process on, until one of them has ended', async () => {
    const own = createInterventions();
    const by = await startApi({ wrap: own.wrap });
    const tenants = ['acme', 'acme', 'one', 'one', 'two', 'two', 'three', 'three'];
    for (const tenant of new Set(tenants)) await by.store({ tenant }, webm, { participantId: 'p-1' });
    const open = [];
    for (const tenant of tenants) {
      const held = own.holdNext('put');
      const answer = exportAs(by, tenant, {});
      await held.reached;
      open.push({ held, answer });
      if (open.length !== 2) continue;
      const refused = await exportAs(by, tenant, {});
      expectProblem(refused, 503, 'exports-busy');
      expect(refused.headers['retry-after']).toBe('10');
      expect(refused.body.detail).toMatch(/your tenant/);
    }
    expectProblem(await exportAs(by, 'four', {}), 503, 'exports-busy');
    open[0]?.held.release();
    expect((await open[0]?.answer)?.status).toBe(200);
    expect((await exportAs(by, 'four', {})).status).toBe(200);
    // A head takes no place.
    const head = await fetch(by.url + pathOf('p-1'), { method: 'HEAD', headers: await authorized(by, 'one') });
    expect(head.status).toBe(200);
    for (const { held } of open) held.release();
    await Promise.all(open.map(({ answer }) => answer));
    expect((await exportAs(by, 'one', {})).status).toBe(200);
  });

  it('of a client that takes nothing for a minute are cut, and make room', async () => {
    const looks = createLooks();
    const by = await startApi({ every: looks.every });
    await by.store({}, enlargeWebm(webm, 60 * MIB), { participantId: 'p-1' });
    const headers = await authorized(by);
    const open = [];
    for (const _ of ['first', 'second']) {
      const request = get(`${by.url}${pathOf('p-1')}?format=zip`, { headers, agent: false });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      open.push({ request, response });
    }
    const [stalled, read] = open;
    read?.response.resume();
    await once(read?.response as IncomingMessage, 'end');
    await until(() => looks.size === 1);
    await settled(() => stalled?.request.socket?.bytesRead ?? 0);
    // In the first minute it has taken what fits into the sockets.
    looks.look(2 * A_MINUTE);
    await until(() => by.logged('"aborted":true') === 1);
    expect(looks.size).toBe(0);
    const cut = once(stalled?.response as IncomingMessage, 'error');
    stalled?.response.resume();
    expect(await cut).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(by.logged('"level":"error"')).toBe(0);
    expect((await by.call('get', pathOf('p-1'), { as: DESK })).status).toBe(200);
  });
});

it('no link outlives the deadline; an archive leaves out what comes to it before its turn, and a document what is past it', async () => {
  const own = createInterventions();
  const late = await startApi({ wrap: own.wrap });
  await late.store({ exam: 'a' }, webm, { participantId: 'late' });
  const { recording } = await late.store({ exam: 'b' }, webm, { participantId: 'late' });
  const { clock } = late.service;
  const deadlineMs = Date.parse(recording.deleteBy);
  clock.advance(deadlineMs - clock.now() - MINUTE_MS);
  const last = (await read('late', '', late)).body.recordings[1];
  expect(Date.parse(last?.link?.expiresAt ?? '')).toBeLessThanOrEqual(deadlineMs);
  own.watch('getRange', () => clock.advance(deadlineMs - clock.now()));
  const { names } = opened(await download('late', '?format=zip', late));
  expect(names).toEqual(['manifest.json', expect.stringMatching(/^recordings\/a\//), 'left-out.json']);
  expect((await read('late', '', late)).body.recordings).toEqual([]);
});
