// A camera, one that shows a clock, and the browser's microphone. `busy`: it shows noise, so that its recording reaches the bitrate that it is given.
import { burnClock, FRAME } from '../review/burnt-clock.ts';

const FRAMES_PER_SECOND = 15;
const [WIDTH, HEIGHT] = [320, 240];
/** Shown in turn: more than a codec looks back to. */
const PICTURES = 17;
/** crypto.getRandomValues gives no more at once. */
const RANDOM_BYTES = 65_536;

let stream: MediaStream | undefined;

export type Picture = 'busy' | 'calm';

export async function liveStream(shown: Picture): Promise<MediaStream> {
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  stream = new MediaStream([...camera(shown).getVideoTracks(), ...microphone.getAudioTracks()]);
  stream.getTracks().forEach(hearTests);
  return stream;
}

/** It counts from its beginning, and has no sound. `isTransparent`: as a page that draws its camera into a canvas has it. */
export function clockStream(isTransparent: boolean): MediaStream {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d', { alpha: isTransparent }) as CanvasRenderingContext2D;
  const small = new OffscreenCanvas(FRAME.width, FRAME.height);
  const luma = new Uint8Array(FRAME.width * FRAME.height);
  const beganMs = performance.now();
  const draw = () => {
    burnClock(luma, { stream: 0, ms: Math.round(performance.now() - beganMs) });
    small.getContext('2d', { alpha: false })?.putImageData(new ImageData(grey(luma), FRAME.width), 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, WIDTH, HEIGHT);
  };
  draw();
  setInterval(draw, 1000 / FRAMES_PER_SECOND);
  return canvas.captureStream(FRAMES_PER_SECOND);
}

function grey(luma: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  return Uint8ClampedArray.from({ length: 4 * luma.length }, (_, at) => (at % 4 === 3 ? 255 : (luma[at >> 2] ?? 0)));
}

/** Firefox tells the listeners of a track only of its own events, unless they ask for those of a page too. */
function hearTests(track: MediaStreamTrack): void {
  const listen = track.addEventListener.bind(track) as (...args: unknown[]) => void;
  track.addEventListener = (name: string, listener: unknown, options?: unknown) =>
    listen(name, listener, options, true);
}

/** What a browser does when a device is pulled out, or may no longer be used. */
export function endTracks(kind?: 'video' | 'audio'): void {
  const tracks = stream?.getTracks().filter((track) => kind === undefined || track.kind === kind) ?? [];
  for (const track of tracks) track.stop();
  for (const track of tracks) track.dispatchEvent(new Event('ended'));
}

function camera(shown: Picture): MediaStream {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d', { alpha: false }) as CanvasRenderingContext2D;
  const pictures = shown === 'busy' ? Array.from({ length: PICTURES }, noise) : [];
  let frame = 0;
  const draw = () => {
    const picture = pictures[frame % PICTURES];
    frame += 1;
    if (picture) return context.putImageData(picture, 0, 0);
    context.fillStyle = '#246';
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = '#fff';
    context.fillRect((frame * 5) % WIDTH, HEIGHT / 3, WIDTH / 4, HEIGHT / 3);
  };
  draw();
  setInterval(draw, 1000 / FRAMES_PER_SECOND);
  return canvas.captureStream(FRAMES_PER_SECOND);
}

function noise(): ImageData {
  const image = new ImageData(WIDTH, HEIGHT);
  for (let from = 0; from < image.data.length; from += RANDOM_BYTES) {
    crypto.getRandomValues(image.data.subarray(from, from + RANDOM_BYTES));
  }
  return image;
}
