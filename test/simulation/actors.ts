// Who does what in a history: exam clients, assessors, reviewers, the privacy desk, sweepers, and what goes wrong by itself.
import { Readable } from 'node:stream';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { AttemptRef, RecordingRef } from '../../src/model/ids.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { abortRecording, eraseRecording, withdrawRecording } from '../../src/recordings/delete.ts';
import { storeOverview } from '../../src/recordings/overview.ts';
import { openProxiedUpload } from '../../src/recordings/proxied-upload.ts';
import { listUploadedParts, presignParts } from '../../src/recordings/upload.ts';
import { attemptPrefix, recordingKey, recordingPrefix } from '../kit/keys.ts';
import { JPEG, overviewOf } from '../kit/overview.ts';
import {
  anOverviewIsOfALiveRecording,
  aRefusedOverviewIsGone,
  erasureIsWhole,
  oneKeyOneRecording,
  storedMeansWhole,
  tagsTellTheDeadline,
} from './invariants.ts';
import { CLOCK_TOLERANCE_MS } from './model.ts';
import { sweepBy, verifyOnce } from './operators.ts';
import { BEGINNING, PART_SIZE_BYTES, type StepKind } from './plan.ts';
import type { Random } from './random.ts';
import { restrict, review } from './reviewers.ts';
import { type Answer, callService, type PartUrl, putPart, type Taking } from './service.ts';
import { must } from './violation.ts';
import type { Process } from './world.ts';

const TENANTS = ['acme', 'beta'];
const TRIES = 3;
const REFUSED_DELETIONS = new Set(['recording-being-created', 'recording-restricted']);
const WRONG_BY_MS = [-400 * DAY_MS, -DAY_MS, -10 * MINUTE_MS, 10 * MINUTE_MS, 2 * HOUR_MS, 365 * DAY_MS];

export const ACTORS: Readonly<Record<StepKind, (taking: Taking) => Promise<void>>> = {
  record,
  complete: withRecording(finish),
  resume: withRecording(resume),
  overview: withRecording(sendOverviews),
  abort: withRecording(abort),
  erase: withRecording(erase),
  restrict: withRecording(restrict),
  review: withRecording(review),
  assess,
  sweep: async (taking) => void (await sweepBy(taking, taking.random.pick(taking.simulation.sweepers))),
  verify: verifyOnce,
  crash: async ({ simulation, random }) => simulation.world.crash(random.pick(simulation.replicas)),
  skew: skewClock,
  'step-clock': stepClock,
  poison: withRecording(poison),
};

/** Two tenants call their exams and attempts the same. */
function anAttempt({ random, step }: Taking): AttemptRef {
  if (step.attempt !== undefined) return { tenant: 'beta', exam: 'exam', attempt: step.attempt };
  const attempt = random.weighted({ a1: 10, a2: 4, a3: 2, a4: 2, a5: 2 });
  return { tenant: random.pick(TENANTS), exam: 'exam', attempt };
}

/** A recording of which there is, or was, something in the bucket. */
function withRecording(act: (taking: Taking, ref: RecordingRef) => Promise<void>) {
  return async (taking: Taking): Promise<void> => {
    const { simulation, random, step } = taking;
    const { model } = simulation;
    const all = [...model.recordings.values()].filter(
      ({ ref }) => step.attempt === undefined || ref.attempt === step.attempt,
    );
    const known = all.filter(({ ref, hasManifest }) => hasManifest && model.isKnownToCallers(ref));
    if (known.length > 0) await act(taking, random.pick(random.chance(0.7) ? known.slice(-3) : known).ref);
  };
}

