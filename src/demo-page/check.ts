// The check before the start: the own picture, the level of the microphone, the choice of devices and of the screen.
import { openSession } from './candidate.ts';
import { journey } from './journey.ts';
import { HEARD_LEVEL, showLevel, watchLevel } from './level.ts';
import { byId, onClick, whenShown } from './page.ts';
import { beginRecording, finishRecording } from './record.ts';
import {
  closeSource,
  DeviceRefused,
  type Devices,
  type OpenedSource,
  openCamera,
  openScreen,
  openTest,
  type Refusal,
  surfaceText,
} from './sources.ts';
import { clearText, showText, type Text, withText } from './texts.ts';

type CameraState = 'off' | 'asking' | 'on' | Refusal;
type ScreenState = 'off' | 'asking' | 'on' | 'none' | 'refused';

let camera: OpenedSource | undefined;
let cameraState: CameraState = 'off';
let screen: OpenedSource | undefined;
let screenState: ScreenState = withoutScreen();
let stopMeter: (() => void) | undefined;

export function prepareCheck(): void {
  whenShown('check', showCheck);
  onClick('camera-on', () => turnOn(openCamera));
  onClick('camera-again', () => turnOn(openCamera));
  for (const id of ['camera-test', 'camera-test-instead']) onClick(id, () => turnOn(async () => openTest('webcam')));
  for (const id of ['screen-on', 'screen-again']) onClick(id, () => share(openScreen));
  for (const id of ['screen-test', 'screen-test-instead']) onClick(id, () => share(async () => openTest('screen')));
  for (const id of ['screen-none', 'screen-none-instead']) onClick(id, leaveOutScreen);
  for (const id of ['camera', 'microphone']) {
    byId(id, HTMLSelectElement).addEventListener('change', () => void turnOn(() => openCamera(chosenDevices())));
  }
  navigator.mediaDevices?.addEventListener('devicechange', () => void listDevices());
  onClick('start', start);
  onClick('finish-instead', () => {
    releaseDevices();
    return finishRecording();
  });
}

/** Lets camera and screen go. */
export function releaseDevices(): void {
  closeSource(camera);
  closeSource(screen);
  forgetDevices();
}

/** Browsers of phones have no screen to choose. */
function canShareScreen(): boolean {
  return navigator.mediaDevices?.getDisplayMedia !== undefined;
}

function withoutScreen(): ScreenState {
  return canShareScreen() ? 'off' : 'none';
}

function forgetDevices(): void {
  stopMeter?.();
  [camera, screen, stopMeter, cameraState, screenState] = [undefined, undefined, undefined, 'off', withoutScreen()];
}

async function showCheck(): Promise<void> {
  const isResumed = journey.hasRecorded === true;
  showText(byId('check-title', HTMLElement), (texts) => (isResumed ? texts.resumeTitle : texts.checkTitle));
  showText(byId('check-intro', HTMLElement), (texts) => (isResumed ? '' : texts.checkIntro));
  showText(byId('start', HTMLElement), (texts) => (isResumed ? texts.resume : texts.start));
  const resumed = byId('resumed', HTMLElement);
  showText(resumed, (texts) => texts.resumed);
  resumed.hidden = !isResumed;
  byId('finish-instead', HTMLElement).hidden = !isResumed;
  show();
  if (!isResumed) return;
  // It sends what the reload left behind.
  await openSession();
  const isAllowed = await navigator.permissions?.query({ name: 'camera' as PermissionName }).catch(() => undefined);
  if (isAllowed?.state === 'granted' && cameraState === 'off' && !hasLeft()) void turnOn(openCamera);
}

async function turnOn(open: (devices?: Devices) => Promise<OpenedSource>): Promise<void> {
  closeSource(camera);
  camera = undefined;
  cameraState = 'asking';
  show();
  try {
    const opened = await open();
    if (hasLeft()) return closeSource(opened);
    // Another one may have been chosen meanwhile.
    closeSource(camera);
    camera = opened;
    cameraState = 'on';
  } catch (error) {
    if (!(error instanceof DeviceRefused)) throw error;
    cameraState = error.refusal;
  }
  await listDevices();
  show();
  const next = cameraState === 'on' ? (screenState === 'off' ? 'screen-on' : 'start') : 'camera-again';
  if (isFocusLost()) byId(next, HTMLElement).focus();
}

async function share(open: () => Promise<OpenedSource>): Promise<void> {
  const before = screen;
  screenState = 'asking';
  show();
  try {
    const opened = await open();
    if (hasLeft()) return closeSource(opened);
    screen = opened;
    screenState = 'on';
    closeSource(before);
    // The browser has a button of its own that ends it.
    screen.stream.getVideoTracks()[0]?.addEventListener('ended', () => {
      screenState = 'off';
      show();
    });
  } catch (error) {
    if (!(error instanceof DeviceRefused)) throw error;
    screenState = before ? 'on' : 'refused';
  }
  show();
  if (isFocusLost()) {
    byId(screenState === 'on' ? 'start' : 'screen-again', HTMLElement).focus();
  }
}

/** The browser may allow a device after the candidate has declined: it is released at once. */
function hasLeft(): boolean {
  return journey.stage !== 'check';
}

/** An element that was hidden just now still counts as the active one. */
function isFocusLost(): boolean {
  const { activeElement } = document;
  return activeElement === document.body || activeElement?.checkVisibility() === false;
}

function leaveOutScreen(): void {
  closeSource(screen);
  screen = undefined;
  screenState = 'none';
  show();
  byId('start', HTMLElement).focus();
}

