// The auditor's report: yes only over what was read; what was late, requested, held, overdue, and what could not be checked.
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DELETION_REASONS, type Receipt, toBody } from '../../src/bucket/documents.ts';
import { submitReceipts } from '../../src/bucket/receipt-log.ts';
import { createSigner } from '../../src/bucket/signer.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { createdAtOf, type RecordingRef } from '../../src/model/ids.ts';
import { MAX_CLOCK_SKEW_MS, toIso } from '../../src/model/times.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { createReport, type ReportPeriod } from '../../src/recordings/report.ts';
import { MAX_EXAMS } from '../../src/recordings/report-exams.ts';
import { MAX_ROWS } from '../../src/recordings/report-lists.ts';
import { reportPage } from '../../src/recordings/report-page.ts';
import type { Report } from '../../src/recordings/report-schema.ts';
import { styleOf } from '../../src/recordings/report-style.ts';
import { minuteOf } from '../../src/recordings/report-verdict.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { reportText } from '../../src/runtime/report.ts';
import { overriding } from '../kit/interventions.ts';
import { receiptKey, recordingKey } from '../kit/keys.ts';
import { CALLER } from '../kit/service.ts';
import { privateJwk, testSigner } from '../kit/signer.ts';
import { type RetentionService, startRetention, timeless } from '../sweeper/support.ts';

let service: RetentionService;
beforeEach(() => {
  // Receipts that a test changes are not signed: test/http/proof.test.ts has those that are.
  service = startRetention({ signer: null });
});

const report = (period?: ReportPeriod, tenant = 'acme') => createReport(service.context, tenant, period);
const codesOf = ({ verdict }: Report) => verdict.reasons.map(({ code }) => code);

/** Rewrites a receipt. */
async function forge(ref: RecordingRef, change: Partial<Receipt>): Promise<void> {
  await service.put(receiptKey(ref), JSON.stringify({ ...(await service.receiptOf(ref)), ...change }));
}

