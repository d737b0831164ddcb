// The receipts of an exam and of a participant: page by page, by their filters, and as a file for a spreadsheet.
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { JWTPayload } from 'jose';
import type { Receipt } from '../../src/bucket/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import type { ReceiptPage } from '../../src/recordings/receipts.ts';
import { receiptKey } from '../kit/keys.ts';
import { type Answer, type Api, type CreatedRecording, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

type Page = ReceiptPage & { readonly unreadableCount: number };
const EXAM = '/v1/exams/history/receipts';
const PERSON = '/v1/participants/person/receipts';
const DESK = { scope: 'privacy:manage' };
let api: Api;
let erased: CreatedRecording[];
let expired: CreatedRecording;
let elsewhere: CreatedRecording;

/** Stored, then erased at once. */
async function eraseOne(by: Api, sitting: object, participantId: string, reason = 'erasure') {
  const created = await by.store(sitting, undefined, { participantId });
  const as = { tenant: created.ref.tenant };
  expect((await by.call('delete', `${created.path}?reason=${reason}`, { as })).status).toBe(200);
  return created;
}

beforeAll(async () => {
  api = await startApi();
  expired = await api.store({ exam: 'history', attempt: 'b' }, undefined, { participantId: 'person' });
  api.service.clock.advance(29 * DAY_MS);
  expect(await api.service.sweep()).toMatchObject({ deleted: { recordings: 1 } });
  erased = [];
  for (const [attempt, participantId, reason] of [
    ['b', 'person', 'erasure'],
    ['a', 'other-person', 'consent-withdrawn'],
    ['a-1', 'person', 'erasure'],
  ] as const) {
    erased.push(await eraseOne(api, { exam: 'history', attempt }, participantId, reason));
    api.service.clock.advance(DAY_MS);
  }
  elsewhere = await eraseOne(api, { exam: 'geography' }, 'person');
  await eraseOne(api, { exam: 'his' }, 'person-2');
  await eraseOne(api, { exam: 'history', attempt: 'a', tenant: 'other' }, 'person');
  await api.store({ exam: 'history', attempt: 'b' });
});

const list = (path: string, as: JWTPayload = DESK, by = api) => by.call<Page>('get', path, { as });
const idsOf = ({ items }: Pick<Page, 'items'>) => items.map(({ recordingId }) => recordingId);
const idsIn = (...recordings: (CreatedRecording | undefined)[]) => recordings.map((one) => one?.ref.recording);
/** Of the exam, in the order of the list, which is that of the keys: "-" comes before "/". */
const inOrder = () => idsIn(erased[2], erased[1], expired, erased[0]);
const file = async (path: string, as: JWTPayload = DESK, by = api) => {
  const headers = { authorization: await by.authorization(as), accept: 'text/csv' };
  return fetch(by.url + path, { headers });
};

describe('the receipts of an exam', () => {
  it('are those of the exam and the tenant, as each is at the path of its recording', async () => {
    const { status, body } = await list(EXAM);
    expect({ status, ids: idsOf(body) }).toEqual({ status: 200, ids: inOrder() });
    const read = (await api.call('get', expired.path)).body;
    expect(body.items[2]).toEqual(read.receipt);
    expect(body).toMatchObject({ unreadable: [], unreadableCount: 0, nextCursor: null });
    expect((await list(EXAM, { ...DESK, tenant: 'other' })).body.items).toHaveLength(1);
    expect((await list(EXAM, { ...DESK, tenant: 'third' })).body.items).toEqual([]);
  });

  it.each([
    ['an exam', EXAM, 4],
    ['a participant', PERSON, 4],
  ])('and of %s are the same in pages of any size', async (_, path, count) => {
    const { items } = (await list(path)).body;
    expect(items).toHaveLength(count);
    for (const limit of [1, 2, 3, 4, 5]) {
      const found: Receipt[] = [];
      for (let next: string | undefined = `${path}?limit=${limit}`; next !== undefined; ) {
        const { body, headers }: Answer<Page> = await list(next);
        expect(body.items.length).toBeLessThanOrEqual(limit);
        found.push(...body.items);
        next = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? '')?.[1];
        expect(next?.includes(String(body.nextCursor))).toBe(body.nextCursor === null ? undefined : true);
      }
      expect({ limit, found }).toEqual({ limit, found: items });
    }
  });

  it('are filtered by reason, by attempt, and by the time of the deletion: from one time on, and before another', async () => {
    const deletedAt = (await list(EXAM)).body.items[1]?.deletedAt ?? '';
    const next = new Date(Date.parse(deletedAt) + 1).toISOString();
    for (const [query, found] of [
      ['reason=retention', idsIn(expired)],
      ['reason=consent-withdrawn', idsIn(erased[1])],
      ['attempt=b', idsIn(expired, erased[0])],
      ['attempt=nobody', []],
      [`deletedAfter=${deletedAt}`, idsIn(erased[2], erased[1])],
      [`deletedAfter=${next}`, idsIn(erased[2])],
      [`deletedBefore=${deletedAt}`, idsIn(expired, erased[0])],
      [`deletedAfter=${deletedAt}&deletedBefore=${next}`, idsIn(erased[1])],
      [`deletedAfter=${deletedAt.replace('Z', '%2B00:00')}&reason=retention`, []],
    ] as const) {
      expect({ query, found: idsOf((await list(`${EXAM}?${query}`)).body) }).toEqual({ query, found });
    }
    for (const query of ['reason=whim', 'deletedAfter=2026-01', 'attempt=a/b', 'limit=0', 'cursor=x', 'exam=a']) {
      expectProblem(await list(`${EXAM}?${query}`), 422, 'invalid-request');
    }
  });

  it.each([EXAM, PERSON])(
    '%s: are those from a day on, and never an empty list for a period that is none',
    async (path) => {
      const deletedAt = (await list(path)).body.items.map((one) => one.deletedAt).toSorted();
      const [day = ''] = deletedAt.at(-1)?.split('T') ?? [];
      const since = (await list(`${path}?deletedAfter=${day}`)).body.items;
      expect(since.map((one) => one.deletedAt)).toEqual(deletedAt.filter((at) => at >= day));
      for (const as of ['application/json', 'text/csv']) {
        const query = 'deletedAfter=2026-12-01T00:00:00Z&deletedBefore=2026-01-01T00:00:00Z';
        const headers = { authorization: await api.authorization(DESK), accept: as };
        const answer = await fetch(`${api.url}${path}?${query}`, { headers });
        const body = (await answer.json()) as { code: string; errors: unknown };
        expect([answer.status, body.code]).toEqual([422, 'invalid-request']);
        expect(body.errors).toEqual([{ path: 'deletedAfter', message: 'Must be before deletedBefore' }]);
      }
    },
  );

  it('cost no GET where the dates of the listing show that they do not match', async () => {
    const { testStore } = api.service;
    testStore.requests.length = 0;
    const after = new Date(api.service.clock.now() + HOUR_MS).toISOString();
    expect((await list(`${EXAM}?deletedAfter=${after}`)).body.items).toEqual([]);
    expect((await list(`${EXAM}?deletedBefore=2020-01-01T00:00:00Z`)).body.items).toEqual([]);
    expect(testStore.requests.map(({ operation }) => operation)).toEqual(['ListObjectsV2', 'ListObjectsV2']);
  });

  it('reach no wider than a token is bound', async () => {
    expect((await list(EXAM, { ...DESK, exam: 'history' })).status).toBe(200);
    for (const bound of [{ exam: 'his' }, { exam: 'history', attempt: 'b' }]) {
      expectProblem(await list(`${EXAM}?attempt=b`, { ...DESK, ...bound }), 403, 'wrong-attempt');
    }
    expectProblem(await list(EXAM, { ...DESK, participant: 'person' }), 403, 'wrong-participant');
  });
});

