// The candidate's steps: choose the sources, record and upload, finish or withdraw.
import {
  type ExamSession,
  type Recording,
  type RecordingProblem,
  startSession,
} from '@proctoring-recordings/exam-client';
import type { Attempt } from './api.ts';
import { byId, goTo, kindText, onClick, showError, whileBusy } from './page.ts';
import { type Choice, type OpenedSource, openChosen, type SourceKind } from './sources.ts';
import { showText, type Text, withText } from './texts.ts';
import { inBytes, inSeconds, onClock } from './words.ts';

/** Fills a part every half minute, so that progress is visible. */
const VIDEO_BITS_PER_SECOND = 1_500_000;
const TICK_MS = 500;
const POLICY_VERSION = '1';

const PROBLEMS: Record<RecordingProblem, Text> = {
  offline: (texts) => texts.waitingOffline,
  unreachable: (texts) => texts.waitingUnreachable,
  unauthorized: (texts) => texts.waitingUnauthorized,
  storage: (texts) => texts.waitingStorage,
  'no-bytes': (texts) => texts.noBytes,
  muted: (texts) => texts.muted,
  'source-ended': (texts) => texts.sourceEnded,
  'source-failed': (texts) => texts.sourceFailed,
  'storage-unavailable': (texts) => texts.storageWarning,
  'storage-full': (texts) => texts.storageWarning,
  failed: (texts) => texts.recordingFailed,
};

type Sources = ReadonlyMap<SourceKind, OpenedSource>;

/** Resolves when all is stored, or erased because consent was withdrawn. */
export async function record(attempt: Attempt, givenAt: string, onBegin: () => void): Promise<'stored' | 'withdrawn'> {
  const sources = await chooseSources();
  onBegin();
  const session = startSession({
    service: location.origin,
    exam: attempt.exam,
    attempt: attempt.id,
    participantId: attempt.id,
    consent: { givenAt, policyVersion: POLICY_VERSION },
    getToken: () => attempt.token('exam-client'),
  });
  goTo('record');
  showSources(sources);
  for (const [kind, { stream }] of sources) {
    session.record(kind, stream, { videoBitsPerSecond: VIDEO_BITS_PER_SECOND });
  }
  endWithRecording(session, sources);
  const stopWatching = watch(session);
  offerCover(sources);
  try {
    return await untilOver(session);
  } finally {
    stopWatching();
  }
}

function chooseSources(): Promise<Sources> {
  goTo('sources');
  const form = byId('sources-form', HTMLFormElement);
  const button = byId('start', HTMLButtonElement);
  return new Promise((resolve) => {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const chosen = (kind: SourceKind) => new FormData(form).get(kind) as Choice;
      showText(button, (texts) => texts.starting);
      void whileBusy(button, async () => {
        // The screen first: browsers allow it only shortly after the click.
        const screen = openChosen('screen', chosen('screen'), (texts) => `${texts.testPicture}: ${texts.screen}`);
        const webcam = openChosen('webcam', chosen('webcam'), (texts) => `${texts.testPicture}: ${texts.camera}`);
        const sources = new Map<SourceKind, OpenedSource>();
        for (const [kind, source] of [['webcam', await webcam] as const, ['screen', await screen] as const]) {
          if (source) sources.set(kind, source);
          if (source?.isTestPicture && chosen(kind) === 'device') notify(kind);
        }
        resolve(sources);
      });
    });
  });
}

function notify(kind: SourceKind): void {
  const notice = withText('p', (texts) => (kind === 'webcam' ? texts.cameraRefused : texts.screenRefused));
  notice.className = 'notice';
  byId('notices', HTMLElement).append(notice);
}

function showSources(sources: Sources): void {
  const previews = [...sources].map(([kind, { stream }]) => {
    const figure = document.createElement('figure');
    const video = document.createElement('video');
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    void video.play().catch(() => {});
    figure.append(video, withText('figcaption', kindText(kind)));
    return figure;
  });
  byId('previews', HTMLElement).replaceChildren(...previews);
}