describe('the verdict', () => {
  test('is yes where all was deleted in time, nothing held is overdue, and all could be read', async () => {
    const first = await service.record();
    await service.record({ exam: 'law', attempt: 'a2' });
    service.clock.advance(29 * DAY_MS + HOUR_MS);
    await service.sweep();
    const held = await service.record({ exam: 'law', attempt: 'a3' });
    await service.after(HOUR_MS).assess(held);
    const made = await report();
    expect(made.verdict).toMatchObject({ answer: 'yes', reasons: [] });
    expect(made.verdict.summary).toBe(
      'Yes, according to the receipts. Each of the 2 receipts of this period shows that the recording was deleted by its deadline. ' +
        `The one recording held at ${minuteOf(made.generatedAt)} UTC is not past its deadline.`,
    );
    const deleteBy = toIso(service.clock.now() + 30 * DAY_MS);
    const sums = { begun: 3, webcam: 1, kindUnknown: 0, deleted: 2, late: 0, held: 1, assessed: 1, overdue: 0 };
    expect(made.totals).toMatchObject({ ...sums, earliestDeleteBy: deleteBy, latestDeleteBy: deleteBy });
    expect(made.exams).toMatchObject([
      { examId: 'law', begun: 2, deleted: 1, held: 1 },
      { examId: 'math', begun: 1, deleted: 1, held: 0, earliestDeleteBy: null },
    ]);
    expect(made.reasons).toEqual(
      DELETION_REASONS.map((reason) => ({ reason, deleted: reason === 'retention' ? 2 : 0 })),
    );
    const closest = await service.receiptOf(first);
    expect(made.closest).toMatchObject({ recordingId: first.recording, deletedAt: closest?.deletedAt, lateSeconds: 0 });
    expect(made).toMatchObject({ checkpoint: null, serviceVersion: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(made.settings).toMatchObject({ ceilingSeconds: 2_592_000, deletionMarginSeconds: 86_400 });
  });

  test('is no where something was deleted late, and names it with how late it was', async () => {
    const late = await service.record();
    const inTime = await service.record({ attempt: 'a2' });
    await service.after(HOUR_MS).erase(inTime);
    service.clock.advance(30 * DAY_MS + 2 * HOUR_MS);
    await service.sweep();
    const made = await report();
    expect(made.verdict).toMatchObject({ answer: 'no', reasons: [{ code: 'deleted-late' }] });
    expect(made.verdict.summary).toBe(
      `No. 1 recording was deleted 3 hours after its deadline. No recording was held at ${minuteOf(made.generatedAt)} UTC.`,
    );
    expect(made.late).toMatchObject({ items: [{ recordingId: late.recording }], leftOut: 0 });
    expect(made.closest).toMatchObject({ recordingId: late.recording, lateSeconds: made.late.items[0]?.lateSeconds });
    expect(made.exams).toMatchObject([{ examId: 'math', deleted: 2, late: 1, onRequest: 1 }]);
  });

  test('is no while something is past its deadline and still there, whatever is left of it', async () => {
    const ref = await service.record();
    const leftOver = await service.record({ attempt: 'a2' });
    await service.remove(recordingKey(leftOver, 'manifest'));
    service.clock.advance(30 * DAY_MS + MINUTE_MS);
    const made = await report();
    expect(made.verdict).toMatchObject({ answer: 'no', reasons: [{ code: 'overdue' }] });
    expect(made.verdict.summary).toBe('No. 2 recordings are past their deadline and still stored.');
    const deleteBy = toIso(createdAtOf(ref.recording) + 30 * DAY_MS);
    expect(made.overdue.items[0]).toMatchObject({ recordingId: ref.recording, deleteBy });
    expect(made.totals).toMatchObject({ held: 2, overdue: 2, withoutDescription: 1 });
  });

  test('is no while older versions are left of what is past its deadline', async () => {
    service = startRetention({ memory: { versioned: true } });
    const ref = await service.record();
    // Deletes what readers see, and no version.
    await service.remove(...(await service.objectsOf(ref)));
    expect(await service.objectsOf(ref)).toEqual([]);
    service.clock.advance(31 * DAY_MS);
    expect(await report()).toMatchObject({ verdict: { answer: 'no' }, totals: { overdue: 1, withoutDescription: 1 } });
    expect((await report()).totals.heldBytes).toBeGreaterThan(0);
  });

  test.each<[string, string, (ref: RecordingRef, held: RecordingRef) => Promise<unknown>]>([
    ['a receipt that cannot be read', 'unreadable-receipts', (ref) => service.put(receiptKey(ref), '{')],
    ['a receipt of another recording', 'unreadable-receipts', (ref) => forge(ref, { attemptId: 'another' })],
    [
      'a description that cannot be read',
      'unreadable-descriptions',
      (_, held) => service.put(recordingKey(held, 'manifest'), '{'),
    ],
    ['an object that is not ours', 'unknown-keys', () => service.put('receipts/acme/math/stranger.json', '{}')],
    ['an object beside recordings', 'unknown-keys', () => service.put('attempts/acme/math/a1/what/is/this', '{}')],
  ])('is never yes over %s', async (_, code, spoil) => {
    const ref = await service.record();
    await service.after(HOUR_MS).erase(ref);
    const held = await service.record({ attempt: 'a2' });
    expect((await report()).verdict.answer).toBe('yes');
    await spoil(ref, held);
    const made = await report();
    expect([made.verdict.answer, codesOf(made)]).toEqual(['unknown', [code]]);
    expect(made.verdict.summary).toMatch(
      /^Not everything could be checked\. 1 [\s\S]* What could be read shows the following\. /,
    );
  });

  test('is no, with what could not be read, where both are so', async () => {
    const [late, torn] = [await service.record(), await service.record({ attempt: 'a2' })];
    service.clock.advance(31 * DAY_MS);
    await service.sweep();
    await service.put(receiptKey(torn), '{');
    const made = await report();
    expect([made.verdict.answer, codesOf(made)]).toEqual(['no', ['deleted-late', 'unreadable-receipts']]);
    const { tenant: _, exam: examId, attempt: attemptId, recording: recordingId } = torn;
    expect(made.notChecked.unreadableReceipts.items).toEqual([{ examId, attemptId, recordingId }]);
    expect(made.late.items.map((row) => row.recordingId)).toEqual([late.recording]);
  });

  test('is not yes over a time whose receipts have expired, or of an organisation of which nothing is known', async () => {
    await service.after(400 * DAY_MS).record();
    const made = await report({ fromMs: service.clock.now() - 366 * DAY_MS });
    expect([made.verdict.answer, codesOf(made)]).toEqual(['unknown', ['receipts-expired']]);
    expect(made.notChecked.receiptsExpiredBefore).toBe(toIso(service.clock.now() - 365 * DAY_MS));
    expect(codesOf(await report())).toEqual([]);
    expect(codesOf(await report({}, 'nobody'))).toEqual(['nothing-known']);
  });

  test('is not yes by a clock that the store does not confirm', async () => {
    await service.record();
    const now = () => service.clock.now() + 6 * MINUTE_MS;
    expect(codesOf(await createReport({ ...service.context, now }, 'acme'))).toEqual(['clock']);
    const store = timeless(service.store);
    expect(codesOf(await createReport({ ...service.context, store }, 'acme'))).toEqual(['clock']);
  });

  test('fails where the store does: no report is made of a part', async () => {
    await service.erase(await service.record());
    const store = overriding(service.store, { get: () => Promise.reject(new Error('away')) });
    await expect(createReport({ ...service.context, store }, 'acme')).rejects.toThrow('away');
  });
});

describe('what the answer rests on', () => {
  test('is said beside it: a missing receipt is seen by the checker, where there is a log that shows it', async () => {
    service = startRetention();
    await service.after(HOUR_MS).erase(await service.record());
    const noLog = /cannot show whether a receipt is missing, and there is no log of receipts that could\.$/;
    expect((await report()).verdict.limit).toMatch(noLog);
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    const made = await report();
    expect(made.checkpoint).toContain('proctoring-recordings/acme\n1\n');
    expect(made.verdict.limit).toMatch(
      /^The receipts were compared with the log .* Only the checker of the proof would show that: see /,
    );
    const part = await report({ fromMs: service.clock.now() - DAY_MS });
    expect(part.verdict.limit).toMatch(/cannot show whether a receipt is missing\. The checker of the proof can: see /);
    expect(reportText(made)).toContain(made.verdict.limit);
    expect(reportPage(made)).toContain(made.verdict.limit);
  });

  test('is what was compared: signatures only by who has a key, or else they are counted', async () => {
    service = startRetention();
    await service.after(HOUR_MS).erase(await service.record());
    service.clock.advance(1);
    const made = await report();
    expect(made.notChecked).toMatchObject({ unsignedReceipts: 0, uncheckedSignatures: 0 });
    expect(made.compared.join(' ')).toContain(
      'For each receipt with a signature, the signature was checked against the content',
    );
    const keyless = await createReport({ ...service.context, signer: undefined }, 'acme');
    expect(keyless.notChecked).toMatchObject({ unsignedReceipts: 0, uncheckedSignatures: 1 });
    expect(keyless.compared.join(' ')).toContain(
      'No signature was checked, neither of a receipt nor of the checkpoint',
    );
    expect(reportPage(keyless)).toContain('whose signature was not checked, because the key was not given: 1.');
  });
});

describe('until when what is held is kept', () => {
  test('of an unassessed recording is until the assessment that comes last sets it, and no longer', async () => {
    const ref = await service.record();
    const { totals } = await report();
    const deadlineMs = createdAtOf(ref.recording) + 30 * DAY_MS;
    expect(totals.latestDeleteBy).toBe(toIso(deadlineMs));
    service.clock.advance(deadlineMs - 2 - service.clock.now());
    const lastMs = service.clock.now() + MAX_CLOCK_SKEW_MS;
    await expect(service.assess(ref, lastMs + 10 * MINUTE_MS)).rejects.toMatchObject({ code: 'assessment-in-future' });
    const { deleteBy } = await service.assess(ref, lastMs);
    expect(Date.parse(totals.latestDeleteByIfAssessed ?? '') - Date.parse(deleteBy)).toBeLessThan(10);
    expect(deleteBy < (totals.latestDeleteByIfAssessed ?? '')).toBe(true);
    expect((await report()).totals).toMatchObject({ latestDeleteBy: deleteBy, latestDeleteByIfAssessed: null });
  });

  test('is not extended by an assessment of what is overdue', async () => {
    await service.record();
    service.clock.advance(31 * DAY_MS);
    const { totals } = await report();
    expect(totals).toMatchObject({ overdue: 1, unassessed: 1, latestDeleteByIfAssessed: null });
  });

  test('begins with the time from which a sweep may delete it, as the recording itself says', async () => {
    const first = await service.record();
    await service.after(HOUR_MS).record({ exam: 'law' });
    const { deletableFrom } = await readRecording(service.context, first);
    const { totals, exams } = await report();
    expect(totals.earliestDeletableFrom).toBe(deletableFrom);
    expect(exams.find(({ examId }) => examId === 'math')?.earliestDeletableFrom).toBe(deletableFrom);
  });
});

describe('the period', () => {
  test('is half open, by the times of deletion and of creation; a later deletion is not in it', async () => {
    const ref = await service.record();
    await service.after(HOUR_MS).erase(ref);
    const deletedMs = Date.parse((await service.receiptOf(ref))?.deletedAt ?? '');
    const createdMs = createdAtOf(ref.recording);
    service.clock.advance(HOUR_MS);
    const countsIn = async (fromMs: number, toMs: number) => {
      const { begun, deleted } = (await report({ fromMs, toMs })).totals;
      return { begun, deleted };
    };
    expect(await countsIn(createdMs, deletedMs)).toEqual({ begun: 1, deleted: 0 });
    expect(await countsIn(createdMs, deletedMs + 1)).toEqual({ begun: 1, deleted: 1 });
    expect(await countsIn(createdMs + 1, deletedMs + 1)).toEqual({ begun: 0, deleted: 1 });
    expect(await countsIn(deletedMs + 1, service.clock.now())).toEqual({ begun: 0, deleted: 0 });
    for (const toMs of [deletedMs, deletedMs - 1]) {
      await expect(report({ fromMs: deletedMs, toMs })).rejects.toMatchObject({ code: 'invalid-request' });
    }
    await expect(report({ fromMs: service.clock.now() })).rejects.toMatchObject({ code: 'invalid-request' });
  });

  test('until now has what is deleted while the report is made', async () => {
    const ref = await service.record();
    service.clock.advance(HOUR_MS);
    const store = overriding(service.store, {
      async list(prefix, options) {
        if (prefix === 'attempts/acme/') await service.after(MINUTE_MS).erase(ref);
        return service.store.list(prefix, options);
      },
    });
    const { totals, period } = await createReport({ ...service.context, store }, 'acme');
    expect(totals).toMatchObject({ begun: 1, deleted: 1, held: 0 });
    expect(period.to).toBe(toIso(service.clock.now()));
  });

  test('reads no receipt that its listing shows to be of another time', async () => {
    await service.erase(await service.record());
    service.clock.advance(10 * DAY_MS);
    service.testStore.requests.length = 0;
    await report({ fromMs: service.clock.now() - DAY_MS });
    const operations = service.testStore.requests.map(({ operation }) => operation);
    expect(operations.toSorted()).toEqual(['GetBucketVersioning', ...Array(4).fill('ListObjectsV2')]);
  });
});

test('a receipt that may have lost its signature keeps the answer from being yes, once the service signs', async () => {
  const ref = await service.record();
  await service.after(HOUR_MS).erase(ref);
  service.clock.advance(1);
  const { jws: _, ...unsigned } = (await service.receiptOf(ref)) as Receipt;
  await service.put(receiptKey(ref), JSON.stringify(unsigned));
  const withoutKey = { ...service.context, signer: undefined };
  expect((await createReport(withoutKey, 'acme')).verdict).toMatchObject({ answer: 'yes' });
  const { signer } = startRetention().context;
  expect((await createReport({ ...service.context, signer }, 'acme')).verdict).toMatchObject({
    answer: 'unknown',
    reasons: [{ code: 'unsigned-receipts', sentence: expect.stringMatching(/^1 receipt has no signature/) }],
  });
});

describe('what the log of receipts says', () => {
  const reportOf = (signer = service.context.signer) => createReport({ ...service.context, signer }, 'acme');
  const refs: RecordingRef[] = [];
  const keyOf = (at: number) => receiptKey(refs[at] as RecordingRef);

  beforeEach(async () => {
    service = startRetention();
    refs.length = 0;
    for (const attempt of ['a1', 'a2', 'a3']) {
      const ref = await service.record({ attempt });
      service.clock.advance(HOUR_MS);
      await service.erase(ref);
      refs.push(ref);
    }
    await service.after(2 * HOUR_MS).sweep();
  });

  test('is compared with the receipts: one that was removed keeps the answer from being yes', async () => {
    const whole = await reportOf();
    expect(whole.notChecked).toMatchObject({ missingReceipts: 0, lateInLog: 0 });
    expect(whole.verdict).toMatchObject({ answer: 'yes', limit: expect.stringMatching(/^The receipts were compared/) });
    await service.remove(keyOf(1));
    const made = await reportOf();
    expect(made.notChecked.missingReceipts).toBe(1);
    expect(made.verdict).toMatchObject({ answer: 'unknown', reasons: [{ code: 'missing-receipts' }] });
    expect(reportPage(made)).toContain('without a readable receipt: 1.');
    expect(reportText(made)).toContain('without a readable receipt: 1.');
  });

  test('that has lost its entries, or all of itself, keeps the answer from being yes', async () => {
    const early = await service.keys('log/acme/heads/');
    const before = await Promise.all(early.map(async (key) => [key, await service.store.get(key)] as const));
    const late = await service.record({ attempt: 'a4' });
    await service.after(HOUR_MS).erase(late);
    await service.after(4 * DAY_MS).sweep();
    expect((await reportOf()).verdict).toMatchObject({ answer: 'yes', reasons: [] });
    for (const key of await service.keys('log/acme/heads/')) await service.remove(key);
    for (const [key, body] of before) await service.put(key, body ?? new Uint8Array());
    const rolledBack = await reportOf();
    expect(rolledBack.notChecked).toMatchObject({ missingReceipts: 0, unloggedReceipts: 1 });
    expect(rolledBack.verdict).toMatchObject({ answer: 'unknown', reasons: [{ code: 'unlogged-receipts' }] });
    for (const key of await service.keys('log/')) await service.remove(key);
    const without = await reportOf();
    expect(without.notChecked).toMatchObject({ missingReceipts: null, unloggedReceipts: 4 });
    expect(without.verdict).toMatchObject({ answer: 'unknown', reasons: [{ code: 'unlogged-receipts' }] });
    const page = reportPage(without);
    expect(page).toContain('Signed receipts that should be in the log by now but are not: 4.');
  });

  test('of a deletion that was late stays, whatever becomes of its receipt', async () => {
    const receipt = (await service.receiptOf(refs[0] as RecordingRef)) as Receipt;
    const { jws: _, ...claims } = { ...receipt, deadline: toIso(Date.parse(receipt.deletedAt) - DAY_MS) };
    const jws = await testSigner.sign('receipt', toBody(claims));
    await submitReceipts({ ...service.context, signer: testSigner }, 'acme', [{ ...claims, jws }]);
    await service.after(2 * HOUR_MS).sweep();
    const made = await reportOf();
    expect(made.notChecked).toMatchObject({ missingReceipts: 0, lateInLog: 1 });
    expect(made.verdict).toMatchObject({ answer: 'no', reasons: [{ code: 'late-in-log' }] });
  });

  test('is not compared with the receipts of a part of its time, nor where it is damaged, which is told', async () => {
    const fromMs = service.clock.now() - DAY_MS;
    expect((await createReport(service.context, 'acme', { fromMs })).notChecked.missingReceipts).toBeNull();
    const [head = ''] = await service.keys('log/acme/heads/');
    await service.put(head, '{');
    const made = await reportOf();
    expect(made.notChecked).toMatchObject({ missingReceipts: null, isLogUnreadable: true });
    expect(made.verdict).toMatchObject({ answer: 'unknown', reasons: [{ code: 'log-unreadable' }] });
  });

  test('by a key that was not given is neither believed nor called damaged', async () => {
    const made = await reportOf(await createSigner([privateJwk('stranger')]));
    expect(made.notChecked).toMatchObject({ uncheckedSignatures: 3, missingReceipts: null, isLogUnreadable: true });
    expect(made.notChecked.changedReceipts.items).toEqual([]);
    const codes = made.verdict.reasons.map(({ code }) => code);
    expect(codes).toEqual(['unchecked-signatures', 'log-unreadable']);
  });
});

test('what was requested is listed with who and why, what is restricted too; another tenant is not in it', async () => {
  const [first, second] = [await service.record(), await service.record({ attempt: 'a2' })];
  await service.after(HOUR_MS).erase(first);
  await service.after(HOUR_MS).erase(second);
  const held = await service.record({ attempt: 'a3' });
  await restrictRecording(service.context, CALLER, held, 'case 7');
  await service.record({ tenant: 'other' });
  const made = await report();
  expect(made.onRequest).toMatchObject({
    items: [{ recordingId: second.recording, reason: 'erasure', actor: 'desk' }, { recordingId: first.recording }],
    leftOut: 0,
  });
  const deleteBy = toIso(createdAtOf(held.recording) + 30 * DAY_MS);
  const restriction = { recordingId: held.recording, reason: 'case 7', actor: 'tester', deleteBy };
  expect(made.restrictions.items).toMatchObject([restriction]);
  expect(made.totals).toMatchObject({ held: 1, unassessed: 1, restricted: 1, onRequest: 2 });
  expect(made.notChecked.unsignedReceipts).toBe(2);
});

test('rows are as many as people read, and the worst; the totals have all', async () => {
  const [ref] = [await service.record()];
  await service.after(HOUR_MS).erase(ref);
  const receipt = (await service.receiptOf(ref)) as Receipt;
  const deadlineMs = Date.parse(receipt.deadline);
  service.clock.advance(31 * DAY_MS);
  const many = 2 * MAX_ROWS + 50;
  for (let index = 0; index < many; index += 1) {
    const copy = { ...ref, exam: `exam-${index}` };
    const late = { ...receipt, examId: copy.exam, deletedAt: toIso(deadlineMs + (index + 1) * 1000) };
    await service.put(receiptKey(copy), JSON.stringify(late));
  }
  const made = await report();
  expect(made.late).toMatchObject({ leftOut: many - MAX_ROWS });
  expect(made.late.items.map(({ lateSeconds }) => lateSeconds)).toEqual(
    Array.from({ length: MAX_ROWS }, (_, index) => many - index),
  );
  expect(made.totals).toMatchObject({ deleted: many + 1, late: many });
  expect(made.verdict.summary).toContain(
    `${many} recordings were deleted after their deadlines, by up to 4 minutes 10 seconds.`,
  );
  const page = reportPage(made);
  expect(page).toContain(`This table shows ${MAX_ROWS} rows and leaves out ${many - MAX_ROWS}.`);
});

test('exams beyond a number have no row of their own, and are in the totals', async () => {
  const ref = await service.record();
  await service.erase(ref);
  const receipt = (await service.receiptOf(ref)) as Receipt;
  for (let index = 0; index < MAX_EXAMS + 10; index += 1) {
    const examId = `exam-${index}`;
    await service.put(receiptKey({ ...ref, exam: examId }), JSON.stringify({ ...receipt, examId }));
  }
  service.clock.advance(1);
  const { exams, examsLeftOut, totals } = await report();
  expect([exams.length, examsLeftOut, totals.deleted]).toEqual([MAX_EXAMS, 11, MAX_EXAMS + 11]);
});

describe('the page', () => {
  test('is one document without scripts, whose policy allows its own style alone', async () => {
    await service.erase(await service.record());
    service.clock.advance(1);
    const page = reportPage(await report());
    const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(page) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    const [, policy = ''] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    expect(policy.replaceAll('&#39;', "'")).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|\son\w+=|\sstyle=|url\(|@import|https?:/i);
    expect(style).toMatch(/@page \{ size: A4/);
    expect(page).toContain(
      'Yes, according to the receipts. The one receipt of this period shows that the recording was deleted by its deadline.',
    );
  });

  test('begins with the answer, the numbers, what is held and what was not checked, and ends with how to check it', async () => {
    service = startRetention();
    await service.after(HOUR_MS).erase(await service.record());
    await service.record({ attempt: 'a2' });
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    const made = await report();
    const page = reportPage(made);
    expect(Array.from(page.matchAll(/<h2>([^<]*)<\/h2>/g), ([, title]) => title)).toEqual([
      'Was everything deleted in time?',
      'Still held, and until when',
      'What was not checked',
      'What was compared',
      'Recorded and deleted in the period, by exam',
      'Deleted after their deadline',
      'Why recordings were deleted',
      'Deleted on request',
      'The rules',
      'How to check this report',
      'Checkpoint',
    ]);
    expect(page).toContain(`Report <span class="id">${made.number}</span>`);
    expect(page).toContain('<strong>Organisation (tenant) acme</strong>');
    expect(page).toMatch(/<dt>Number of entries<\/dt><dd><span class="id">1<\/span>/);
    expect(page).toMatch(/<dt>Deadlines of what is held<\/dt><dd class="small"><time [^>]*>[^<]{16}<\/time><\/dd>/);
    expect(page).toContain('Erasure (9.1)');
    expect(page).toMatch(/Withdrawal of consent \(9\.2\)<\/span><\/td><td [^>]*><span>0</);
  });

  test('shows a day once where two times are of one', async () => {
    await service.record();
    await service.after(HOUR_MS).record({ attempt: 'a2' });
    const [, span = ''] =
      /<dt>Deadlines of what is held<\/dt><dd [^>]*>(.*?)<\/dd>/.exec(reportPage(await report())) ?? [];
    expect(span.replace(/<[^>]*>/g, '')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d to \d\d:\d\d$/);
  });

  test('has no column of what never happened', async () => {
    await service.record();
    expect(reportPage(await report())).not.toContain('data-of="On request"');
  });

  test('cannot be left from the line at the foot of its paper', () => {
    const style = styleOf('a"; } </style>\\');
    expect(style).toContain(String.raw`content: "a\22 \3b  \7d  \3c /style\3e \5c ";`);
    expect(style).not.toContain('<');
  });

  test('escapes whatever it shows', async () => {
    const ref = await service.record();
    await service.after(HOUR_MS).erase(ref);
    await forge(ref, { actor: '<img src=x onerror=alert(1)>"\'&' });
    const held = await service.record({ attempt: 'a2' });
    await restrictRecording(service.context, CALLER, held, '</td><script>alert(2)</script>');
    const page = reportPage(await report());
    expect(page).not.toMatch(/<img|<script/);
    expect(page).toContain('&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;');
    expect(page).toContain('&#60;/td&#62;&#60;script&#62;');
  });

  test('says what is being deleted or left over, what is not known, and what the organisation has ordered', async () => {
    service = startRetention({ policy: { byTenantMs: new Map([['acme', 14 * DAY_MS]]) } });
    service.clock.advance(400 * DAY_MS);
    const [ref, leftOver, contested] = [await service.record(), await service.record(), await service.record()];
    await service.put(recordingKey(ref, 'deleting'), '{}');
    await service.remove(recordingKey(leftOver, 'manifest'));
    await service.put(recordingKey(contested, 'restricted'), '{');
    await service.put('receipts/acme/math/stranger.json', '{}');
    await service.put(recordingKey(contested, 'manifest'), '{');
    const made = await report({ fromMs: service.clock.now() - 370 * DAY_MS });
    expect(made.totals).toMatchObject({ held: 3, beingDeleted: 1, withoutDescription: 1, restricted: 1 });
    expect(made.restrictions.items).toMatchObject([{ reason: null, actor: null }]);
    const page = reportPage(made);
    for (const part of [
      'For this organisation, the service is set to 14 days after the assessment, or 14 days after the start of the recording',
      'The organisation has ordered at most 14 days.',
      'By kind: webcam 1, unknown 2.',
      'Being deleted (the next sweep confirms it): 1.',
      'Remains of recordings without a description (the next sweep deletes them): 1.',
      'Objects that this service did not make: 1.',
      'Held recordings whose description cannot be read: 1.',
      'their receipts have expired, so nothing is known about them.',
      '<span>cannot be read</span>',
    ]) {
      expect(page).toContain(part);
    }
  });

  test('says how far the worst deletion was past its deadline', async () => {
    await service.record();
    service.clock.advance(30 * DAY_MS + 3 * HOUR_MS);
    await service.sweep();
    expect(reportPage(await report())).toMatch(
      /<dt>Furthest past its deadline<\/dt>[\s\S]*3 hours after it<\/span>[\s\S]*Furthest past its deadline: recording/,
    );
  });

  test('shows what could not be read, up to a number', async () => {
    const ref = await service.record();
    await service.erase(ref);
    for (let index = 0; index < MAX_ROWS + 5; index += 1)
      await service.put(receiptKey({ ...ref, exam: `e${index}` }), '{');
    expect(reportPage(await report())).toMatch(/Receipts that cannot be read: 105\.<\/strong> [\s\S]*, and 5 more\./);
  });

  test('names what is wrong where it stands', async () => {
    const torn = await service.record();
    await service.after(HOUR_MS).erase(torn);
    await service.put(receiptKey(torn), '{');
    await service.record({ attempt: 'a2' });
    service.clock.advance(31 * DAY_MS);
    const page = reportPage(await report());
    expect(page).toContain('class="verdict no"');
    expect(page).toContain('These recordings should have been deleted by now, but are still stored.');
    expect(page).toMatch(/Receipts that cannot be read: 1\.<\/strong> <span class="id">math\/a1\//);
  });
});

test('as text it begins with the question and the answer', async () => {
  await service.record();
  const text = reportText(await report());
  expect(text).toMatch(
    /^Was everything deleted in time\? Yes, according to the receipts\. No receipt shows a deletion in this period\. The one /,
  );
  expect(text).toMatch(/^Held now +1\n +assessed +0\n +unassessed +1$/m);
  service.clock.advance(31 * DAY_MS);
  await service.sweep();
  expect(reportText(await report())).toMatch(/^Furthest past its deadline: \w{36}, deleted /m);
});