describe('the receipts of a participant', () => {
  it('are those of all exams, or of one, and of nobody else', async () => {
    const own = idsIn(elsewhere, erased[2], expired, erased[0]);
    expect(idsOf((await list(PERSON)).body)).toEqual(own);
    expect(idsOf((await list(`${PERSON}?exam=history`)).body)).toEqual(own.slice(1));
    expect(idsOf((await list(`${PERSON}?exam=history&reason=retention`)).body)).toEqual(idsIn(expired));
    expect((await list('/v1/participants/nobody/receipts')).body).toMatchObject({ items: [], nextCursor: null });
    expect(idsOf((await list(PERSON, { ...DESK, participant: 'person' })).body)).toEqual(own);
    expectProblem(await list(PERSON, { ...DESK, participant: 'other-person' }), 403, 'wrong-participant');
    expectProblem(await list(`${PERSON}?exam=history`, { ...DESK, exam: 'history' }), 403, 'wrong-attempt');
  });

  it('are found by a bounded number of reads a page, which may be empty and have a next one', async () => {
    const many = await startApi();
    const { ref } = await eraseOne(many, { exam: 'many', attempt: 'a' }, 'somebody');
    const body = (await many.service.store.get(receiptKey(ref))) ?? new Uint8Array();
    const { jws: _, ...receipt } = JSON.parse(Buffer.from(body).toString()) as Receipt;
    const copies = Array.from({ length: 1100 }, (_, at) => `z${String(at).padStart(4, '0')}`);
    for (const [at, attemptId] of copies.entries()) {
      const participantId = at === 1099 ? 'last' : 'somebody';
      const copy = Buffer.from(JSON.stringify({ ...receipt, attemptId, participantId }));
      await many.service.store.put(receiptKey({ ...ref, attempt: attemptId }), copy);
    }
    many.service.testStore.requests.length = 0;
    const first = await list('/v1/participants/last/receipts', DESK, many);
    expect(first.body).toMatchObject({ items: [], nextCursor: expect.any(String) });
    const reads = many.service.testStore.requests.filter(({ operation }) => operation === 'GetObject');
    expect(reads.length).toBeLessThan(1100);
    const next = await list(/^<([^>]+)>/.exec(first.headers.link ?? '')?.[1] ?? '', DESK, many);
    expect(next.body).toMatchObject({ items: [{ attemptId: 'z1099' }], nextCursor: null });
  });
});

