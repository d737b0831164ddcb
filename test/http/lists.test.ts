// The lists of an exam, an attempt, a participant and an access log: what they have, page by page; and one recording.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { Recording } from '../../src/model/recording.ts';
import type { RecordingPage } from '../../src/recordings/list.ts';
import { webm } from '../kit/fixtures.ts';
import { recordingKey } from '../kit/keys.ts';
import { type Answer, type Api, type CreatedRecording, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectProblem } from './expectations.ts';

const EXAM = '/v1/exams/history/recordings';
const ATTEMPT = '/v1/exams/history/attempts/a/recordings';
const PARTICIPANT = '/v1/participants/person/recordings';
/** Attempts whose ids sort apart from their keys: "-" comes before "/". */
const ATTEMPTS = ['b', 'a', 'a-1', 'A', 'a_1'];
const all: CreatedRecording[] = [];
let api: Api;
let watched: CreatedRecording;

beforeAll(async () => {
  api = await startApi();
  for (const attempt of [...ATTEMPTS, ...ATTEMPTS]) {
    all.push(await api.create({ exam: 'history', attempt }, { participantId: attempt === 'a' ? 'person' : 'p-1' }));
  }
  watched = await api.store({ exam: 'geography' }, webm, { participantId: 'person' });
  for (const reason of ['first', 'second', 'third']) {
    await api.call('post', `${watched.path}/playback-links`, { body: { reason } });
  }
  await api.create({ exam: 'history-2', attempt: 'a' }, { participantId: 'person-0' });
  await api.create({ exam: 'his', attempt: 'a' });
  await api.create({ exam: 'history', attempt: 'a', tenant: 'other' }, { participantId: 'person' });
});

const list = (path: string, by = api, tenant = 'acme') => by.call<RecordingPage>('get', path, { as: { tenant } });
const idsOf = (items: readonly Recording[]) => items.map(({ recordingId }) => recordingId);
const idsIn = (recordings: readonly CreatedRecording[]) => recordings.map(({ ref }) => ref.recording);

/** From a path that ends with its query: follows the Link of each page, which has the cursor of the page, and the same limit and filters. */
async function walk(path: string, limit: number, by = api, tenant = 'acme'): Promise<Recording[]> {
  const start = `${path}${/\?./.test(path) ? '&' : ''}limit=${limit}`;
  const items: Recording[] = [];
  for (let next: string | undefined = start; next !== undefined; ) {
    const { status, body, headers }: Answer<RecordingPage> = await list(next, by, tenant);
    expect(status).toBe(200);
    expect(body.items.length).toBeLessThanOrEqual(limit);
    items.push(...body.items);
    next = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? '')?.[1];
    expect(next).toBe(body.nextCursor === null ? undefined : `${start}&cursor=${body.nextCursor}`);
  }
  return items;
}

const LISTS: readonly [string, () => string, number][] = [
  ['an exam', () => EXAM, 10],
  ['an attempt', () => ATTEMPT, 2],
  ['a participant', () => PARTICIPANT, 3],
  ['an access log', () => `${watched.path}/access-log`, 3],
];

describe('a list', () => {
  it.each(LISTS)('of %s is the same in pages of any size', async (_, path, count) => {
    const { items } = (await list(path())).body;
    expect(items).toHaveLength(count);
    for (const limit of [1, 2, 3, count - 1, count, count + 1, 200]) {
      expect({ limit, items: await walk(`${path()}?`, limit) }).toEqual({ limit, items });
    }
  });

  it('has what is its own and nothing else, as each is shown alone; that of an attempt has the oldest first', async () => {
    const exam = (await list(EXAM)).body;
    expect(idsOf(exam.items).toSorted()).toEqual(idsIn(all).toSorted());
    for (const attempt of ATTEMPTS) {
      const own = idsIn(all.filter(({ ref }) => ref.attempt === attempt));
      expect(idsOf((await list(`/v1/exams/history/attempts/${attempt}/recordings`)).body.items)).toEqual(own);
    }
    const persons = [watched, ...all.filter(({ ref }) => ref.attempt === 'a')].map(({ recording }) => recording);
    expect((await list(PARTICIPANT)).body.items).toEqual(persons);
    expect((await list(PARTICIPANT, api, 'other')).body.items).toHaveLength(1);
    expect((await api.call('get', watched.path, { as: { scope: 'recordings:review' } })).body).toEqual(persons[0]);
    for (const [path, tenant] of [
      ['/v1/exams/nothing/recordings', 'acme'],
      ['/v1/participants/nobody/recordings', 'acme'],
      [PARTICIPANT, 'third'],
    ] as const) {
      expect((await list(path, api, tenant)).body).toEqual({ items: [], nextCursor: null });
    }
  });

  it('continues where it was, whatever is erased or added meanwhile', async () => {
    const begin = (attempt: string) => api.create({ exam: 'changing', attempt });
    const [first, second] = [await begin('a'), await begin('b')];
    const { body } = await list('/v1/exams/changing/recordings?limit=1');
    await api.call('delete', `${first.path}?reason=erasure`);
    const third = await begin('c');
    const next = await list(`/v1/exams/changing/recordings?cursor=${body.nextCursor}`);
    expect(idsOf(next.body.items)).toEqual(idsIn([second, third]));
  });

  it.each(LISTS)('of %s takes no cursor of another list, and no other limits', async (of, path) => {
    // Of the lists here, only that of a participant goes over several exams.
    const ofOtherExams =
      of === 'a participant' ? [] : [`his/a/${UNKNOWN_RECORDING}`, `history-2/a/${UNKNOWN_RECORDING}`];
    const others = [
      ...ofOtherExams,
      `../a/${UNKNOWN_RECORDING}`,
      `history/b/${UNKNOWN_RECORDING}/x`,
      '2026-01-02/../../x',
      '2026-13-99/x',
      '2026-01-02/',
    ].map((text) => Buffer.from(text).toString('base64url'));
    for (const cursor of ['nonsense', '%00', 'a'.repeat(513), ...others]) {
      const answer = await list(`${path()}?cursor=${cursor}`);
      expectProblem(answer, 422, 'invalid-request');
      expect(answer.body).toMatchObject({ errors: [{ path: 'cursor', message: expect.any(String) }] });
    }
    for (const query of ['limit=0', 'limit=201', 'limit=1&limit=2', 'assessed=maybe', 'dueBefore=2026-01']) {
      expectProblem(await list(`${path()}?${query}`), 422, 'invalid-request');
    }
  });

  it('leaves out what is deleted, past its deadline, or cannot be read', async () => {
    const late = await startApi();
    const begin = () => late.create({ exam: 'history', attempt: 'a' }, { participantId: 'person' });
    const expectLists = async (...shown: CreatedRecording[]) => {
      for (const path of [EXAM, ATTEMPT, PARTICIPANT]) {
        expect(idsOf((await list(path, late)).body.items)).toEqual(idsIn(shown));
      }
    };
    const expired = await begin();
    late.service.clock.advance(29 * DAY_MS);
    const [erased, torn, kept] = [await begin(), await begin(), await begin()];
    await late.call('delete', `${erased.path}?reason=erasure`);
    await late.service.store.put(recordingKey(torn.ref, 'manifest'), Buffer.from('{"version":1,'));
    late.service.context.manifestCache.clear();
    await expectLists(expired, kept);
    expectProblem(await late.call('get', torn.path), 503, 'recording-unreadable');
    late.service.clock.advance(DAY_MS);
    await expectLists(kept);
    const { deleteBy: deadline } = expired.recording;
    expect((await late.call('get', expired.path)).body).toMatchObject({ code: 'recording-expired', deadline });
    await late.service.sweep();
    const receipt = { reason: 'retention', deadline };
    expect((await late.call('get', expired.path)).body).toMatchObject({ code: 'recording-deleted', receipt });
    const erasure = await late.call('delete', `${expired.path}?reason=erasure`);
    expect(erasure).toMatchObject({ status: 200, body: receipt });
  });
});

