// GET /v1/participants/{participant}/export: all that is held, as a document that explains itself, and as an archive.
import { once } from 'node:events';
import { get } from 'node:http';
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { unzipSync } from 'fflate';
import { enlargeWebm } from '../../demo/webm.ts';
import { DAY_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { recordingKey } from '../../src/domain/keys.ts';
import { participantExport } from '../../src/http/schemas.ts';
import type { ExportedRecording } from '../../src/recordings/export-document.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, mediaKey, overriding } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { expectProblem, until } from './expectations.ts';
import { settled } from './settled.ts';

const DESK = { scope: 'privacy:manage', sub: 'desk' };
const TIMELINE = { startedAt: '2026-01-02T10:00:00Z', endedAt: '2026-01-02T11:00:00Z', gaps: [] };
const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

type Exported = ExportedRecording & { accessLog: { event: string; detail: string | null; actor: string }[] };
interface Document {
  readonly fields: Record<string, string>;
  readonly participantId: string;
  readonly recordings: Exported[];
  readonly unreadable: object[];
}

/** A connection that breaks after so many chunks. */
async function* dropped(chunks: AsyncIterable<Uint8Array>, given: number): AsyncGenerator<Uint8Array> {
  let left = given;
  for await (const chunk of chunks) {
    if (left === 0) throw new StoreError('unavailable', 'GetObject', 'ECONNRESET');
    left -= 1;
    yield chunk;
  }
}

let participants = 0;
function newParticipant(): string {
  participants += 1;
  return `person-${participants}`;
}

const pathOf = (participant: string, query = '') => `/v1/participants/${participant}/export${query}`;
const read = (participant: string, query = '', by = api) =>
  by.call<Document>('get', pathOf(participant, query), { as: DESK });

async function download(participant: string, query = '?format=zip', as: { tenant?: string } = {}) {
  const headers = { authorization: await api.authorization({ ...DESK, ...as }) };
  const answer = await fetch(api.url + pathOf(participant, query), { headers });
  return { answer, bytes: new Uint8Array(await answer.arrayBuffer()) };
}

function opened(bytes: Uint8Array): { files: Record<string, Uint8Array>; manifest: Document } {
  const files = unzipSync(bytes);
  return { files, manifest: JSON.parse(Buffer.from(files['manifest.json'] ?? []).toString()) as Document };
}

/** Name and CRC-32 of each file, as the central directory has them (PKWARE's APPNOTE, 4.3.12 and 4.3.16). */
function checksumsIn(bytes: Uint8Array): [string, number][] {
  const zip = Buffer.from(bytes);
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  const found: [string, number][] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    found.push([zip.toString('utf8', at + 46, at + 46 + name), zip.readUInt32LE(at + 16)]);
    at += 46 + name + extra + comment;
  }
  return found;
}

async function twoExams(participantId: string): Promise<[CreatedRecording, CreatedRecording, CreatedRecording]> {
  const attempt = newAttempt();
  const stored = await api.store({ exam: 'biology', attempt }, enlargeWebm(webm, 7 * MIB), { participantId });
  await api.call('post', `${stored.path}/complete`, { body: { timeline: TIMELINE } });
  const uploading = await api.create({ exam: 'chemistry', attempt }, { participantId });
  const audio = { participantId, kind: 'audio', contentType: 'audio/webm' };
  return [stored, uploading, await api.store({ exam: 'physics', attempt }, webm, audio)];
}

