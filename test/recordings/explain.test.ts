// Why a recording is still here, or gone: the same rules as the sweeper's, and what happens next.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS, inWords, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import { createdAtOf, type RecordingRef } from '../../src/model/ids.ts';
import type { AuditEvent } from '../../src/model/recording.ts';
import { toDay, toIso } from '../../src/model/times.ts';
import { readAccessLog } from '../../src/recordings/access-log.ts';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { explainRecording } from '../../src/recordings/explain.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { dueAttemptKey, receiptKey, recordingKey } from '../kit/keys.ts';
import { CALLER, mediaKey } from '../kit/service.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention({ policy: { byTenantMs: new Map([['brief', 14 * DAY_MS]]) } });
});

const explain = (ref: RecordingRef) => explainRecording(service.sweepContext, ref);
async function codesOf(ref: RecordingRef) {
  const { facts, next } = await explain(ref);
  return { facts: facts.map(({ code }) => code), next: next.map(({ code }) => code) };
}

describe('a recording that is held', () => {
  test('unassessed: by the retention after its creation, which an assessment would replace', async () => {
    const ref = await service.record();
    const createdAtMs = createdAtOf(ref.recording);
    const explained = await explain(ref);
    expect(explained).toMatchObject({
      tenantId: 'acme',
      recordingId: ref.recording,
      state: 'held',
      rule: 'unassessed',
      wrong: false,
      deletableFrom: toIso(createdAtMs + 29 * DAY_MS),
      deleteBy: toIso(createdAtMs + 30 * DAY_MS),
      receipt: null,
    });
    expect(explained.summary).toContain('30 days after its creation, because nobody has assessed its attempt');
    expect(await codesOf(ref)).toEqual({
      facts: ['created', 'stored', 'not-assessed', 'retention', 'margin', 'queued'],
      next: ['assessment-counts', 'deletable', 'deadline', 'receipt-kept'],
    });
    const queued = explained.facts.at(-1);
    expect(queued).toMatchObject({ at: explained.deleteBy, source: 'deletion queue' });
    const kept = explained.next.at(-1);
    // To the end of the day before the last moment, as receipts say it.
    expect(kept?.at).toBe(`${toDay(createdAtMs + (30 + 365) * DAY_MS)}T00:00:00.000Z`);
    expect(kept?.sentence).toMatch(/kept for 365 days, until about \d{4}-\d\d-\d\d at the latest\.$/);
  });

  test.each([
    ['acme', 'after-assessment', 30],
    ['brief', 'tenant-order', 14],
  ])('assessed, of %s: by %s', async (tenant, rule, days) => {
    const ref = await service.record({ tenant });
    service.clock.advance(DAY_MS);
    await service.assess(ref);
    const deleteBy = toIso(service.clock.now() + days * DAY_MS);
    expect(await explain(ref)).toMatchObject({ state: 'held', rule, deleteBy, wrong: false });
    expect((await codesOf(ref)).next).toEqual(['deletable', 'deadline', 'receipt-kept']);
  });

  test('by the ceiling, whatever is set', async () => {
    service = startRetention({ policy: { unassessedMs: 40 * DAY_MS } });
    expect(await explain(await service.record())).toMatchObject({ rule: 'ceiling', wrong: false });
  });

  test('without a margin: that there is none', async () => {
    const ref = await service.record();
    const { facts, deleteBy } = await explainRecording({ ...service.sweepContext, leadMs: 0 }, ref);
    const margin = facts.find(({ code }) => code === 'margin');
    expect(margin?.at).toBe(deleteBy);
    expect(margin?.sentence).toMatch(/^There is no margin before the deadline/);
  });

  test('restricted: its deadline stays', async () => {
    const ref = await service.record();
    const before = await explain(ref);
    await restrictRecording(service.context, CALLER, ref, 'case 7');
    const { facts, deleteBy } = await explain(ref);
    expect(deleteBy).toBe(before.deleteBy);
    const restricted = facts.find(({ code }) => code === 'restricted');
    expect(restricted?.sentence).toMatch(/by tester \("case 7"\)\. It cannot be played; its deadline stays/);
  });

  test('while it is sent, and when its client never came back', async () => {
    const ref = await service.uploaded();
    expect((await codesOf(ref)).facts).toContain('uploading');
    await service.after(3 * HOUR_MS).sweep();
    expect((await codesOf(ref)).facts).toEqual(expect.arrayContaining(['stored', 'truncated']));
  });

  test('after the warning that it will be deleted unassessed', async () => {
    service = startRetention({ events: new Map([['acme', new Set(['recording.due-soon'])]]) });
    const ref = await service.record();
    await service.after(DAY_MS).sweep();
    await service.after(26 * DAY_MS).sweep();
    expect((await codesOf(ref)).facts).toContain('warned');
  });

  test('restricted, by whom and why cannot be read', async () => {
    const ref = await service.record();
    await service.put(recordingKey(ref, 'restricted'), '{');
    const { facts } = await explain(ref);
    expect(facts.find(({ code }) => code === 'restricted')?.sentence).toMatch(
      /is restricted since \S+Z\. It cannot be/,
    );
  });

  test('by an id of a time to come, once a sweep has found it', async () => {
    service.clock.step(2 * DAY_MS);
    const ref = await service.record();
    service.clock.step(-2 * DAY_MS);
    await service.sweep();
    const seenMs = service.clock.now();
    const { deleteBy } = await explain(ref);
    expect(deleteBy).toBe(toIso(seenMs + 30 * DAY_MS));
    expect((await codesOf(ref)).facts).toContain('created-ahead');
  });

  test('is found by an entry of another recording of its attempt, and by one at any earlier time', async () => {
    const ref = await service.record();
    const [own = ''] = await service.due('attempt');
    await service.remove(own);
    await service.makeDue(ref);
    expect(await explain(ref)).toMatchObject({ wrong: false });
    expect((await codesOf(ref)).facts).toContain('queued');
  });

  test('and to which only a later entry leads is wrong: it would be found too late', async () => {
    const ref = await service.record();
    await service.remove(...(await service.due('attempt', ref)));
    await service.put(dueAttemptKey(createdAtOf(ref.recording) + 30 * DAY_MS + 1, ref, 'late'));
    expect(await explain(ref)).toMatchObject({ wrong: true });
    expect((await codesOf(ref)).facts).toContain('not-queued');
  });

  test('and to which nothing leads is wrong', async () => {
    const ref = await service.record();
    await service.makeDue({ ...ref, attempt: 'another' });
    await service.remove(...(await service.due('attempt', ref)));
    expect(await explain(ref)).toMatchObject({ state: 'held', wrong: true });
    const { facts, next } = await codesOf(ref);
    expect([facts.at(-1), next.at(-1)]).toEqual(['not-queued', 'run-verify']);
  });

  test('in a queue that is too long to be searched is not called wrong', async () => {
    service = startRetention({ memory: { pageKeys: 2 } });
    const ref = await service.record();
    await service.remove(...(await service.due('attempt', ref)));
    for (let index = 0; index < 101; index += 1) await service.makeDue({ ...ref, attempt: `b${index}` });
    expect(await explain(ref)).toMatchObject({ wrong: false });
    expect((await codesOf(ref)).facts).toContain('queue-not-searched');
  });

  test('whose description cannot be read is wrong, and deleted in time all the same', async () => {
    const ref = await service.record();
    await service.put(recordingKey(ref, 'manifest'), '{');
    expect(await explain(ref)).toMatchObject({ state: 'held', rule: 'unassessed', wrong: true });
    expect((await codesOf(ref)).facts).toContain('description-unreadable');
  });
});

