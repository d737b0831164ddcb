// Those who use the service in a year: candidates, their examiners, and the privacy desk.
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/model/durations.ts';
import { ServiceError } from '../../../src/model/errors.ts';
import type { AttemptRef, RecordingRef } from '../../../src/model/ids.ts';
import type { ObjectStore } from '../../../src/objectstore/object-store.ts';
import { isStoreError } from '../../../src/objectstore/store-error.ts';
import { assessAttempt } from '../../../src/recordings/assess.ts';
import { completeRecording } from '../../../src/recordings/complete.ts';
import type { Caller, RecordingsContext } from '../../../src/recordings/context.ts';
import { createRecording } from '../../../src/recordings/create.ts';
import { abortRecording, eraseRecording } from '../../../src/recordings/delete.ts';
import { eraseParticipant } from '../../../src/recordings/erase-participant.ts';
import { restrictRecording } from '../../../src/recordings/restriction.ts';
import { recordingKey } from '../../kit/keys.ts';
import { BEGINNING, PART_SIZE_BYTES } from '../plan.ts';
import { newRandom, type Random } from '../random.ts';
import { atWork, type Exam } from './calendar.ts';
import { ConnectionLost, type Replica } from './replica.ts';
import type { Timeline } from './timeline.ts';

export interface Service {
  readonly seed: number;
  readonly timeline: Timeline;
  /** The replicas that a load balancer would choose from. */
  readonly ready: () => readonly Replica[];
  /** The store, as clients reach it by their part URLs. */
  readonly direct: ObjectStore;
  readonly retentionMs: (tenant: string) => number;
  /** From then on nobody asks for anything. */
  readonly endMs: number;
  readonly count: (what: string) => void;
}

/** The caller repeats what got no answer, and what is refused for now. */
const FOR_NOW = new Set(['clock-skew', 'recording-being-created', 'erasure-incomplete']);

/** How a recording goes, in ten thousand. What is open until its deadline costs every sweep some requests. */
const COURSES = { whole: 9390, abandoned: 300, 'not-begun': 8, 'with-a-hole': 4, aborted: 130, junk: 38, late: 130 };
/** How an attempt goes on, in a thousand. */
const OUTCOMES = { assessed: 860, never: 60, late: 50, twice: 30 };

/** Resolves when the last thing of this exam has been asked for. */
export async function holdExam(service: Service, exam: Exam): Promise<void> {
  const random = newRandom(service.seed, exam.number);
  const { timeline } = service;
  const retentionMs = service.retentionMs(exam.tenant);
  // All of an exam are assessed within some days.
  const gradingMs = Math.round((retentionMs * random.between(10, 700)) / 1000);
  const lengthMs = random.between(2, 10) * 15 * MINUTE_MS;
  await timeline.sleepUntil(exam.startMs);
  await Promise.all(
    exam.seats.map((recordings, seat) => sit(service, exam, { recordings, seat, gradingMs, lengthMs, retentionMs })),
  );
}

interface Seat {
  readonly recordings: number;
  readonly seat: number;
  readonly gradingMs: number;
  readonly lengthMs: number;
  readonly retentionMs: number;
}

async function sit(service: Service, { tenant, exam, number }: Exam, about: Seat): Promise<void> {
  const { timeline } = service;
  const { recordings, seat, gradingMs, lengthMs, retentionMs } = about;
  const random = newRandom(service.seed, number, seat);
  const attempt = { tenant, exam, attempt: `attempt-${seat}` };
  const participant = `participant-${number}-${seat}`;
  const doing = Array.from({ length: recordings }, (_, index) =>
    record(service, attempt, participant, { number, seat, index, lengthMs }),
  );
  const endMs = timeline.nowMs + lengthMs;
  const outcome = random.weighted(OUTCOMES);
  const assessing = async () => {
    if (outcome === 'never') return;
    const lateMs = (retentionMs * random.between(930, 1050)) / 1000;
    const waitMs = outcome === 'late' ? lateMs : gradingMs + random.between(0, 8 * HOUR_MS);
    await assess(service, attempt, atWork(endMs + waitMs), random);
    if (outcome === 'twice') await assess(service, attempt, timeline.nowMs - random.between(0, HOUR_MS), random);
  };
  const desk = async () => {
    if (!random.chance(0.003)) return;
    await timeline.sleep(lengthMs + random.between(0, retentionMs));
    const ref = { tenant, participant };
    await persist(service, tenant, random, (...by) => eraseParticipant(...by, ref, 'erasure'));
    service.count('participants erased');
  };
  await Promise.all([...doing, assessing(), desk()]);
}

interface Take {
  readonly number: number;
  readonly seat: number;
  readonly index: number;
  readonly lengthMs: number;
}