describe('the document', () => {
  it('has everything that is held, and a fresh link to each recording, which plays', async () => {
    const who = newParticipant();
    const [stored, uploading, audio] = await twoExams(who);
    const completedAt = new Date(api.service.clock.now()).toISOString();
    await api.call('put', `${audio.attemptPath}/assessment`, { body: { completedAt } });
    await api.call('post', `${stored.path}/playback-links`, { as: { sub: 'reviewer' }, body: { reason: 'review' } });
    const { status, headers, body } = await read(who);
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(headers['content-disposition']).toBe(`attachment; filename=participant-${who}.json`);
    expect(headers['cache-control']).toBe('no-store');
    expect(participantExport.safeParse(body).error?.issues).toBeUndefined();
    expect(body).toMatchObject({ tenantId: 'acme', participantId: who, unreadable: [] });
    const [first, second, third] = body.recordings;
    expect(first).toMatchObject({ ...stored.recording, timeline: TIMELINE, restriction: null, file: null });
    expect(first?.accessLog).toMatchObject([
      { event: 'link-issued', actor: 'reviewer', reason: 'review' },
      { event: 'exported', actor: 'desk', detail: `link until ${first?.link?.expiresAt}` },
    ]);
    expect(second).toMatchObject({ ...uploading.recording, link: null, accessLog: [{ detail: 'description alone' }] });
    expect(third).toMatchObject({ recordingId: audio.ref.recording, assessment: { completedAt } });
    expect(Date.parse(first?.link?.expiresAt ?? '')).toBeLessThanOrEqual(api.service.clock.now() + 10 * MINUTE_MS);
    const played = Buffer.from(await (await api.service.testStore.fetch(third?.link?.url ?? '')).arrayBuffer());
    expect(played.equals(webm)).toBe(true);
  });

  it('says what each of its members means', async () => {
    const who = newParticipant();
    await twoExams(who);
    const { body } = await read(who);
    const members = new Set<string>();
    for (const name of ['exportedAt', 'tenantId', 'participantId', 'unreadable']) members.add(name);
    for (const recording of body.recordings) {
      for (const name of Object.keys(recording)) members.add(`recordings[].${name}`);
      for (const entry of recording.accessLog) {
        for (const name of Object.keys(entry)) members.add(`recordings[].accessLog[].${name}`);
      }
    }
    expect(Object.keys(body.fields).toSorted()).toEqual([...members].toSorted());
    for (const meaning of Object.values(body.fields)) expect(meaning).toMatch(/\.$/);
  });

  it('of somebody of whom nothing is held says so', async () => {
    expect((await read(newParticipant())).body).toMatchObject({ recordings: [], unreadable: [] });
  });

  it('shows a restricted recording without a link, and with one when the desk asks for it', async () => {
    const who = newParticipant();
    const [stored] = await twoExams(who);
    await api.call('put', `${stored.path}/restriction`, { body: { reason: 'contested' } });
    const restriction = { reason: 'contested', since: expect.stringMatching(/Z$/) };
    expect((await read(who)).body.recordings[0]).toMatchObject({ restricted: true, restriction, link: null });
    const asked = (await read(who, '?includeRestricted=true')).body.recordings[0];
    expect(asked).toMatchObject({ restricted: true, restriction, link: { url: expect.any(String) } });
    expect(asked?.accessLog.map(({ event, detail }) => [event, detail])).toEqual([
      ['restricted', null],
      ['exported', 'description alone'],
      ['exported', `link until ${asked?.link?.expiresAt}`],
    ]);
  });

  it('has no link that outlives the deadline, and nothing that is past it', async () => {
    const late = await startApi();
    const { recording } = await late.store({}, webm, { participantId: 'late' });
    late.service.clock.advance(Date.parse(recording.deleteBy) - late.service.clock.now() - MINUTE_MS);
    const [last] = (await read('late', '', late)).body.recordings;
    expect(Date.parse(last?.link?.expiresAt ?? '')).toBeLessThanOrEqual(Date.parse(recording.deleteBy));
    late.service.clock.advance(MINUTE_MS);
    expect((await read('late', '', late)).body.recordings).toEqual([]);
  });

  it('names a recording that cannot be read', async () => {
    const who = newParticipant();
    const [stored, ...others] = await twoExams(who);
    await api.service.store.put(recordingKey(stored.ref, 'manifest'), Buffer.from('{'));
    api.service.context.manifests.clear();
    const { body } = await read(who);
    expect(body.recordings.map(({ recordingId }) => recordingId)).toEqual(others.map(({ ref }) => ref.recording));
    const { recording: recordingId, exam: examId, attempt: attemptId } = stored.ref;
    expect(body.unreadable).toEqual([{ recordingId, examId, attemptId }]);
  });

  it('is not begun when the store does not answer, nor handed out when the audit trail cannot be written', async () => {
    const who = newParticipant();
    await twoExams(who);
    const mendList = store.failOn('list', 'participants/');
    for (const query of ['', '?format=zip']) expectProblem(await read(who, query), 503, 'store-unavailable');
    mendList();
    const mendPut = store.failOn('put', 'audit/');
    const text = await download(who, '').then(
      ({ bytes }) => Buffer.from(bytes).toString(),
      () => '',
    );
    mendPut();
    expect(text).not.toContain('X-Amz');
  });

  it('costs nothing to ask for its head', async () => {
    const who = newParticipant();
    await twoExams(who);
    const before = await api.service.keys('audit/');
    const headers = { authorization: await api.authorization(DESK) };
    const answer = await fetch(api.url + pathOf(who, '?format=zip'), { method: 'HEAD', headers });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/zip']);
    expect(await api.service.keys('audit/')).toEqual(before);
  });

  it.each(['format=tar', 'format=', 'includeRestricted=1', 'limit=1'])('has no form for %s', async (query) => {
    expectProblem(await read('p-1', `?${query}`), 422, 'invalid-request');
  });
});

