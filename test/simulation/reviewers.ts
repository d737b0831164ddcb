// Those who look at recordings, and what they must never be shown.
import type { RecordingRef } from '../../src/domain/ids.ts';
import { attemptPrefix, recordingKey } from '../../src/domain/keys.ts';
import { listAttemptRecordings } from '../../src/recordings/list.ts';
import { issuePlaybackLink } from '../../src/recordings/playback.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { must, storedMeansWhole } from './invariants.ts';
import { CLOCK_TOLERANCE_MS, type Model } from './model.ts';
import { callService, type Simulation, type Taking } from './service.ts';

const CALLER = { actor: 'reviewer', requestId: 'request' };

/** What was known of a recording when a request began: its answer must fit that, or what has come since. */
interface Before {
  readonly isDoomed: boolean;
  readonly hasReceipt: boolean;
  readonly isRestricted: boolean;
  readonly deadlineMs: number;
  readonly beganMs: number;
}

function before({ world, model }: Simulation, ref: RecordingRef): Before {
  return {
    isDoomed: model.know(ref).doomedMs !== undefined,
    hasReceipt: model.know(ref).receiptMs !== undefined,
    isRestricted: model.store.peek(recordingKey(ref, 'restricted')) !== undefined,
    deadlineMs: model.deadlineMs(ref),
    beganMs: world.nowMs,
  };
}

export async function review(taking: Taking, ref: RecordingRef): Promise<void> {
  const { simulation } = taking;
  const { model, world } = simulation;
  const asked = before(simulation, ref);
  switch (taking.random.pick(['read', 'list', 'play', 'play'])) {
    case 'read': {
      const answer = await callService(taking, ref, 'read', (context) => readRecordingView(context, ref));
      if ('value' in answer) checkShown(simulation, ref, answer.value, asked);
      return;
    }
    case 'list': {
      const known = model.of(ref).map((recording) => [recording.ref, before(simulation, recording.ref)] as const);
      const answer = await callService(taking, ref, 'list', (context) =>
        listAttemptRecordings(context, ref, { limit: 200 }),
      );
      if (!('value' in answer)) return;
      for (const item of answer.value.items) {
        const found = known.find(([{ recording }]) => recording === item.recordingId);
        if (found) checkShown(simulation, found[0], item, found[1]);
      }
      return;
    }
    case 'play': {
      const caller = { ...CALLER, tenant: ref.tenant };
      const answer = await callService(taking, ref, 'play', (context) => issuePlaybackLink(context, caller, ref));
      if (!('value' in answer)) return;
      world.count('played');
      checkReadable(simulation, ref, asked);
      must(!asked.hasReceipt, 'what was deleted never comes back', `${ref.recording} is played`);
      must(!asked.isRestricted, 'a restricted recording is not played', ref.recording);
      storedMeansWhole(model, ref);
      if (isAssessedSince(model, ref, asked)) return;
      const untilMs = Date.parse(answer.value.expiresAt);
      const latestMs = Math.max(asked.deadlineMs, model.deadlineMs(ref));
      must(untilMs <= latestMs, 'no link outlives the deadline', `${ref.recording} ${answer.value.expiresAt}`);
      const link = JSON.parse(answer.value.url) as { readonly untilMs: number };
      must(link.untilMs <= latestMs + CLOCK_TOLERANCE_MS, 'no link outlives the deadline', ref.recording);
    }
  }
}

function checkReadable({ model }: Simulation, ref: RecordingRef, asked: Before): void {
  must(!asked.isDoomed, 'what was deleted never comes back', `${ref.recording} is shown`);
  // What it saw while assessments came may have been any of the deadlines in between.
  if (isAssessedSince(model, ref, asked)) return;
  const isPast = Math.max(asked.deadlineMs, model.deadlineMs(ref)) + CLOCK_TOLERANCE_MS < asked.beganMs;
  must(!isPast, 'nothing is readable past its deadline', `${ref.recording} is shown`);
}

function isAssessedSince(model: Model, ref: RecordingRef, { beganMs }: Before): boolean {
  return (model.assessedAtMs.get(attemptPrefix(ref)) ?? Number.NEGATIVE_INFINITY) >= beganMs;
}

/** The deadline that is told is the one that held when the request began, or one that came meanwhile: never a later one. */
function checkShown(simulation: Simulation, ref: RecordingRef, shown: Recording, asked: Before): void {
  const { model } = simulation;
  checkReadable(simulation, ref, asked);
  if (shown.state === 'stored') {
    must(!asked.hasReceipt, 'what was deleted never comes back', `${ref.recording} is told stored`);
    storedMeansWhole(model, ref);
  }
  const toldMs = Date.parse(shown.deleteBy);
  // An assessment may come later than a recording that nobody assessed would have been kept; of several that came
  // meanwhile, any may have been seen.
  const seenMs = shown.assessment && isAssessedSince(model, ref, asked) ? deadlineOf(model, ref, shown.assessment) : 0;
  const latestMs = shown.assessment ? Math.max(asked.deadlineMs, model.deadlineMs(ref), seenMs) : asked.deadlineMs;
  must(toldMs <= latestMs, 'a deadline never moves later', `${ref.recording} is told ${shown.deleteBy}`);
}

function deadlineOf(model: Model, { tenant }: RecordingRef, { completedAt }: { readonly completedAt: string }): number {
  return Date.parse(completedAt) + model.retentionMs(tenant);
}

/** The controller restricts the processing of a recording: a mark that a deletion may overtake. */
export async function restrict(taking: Taking, ref: RecordingRef): Promise<void> {
  const caller = { ...CALLER, tenant: ref.tenant };
  await callService(taking, ref, 'restrict', (context) => restrictRecording(context, caller, ref, 'objection'));
}
