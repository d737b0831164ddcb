// While it records, and while the rest is sent: what is recorded, whether it is safe, and whether the page may be closed.
import type {
  ExamSession,
  Recording,
  RecordingProblem,
  RecordingState,
  WaitingReason,
} from '@proctoring-recordings/exam-client';
import { askToWithdraw, deleteRecordings, openSession } from './candidate.ts';
import { CONTROLLER } from './controller.ts';
import { journey, keepJourney } from './journey.ts';
import { showLevel, watchLevel } from './level.ts';
import { advanceTo, byId, icon, kindText, onClick, showAddressed, showError, showTitle } from './page.ts';
import { closeSource, type OpenedSource, surfaceText } from './sources.ts';
import { showText, type Text, withText } from './texts.ts';
import { inBytes, inSeconds, onClock } from './words.ts';

/** Fills a part every half minute, so that progress is visible. */
const VIDEO_BITS_PER_SECOND = 1_500_000;
const TICK_MS = 500;
const BACK_SHOWN_MS = 10_000;

type Phase = 'recording' | 'sending' | 'ended' | 'withdrawing';

let sources: readonly OpenedSource[] = [];
let isCameraOff = false;
let beganMs = performance.now();
let recordedSeconds = 0;
let stopMeter: (() => void) | undefined;
let onTick: () => void = () => {};

export function prepareRecord(): void {
  onClick('finish', finishRecording);
  onClick('withdraw', async () => {
    if (await askToWithdraw()) await withdrawConsent();
  });
}

/** @throws CallFailed, and what the exam client throws where the browser cannot record them */
export async function beginRecording(opened: readonly OpenedSource[]): Promise<void> {
  const session = await openSession();
  // The candidate may have declined meanwhile.
  if (journey.stage !== 'check') return;
  sources = opened;
  isCameraOff = false;
  beganMs = performance.now();
  keepJourney({ hasRecorded: true });
  for (const { kind, stream } of sources) {
    session.record(kind, stream, { videoBitsPerSecond: VIDEO_BITS_PER_SECOND });
  }
  session.addEventListener('state', ({ detail: { recording, state } }) => {
    if (!recording.isLeftover && state !== 'recording') endSource(recording);
  });
  showPreviews();
  showSources();
  watch(session);
  await advanceTo('record');
  say((texts) => texts.started);
}

/** Ends what records, and waits until all is sent; after a reload, until the rest is. */
export async function finishRecording(): Promise<void> {
  const session = await openSession();
  keepJourney({ isFinished: true });
  byId('finish', HTMLElement).hidden = true;
  const stored = session.finish();
  watch(session);
  if (journey.stage === 'record') await showAddressed();
  else await advanceTo('record');
  byId('record-title', HTMLElement).focus();
  say((texts) => texts.finishing);
  let failure: unknown;
  await stored.catch((error: unknown) => {
    failure = error;
  });
  if (journey.isWithdrawing) return;
  unwatch();
  await advanceTo('review');
  if (failure) showError(failure);
}

/** Stops recording and deletes everything, after a reload too. This view says so until the service has confirmed it. */
export async function withdrawConsent(): Promise<void> {
  const session = await openSession();
  keepJourney({ isWithdrawing: true });
  const deleted = deleteRecordings();
  watch(session);
  onTick();
  if (document.body.dataset.view !== 'record') await advanceTo('record');
  say((texts) => texts.withdrawing);
  byId('record-title', HTMLElement).focus();
  try {
    await deleted;
  } finally {
    unwatch();
  }
  await advanceTo('withdrawn');
}

let watching: AbortController | undefined;

function unwatch(): void {
  watching?.abort();
  watching = undefined;
  window.onbeforeunload = null;
}