describe('agrees with the sweep:', () => {
  test('held until its time, then deletable, then deleted by the rule that it named', async () => {
    for (const [tenant, assessed] of [
      ['acme', false],
      ['acme', true],
      ['brief', true],
    ] as const) {
      const ref = await service.record({ tenant });
      if (assessed) await service.after(HOUR_MS).assess(ref);
      const { deletableFrom, rule } = await explain(ref);
      service.clock.advance(Date.parse(deletableFrom ?? '') - service.clock.now() - 1);
      expect(await service.sweep()).toMatchObject({ deleted: { recordings: 0 } });
      expect(await explain(ref)).toMatchObject({ state: 'held' });
      service.clock.advance(1);
      expect(await explain(ref)).toMatchObject({ state: 'deletable', wrong: false, rule });
      expect((await codesOf(ref)).next[0]).toBe('deleted-by-sweep');
      expect(await service.sweep()).toMatchObject({ deleted: { recordings: 1 } });
      // The assessment is not kept: the receipt has the deadline alone.
      expect(await explain(ref)).toMatchObject({ state: 'deleted', rule: assessed ? 'retention' : rule });
    }
  });

  test('past its deadline, and still there: overdue, and wrong', async () => {
    const ref = await service.record();
    service.clock.advance(30 * DAY_MS + 1);
    expect(await explain(ref)).toMatchObject({ state: 'overdue', wrong: true });
    expect((await explain(ref)).summary).toMatch(/This is wrong\.$/);
    await service.sweep();
    expect((await explain(ref)).summary).toMatch(/, less than a second after its deadline: /);
  });

  test('what a request left behind a deletion is left over, and goes with the next sweep', async () => {
    const ref = await service.record();
    await service.after(HOUR_MS).erase(ref);
    await service.put(recordingKey(ref, 'timeline'), '{}');
    expect(await explain(ref)).toMatchObject({ state: 'left-over', rule: 'left-over', deletableFrom: null });
  });

  test('one whose description is gone is held until its deadline, and that is wrong', async () => {
    const ref = await service.record();
    await service.remove(recordingKey(ref, 'manifest'));
    const facts = expect.arrayContaining([expect.objectContaining({ code: 'description-lost' })]);
    expect(await explain(ref)).toMatchObject({ state: 'held', rule: 'unassessed', wrong: true, facts });
  });
});

