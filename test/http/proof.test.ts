// What a controller takes away over HTTP is checked here as it would be at home: by the package, with keys kept aside.
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ConsistencyProof,
  checkConsistency,
  checkProof,
  checkReceipt,
  type ProofFile,
  type PublicKeys,
  type ReceiptProof,
  readPublicKeys,
} from '@proctoring-recordings/receipt-verifier';
import type { JSONWebKeySet } from 'jose';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { LatestCheckpoint } from '../../src/recordings/proof.ts';
import type { Report } from '../../src/recordings/report-schema.ts';
import { createInterventions } from '../kit/interventions.ts';
import { receiptKey } from '../kit/keys.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const store = createInterventions();
let api: Api;
let keys: PublicKeys;
const held: string[] = [];
const deleted: CreatedRecording[] = [];

async function eraseOne(): Promise<void> {
  const stored = await api.store();
  api.service.clock.advance(HOUR_MS + 1);
  expect((await api.call('delete', `${stored.path}?reason=erasure`)).status).toBe(200);
  deleted.push(stored);
}

async function sweepLater(): Promise<void> {
  api.service.clock.advance(2 * HOUR_MS);
  await api.service.sweep();
  const { body } = await api.call<LatestCheckpoint>('get', '/v1/log/checkpoint');
  if (body.checkpoint) held.push(body.checkpoint);
}

const takeProof = async () => (await api.call<ProofFile>('get', '/v1/proof')).body;
const findingsOf = async (file: ProofFile) =>
  (await checkProof(file, { keys, heldCheckpoints: held, nowMs: api.service.clock.now() })).findings;

beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
  const set = await api.call<JSONWebKeySet>('get', '/.well-known/jwks.json', { as: null });
  keys = await readPublicKeys(set.body);
});

