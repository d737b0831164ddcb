// GET …/recordings: what there is, page by page, and one recording by itself.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { recordingKey } from '../../src/domain/keys.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { webm } from '../kit/fixtures.ts';
import { type Answer, type Api, type CreatedRecording, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectProblem } from './expectations.ts';

interface Page {
  readonly items: Recording[];
  readonly nextCursor: string | null;
}

const EXAM = '/v1/exams/history/recordings';
/** Attempts whose ids sort apart from their keys: "-" comes before "/". */
const ATTEMPTS = ['b', 'a', 'a-1', 'A', 'a_1'];
let api: Api;
let all: CreatedRecording[] = [];

beforeAll(async () => {
  api = await startApi();
  for (const attempt of ATTEMPTS) {
    all.push(await api.create({ exam: 'history', attempt }), await api.create({ exam: 'history', attempt }));
  }
  await api.create({ exam: 'history-2', attempt: 'a' });
  await api.create({ exam: 'his', attempt: 'a' });
  const { body } = await api.call<Page>('get', EXAM);
  const order = body.items.map(({ recordingId }) => recordingId);
  all = all.toSorted((a, b) => order.indexOf(a.ref.recording) - order.indexOf(b.ref.recording));
});

const list = (path: string, by = api) => by.call<Page>('get', path, { as: { scope: 'recordings:review' } });
const idsOf = (page: Page) => page.items.map(({ recordingId }) => recordingId);
const idsIn = (recordings: readonly CreatedRecording[]) => recordings.map(({ ref }) => ref.recording);

async function walk(path: string): Promise<string[]> {
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const { status, body }: { status: number; body: Page } = await list(
      cursor === null ? path : `${path}&cursor=${cursor}`,
    );
    expect(status).toBe(200);
    seen.push(...idsOf(body));
    cursor = body.nextCursor;
  } while (cursor !== null);
  return seen;
}

describe('the list of an exam', () => {
  it('has every recording of it, and none of another', async () => {
    const { status, body } = await list(EXAM);
    expect(status).toBe(200);
    expect(body.nextCursor).toBeNull();
    expect(body.items).toHaveLength(10);
    expect(idsOf(body).toSorted()).toEqual(idsIn(all).toSorted());
    expect(body.items).toContainEqual(all[0]?.recording);
  });

  it.each([1, 2, 3, 4, 7, 9, 10, 11, 200])('is the same in pages of %i', async (limit) => {
    expect(await walk(`${EXAM}?limit=${limit}`)).toEqual(idsIn(all));
    const { body } = await list(`${EXAM}?limit=${limit}`);
    expect(body.items).toHaveLength(Math.min(limit, 10));
  });

  it('goes on where it was, whatever is erased or added meanwhile', async () => {
    const exam = '/v1/exams/changing/recordings';
    const first = await api.create({ exam: 'changing', attempt: 'a' });
    const second = await api.create({ exam: 'changing', attempt: 'b' });
    const { body } = await list(`${exam}?limit=1`);
    await api.call('delete', `${first.path}?reason=erasure`);
    const third = await api.create({ exam: 'changing', attempt: 'c' });
    expect(idsOf((await list(`${exam}?cursor=${body.nextCursor}`)).body)).toEqual(idsIn([second, third]));
  });

  it('is empty where there is nothing', async () => {
    expect((await list('/v1/exams/nothing/recordings')).body).toEqual({ items: [], nextCursor: null });
  });
});

describe('the list of an attempt', () => {
  it.each(ATTEMPTS)('has the recordings of %s alone, oldest first', async (attempt) => {
    const path = `/v1/exams/history/attempts/${attempt}/recordings`;
    const own = idsIn(all.filter(({ ref }) => ref.attempt === attempt));
    expect(own).toHaveLength(2);
    expect(await walk(`${path}?limit=1`)).toEqual(own.toSorted());
    expect(idsOf((await list(path)).body)).toEqual(own.toSorted());
  });
});

describe('the Link of a page', () => {
  it('leads through every list to its end', async () => {
    const participant = { participantId: 'p-linked' };
    const read = await api.store({ exam: 'linked' }, webm, participant);
    for (const _ of [1, 2, 3]) await api.call('post', `${read.path}/playback-links`);
    await api.create({ exam: 'linked', attempt: read.ref.attempt }, participant);
    for (const [path, expected] of [
      [`${EXAM}?assessed=false&limit=3`, 10],
      [`/v1/exams/linked/attempts/${read.ref.attempt}/recordings?limit=1`, 2],
      [`${read.path}/access-log?limit=1`, 3],
      ['/v1/participants/p-linked/recordings?limit=1', 2],
    ] as const) {
      const seen: unknown[] = [];
      let next: string | undefined = path;
      while (next !== undefined) {
        const { body, headers }: Answer<Page> = await api.call<Page>('get', next);
        seen.push(...body.items);
        const link: string | undefined = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? '')?.[1];
        expect(link === undefined).toBe(body.nextCursor === null);
        // The same list, with the same limit and filters.
        if (link !== undefined) expect(link.replace(/[?&]cursor=[^&]+/, '')).toBe(path);
        next = link;
      }
      expect({ path, count: seen.length }).toEqual({ path, count: expected });
    }
  });
});