/** One recording: begun, sent in parts while the exam lasts, completed; or not. */
async function record(service: Service, attempt: AttemptRef, participantId: string, about: Take): Promise<void> {
  const { timeline } = service;
  const { number, seat, index, lengthMs } = about;
  const random = newRandom(service.seed, number, seat, index);
  const course = random.weighted(COURSES);
  await timeline.sleep(random.between(0, 10 * MINUTE_MS));
  const input = { ...BEGINNING, participantId, parts: 0, idempotencyKey: random.chance(0.5) ? `k${index}` : undefined };
  const untilMs = timeline.nowMs + lengthMs;
  const begin = (context: RecordingsContext, by: Caller) => createRecording(context, by, attempt, input);
  const created = await persist(service, attempt.tenant, random, begin, untilMs);
  if (!created) return service.count('not recorded');
  const ref: RecordingRef = { ...attempt, recording: created.recording.recordingId };
  service.count('recorded');
  const manifest = await persistAtStore(service, random, (store) => store.get(recordingKey(ref, 'manifest')));
  const { uploadId } = JSON.parse(Buffer.from(manifest ?? []).toString() || '{}') as { readonly uploadId?: string };
  if (uploadId === undefined) return;
  const count = random.between(1, 3);
  const gone = course === 'not-begun' ? 0 : count;
  for (let part = 1; part <= gone; part += 1) {
    await timeline.sleep(lengthMs / (count + 1));
    if (course === 'with-a-hole' && part === 1) continue;
    const body = partOf(part, course === 'junk');
    const put = (store: ObjectStore) => store.uploadPart(recordingKey(ref, 'media'), uploadId, part, body);
    if ((await persistAtStore(service, random, put)) === undefined) break;
  }
  await finish(service, ref, course, random);
}

async function finish(service: Service, ref: RecordingRef, course: keyof typeof COURSES, random: Random) {
  const { timeline } = service;
  const retentionMs = service.retentionMs(ref.tenant);
  if (['abandoned', 'not-begun', 'with-a-hole'].includes(course)) return service.count('abandoned');
  if (course === 'aborted') {
    await persist(service, ref.tenant, random, (...by) => abortRecording(...by, ref));
    return service.count('aborted');
  }
  // It comes back the next day: by then the sweep has completed it.
  if (course === 'late') await timeline.sleep(random.between(HOUR_MS, DAY_MS));
  await persist(service, ref.tenant, random, (context, by) => completeRecording(context, ref, { by }));
  if (random.chance(0.02)) {
    await timeline.sleep(random.between(0, retentionMs));
    const reason = random.pick(['erasure', 'consent-withdrawn'] as const);
    await persist(service, ref.tenant, random, (...by) => eraseRecording(...by, ref, reason));
    service.count('erased');
  } else if (random.chance(0.01)) {
    await timeline.sleep(random.between(0, retentionMs));
    await persist(service, ref.tenant, random, (...by) => restrictRecording(...by, ref, 'contested'));
    service.count('restricted');
  }
}

/** Reported when it is completed, or some hours later. */
async function assess(service: Service, attempt: AttemptRef, completedAtMs: number, random: Random) {
  const reportMs = random.chance(0.8) ? MINUTE_MS : random.between(0, 12 * HOUR_MS);
  await service.timeline.sleepUntil(completedAtMs + reportMs);
  if (service.timeline.nowMs > service.endMs) return;
  const known = await persist(service, attempt.tenant, random, (...by) =>
    assessAttempt(...by, attempt, { completedAtMs }),
  );
  service.count(known ? 'assessments' : 'assessments refused');
}

/** An MP4 that is all media, or a box that no recording begins with. */
function partOf(partNumber: number, isJunk: boolean): Uint8Array {
  const part = Buffer.alloc(PART_SIZE_BYTES, partNumber);
  if (partNumber === 1) part.write(isJunk ? '\0\0\0\0free' : '\0\0\0\0mdat', 'latin1');
  return part;
}

const LASTING_MS = 4 * DAY_MS;

/** Repeats a call of the service until it is answered, or refused for good: undefined then, and after days. */
async function persist<T>(
  service: Service,
  tenant: string,
  random: Random,
  act: (context: RecordingsContext, caller: Caller) => Promise<T>,
  untilMs = Math.min(service.timeline.nowMs + LASTING_MS, service.endMs),
): Promise<T | undefined> {
  const caller = { tenant, actor: 'somebody', requestId: 'request' };
  for (let pauseMs = 2 * SECOND_MS; service.timeline.nowMs < untilMs; pauseMs = Math.min(2 * pauseMs, 10 * MINUTE_MS)) {
    const replicas = service.ready();
    try {
      if (replicas.length > 0) return await random.pick(replicas).ask((context) => act(context, caller));
    } catch (error) {
      if (error instanceof ServiceError && !FOR_NOW.has(error.code)) {
        service.count(`refused: ${error.code}`);
        return undefined;
      }
      if (!(error instanceof ServiceError || error instanceof ConnectionLost || isStoreError(error))) throw error;
    }
    await service.timeline.sleep(random.between(pauseMs / 2, pauseMs));
  }
  if (service.timeline.nowMs < service.endMs) service.count('given up');
  return undefined;
}

/** The same at the store; undefined where the upload is over. */
async function persistAtStore<T>(service: Service, random: Random, act: (store: ObjectStore) => Promise<T>) {
  const untilMs = service.timeline.nowMs + LASTING_MS;
  for (let pauseMs = 2 * SECOND_MS; service.timeline.nowMs < untilMs; pauseMs = Math.min(2 * pauseMs, 10 * MINUTE_MS)) {
    try {
      return await act(service.direct);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      if (error.code !== 'unavailable') return undefined;
    }
    await service.timeline.sleep(random.between(pauseMs / 2, pauseMs));
  }
  return undefined;
}
