// Films as an exam's camera makes them, with a clock burnt into the picture: made by FFmpeg, and seekable by the exam client.
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Bytes, Intake, MediaIndex } from '../../../packages/exam-client/test/own-parts.ts';
import { burnClock, FRAME } from './burnt-clock.ts';
import { type MediaTime, wallMs } from './media-time.ts';

export const FRAMES_PER_SECOND = 25;

export interface FilmOptions extends MediaTime {
  /** From 0 to 7: burnt into the picture, and what its background looks like. */
  readonly stream: number;
  /** With a tone. */
  readonly hasSound?: boolean;
}

export interface Film extends FilmOptions {
  readonly path: string;
}

/** Films of another version are not the same. */
const VERSION = 1;
const FOLDER = join(tmpdir(), 'proctoring-recordings-films');
const KEYFRAME_EVERY_FRAMES = 5 * FRAMES_PER_SECOND;
const LUMA_BYTES = FRAME.width * FRAME.height;
const FRAME_BYTES = LUMA_BYTES * 1.5;
const FRAMES_AT_ONCE = 10 * FRAMES_PER_SECOND;
/** The background moves for twenty seconds, and stands still for ten. */
const STRETCH_FRAMES = 30 * FRAMES_PER_SECOND;
const MOVING_FRAMES = 20 * FRAMES_PER_SECOND;
/** So many that the film has the bitrate that it is given, while they move. */
const FLICKERING_ROWS = 9;
/** As the exam client asks for a camera's. */
const BITRATES = ['-b:v', '300k', '-b:a', '32k'];

/** A film of these options, kept for the next run. */
export async function makeFilm(options: FilmOptions): Promise<Film> {
  const name = createHash('sha256')
    .update(JSON.stringify([VERSION, options]))
    .digest('hex')
    .slice(0, 16);
  const path = join(FOLDER, `${name}.webm`);
  if (existsSync(path)) return { ...options, path };
  await mkdir(FOLDER, { recursive: true });
  const unfinished = join(FOLDER, randomUUID());
  await encode(options, unfinished);
  await rename(unfinished, path);
  return { ...options, path };
}

async function encode(options: FilmOptions, path: string): Promise<void> {
  const rate = String(FRAMES_PER_SECOND);
  const frames = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${FRAME.width}x${FRAME.height}`, '-r', rate];
  const tone = ['-f', 'lavfi', '-i', `sine=frequency=${220 * (options.stream + 1)}:duration=${options.seconds}`];
  const codecs = ['-vf', 'scale=320:240:flags=neighbor', '-c:v', 'libvpx', '-c:a', 'libopus', ...BITRATES];
  const speed = ['-deadline', 'realtime', '-cpu-used', '8', '-threads', '1', '-g', String(KEYFRAME_EVERY_FRAMES)];
  // As it is recorded: without a duration, and without cues.
  const live = ['-f', 'webm', '-live', '1', 'pipe:1'];
  const sources = [...frames, '-i', 'pipe:0', ...(options.hasSound ? tone : [])];
  const ffmpeg = spawn('ffmpeg', ['-v', 'error', ...sources, ...codecs, ...speed, ...live], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(ffmpeg, 'close');
  await Promise.all([pipeline(Readable.from(pictures(options)), ffmpeg.stdin), record(ffmpeg.stdout, path)]);
  const [code] = await exited;
  if (code !== 0) throw new Error(`FFmpeg ended with ${code}`);
}

/** As the exam client writes a file: with room behind the header, which gets duration and cues at the end. */
async function record(media: AsyncIterable<Buffer>, path: string): Promise<void> {
  const intake = new Intake();
  const index = new MediaIndex();
  await using file = await open(path, 'w');
  const keep = async (bytes: Bytes) => {
    index.push(bytes);
    await file.write(bytes);
  };
  for await (const chunk of media) await keep(intake.accept(new Uint8Array(chunk)).kept);
  await keep(intake.end());
  const head = index.finalHead();
  if (!head) throw new Error('FFmpeg wrote no WebM that can be made seekable');
  await file.write(head, 0, head.length, 0);
}

function* pictures(options: FilmOptions): Generator<Buffer> {
  const count = Math.round(options.seconds * FRAMES_PER_SECOND);
  for (let from = 0; from < count; from += FRAMES_AT_ONCE) {
    const frames = Math.min(FRAMES_AT_ONCE, count - from);
    const bytes = Buffer.alloc(frames * FRAME_BYTES, 128 + 12 * options.stream);
    for (let index = 0; index < frames; index += 1) {
      const luma = bytes.subarray(index * FRAME_BYTES, index * FRAME_BYTES + LUMA_BYTES);
      drawBackground(luma, options.stream, from + index);
      const ms = Math.round(wallMs(options, (from + index) / FRAMES_PER_SECOND));
      burnClock(luma, { stream: options.stream, ms });
    }
    yield bytes;
  }
}

/** Squares of different greys. While they move they drift to the left, and below the clock they flicker as well. */
function drawBackground(luma: Uint8Array, stream: number, frame: number): void {
  const moved = Math.floor(frame / STRETCH_FRAMES) * MOVING_FRAMES + Math.min(frame % STRETCH_FRAMES, MOVING_FRAMES);
  for (let y = 0; y < FRAME.height; y += 1) {
    const flicker = y >= FRAME.height - FLICKERING_ROWS ? moved : 0;
    for (let x = 0; x < FRAME.width; x += 1) {
      const square = mixed(mixed((x + (moved >> 1)) * 31 + y * 17 + stream * 101) ^ flicker);
      luma[y * FRAME.width + x] = 64 + (square & 127);
    }
  }
}

function mixed(number: number): number {
  return Math.imul(number, 0x9e3779b1) >>> 7;
}