test('what only has older versions left is not gone; the clock is compared in a versioned bucket too', async () => {
  service = startRetention({ memory: { versioned: true } });
  const ref = await service.record();
  const now = () => service.clock.now() + HOUR_MS;
  await expect(explainRecording({ ...service.sweepContext, now }, ref)).rejects.toMatchObject({ code: 'clock-skew' });
  await service.remove(...(await service.objectsOf(ref)));
  expect(await explain(ref)).toMatchObject({ state: 'held', wrong: true, receipt: null });
  await service.after(30 * DAY_MS).makeDue(ref);
  await service.sweep();
  expect(await explain(ref)).toMatchObject({ state: 'deleted', wrong: false });
});

describe('a recording that was deleted', () => {
  test('on request: by whom, why, and until when its receipt is kept', async () => {
    const ref = await service.record();
    await service.after(HOUR_MS).erase(ref);
    const receipt = await service.receiptOf(ref);
    const explained = await explain(ref);
    expect(explained).toMatchObject({ state: 'deleted', rule: 'erasure', wrong: false, receipt });
    expect(explained.facts.at(-1)?.sentence).toMatch(/by desk \(erasure\), in time: its deadline was /);
    const lastDay = toDay(Date.parse(receipt?.verifiedAt ?? '') + 364 * DAY_MS);
    expect(explained.next).toMatchObject([{ code: 'receipt-kept', at: toIso(Date.parse(lastDay) + DAY_MS) }]);
    expect(explained.next[0]?.sentence).toBe(`Its receipt is kept until ${lastDay}; then nothing is known of it.`);
  });

  test('is said to be kept until the day that its receipt says, whatever is set since', async () => {
    const ref = await service.record();
    await service.after(HOUR_MS).erase(ref);
    const { keptUntil } = (await service.receiptOf(ref)) ?? {};
    expect(keptUntil).toMatch(/^\d{4}-\d\d-\d\d$/);
    const { next } = await explainRecording({ ...service.sweepContext, logRetentionMs: 500 * DAY_MS }, ref);
    expect(next[0]?.sentence).toContain(`is kept until ${keptUntil};`);
  });

  test('is being deleted from its intent on, and cannot be kept any more', async () => {
    const ref = await service.record();
    const requestedAt = toIso(service.clock.now());
    const intent = { version: 1, reason: 'consent-withdrawn', actor: 'client:7', requestedAt };
    await service.put(recordingKey(ref, 'deleting'), JSON.stringify(intent));
    expect(await explain(ref)).toMatchObject({
      state: 'being-deleted',
      rule: 'consent-withdrawn',
      deletableFrom: null,
      wrong: false,
    });
    await service.put(recordingKey(ref, 'deleting'), '{');
    expect(await explain(ref)).toMatchObject({ state: 'being-deleted', rule: 'unknown' });
  });

  test('whose receipt cannot be read, or whose media are there, is wrong', async () => {
    const ref = await service.record();
    await service.after(HOUR_MS).erase(ref);
    await service.put(mediaKey(ref), 'again');
    expect(await explain(ref)).toMatchObject({ wrong: true, state: 'left-over' });
    await service.remove(mediaKey(ref));
    await service.put(receiptKey(ref), '{');
    expect(await explain(ref)).toMatchObject({ state: 'deleted', rule: 'unknown', wrong: true, receipt: null });
  });
});