/** An exam client: begins a recording, uploads its parts, completes it, and repeats what gets no answer. */
async function record(taking: Taking): Promise<void> {
  const { simulation, random } = taking;
  const attempt = anAttempt(taking);
  const count = random.between(1, 3);
  const idempotencyKey = taking.step.idempotencyKey ?? (random.chance(0.4) ? random.pick(['k1', 'k2']) : undefined);
  const participantId = idempotencyKey === undefined ? random.pick(['p1', 'p2']) : 'p1';
  const input = { ...BEGINNING, participantId, parts: count, idempotencyKey };
  // Two clients with one key send the same parts, but for how many.
  const isJunk = random.chance(0.06) && idempotencyKey === undefined;
  const bodies = Array.from({ length: count }, (_, index) => partOf(index + 1, isJunk));
  const isProxied = random.chance(0.15);
  const missing = random.chance(0.1) && idempotencyKey === undefined ? random.between(1, count) : undefined;
  const isAbandoned = random.chance(0.2);
  const pauseMs = random.pick([0, 0, 100, 5 * SECOND_MS, 20 * MINUTE_MS]);

  if (idempotencyKey !== undefined) simulation.model.expectKey(attempt, idempotencyKey);
  const isAssessed = () => simulation.model.store.keysUnder(`${attemptPrefix(attempt)}assessed/`).length > 0;
  const created = await again(taking, async () => {
    const wasAssessed = isAssessed();
    const answer = await callService(taking, attempt, 'create', (...by) => createRecording(...by, attempt, input));
    must(!('value' in answer && wasAssessed && isAssessed()), 'nothing begins in an assessed attempt', attempt.attempt);
    if ('lost' in answer) simulation.model.leaveRepairs();
    if ('value' in answer) {
      const { recordingId, deleteBy } = answer.value.recording;
      const latestMs = simulation.model.unassessedDeadlineMs({ ...attempt, recording: recordingId });
      const isPromised = Date.parse(deleteBy) <= latestMs;
      must(isPromised, 'an answer tells no later deadline', `${recordingId} ${deleteBy}`);
      const known = simulation.model.know({ ...attempt, recording: recordingId });
      known.isAnswered = true;
      must(!known.beganEnded, 'nothing begins that an assessment has ended before', recordingId);
      oneKeyOneRecording(simulation.model, attempt, recordingId);
    }
    return answer;
  }, ['recording-being-created']);
  if (!created) return;
  const ref = { ...attempt, recording: created.recording.recordingId };
  if (idempotencyKey !== undefined) simulation.world.count('keyed');
  simulation.world.count('created');
  if (isJunk) simulation.model.know(ref).isJunk = true;
  if (isProxied) return upload(taking, ref, bodies);
  const etags: string[] = [];
  for (const [index, { url }] of created.upload.parts.entries()) {
    const partUrl = JSON.parse(url) as PartUrl;
    if (index + 1 === missing) continue;
    const etag = await again(taking, () => putPart(taking, attempt, partUrl, bodies[index] ?? new Uint8Array()));
    if (etag === undefined) return;
    etags.push(etag);
    await simulation.world.sleep(pauseMs);
  }
  if (isAbandoned) return;
  await finish(taking, ref, { bodies: bodies.filter((_, index) => index + 1 !== missing), etags });
}

/** The same bytes whoever sends them: a client that comes back has what it recorded. */
function partOf(partNumber: number, isJunk: boolean): Uint8Array {
  const part = Buffer.alloc(PART_SIZE_BYTES, partNumber);
  // An MP4 that is all media, or the brand of a picture: a box begins with its size, 0 for all that follows, and its type.
  if (partNumber === 1) part.write(isJunk ? '\0\0\0\0free' : '\0\0\0\0mdat', 'latin1');
  return part;
}

/** Completes; a client that names its parts is answered `stored` only when exactly those are stored. */
async function finish(taking: Taking, ref: RecordingRef, sent?: { bodies: Uint8Array[]; etags: string[] }) {
  const { world, model } = taking.simulation;
  const parts = sent?.etags.map((etag, index) => ({ partNumber: index + 1, etag }));
  const at = '2026-01-01T00:00:00Z';
  const timeline = taking.random.chance(0.4) ? { startedAt: at, endedAt: at, gaps: [] } : undefined;
  let isDoomed = false;
  const recording = await again(taking, () => {
    isDoomed = model.know(ref).doomedMs !== undefined;
    return callService(taking, ref, 'complete', (context, by) =>
      completeRecording(context, ref, { parts, timeline, by }),
    );
  });
  if (recording?.state !== 'stored') return;
  must(!isDoomed, 'what was deleted never comes back', `${ref.recording} is completed`);
  world.count('stored');
  storedMeansWhole(model, ref, sent && Buffer.concat(sent.bodies));
  tagsTellTheDeadline(taking.simulation, ref);
}