describe('a cursor', () => {
  it.each([
    'nonsense',
    '!!!',
    '%00',
    'Li4vLi4v',
    Buffer.from(`history/a/${'z'.repeat(36)}`).toString('base64url'),
    Buffer.from(`history/a/${UNKNOWN_RECORDING}/x`).toString('base64url'),
    Buffer.from(`../a/${UNKNOWN_RECORDING}`).toString('base64url'),
    Buffer.from(`his/a/${UNKNOWN_RECORDING}`).toString('base64url'),
    Buffer.from(`history-2/a/${UNKNOWN_RECORDING}`).toString('base64url'),
    'a'.repeat(513),
  ])('that is none of this list is refused: %s', async (cursor) => {
    const answer = await list(`${EXAM}?cursor=${cursor}`);
    expectProblem(answer, 422, 'invalid-request');
    expect((answer.body as unknown as { errors: object[] }).errors).toEqual([
      { path: 'cursor', message: expect.any(String) },
    ]);
  });

  it('of another exam or attempt is refused', async () => {
    const { body } = await list(`${EXAM}?limit=1`);
    for (const path of ['/v1/exams/history-2/recordings', '/v1/exams/history/attempts/b/recordings']) {
      const own = (await list(`${path}?limit=1`)).body.nextCursor;
      expect(own).toEqual(expect.any(String));
      if (body.nextCursor !== own)
        expectProblem(await list(`${path}?cursor=${body.nextCursor}`), 422, 'invalid-request');
    }
  });
});

describe('the query of a list', () => {
  it.each([
    'limit=0',
    'limit=-1',
    'limit=201',
    'limit=1.5',
    'limit=ten',
    'limit=',
    'limit=1&limit=2',
    'assessed=maybe',
    'assessed=1',
    'dueBefore=soon',
    'dueBefore=2026-01-01',
    'participant=p-1',
    '__proto__=1',
    'constructor=1',
  ])('is refused: %s', async (query) => {
    expectProblem(await list(`${EXAM}?${query}`), 422, 'invalid-request');
  });
});

describe('filters', () => {
  let old: CreatedRecording;
  let assessed: CreatedRecording;
  let young: CreatedRecording;
  let erased: CreatedRecording;
  let late: Api;
  const names = async (query: string) => {
    const { body } = await list(`/v1/exams/math/recordings${query}`, late);
    return idsOf(body).map((id) => [old, assessed, young, erased].findIndex(({ ref }) => ref.recording === id));
  };

  beforeAll(async () => {
    late = await startApi();
    old = await late.create({ attempt: 'a' });
    late.service.clock.advance(20 * DAY_MS);
    assessed = await late.store({ attempt: 'b' });
    const completedAt = new Date(late.service.clock.now()).toISOString();
    await late.call('put', `${assessed.attemptPath}/assessment`, { body: { completedAt } });
    late.service.clock.advance(DAY_MS);
    young = await late.store({ attempt: 'c' });
    erased = await late.store({ attempt: 'd' });
    await late.call('delete', `${erased.path}?reason=erasure`);
  });

  it('show those with, or those without an assessment; what is erased is not shown', async () => {
    expect(await names('')).toEqual([0, 1, 2]);
    expect(await names('?assessed=true')).toEqual([1]);
    expect(await names('?assessed=false')).toEqual([0, 2]);
  });

  it('show what is due before a time, and not what is due at it', async () => {
    const at = (time: string) => `?dueBefore=${encodeURIComponent(time)}`;
    expect(await names(at(old.recording.deleteBy))).toEqual([]);
    expect(await names(at(new Date(Date.parse(old.recording.deleteBy) + 1).toISOString()))).toEqual([0]);
    expect(await names(at(young.recording.deleteBy))).toEqual([0, 1]);
    expect(await names(`${at('2999-01-01T00:00:00+02:00')}&assessed=false&limit=1`)).toEqual([0]);
  });

  it('show nothing whose deadline has passed, which nobody can read either', async () => {
    late.service.clock.advance(9 * DAY_MS + HOUR_MS);
    expect(await names('')).toEqual([1, 2]);
    const answer = await late.call('get', old.path);
    expectProblem(answer, 410, 'recording-expired');
    expect(answer.body.deadline).toBe(old.recording.deleteBy);
    await late.service.sweep();
    const gone = await late.call('get', old.path);
    expectProblem(gone, 410, 'recording-deleted');
    expect(gone.body.receipt).toMatchObject({ reason: 'retention', deadline: old.recording.deleteBy });
  });
});

describe('one recording', () => {
  it('is shown as it was answered when it was complete', async () => {
    const stored = await api.store();
    const answer = await api.call('get', stored.path, { as: { scope: 'recordings:review' } });
    expect(answer).toMatchObject({ status: 200, body: stored.recording });
    expect(answer.body).toMatchObject({ state: 'stored', sizeBytes: webm.length, truncated: false, timeline: null });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('whose manifest cannot be read is a fault of the service, and stops no list', async () => {
    const sitting = { exam: 'broken', attempt: 'a' };
    const broken = await api.create(sitting);
    const sound = await api.create(sitting);
    await api.service.store.put(recordingKey(broken.ref, 'manifest'), Buffer.from('{"version":1,'));
    api.service.context.manifests.clear();
    expectProblem(await api.call('get', broken.path), 503, 'recording-unreadable');
    expect(idsOf((await list('/v1/exams/broken/recordings')).body)).toEqual([sound.ref.recording]);
  });
});
