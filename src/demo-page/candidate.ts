// The candidate's session of the exam client: one for the life of the page, which also sends what a reload left behind.
import { type ExamSession, type Recording, startSession } from '@proctoring-recordings/exam-client';
import { Attempt, type PageSettings, readSettings } from './api.ts';
import { CONTROLLER } from './controller.ts';
import { noteLead, noteRecording } from './engineers.ts';
import { journey, keepJourney } from './journey.ts';
import { ask } from './page.ts';

let settings: PageSettings | undefined;
let session: ExamSession | undefined;

/** @throws CallFailed */
export async function openAttempt(): Promise<Attempt> {
  settings ??= await readSettings();
  noteLead(settings.deleteLeadMs);
  return new Attempt(settings.exam, journey.attempt);
}

export async function deleteLeadMs(): Promise<number> {
  await openAttempt();
  return settings?.deleteLeadMs ?? 0;
}

/** @throws CallFailed */
export async function openSession(): Promise<ExamSession> {
  const attempt = await openAttempt();
  session ??= begin(attempt);
  return session;
}

function begin(attempt: Attempt): ExamSession {
  if (journey.consentGivenAt === undefined) throw new Error('Nothing is recorded without consent.');
  const begun = startSession({
    service: location.origin,
    exam: attempt.exam,
    attempt: attempt.id,
    participantId: attempt.id,
    consent: { givenAt: journey.consentGivenAt, policyVersion: CONTROLLER.policyVersion },
    getToken: () => attempt.token('exam-client'),
  });
  for (const name of ['progress', 'state', 'stored', 'continued'] as const) {
    begun.addEventListener(name, ({ detail }) => remember(detail.recording));
  }
  return begun;
}

function remember({ recordingId, kind, state }: Recording): void {
  if (recordingId === undefined) return;
  noteRecording(recordingId, `${kind}, ${state}`);
  if (journey.recordings?.[recordingId] === undefined) {
    keepJourney({ recordings: { ...journey.recordings, [recordingId]: kind } });
  }
}

export function askToWithdraw(): Promise<boolean> {
  return ask({
    title: (texts) => texts.withdrawAsk,
    text: (texts) => texts.withdrawAskText,
    yes: (texts) => texts.withdrawYes,
    no: (texts) => texts.withdrawNo,
  });
}

/** Resolves when nothing is left of the recordings. Repeats what a reload interrupted. */
export async function deleteRecordings(): Promise<void> {
  const open = await openSession();
  await open.withdraw();
  for (const recording of open.recordings) remember(recording);
}
