// What can be recorded: camera with microphone, screen, or a moving test picture where there is neither.
import { inWords, type Text } from './texts.ts';

export type SourceKind = 'webcam' | 'screen';

export interface OpenedSource {
  readonly kind: SourceKind;
  readonly stream: MediaStream;
  readonly isTestPicture: boolean;
}

/** Why a device cannot be used: the candidate or the browser refused it, there is none, or it is in use. */
export type Refusal = 'refused' | 'missing' | 'busy';

export class DeviceRefused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal);
    this.refusal = refusal;
  }
}

const WIDTH = 640;
const HEIGHT = 360;
const FRAMES_PER_SECOND = 10;
const REFUSALS: Record<string, Refusal> = {
  NotAllowedError: 'refused',
  SecurityError: 'refused',
  NotFoundError: 'missing',
  OverconstrainedError: 'missing',
};

export interface Devices {
  readonly camera?: string | undefined;
  readonly microphone?: string | undefined;
}

/** With the microphone, if there is one. Call it in a click handler. @throws DeviceRefused */
export async function openCamera({ camera, microphone }: Devices = {}): Promise<OpenedSource> {
  const video = { width: WIDTH, height: HEIGHT, ...(camera && { deviceId: { exact: camera } }) };
  const audio = microphone ? { deviceId: { exact: microphone } } : true;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio }).catch((error: unknown) => {
      if (error instanceof DOMException && error.name === 'NotFoundError') {
        return navigator.mediaDevices.getUserMedia({ video });
      }
      throw error;
    });
    return { kind: 'webcam', stream, isTestPicture: false };
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Call it in a click handler. @throws DeviceRefused */
export async function openScreen(): Promise<OpenedSource> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: FRAMES_PER_SECOND } });
    return { kind: 'screen', stream, isTestPicture: false };
  } catch (error) {
    throw refusalOf(error);
  }
}

export function openTest(kind: SourceKind): OpenedSource {
  const name: Text = (texts) => (kind === 'webcam' ? texts.camera : texts.screen);
  const title: Text = (texts) => `${texts.testPicture}: ${name(texts)}`;
  return { kind, stream: drawTestPicture(inWords(title)), isTestPicture: true };
}

export function closeSource(source: OpenedSource | undefined): void {
  for (const track of source?.stream.getTracks() ?? []) track.stop();
}

/** What is shared, in words. */
export function surfaceText({ stream, isTestPicture }: OpenedSource): Text {
  if (isTestPicture) return (texts) => texts.testPicture;
  const surface = stream.getVideoTracks()[0]?.getSettings().displaySurface;
  return (texts) =>
    ({ monitor: texts.surfaceMonitor, window: texts.surfaceWindow, browser: texts.surfaceBrowser })[surface ?? ''] ??
    texts.screen;
}

function refusalOf(error: unknown): DeviceRefused {
  return new DeviceRefused((error instanceof DOMException && REFUSALS[error.name]) || 'busy');
}

/** A clock and a moving block; drawn once a second where reduced motion is preferred. */
function drawTestPicture(title: string): MediaStream {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d', { alpha: false });
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const draw = () => {
    if (!context) return;
    const seconds = Date.now() / 1000;
    context.fillStyle = '#12324f';
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = '#f2b84b';
    const turn = isCalm ? 0 : (seconds % 6) / 6;
    context.fillRect(turn * (WIDTH + 80) - 80, HEIGHT - 90, 80, 60);
    context.fillStyle = '#ffffff';
    context.font = '600 34px system-ui, sans-serif';
    context.fillText(title, 32, 70);
    context.font = '64px ui-monospace, monospace';
    context.fillText(new Date().toLocaleTimeString('nl-NL'), 32, 170);
  };
  draw();
  const timer = setInterval(draw, isCalm ? 1000 : 1000 / FRAMES_PER_SECOND);
  const stream = canvas.captureStream(FRAMES_PER_SECOND);
  // No event: a track that was stopped by `stop()` sends no `ended`.
  const watch = setInterval(() => {
    if (stream.active) return;
    clearInterval(timer);
    clearInterval(watch);
  }, 1000);
  return stream;
}