describe('the filters by assessment and deadline', () => {
  /** One tenant with its own retention order and one without, each with the same attempts. */
  const TENANTS = ['brief', 'acme'];
  let late: Api;
  beforeAll(async () => {
    late = await startApi({ policy: { byTenantMs: new Map([['brief', 14 * DAY_MS]]) } });
    for (const attempt of ['a', 'b', 'c', 'd']) {
      for (const tenant of TENANTS) {
        const sitting = { tenant, exam: 'law', attempt };
        const [{ attemptPath }] = [await late.create(sitting), await late.create(sitting)];
        const body = { completedAt: new Date(late.service.clock.now()).toISOString() };
        if ('bd'.includes(attempt)) await late.call('put', `${attemptPath}/assessment`, { as: { tenant }, body });
      }
      late.service.clock.advance(DAY_MS);
    }
  });

  const places = [
    ['exams/law', 8],
    ['exams/law/attempts/b', 2],
    ['participants/p-1', 8],
  ] as const;
  const cases = TENANTS.flatMap((tenant) => places.map(([of, count]) => ({ tenant, of, count })));

  it.each(cases)('show what is due before a time, and not at it: $of of $tenant', async ({ tenant, of, count }) => {
    const path = `/v1/${of}/recordings?`;
    const whole = await walk(path, 200, late, tenant);
    expect(whole).toHaveLength(count);
    const first = Math.min(...whole.map(({ deleteBy }) => Date.parse(deleteBy)));
    for (const assessed of [undefined, true, false]) {
      const some = whole.filter(({ assessment }) => assessed === undefined || assessed === (assessment !== null));
      const filter = assessed === undefined ? '' : `assessed=${assessed}`;
      expect(await walk(path + filter, 1, late, tenant)).toEqual(some);
      for (const afterFirstMs of [0, 1, 1.5 * DAY_MS, 40 * DAY_MS]) {
        const wanted = some.filter(({ deleteBy }) => Date.parse(deleteBy) < first + afterFirstMs);
        const before = new Date(first + afterFirstMs + 2 * HOUR_MS).toISOString().replace('Z', '+02:00');
        const query = `${path}dueBefore=${encodeURIComponent(before)}&${filter}`.replace(/&$/, '');
        for (const limit of [1, 200]) expect(await walk(query, limit, late, tenant)).toEqual(wanted);
      }
    }
  });

  it('agree with the warning of the sweep', async () => {
    late.service.clock.advance(7 * DAY_MS + HOUR_MS);
    const { dueSoonUnassessed } = await late.service.sweep();
    const untilMs = late.service.clock.now() + late.service.sweepContext.leadMs + 3 * DAY_MS;
    const query = `assessed=false&dueBefore=${new Date(untilMs).toISOString()}`;
    const { items } = (await list(`/v1/exams/law/recordings?${query}`, late, 'brief')).body;
    const earliest = items.map(({ deleteBy }) => deleteBy).toSorted()[0];
    expect(items.length).toBeGreaterThan(0);
    expect(dueSoonUnassessed).toEqual([{ tenant: 'brief', count: items.length, earliest }]);
  });
});