/** Through the service, for clients that cannot reach the bucket. */
async function upload(taking: Taking, ref: RecordingRef, bodies: readonly Uint8Array[]): Promise<void> {
  const { model, world } = taking.simulation;
  const answer = await callService(taking, ref, 'content', async (context, by) => {
    const content = await openProxiedUpload(context, ref, { tenant: ref.tenant, caller: 'simulated' }, by);
    await content.write(Readable.from(bodies));
    return content.complete();
  });
  if (!('value' in answer)) return;
  world.count('stored');
  storedMeansWhole(model, ref, Buffer.concat(bodies));
}

/** A client that comes back: asks what the store has, sends one part more, or again, and completes. */
async function resume(taking: Taking, ref: RecordingRef): Promise<void> {
  const { random } = taking;
  const listed = await callService(taking, ref, 'parts', (context) => listUploadedParts(context, ref));
  if (!('value' in listed)) return;
  const partNumber = random.between(1, listed.value.length + 1);
  const body = partOf(partNumber, taking.simulation.model.know(ref).isJunk);
  const asked = [{ partNumber, sizeBytes: body.length }];
  const signed = await callService(taking, ref, 'presign', (context) => presignParts(context, ref, asked));
  if (!('value' in signed)) return;
  await taking.simulation.world.sleep(random.pick([0, 1000, 30 * MINUTE_MS]));
  const [part] = signed.value;
  if (part) await putPart(taking, ref, JSON.parse(part.url) as PartUrl, body);
  if (random.chance(0.6)) await finish(taking, ref);
}

/** Once, or again with other pictures, and sometimes before a completion that may overtake it. */
async function sendOverviews(taking: Taking, ref: RecordingRef): Promise<void> {
  const { simulation, random } = taking;
  const { model, world } = simulation;
  const completion = random.chance(0.4)
    ? world.sleep(random.between(0, 500)).then(() => finish(taking, ref))
    : undefined;
  for (let left = random.between(1, 2); left > 0; left -= 1) {
    const overview = overviewOf(Buffer.concat([JPEG, random.bytes(random.between(1, 3))]));
    const sent = { bytes: Readable.from([overview]), sizeBytes: overview.length };
    const holder = { tenant: ref.tenant, caller: 'simulated' };
    const request = `${taking.step.number}.${taking.requests + 1} overview`;
    const answer = await callService(taking, ref, 'overview', (context) =>
      storeOverview(context, ref, { ...sent, holder }),
    );
    if ('value' in answer) {
      world.count('overviews');
      anOverviewIsOfALiveRecording(model, ref, request);
      model.know(ref).firstOverviewMs ??= world.nowMs;
    }
    if ('refused' in answer && answer.refused.code !== 'clock-skew') aRefusedOverviewIsGone(model, ref, request);
    await world.sleep(random.pick([0, 200, 20 * MINUTE_MS]));
  }
  await completion;
}

async function abort(taking: Taking, ref: RecordingRef): Promise<void> {
  const { model } = taking.simulation;
  const known = model.know(ref);
  const couldBe = known.mayBeAborted;
  // What was stored before is kept, whoever gives it up.
  if (!model.has(ref, 'stored')) known.mayBeAborted = true;
  const beganMs = taking.simulation.world.nowMs;
  known.givenUpMs ??= beganMs;
  const answer = await callService(taking, ref, 'abort', (context, caller) => abortRecording(context, caller, ref));
  if ('value' in answer) erasureIsWhole(model, ref, beganMs);
  if ('refused' in answer && answer.refused.code === 'recording-stored') known.mayBeAborted = couldBe;
}

async function erase(taking: Taking, ref: RecordingRef): Promise<void> {
  const { model, world } = taking.simulation;
  const known = model.know(ref);
  known.deletionsAsked += 1;
  const isWithdrawal = taking.random.chance(0.5);
  const answer = await callService(taking, ref, 'erase', (...by) =>
    isWithdrawal ? withdrawRecording(...by, ref) : eraseRecording(...by, ref, 'erasure'),
  );
  if ('refused' in answer && REFUSED_DELETIONS.has(answer.refused.code)) known.deletionsAsked -= 1;
  if (!('value' in answer)) return;
  world.count('erased');
  erasureIsWhole(model, ref);
}