/** Until all is sent. */
function watch(session: ExamSession): void {
  if (watching) return;
  watching = new AbortController();
  const { signal } = watching;
  const network = watchNetwork();
  session.addEventListener('gap', () => say((texts) => texts.gapNoted), { signal });
  onTick = () => {
    const { progress } = session;
    const phase = phaseOf(session);
    if (phase === 'recording') recordedSeconds = (performance.now() - beganMs) / 1000;
    byId('live', HTMLElement).dataset.phase = phase;
    if (document.body.dataset.view === 'record') showTitle(titleOf(phase), phase === 'recording');
    showText(byId('record-title', HTMLElement), titleOf(phase));
    showText(byId('clock', HTMLElement), () =>
      recordedSeconds > 0 && phase !== 'withdrawing' ? onClock(recordedSeconds) : '',
    );
    showText(byId('recorded-card-title', HTMLElement), (texts) =>
      phase === 'recording' ? texts.recordedNow : texts.recordedDone,
    );
    byId('recorded-card', HTMLElement).hidden = sources.length === 0;
    showWithdrawal(phase, progress.waiting);
    showSafety(session, phase);
    network(progress.waiting);
    showProblems(session, phase);
    // Browsers ask only pages that were used, in words of their own.
    window.onbeforeunload =
      progress.backlogBytes > 0 && phase !== 'withdrawing' ? (event) => event.preventDefault() : null;
  };
  for (const name of ['progress', 'problem', 'state'] as const)
    session.addEventListener(name, () => onTick(), { signal });
  const timer = setInterval(() => onTick(), TICK_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  onTick();
}

function phaseOf({ recordings }: ExamSession): Phase {
  if (journey.isWithdrawing) return 'withdrawing';
  const states = new Set<RecordingState>(recordings.filter(({ isLeftover }) => !isLeftover).map(({ state }) => state));
  if (states.has('recording') && !journey.isFinished) return 'recording';
  return recordings.some(({ state }) => state === 'recording' || state === 'uploading') ? 'sending' : 'ended';
}

function titleOf(phase: Phase): Text {
  return (texts) =>
    ({
      recording: texts.recordTitle,
      sending: texts.finishingTitle,
      ended: texts.endedTitle,
      withdrawing: texts.withdrawingTitle,
    })[phase];
}

/** The copies on this computer are gone at once; only those that were sent need the service. */
function showWithdrawal(phase: Phase, waiting: WaitingReason | null): void {
  const isWithdrawing = phase === 'withdrawing';
  byId('record-columns', HTMLElement).hidden = isWithdrawing;
  const notice = byId('withdrawing', HTMLElement);
  notice.hidden = !isWithdrawing;
  showText(notice, (texts) =>
    waiting === null ? texts.withdrawingSent(CONTROLLER.name) : texts.withdrawingWaits(CONTROLLER.name),
  );
}

function showSafety({ progress, problems }: ExamSession, phase: Phase): void {
  const { recordedBytes, storedBytes, backlogBytes, backlogSeconds } = progress;
  const isKept = !problems.some((problem) => problem === 'storage-unavailable' || problem === 'storage-full');
  const bar = (id: string, value: number) => {
    const element = byId(id, HTMLProgressElement);
    element.max = Math.max(1, recordedBytes);
    element.value = Math.min(value, element.max);
  };
  bar('kept', isKept ? recordedBytes : storedBytes);
  bar('sent', storedBytes);
  showText(byId('kept-text', HTMLElement), (texts) => {
    if (!isKept) return texts.keptNot;
    return recordedBytes > 0 ? texts.kept(inBytes(recordedBytes)) : texts.keptNothing;
  });
  showText(byId('sent-label', HTMLElement), (texts) => texts.sentLabel(CONTROLLER.name));
  showText(byId('sent-text', HTMLElement), (texts) => {
    if (recordedBytes > 0 && backlogBytes === 0) return texts.sentAll;
    if (storedBytes === 0 && phase === 'recording' && progress.waiting === null) return texts.sentSoon;
    return texts.sent(inBytes(storedBytes), inBytes(recordedBytes));
  });
  showText(byId('may-close', HTMLElement), (texts) => {
    if (recordedBytes === 0) return '';
    if (backlogBytes > 0) return texts.stayOpen(inSeconds(Math.ceil(backlogSeconds)));
    return phase === 'recording' ? '' : texts.mayClose;
  });
}

/** Shows the state of the network, and announces once that it is back. */
function watchNetwork(): (waiting: WaitingReason | null) => void {
  const line = byId('network', HTMLElement);
  let isLost = false;
  let backAtMs = Number.NEGATIVE_INFINITY;
  return (waiting) => {
    if (isLost && waiting !== 'offline') {
      backAtMs = performance.now();
      say((texts) => texts.networkBack);
    }
    isLost = waiting === 'offline';
    const isBack = performance.now() - backAtMs < BACK_SHOWN_MS;
    line.dataset.state = isLost ? 'lost' : waiting === null ? 'connected' : 'trouble';
    showText(line, (texts) => {
      if (isLost) return texts.networkLost;
      if (waiting !== null) return texts.networkTrouble;
      return isBack ? texts.networkBack : texts.connected;
    });
  };
}

/** As long as they hold. The list is a live region: it is changed only when its items change. */
function showProblems({ recordings }: ExamSession, phase: Phase): void {
  const held = new Map<string, Text>();
  for (const { kind, problems, state } of phase === 'withdrawing' ? [] : recordings) {
    for (const problem of problems) {
      const isSending = state !== 'recording' || phase !== 'recording';
      const common = commonProblem(problem, isSending);
      if (common) held.set(`${problem} ${phase}`, common);
      else if (problem === 'muted' && kind === 'webcam' && isCameraOff) held.set('off', (texts) => texts.cameraIsOff);
      else
        held.set(`${problem} ${kind}`, (texts) => texts.problemOf(kindText(kind)(texts), ownProblem(problem)(texts)));
    }
  }
  const list = byId('problems', HTMLUListElement);
  const names = JSON.stringify([...held.keys()]);
  if (list.dataset.held === names) return;
  list.dataset.held = names;
  list.replaceChildren(...[...held.values()].map((text) => withText('li', text)));
}

/** What concerns all recordings, and is shown once. */
function commonProblem(problem: RecordingProblem, isSending: boolean): Text | undefined {
  switch (problem) {
    case 'offline':
      return (texts) => (isSending ? texts.lostSending : texts.lostRecording);
    case 'unreachable':
      return (texts) => (isSending ? texts.awaySending : texts.awayRecording);
    case 'unauthorized':
      return (texts) => (isSending ? texts.lockedSending : texts.lockedRecording);
    case 'storage':
      return (texts) => texts.storageSlow;
    case 'storage-unavailable':
    case 'storage-full':
      return (texts) => texts.storageWarning;
    default:
      return undefined;
  }
}

function ownProblem(problem: RecordingProblem): Text {
  switch (problem) {
    case 'no-bytes':
      return (texts) => texts.noBytes;
    case 'muted':
      return (texts) => texts.muted;
    case 'source-ended':
      return (texts) => texts.sourceEnded;
    case 'source-failed':
      return (texts) => texts.sourceFailed;
    default:
      return (texts) => texts.recordingFailed;
  }
}

function say(text: Text): void {
  showText(byId('status', HTMLElement), text);
}

function showPreviews(): void {
  const previews = sources.map(({ kind, stream, isTestPicture }) => {
    const figure = document.createElement('figure');
    const video = document.createElement('video');
    figure.dataset.kind = kind;
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    video.classList.toggle('mirror', kind === 'webcam' && !isTestPicture);
    void video.play().catch(() => {});
    figure.append(
      video,
      icon('camera'),
      withText('figcaption', (texts) => (kind === 'webcam' ? texts.you : texts.screen)),
    );
    return figure;
  });
  byId('previews', HTMLElement).replaceChildren(...previews);
}

/** What is recorded, by name: each with its state. */
function showSources(): void {
  const camera = sources.find(({ kind }) => kind === 'webcam');
  const screen = sources.find(({ kind }) => kind === 'screen');
  const rows = [
    row('camera', (texts) => texts.camera, camera ? stateOf(camera) : (texts) => texts.notRecorded, camera?.kind),
    microphoneRow(camera),
    row('screen', (texts) => texts.screen, screen ? surfaceText(screen) : (texts) => texts.notRecorded, screen?.kind),
  ];
  if (camera) rows[0]?.append(cameraSwitch(camera));
  byId('source-list', HTMLElement).replaceChildren(...rows);
}

function stateOf({ isTestPicture }: OpenedSource): Text {
  return (texts) => (isCameraOff ? texts.off : isTestPicture ? texts.testPicture : texts.on);
}

function row(name: string, title: Text, state: Text, kind?: string): HTMLLIElement {
  const item = document.createElement('li');
  const text = document.createElement('div');
  const stateText = withText('span', state);
  stateText.className = 'state';
  text.append(withText('strong', title), stateText);
  item.append(icon(name), text);
  if (kind === undefined) item.classList.add('absent');
  else item.dataset.kind = kind;
  return item;
}

function microphoneRow(camera: OpenedSource | undefined): HTMLLIElement {
  const track = camera?.stream.getAudioTracks()[0];
  const item = row(
    'microphone',
    (texts) => texts.microphone,
    track ? (texts) => texts.on : (texts) => texts.notRecorded,
    track && 'webcam',
  );
  if (!camera || !track) return item;
  const bar = document.createElement('div');
  bar.className = 'level';
  bar.append(document.createElement('span'));
  item.append(bar);
  stopMeter?.();
  stopMeter = watchLevel(camera.stream, (level) => showLevel(bar, level));
  return item;
}

/** A track that is turned off gives black pictures and no event: this page sends one, so that it becomes a gap. */
function cameraSwitch(camera: OpenedSource): HTMLElement {
  const [track] = camera.stream.getVideoTracks();
  const button = withText('button', (texts) => (isCameraOff ? texts.turnCameraOn : texts.turnCameraOff));
  button.type = 'button';
  button.id = 'camera-switch';
  button.addEventListener('click', () => {
    if (!track) return;
    track.enabled = isCameraOff;
    isCameraOff = !isCameraOff;
    track.dispatchEvent(new Event(isCameraOff ? 'mute' : 'unmute'));
    showText(button, (texts) => (isCameraOff ? texts.turnCameraOn : texts.turnCameraOff));
    const state = document.querySelector('#source-list li .state');
    if (state) showText(state, stateOf(camera));
    const caption = document.querySelector('#previews figure[data-kind=webcam] figcaption');
    if (caption) showText(caption, (texts) => (isCameraOff ? texts.youOff : texts.you));
    caption?.parentElement?.classList.toggle('off', isCameraOff);
    button.closest('li')?.classList.toggle('absent', isCameraOff);
    if (!isCameraOff) say((texts) => texts.cameraIsOn);
  });
  return button;
}

/** Its recording has ended: releases the device, and removes its picture. */
function endSource({ kind }: Recording): void {
  const source = sources.find((each) => each.kind === kind);
  closeSource(source);
  document.querySelector(`#previews figure[data-kind=${kind}]`)?.remove();
  if (kind === 'webcam') {
    stopMeter?.();
    document.getElementById('camera-switch')?.remove();
  }
  for (const item of document.querySelectorAll(`#source-list li[data-kind=${kind}]`)) {
    const state = item.querySelector('.state');
    if (state) showText(state, (texts) => texts.ended);
    item.querySelector('.level')?.remove();
    item.classList.add('ended');
  }
}