describe('the archive', () => {
  it('has the document, and the very bytes of each recording', async () => {
    const who = newParticipant();
    const [stored, uploading, audio] = await twoExams(who);
    const { answer, bytes } = await download(who);
    expect(answer.headers.get('content-type')).toBe('application/zip');
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename=participant-${who}.zip`);
    const { files, manifest } = opened(bytes);
    const [first, second, third] = manifest.recordings;
    expect(first?.file).toBe(`recordings/biology/${stored.ref.attempt}/webcam-${stored.ref.recording}.webm`);
    expect(third?.file).toBe(`recordings/physics/${audio.ref.attempt}/audio-${audio.ref.recording}.webm`);
    expect(second).toMatchObject({ recordingId: uploading.ref.recording, file: null, link: null });
    expect(Object.keys(files)).toEqual(['manifest.json', first?.file, third?.file]);
    expect(Buffer.from(files[first?.file ?? ''] ?? []).equals(enlargeWebm(webm, 7 * MIB))).toBe(true);
    expect(Buffer.from(files[third?.file ?? ''] ?? []).equals(webm)).toBe(true);
    expect(JSON.stringify(manifest)).not.toContain('X-Amz');
    expect(first?.accessLog).toMatchObject([{ event: 'exported', detail: 'file in an archive' }]);
  });

  it('has the right checksum of each file', async () => {
    const who = newParticipant();
    await twoExams(who);
    const { bytes } = await download(who);
    const checksums = Object.entries(opened(bytes).files).map(([name, file]) => [name, crc32(file)]);
    expect(checksums).toHaveLength(3);
    expect(checksumsIn(bytes)).toEqual(checksums);
  });

  it('leaves out what is restricted, unless the desk asks for it', async () => {
    const who = newParticipant();
    const [stored] = await twoExams(who);
    await api.call('put', `${stored.path}/restriction`, { body: { reason: 'contested' } });
    expect(opened((await download(who)).bytes).manifest.recordings[0]).toMatchObject({ restricted: true, file: null });
    const asked = opened((await download(who, '?format=zip&includeRestricted=true')).bytes);
    expect(Object.keys(asked.files)).toContain(asked.manifest.recordings[0]?.file);
  });

  it('says what was deleted before its turn came', async () => {
    const who = newParticipant();
    const [stored, , audio] = await twoExams(who);
    store.watch('getRange', async (key) => {
      store.watch('getRange', () => {});
      expect(key).toBe(mediaKey(stored.ref));
      await api.call('delete', `${audio.path}?reason=erasure`);
    });
    const { files, manifest } = opened((await download(who)).bytes);
    expect(Object.keys(files)).toEqual(['manifest.json', manifest.recordings[0]?.file, 'left-out.json']);
    expect(JSON.parse(Buffer.from(files['left-out.json'] ?? []).toString())).toMatchObject({
      leftOut: [manifest.recordings[2]?.file],
    });
  });

  it('breaks off when what it reads is deleted, so that nobody takes it for whole', async () => {
    const who = newParticipant();
    const [stored] = await twoExams(who);
    let calls = 0;
    store.watch('getRange', async () => {
      calls += 1;
      if (calls === 2) await api.call('delete', `${stored.path}?reason=erasure`);
    });
    await expect(download(who)).rejects.toThrow();
    store.watch('getRange', () => {});
  });

  it('goes on where it was when the store drops the connection, and breaks off when it does so at once', async () => {
    let chunksGiven = 1;
    const flaky = await startApi({
      wrap: (whole) =>
        overriding(whole, {
          async getRange(...range) {
            const chunks = await whole.getRange(...range);
            return chunks && dropped(chunks, chunksGiven);
          },
        }),
    });
    const file = enlargeWebm(webm, 3 * MIB);
    await flaky.store({}, file, { participantId: 'flaky' });
    const zip = async () => {
      const headers = { authorization: await flaky.authorization(DESK) };
      const answer = await fetch(flaky.url + pathOf('flaky', '?format=zip'), { headers });
      return new Uint8Array(await answer.arrayBuffer());
    };
    const { files, manifest } = opened(await zip());
    expect(Buffer.from(files[manifest.recordings[0]?.file ?? ''] ?? []).equals(file)).toBe(true);
    chunksGiven = 0;
    await expect(zip()).rejects.toThrow();
  });

  it('of another tenant has nothing of the participant of the same id', async () => {
    const who = newParticipant();
    await twoExams(who);
    const { files, manifest } = opened((await download(who, '?format=zip', { tenant: 'other' })).bytes);
    expect(Object.keys(files)).toEqual(['manifest.json']);
    expect(manifest.recordings).toEqual([]);
  });
});

describe('a client', () => {
  const large = enlargeWebm(webm, 60 * MIB);
  let who: string;
  beforeAll(async () => {
    who = newParticipant();
    await api.store({}, large, { participantId: who });
  });

  async function begin() {
    let ranges = 0;
    store.watch('getRange', () => {
      ranges += 1;
    });
    const headers = { authorization: await api.authorization(DESK) };
    const request = get(api.url + pathOf(who, '?format=zip'), { headers, agent: false });
    const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
    return { response, request, ranges: () => ranges };
  }

  it('that reads slowly is not read ahead of', async () => {
    const { response, ranges } = await begin();
    // What fits into the sockets' buffers is sent; then nothing is read any more until the client goes on.
    await until(() => ranges() > 0);
    expect(await settled(ranges)).toBeLessThan(8);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    expect(ranges()).toBe(15);
    const [media] = Object.entries(opened(Buffer.concat(chunks)).files).filter(([name]) => name.startsWith('rec'));
    expect(Buffer.from(media?.[1] ?? []).equals(large)).toBe(true);
  });

  it('that goes away ends it: nothing more is read, and no error is logged', async () => {
    const { response, request, ranges } = await begin();
    const errors = () => api.lines.filter((line) => line.includes('"level":"error"')).length;
    const aborted = () => api.lines.filter((line) => line.includes('"aborted":true')).length;
    const [errorsBefore, abortedBefore] = [errors(), aborted()];
    await once(response, 'data');
    request.destroy();
    await until(() => aborted() > abortedBefore);
    const stoppedAt = ranges();
    // A call to the store that was under way may end; a later export reads everything, and shows that none goes on.
    expect((await download(who)).bytes.length).toBeGreaterThan(large.length);
    expect(ranges() - 15).toBeLessThanOrEqual(stoppedAt + 1);
    expect(errors()).toBe(errorsBefore);
    store.watch('getRange', () => {});
  });
});

it('an export after thirty days has nothing left to show', async () => {
  const late = await startApi();
  await late.store({}, webm, { participantId: 'gone' });
  late.service.clock.advance(30 * DAY_MS);
  await late.service.sweep();
  expect((await read('gone', '', late)).body.recordings).toEqual([]);
});
