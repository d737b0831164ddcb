// What can be recorded: camera, screen, or a moving test picture where there is neither.
import { inWords, type Text } from './texts.ts';

export type SourceKind = 'webcam' | 'screen';
export type Choice = 'device' | 'test' | 'none';

export interface OpenedSource {
  readonly stream: MediaStream;
  readonly isTestPicture: boolean;
}

const WIDTH = 640;
const HEIGHT = 360;
const FRAMES_PER_SECOND = 10;

/** Undefined for none; a test picture when the device is refused or missing. Call it in a click handler. */
export async function openChosen(kind: SourceKind, choice: Choice, title: Text): Promise<OpenedSource | undefined> {
  if (choice === 'none') return undefined;
  const stream = choice === 'device' ? await openDevice(kind).catch(() => undefined) : undefined;
  return stream ? { stream, isTestPicture: false } : { stream: openTestPicture(inWords(title)), isTestPicture: true };
}

function openDevice(kind: SourceKind): Promise<MediaStream> {
  const { mediaDevices } = navigator;
  return kind === 'screen'
    ? mediaDevices.getDisplayMedia({ video: { frameRate: FRAMES_PER_SECOND } })
    : mediaDevices.getUserMedia({ video: { width: WIDTH }, audio: true });
}

/** A clock and a moving block; drawn once a second where reduced motion is preferred. */
function openTestPicture(title: string): MediaStream {
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