async function start(): Promise<void> {
  const error = byId('check-error', HTMLElement);
  if (camera === undefined) {
    showText(error, (texts) => texts.needCamera);
    return byId(isRefused(cameraState) ? 'camera-again' : 'camera-on', HTMLElement).focus();
  }
  if (screenState !== 'on' && screenState !== 'none') {
    showText(error, (texts) => texts.needScreen);
    return byId(screenState === 'refused' ? 'screen-again' : 'screen-on', HTMLElement).focus();
  }
  const sources = [camera, ...(screen && screenState === 'on' ? [screen] : [])];
  await beginRecording(sources);
  forgetDevices();
}

function show(): void {
  clearText(byId('check-error', HTMLElement));
  showPreview('camera-preview', camera);
  showPreview('screen-preview', screenState === 'on' ? screen : undefined);
  const isOn = cameraState === 'on';
  const cameraText = byId('camera-state', HTMLElement);
  cameraText.hidden = isOn;
  showText(cameraText, (texts) => (cameraState === 'asking' ? texts.asking : texts.cameraOff));
  byId('camera-refused', HTMLElement).hidden = !isRefused(cameraState);
  const reason = byId('camera-reason', HTMLElement);
  if (isRefused(cameraState)) showText(reason, reasonText(cameraState));
  else clearText(reason);
  const isTest = isOn && camera?.isTestPicture === true;
  byId('camera-offer', HTMLElement).hidden = isRefused(cameraState) || (isOn && !isTest);
  byId('camera-test', HTMLElement).hidden = isTest;
  byId('devices', HTMLElement).hidden = !isOn || isTest;
  showMeter();

  const screenText = byId('screen-state', HTMLElement);
  screenText.hidden = screenState === 'on';
  showText(screenText, (texts) => {
    if (screenState === 'asking') return texts.screenAsking;
    if (!canShareScreen()) return texts.screenUnsupported;
    return screenState === 'none' ? texts.screenIsNone : texts.screenOff;
  });
  const shared = screenState === 'on' ? screen : undefined;
  showText(byId('screen-name', HTMLElement), shared ? surfaceText(shared) : () => '');
  byId('screen-refused', HTMLElement).hidden = screenState !== 'refused';
  const screenReason = byId('screen-reason', HTMLElement);
  if (screenState === 'refused') showText(screenReason, (texts) => texts.screenRefused);
  else clearText(screenReason);
  byId('screen-offer', HTMLElement).hidden = screenState === 'refused';
  showText(byId('screen-on', HTMLElement), (texts) => (screenState === 'on' ? texts.screenOther : texts.screenOn));
  byId('screen-on', HTMLElement).hidden = !canShareScreen();
  byId('screen-none', HTMLElement).hidden = screenState === 'none';
  byId('screen-test', HTMLElement).hidden = screenState === 'on';
  showNextAction();
}

/** What is to be done next looks like it; the rest does not. */
function showNextAction(): void {
  const isCameraOn = cameraState === 'on';
  const next = !isCameraOn ? 'camera-on' : screenState === 'off' || screenState === 'asking' ? 'screen-on' : 'start';
  for (const id of ['camera-on', 'screen-on', 'start']) byId(id, HTMLElement).classList.toggle('primary', id === next);
}

function showPreview(id: string, source: OpenedSource | undefined): void {
  const video = byId(id, HTMLVideoElement);
  video.hidden = source === undefined;
  if (video.srcObject === (source?.stream ?? null)) return;
  video.srcObject = source?.stream ?? null;
  video.classList.toggle('mirror', source?.kind === 'webcam' && !source.isTestPicture);
  if (source) void video.play().catch(() => {});
}

function showMeter(): void {
  stopMeter?.();
  stopMeter = undefined;
  const heard = byId('check-heard', HTMLElement);
  const bar = byId('check-level', HTMLElement);
  showText(heard, (texts) => texts.notHeard);
  bar.hidden = false;
  if (camera === undefined || camera.isTestPicture) return;
  stopMeter = watchLevel(camera.stream, (level) => {
    showLevel(bar, level);
    if (level > HEARD_LEVEL) showText(heard, (texts) => texts.heard);
  });
  if (stopMeter) return;
  bar.hidden = true;
  showText(heard, (texts) => texts.noMicrophone);
}

/** Browsers name the devices only once one of them is on. */
async function listDevices(): Promise<void> {
  const devices = (await navigator.mediaDevices.enumerateDevices().catch(() => [])).filter(({ label }) => label !== '');
  for (const [id, kind, track] of [
    ['camera', 'videoinput', camera?.stream.getVideoTracks()[0]],
    ['microphone', 'audioinput', camera?.stream.getAudioTracks()[0]],
  ] as const) {
    const select = byId(id, HTMLSelectElement);
    const own = devices.filter((device) => device.kind === kind);
    const options = own.map(({ deviceId, label }) => {
      const option = withText('option', () => label);
      option.value = deviceId;
      return option;
    });
    select.replaceChildren(...options);
    const { deviceId } = track?.getSettings() ?? {};
    if (deviceId !== undefined) select.value = deviceId;
    if (id === 'microphone') byId('microphone-field', HTMLElement).hidden = track === undefined;
  }
}

function chosenDevices(): Devices {
  const value = (id: string) => byId(id, HTMLSelectElement).value || undefined;
  return { camera: value('camera'), microphone: value('microphone') };
}

function isRefused(state: CameraState): state is Refusal {
  return state === 'refused' || state === 'missing' || state === 'busy';
}

function reasonText(refusal: Refusal): Text {
  return (texts) => ({ refused: texts.refused, missing: texts.missing, busy: texts.busy })[refusal];
}
