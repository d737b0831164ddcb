// Those who look at recordings, and what they must never be shown.

import type { RecordingRef } from '../../src/model/ids.ts';
import type { Recording } from '../../src/model/recording.ts';
import { listRecordings } from '../../src/recordings/list.ts';
import { presignPlayback } from '../../src/recordings/playback.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { recordingKey } from '../kit/keys.ts';
import { storedMeansWhole } from './invariants.ts';
import { CLOCK_TOLERANCE_MS, type Model } from './model.ts';
import { callService, type Simulation, type Taking } from './service.ts';
import { must } from './violation.ts';

/** What is known of a recording when a request begins. Its answer must fit this state or a later one. */
function before({ world, model }: Simulation, ref: RecordingRef) {
  return {
    isDoomed: model.know(ref).doomedMs !== undefined,
    hasReceipt: model.know(ref).receiptMs !== undefined,
    isRestricted: model.store.peek(recordingKey(ref, 'restricted')) !== undefined,
    deadlineMs: model.deadlineMs(ref),
    beganMs: world.nowMs,
  };
}
type Before = ReturnType<typeof before>;

export async function review(taking: Taking, ref: RecordingRef): Promise<void> {
  const { simulation } = taking;
  const { model } = simulation;
  const asked = before(simulation, ref);
  const how = taking.random.pick(['read', 'list', 'play', 'play'] as const);
  if (how === 'play') return play(taking, ref, asked);
  if (how === 'read') {
    const answer = await callService(taking, ref, 'read', (context) => readRecording(context, ref));
    return 'value' in answer ? checkShown(model, ref, answer.value, asked) : undefined;
  }
  const known = new Map(model.of(ref).map((each) => [each.ref.recording, before(simulation, each.ref)]));
  const answer = await callService(taking, ref, 'list', (by) => listRecordings(by, ref, { limit: 200 }));
  for (const item of 'value' in answer ? answer.value.items : []) {
    const found = known.get(item.recordingId);
    if (found) checkShown(model, { ...ref, recording: item.recordingId }, item, found);
  }
}

async function play(taking: Taking, ref: RecordingRef, asked: Before): Promise<void> {
  const { model, world } = taking.simulation;
  const answer = await callService(taking, ref, 'play', (context, caller) => presignPlayback(context, caller, ref));
  if (!('value' in answer)) return;
  world.count('played');
  checkReadable(model, ref, asked);
  must(!asked.hasReceipt, 'what was deleted never comes back', `${ref.recording} is played`);
  must(!asked.isRestricted, 'a restricted recording is not played', ref.recording);
  storedMeansWhole(model, ref);
  if (model.isAssessedSince(ref, asked.beganMs)) return;
  const { expiresAt, url } = answer.value;
  const latestMs = Math.max(asked.deadlineMs, model.deadlineMs(ref));
  must(Date.parse(expiresAt) <= latestMs, 'no link outlives the deadline', `${ref.recording} ${expiresAt}`);
  const link = JSON.parse(url) as { readonly untilMs: number };
  must(link.untilMs <= latestMs + CLOCK_TOLERANCE_MS, 'no link outlives the deadline', ref.recording);
}

function checkReadable(model: Model, ref: RecordingRef, asked: Before): void {
  must(!asked.isDoomed, 'what was deleted never comes back', `${ref.recording} is shown`);
  // What it saw while assessments came may have been any of the deadlines in between.
  if (model.isAssessedSince(ref, asked.beganMs)) return;
  const isPast = Math.max(asked.deadlineMs, model.deadlineMs(ref)) + CLOCK_TOLERANCE_MS < asked.beganMs;
  must(!isPast, 'nothing is readable past its deadline', `${ref.recording} is shown`);
}

/** The deadline shown is the one that held when the request began, or one that came meanwhile: never a later one. */
function checkShown(model: Model, ref: RecordingRef, shown: Recording, asked: Before): void {
  checkReadable(model, ref, asked);
  if (shown.state === 'stored') {
    must(!asked.hasReceipt, 'what was deleted never comes back', `${ref.recording} is shown as stored`);
    storedMeansWhole(model, ref);
  }
  const { assessment, deleteBy } = shown;
  let latestMs = asked.deadlineMs;
  if (assessment) {
    // An assessment may come later than a recording that nobody assessed would have been kept; of several that came
    // meanwhile, any may have been seen.
    const seenMs = Date.parse(assessment.completedAt) + model.retentionMs(ref.tenant, 'afterAssessmentMs');
    const isSeen = model.isAssessedSince(ref, asked.beganMs);
    latestMs = Math.max(latestMs, model.deadlineMs(ref), isSeen ? seenMs : 0);
  }
  must(
    Date.parse(deleteBy) <= latestMs,
    'a deadline never moves later',
    `${ref.recording} is shown with deleteBy ${deleteBy}`,
  );
}

/** The controller restricts the processing of a recording: a mark that a deletion may overtake. */
export async function restrict(taking: Taking, ref: RecordingRef): Promise<void> {
  await callService(taking, ref, 'restrict', (context, caller) => restrictRecording(context, caller, ref, 'objection'));
}