describe('a receipt that cannot be read', () => {
  it('is named, but not to a token that is bound to a participant, who may be another', async () => {
    const torn = await startApi();
    const { ref } = await eraseOne(torn, { exam: 'history' }, 'person');
    await torn.service.store.put(receiptKey(ref), Buffer.from('{"torn'));
    const { exam: examId, attempt: attemptId, recording: recordingId } = ref;
    const unreadable = [{ examId, attemptId, recordingId }];
    for (const path of [EXAM, PERSON, `${EXAM}?reason=retention`]) {
      expect((await list(path, DESK, torn)).body).toMatchObject({ items: [], unreadable, unreadableCount: 1 });
    }
    const own = { ...DESK, participant: 'stranger' };
    const path = '/v1/participants/stranger/receipts';
    expect((await list(path, own, torn)).body).toMatchObject({ items: [], unreadable: [], unreadableCount: 1 });
    const line = new RegExp(`^acme,history,${attemptId},${recordingId},unreadable,+\r$`, 'm');
    expect(await (await file(EXAM, DESK, torn)).text()).toMatch(line);
    expect(await (await file(path, own, torn)).text()).toMatch(/^,,,,unreadable,+\r$/m);
  });
});

describe('as CSV', () => {
  it('all that match are a file with a header row, one line each', async () => {
    const answer = await file(EXAM);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename=receipts-history.csv',
      'cache-control': 'no-store',
      vary: expect.stringContaining('Accept'),
    });
    const text = await answer.text();
    expect(text.endsWith('\r\n')).toBe(true);
    const [head, ...lines] = text.trimEnd().split('\r\n');
    expect(head).toMatch(/^tenantId,examId,attemptId,recordingId,state,participantId,reason,actor,deadline,deletedAt/);
    expect(lines.map((line) => line.split(',')[3])).toEqual(inOrder());
    const { items } = (await list(EXAM)).body;
    const cells = Object.fromEntries((head ?? '').split(',').map((name, at) => [name, lines[2]?.split(',')[at]]));
    // What else the signed text holds is for programs.
    const { chain, salt: _, supersedes: __, ...receipt } = items[2] as Receipt;
    const known = Object.entries({ ...receipt, ...chain, state: 'deleted', lateSeconds: 0 });
    expect(cells).toEqual(Object.fromEntries(known.map(([name, value]) => [name, String(value ?? '')])));
    const filtered = await file(`${PERSON}?exam=history&reason=retention`);
    expect(filtered.headers.get('content-disposition')).toBe('attachment; filename=receipts-person-history.csv');
    expect((await filtered.text()).trimEnd().split('\r\n')).toHaveLength(2);
  });

  it('a cell that a spreadsheet would run is harmless, and one with signs of the format is quoted', async () => {
    const forged = await startApi();
    const { ref } = await eraseOne(forged, { exam: 'history' }, 'person');
    const body = await forged.service.store.get(receiptKey(ref));
    const { jws: _, ...stored } = JSON.parse(Buffer.from(body ?? []).toString()) as Receipt;
    for (const [actor, cell] of [
      ['=HYPERLINK("http://evil.test","here")', `"'=HYPERLINK(""http://evil.test"",""here"")"`],
      ['+1', `"'+1"`],
      ['-1', `"'-1"`],
      ['@SUM(1)', `"'@SUM(1)"`],
      ['\t=1', `"'\t'=1"`],
      ["x;=cmd|'/C calc'!A0", `"x;'=cmd|'/C calc'!A0"`],
      ['x; =1', `"x; '=1"`],
      ['x;"=1";+1', `"x;""'=1"";'+1"`],
      ['x\r\n-1\t@A1', `"x\r\n'-1\t'@A1"`],
      ['x|=1,+1', `"x|'=1,'+1"`],
      ['x\u0000=1', `"x\u0000'=1"`],
      ['x;\uff1d1', `"x;'\uff1d1"`],
      ['a-b=c+d@e', '"a-b=c+d@e"'],
      ['a,b', '"a,b"'],
      ['a;b', '"a;b"'],
      ['a\r\nb', '"a\r\nb"'],
      ['één', '"één"'],
      ['client:7', 'client:7'],
    ]) {
      await forged.service.store.put(receiptKey(ref), Buffer.from(JSON.stringify({ ...stored, actor })));
      const text = await (await file(EXAM, DESK, forged)).text();
      expect(text).toContain(`,erasure,${cell},20`);
    }
  });

  it('has no pages, and takes a place among the exports', async () => {
    for (const query of ['limit=10', 'cursor=aGlzdG9yeQ']) {
      const answer = await file(`${EXAM}?${query}`);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([422, 'invalid-request']);
    }
    const hold = async function* () {
      yield 'held';
    };
    const held = ['one', 'two'].map(() => api.service.context.exportPlaces.during('acme', hold()));
    for (const one of held) await one.next();
    const busy = await file(EXAM);
    expect([busy.status, ((await busy.json()) as { code: string }).code]).toEqual([503, 'exports-busy']);
    for (const one of held) await one.return();
    expect((await file(EXAM)).status).toBe(200);
  });

  it('is sent only where it is preferred to JSON', async () => {
    for (const [accept, type] of [
      ['*/*', 'application/json'],
      ['text/html', 'application/json'],
      ['application/json, text/csv;q=0.9', 'application/json'],
      ['text/csv, application/json;q=0.9', 'text/csv'],
    ] as const) {
      const headers = { authorization: await api.authorization(DESK), accept };
      const answer = await fetch(api.url + EXAM, { headers });
      expect({ accept, type: answer.headers.get('content-type')?.split(';')[0] }).toEqual({ accept, type });
    }
  });
});

it('a receipt that a slow clock has dated is found by the time that it says', async () => {
  const late = await startApi();
  const { ref } = await eraseOne(late, { exam: 'history' }, 'person');
  const [{ jws: _, ...receipt } = {} as Receipt] = (await list(EXAM, DESK, late)).body.items;
  // Clocks may differ by minutes: the store's date is before what the receipt says.
  const deletedAt = new Date(late.service.clock.now() + 4 * MINUTE_MS).toISOString();
  await late.service.store.put(receiptKey(ref), Buffer.from(JSON.stringify({ ...receipt, deletedAt })));
  expect((await list(`${EXAM}?deletedAfter=${deletedAt}`, DESK, late)).body.items).toHaveLength(1);
});