it('shows its public keys, and nothing private, to anybody', async () => {
  const { body, headers } = await api.call<JSONWebKeySet>('get', '/.well-known/jwks.json', { as: null });
  expect(body.keys.map((key) => Object.keys(key).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x']]);
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
});

it('has an empty log, and nothing to prove, before anything was deleted', async () => {
  expect((await api.call('get', '/v1/log/checkpoint')).body).toEqual({
    origin: 'proctoring-recordings/acme',
    size: 0,
    checkpoint: null,
  });
  expect(await findingsOf(await takeProof())).toEqual([]);
  expect((await api.call('get', '/v1/log/consistency?size=0')).body).toEqual({ newer: null, hashes: [] });
  expectProblem(await api.call('get', '/v1/log/consistency?size=1'), 422, 'invalid-request');
});

describe('after deletions and sweeps', () => {
  beforeAll(async () => {
    for (let round = 0; round < 3; round += 1) {
      await eraseOne();
      await eraseOne();
      await sweepLater();
    }
    await eraseOne();
  });

  it('the whole proof holds, with each checkpoint that was handed out', async () => {
    const file = await takeProof();
    expect([file.entries.length, file.receipts.length, held.length]).toEqual([6, 7, 3]);
    const report = await checkProof(file, { keys, heldCheckpoints: held, nowMs: api.service.clock.now() });
    expect(report).toMatchObject({ findings: [], receipts: 7, notYetLogged: 1, heldCheckpoints: 3 });
  });

  it('a receipt is proven by itself, and told apart while it is too young for the log', async () => {
    for (const [place, { path }] of deleted.entries()) {
      const { body } = await api.call<ReceiptProof>('get', `${path}/receipt-proof`);
      const { claims, isInLog } = await checkReceipt(body, keys);
      expect({ recording: claims.recordingId, isInLog }).toEqual({
        recording: path.split('/').at(-1),
        isInLog: place < 6,
      });
      expect(body.inclusion?.index).toBe(place < 6 ? place : undefined);
    }
  });

  it('the log is proven to have only grown since an older checkpoint', async () => {
    for (const [index, older] of held.entries()) {
      const { body } = await api.call<Omit<ConsistencyProof, 'older'>>(
        'get',
        `/v1/log/consistency?size=${2 * (index + 1)}`,
      );
      expect(await checkConsistency({ ...body, older }, 'acme', keys)).toBe(true);
    }
    expectProblem(await api.call('get', '/v1/log/consistency?size=7'), 422, 'invalid-request');
    expectProblem(await api.call('get', '/v1/log/consistency'), 422, 'invalid-request');
  });

  it('the report has the latest checkpoint', async () => {
    const { body } = await api.call<{ checkpoint: string }>('get', '/v1/report');
    expect(body.checkpoint).toBe(held.at(-1));
  });

  it('another tenant gets nothing of it, and a bound token none of it', async () => {
    const other = { tenant: 'beta' };
    expect((await api.call<ProofFile>('get', '/v1/proof', { as: other })).body).toMatchObject({
      tenant: 'beta',
      checkpoint: null,
      entries: [],
      receipts: [],
    });
    expectProblem(
      await api.call('get', `${deleted[0]?.path}/receipt-proof`, { as: other }),
      404,
      'recording-not-found',
    );
    for (const path of ['/v1/proof', '/v1/log/checkpoint', '/v1/log/consistency?size=1']) {
      expectProblem(await api.call('get', path, { as: { exam: 'math' } }), 403, 'wrong-attempt');
      expectProblem(await api.call('get', path, { as: { participant: 'p-1' } }), 403, 'wrong-participant');
    }
  });

  it('a receipt that was removed, and one that was changed, is found at home', async () => {
    const [first, second] = deleted.map(({ ref }) => receiptKey(ref)) as [string, string];
    const [one, two] = await Promise.all([first, second].map((key) => api.service.store.get(key)));
    await api.service.store.delete([{ key: first }]);
    await api.service.store.put(
      second,
      Buffer.from(
        Buffer.from(two ?? [])
          .toString()
          .replaceAll('erasure', 'aborted'),
      ),
    );
    expect((await findingsOf(await takeProof())).map(({ problem }) => problem)).toEqual(['receipt-missing']);
    await api.service.store.put(second, Buffer.from('{'));
    const problems = (await findingsOf(await takeProof())).map(({ problem }) => problem);
    expect(problems.sort()).toEqual(['receipt-missing', 'receipt-missing', 'receipt-unreadable']);
    expectProblem(await api.call('get', `${deleted[1]?.path}/receipt-proof`), 503, 'recording-unreadable');
    await api.service.store.put(first, one ?? new Uint8Array());
    await api.service.store.put(second, two ?? new Uint8Array());
    expect(await findingsOf(await takeProof())).toEqual([]);
  });

  it('a receipt that was changed is in the report, and is no deletion that it counts', async () => {
    const key = receiptKey((deleted[0] as CreatedRecording).ref);
    const stored = await api.service.store.get(key);
    const text = Buffer.from(stored ?? []).toString();
    await api.service.store.put(
      key,
      Buffer.from(text.replace(/"deletedAt":"[^"]+"/, '"deletedAt":"2026-03-02T09:00:00.000Z"')),
    );
    const { body } = await api.call<Report>('get', '/v1/report');
    expect(body.verdict).toMatchObject({
      answer: 'unknown',
      reasons: [{ code: 'changed-receipts' }, { code: 'missing-receipts' }],
    });
    expect([body.totals.deleted, body.notChecked.changedReceipts.items.length]).toEqual([6, 1]);
    expectProblem(await api.call('get', `${deleted[0]?.path}/receipt-proof`), 503, 'recording-unreadable');
    expectProblem(await api.call('get', deleted[0]?.path ?? ''), 503, 'recording-unreadable');
    expectProblem(await api.call('delete', `${deleted[0]?.path}?reason=erasure`), 503, 'recording-unreadable');
    expect((await api.call('get', `${deleted[0]?.path}/access-log`)).status).toBe(200);
    const headers = { authorization: await api.authorization(), accept: 'text/html' };
    const page = await fetch(`${api.url}/v1/report`, { headers });
    expect(await page.text()).toContain('Receipts that were changed or forged: 1.');
    await api.service.store.put(key, stored ?? new Uint8Array());
    expect((await api.call<Report>('get', '/v1/report')).body.verdict.answer).toBe('yes');
  });

  it('a log that cannot be read is told, and never taken for an empty one', async () => {
    const [head = ''] = await api.service.keys('log/acme/heads/');
    const body = await api.service.store.get(head);
    await api.service.store.put(head, Buffer.from('{'));
    for (const path of [
      '/v1/proof',
      '/v1/log/checkpoint',
      '/v1/log/consistency?size=1',
      `${deleted[0]?.path}/receipt-proof`,
    ]) {
      expectProblem(await api.call('get', path), 503, 'log-unreadable');
    }
    expect((await api.call<Report>('get', '/v1/report')).body.verdict).toMatchObject({
      answer: 'unknown',
      reasons: [{ code: 'log-unreadable' }],
    });
    await api.service.store.put(head, body ?? new Uint8Array());
  });

  it('what was deleted without a key is told apart', async () => {
    const file = await takeProof();
    const key = receiptKey((deleted[0] as CreatedRecording).ref);
    const stored = await api.service.store.get(key);
    const { jws: _, keptUntil, salt, supersedes, ...old } = JSON.parse(Buffer.from(stored ?? []).toString());
    expect([keptUntil, salt, supersedes]).not.toContain(undefined);
    await api.service.store.put(key, Buffer.from(JSON.stringify(old)));
    expectProblem(await api.call('get', `${deleted[0]?.path}/receipt-proof`), 409, 'receipt-not-signed');
    const problems = (await findingsOf(await takeProof())).map(({ problem }) => problem);
    expect(problems.sort()).toEqual(['receipt-missing', 'receipt-not-signed']);
    await api.service.store.put(key, stored ?? new Uint8Array());
    expect(await takeProof()).toEqual({ ...file, exportedAt: expect.any(String) });
  });

  it('the proof still holds a year later, when the receipts have expired', async () => {
    api.service.clock.advance(366 * DAY_MS);
    await sweepLater();
    await sweepLater();
    const file = await takeProof();
    expect(file.receipts).toEqual([]);
    const report = await checkProof(file, { keys, heldCheckpoints: held, nowMs: api.service.clock.now() });
    expect(report).toMatchObject({ findings: [], expired: 7 });
  });
});