/** Stops each source, and removes its preview, when its recording has ended. */
function endWithRecording(session: ExamSession, sources: Sources): void {
  session.addEventListener('state', ({ detail: { recording, state } }) => {
    if (recording.isLeftover || state === 'recording' || recording.kind === 'audio') return;
    for (const track of sources.get(recording.kind)?.stream.getTracks() ?? []) track.stop();
    const recorded = new Set(session.recordings.filter((each) => each.state === 'recording').map(({ kind }) => kind));
    showSources(new Map([...sources].filter(([kind]) => recorded.has(kind))));
    if (recorded.size === 0) return;
    const kind = kindText(recording.kind);
    say((texts) => texts.streamEnded(kind(texts)));
  });
}

/** Updates the texts and the bar. The live region gets only what changes rarely. */
function watch(session: ExamSession): () => void {
  const startedMs = performance.now();
  const bar = byId('stored', HTMLProgressElement);
  let seconds = 0;
  const tick = () => {
    const { recordedBytes, storedBytes, backlogBytes, backlogSeconds } = session.progress;
    const states = new Set(session.recordings.map(({ state }) => state));
    const isRecording = states.has('recording');
    showText(byId('record-title', HTMLElement), (texts) => {
      if (isRecording) return texts.recordTitle;
      return states.has('uploading') ? texts.finishingTitle : texts.endedTitle;
    });
    showProblems(session);
    if (isRecording) seconds = (performance.now() - startedMs) / 1000;
    showText(byId('recorded-for', HTMLElement), (texts) =>
      (isRecording ? texts.recordedFor : texts.recorded)(onClock(seconds)),
    );
    bar.max = Math.max(1, recordedBytes);
    bar.value = Math.min(storedBytes, bar.max);
    showText(byId('progress-text', HTMLElement), (texts) =>
      texts.progress(inBytes(storedBytes), inBytes(recordedBytes)),
    );
    showText(byId('backlog', HTMLElement), (texts) => {
      if (recordedBytes === 0) return texts.recordedNothing;
      return backlogBytes > 0 ? texts.backlog(inSeconds(Math.ceil(backlogSeconds))) : texts.backlogNone;
    });
  };
  tick();
  const timer = setInterval(tick, TICK_MS);
  session.addEventListener('gap', () => say((texts) => texts.gapNoted));
  return () => clearInterval(timer);
}

/** As long as they hold. The list is a live region: it is changed only when its items change. */
function showProblems({ recordings }: ExamSession): void {
  const held = recordings.flatMap(({ kind, problems }) => problems.map((problem) => ({ kind, problem })));
  const list = byId('problems', HTMLUListElement);
  const names = JSON.stringify(held);
  if (list.dataset.held === names) return;
  list.dataset.held = names;
  list.replaceChildren(
    ...held.map(({ kind, problem }) =>
      withText('li', (texts) => texts.problemOf(kindText(kind)(texts), PROBLEMS[problem](texts))),
    ),
  );
}

function say(text: Text): void {
  showText(byId('status', HTMLElement), text);
}

/** Browsers send no event for a covered camera, which gives a black picture. This page sends one, to show a gap. */
function offerCover(sources: Sources): void {
  const button = byId('cover', HTMLButtonElement);
  const [track] = sources.get('webcam')?.stream.getVideoTracks() ?? [];
  button.hidden = track === undefined;
  onClick('cover', () => {
    if (!track) return;
    const isCovered = track.enabled;
    track.enabled = !isCovered;
    track.dispatchEvent(new Event(isCovered ? 'mute' : 'unmute'));
    showText(button, (texts) => (isCovered ? texts.uncover : texts.cover));
    if (isCovered) say((texts) => texts.covered);
  });
}

function untilOver(session: ExamSession): Promise<'stored' | 'withdrawn'> {
  return new Promise((resolve) => {
    let isWithdrawn = false;
    onClick('finish', async () => {
      byId('record-title', HTMLElement).focus();
      byId('finish', HTMLElement).hidden = true;
      byId('cover', HTMLElement).hidden = true;
      const stored = session.finish();
      say((texts) => texts.finishing);
      await stored.then(
        () => resolve('stored'),
        (error: unknown) => {
          if (!isWithdrawn) throw error;
        },
      );
    });
    onClick('withdraw', async () => {
      isWithdrawn = true;
      say((texts) => texts.withdrawing);
      await session.withdraw();
      resolve('withdrawn');
    });
    session.addEventListener('failed', ({ detail }) => {
      if (!isOver(detail.recording)) showError(detail.error);
    });
  });
}

function isOver({ state }: Recording): boolean {
  return state === 'withdrawn' || state === 'stored';
}