async function assess(taking: Taking): Promise<void> {
  const { simulation, random } = taking;
  const attempt = anAttempt(taking);
  const agoMs = random.pick([0, 0, MINUTE_MS, HOUR_MS, DAY_MS, 2 * DAY_MS, 3 * DAY_MS, 9 * DAY_MS, 11 * DAY_MS]);
  const completedAtMs = simulation.world.nowMs - agoMs;
  const isConfirmed = random.chance(0.5);
  let confirm: string[] = [];
  await again(
    taking,
    async () => {
      const answer = await callService(taking, attempt, 'assess', (context, caller) =>
        assessAttempt(context, caller, attempt, { completedAtMs, confirm }),
      );
      if ('refused' in answer && answer.refused.code === 'assessment-ends-recordings') {
        simulation.world.count('contradicted');
        confirm = (answer.refused.data as { recordings: { recordingId: string }[] }).recordings.map(
          ({ recordingId }) => recordingId,
        );
      }
      return answer;
    },
    isConfirmed ? ['assessment-ends-recordings'] : [],
  );
  for (const { ref } of simulation.model.of(attempt)) tagsTellTheDeadline(simulation, ref);
}

/** Sets the clock of an idle process wrong. A replica with a wrong clock is not ready, so it gets no requests. */
async function skewClock({ simulation, random }: Taking): Promise<void> {
  const isSweeper = random.chance(0.5);
  const process = random.pick(isSweeper ? simulation.sweepers : simulation.replicas);
  if (simulation.world.isBusy(process)) return;
  setClock(process, random, isSweeper ? 0.5 : 0);
}

function setClock(process: Process, random: Random, chanceBeyond: number): void {
  const withinMs = random.between(-290, 290) * SECOND_MS;
  const beyondMs = random.pick(WRONG_BY_MS);
  process.skewMs = chanceBeyond > 0 && random.chance(chanceBeyond) ? beyondMs : withinMs;
}

/** A clock that is set while its process is at work; that of a replica stays right enough for it to be asked. */
async function stepClock({ simulation, random }: Taking): Promise<void> {
  const { world, sweepers, replicas } = simulation;
  const processes = [...sweepers, ...replicas];
  const busy = processes.filter((process) => world.isBusy(process));
  const process = random.pick(busy.length > 0 ? busy : processes);
  setClock(process, random, simulation.clocksJump && sweepers.includes(process) ? 0.4 : 0);
  world.count(world.isBusy(process) ? 'clock-steps' : 'clocks-set');
}

/** Something becomes unreadable, unknown or undeletable by itself. It is kept and reported, and harms nothing else. */
async function poison({ simulation, random }: Taking, ref: RecordingRef): Promise<void> {
  const { model, world, sweepers } = simulation;
  // Whoever has read it before may go on with what it read.
  if (world.isAsked(attemptPrefix(ref)) || sweepers.some((sweeper) => world.isBusy(sweeper))) return;
  let key = recordingKey(ref, 'manifest');
  const how = random.pick(['torn', 'unknown', 'refused']);
  if (how === 'torn') {
    const body = model.store.peek(key);
    if (!body || model.has(ref, 'deleting')) return;
    await model.store.put(key, body.subarray(0, 20));
  } else if (how === 'unknown') {
    key = `${random.pick([recordingPrefix(ref), attemptPrefix(ref)])}unknown`;
    if (!model.isLive(ref)) return;
    await model.store.put(key, new Uint8Array(1));
  } else {
    key = recordingKey(ref, random.pick(['media', 'manifest', 'stored'] as const));
    if (model.store.peek(key) === undefined) return;
    model.store.refusedKeys.add(key);
  }
  model.poisoned.add(key);
}

/** Repeats what got no answer, or one of these refusals, as a client does, after a moment. */
async function again<T>(taking: Taking, call: () => Promise<Answer<T>>, codes: readonly string[] = []) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const answer = await call();
    if ('value' in answer) return answer.value;
    if ('refused' in answer && !codes.includes(answer.refused.code)) return undefined;
    await taking.simulation.world.sleep(taking.random.pick([100, 2 * SECOND_MS, CLOCK_TOLERANCE_MS]));
  }
  return undefined;
}