describe('a recording that is gone without a receipt', () => {
  async function vanished(event?: AuditEvent) {
    const ref = await service.record();
    if (event) await service.context.audit.record({ event, ref, ...CALLER });
    else await eraseRecording(service.context, CALLER, ref, 'erasure');
    await service.remove(...(await service.objectsOf(ref)), receiptKey(ref));
    return ref;
  }

  test('is named by the audit trail, which is wrong', async () => {
    const ref = await vanished();
    const explained = await explain(ref);
    expect(explained).toMatchObject({ state: 'vanished', rule: 'unknown', wrong: true, deleteBy: null, receipt: null });
    expect(explained.summary).toMatch(/^The audit trail knows it, and neither it nor a receipt .* This is wrong\.$/);
    expect(explained.facts.at(-1)?.sentence).toMatch(/in the audit trail is erased, by tester at /);
    expect(await codesOf(ref)).toEqual({ facts: ['created', 'audited'], next: ['run-verify'] });
    expect(await service.after(2 * HOUR_MS).kinds()).toContain('recording-vanished');
    const log = await readAccessLog(service.context, ref, { limit: 1 });
    expect(log.items).toMatchObject([{ event: 'erased' }]);
    const rest = await readAccessLog(service.context, ref, { limit: 1, cursor: log.nextCursor ?? '' });
    expect(rest).toEqual({ items: [], nextCursor: null });
  });

  test('is not called wrong where it may have left none, or where that has expired', async () => {
    const ref = await vanished('aborted');
    expect(await explain(ref)).toMatchObject({ state: 'vanished', wrong: false, next: [] });
    const old = await vanished();
    service.after(364 * DAY_MS);
    expect(await explain(old)).toMatchObject({ state: 'vanished', wrong: false });
  });

  test('is not found where the audit trail knows its attempt alone', async () => {
    const ref = await service.record();
    await service.assess(ref);
    await service.remove(...(await service.objectsOf(ref)));
    await expect(explain(ref)).rejects.toMatchObject({ code: 'recording-not-found' });
    await expect(readAccessLog(service.context, ref, { limit: 1 })).rejects.toMatchObject({
      code: 'recording-not-found',
    });
  });
});

test('a recording that never was is not found; by a wrong clock nothing is explained', async () => {
  const ref = await service.record();
  const unknown = { ...ref, recording: ref.recording.replace(/.$/, (last) => (last === '0' ? '1' : '0')) };
  await expect(explain(unknown)).rejects.toMatchObject({ code: 'recording-not-found' });
  const now = () => service.clock.now() + HOUR_MS;
  await expect(explainRecording({ ...service.sweepContext, now }, ref)).rejects.toMatchObject({ code: 'clock-skew' });
});

test.each([
  [0, 'less than a second'],
  [SECOND_MS, '1 second'],
  [24 * HOUR_MS, '1 day'],
  [30 * DAY_MS, '30 days'],
  [DAY_MS + HOUR_MS + MINUTE_MS, '1 day 1 hour'],
  [DAY_MS + MINUTE_MS, '1 day'],
  [90 * MINUTE_MS + 5 * SECOND_MS, '1 hour 30 minutes'],
])('%i ms in words: %s', (ms, words) => {
  expect(inWords(ms)).toBe(words);
});
