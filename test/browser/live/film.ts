// What FFmpeg says of a stored file: whether it decodes to its end, how long its media are, and how long it says they are.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Of a WebM, of an MP4. */
const CUT_OFF = /^.*(File ended prematurely|partial file).*\n/gm;

export interface Film {
  /** From the first frame to the end of the last. */
  readonly mediaSeconds: number;
  /** NaN when it says nothing. */
  readonly saysSeconds: number;
  readonly frames: number;
  /** What the decoders complain about; empty when there is nothing. */
  readonly errors: string;
}

interface Probe {
  readonly format: { readonly duration?: string };
  readonly streams: readonly { readonly nb_read_frames?: string }[];
  readonly packets: readonly { readonly pts_time?: string; readonly duration_time?: string }[];
}

/** Decodes every frame. `isCut`: it was left in the middle of a recording, so its last frame may be there in part. */
export async function examineFilm(bytes: Buffer, folder: string, isCut: boolean): Promise<Film> {
  const path = join(folder, randomUUID());
  await writeFile(path, bytes);
  const entries = 'format=duration:stream=nb_read_frames:packet=pts_time,duration_time';
  const options = ['-v', 'error', '-count_frames', '-show_entries', entries, '-of', 'json'];
  const { stdout, stderr } = await run('ffprobe', [...options, path], { maxBuffer: MAX_OUTPUT_BYTES });
  await rm(path);
  const { format, streams, packets } = JSON.parse(stdout) as Probe;
  const times = packets.filter(({ pts_time }) => pts_time !== undefined);
  const begin = times.reduce((first, { pts_time }) => Math.min(first, Number(pts_time)), Number.POSITIVE_INFINITY);
  const end = times.reduce(
    (last, { pts_time, duration_time = '0' }) => Math.max(last, Number(pts_time) + Number(duration_time)),
    Number.NEGATIVE_INFINITY,
  );
  return {
    mediaSeconds: end - begin,
    saysSeconds: Number(format.duration),
    frames: streams.reduce((sum, { nb_read_frames }) => sum + Number(nb_read_frames), 0),
    errors: isCut ? stderr.replaceAll(CUT_OFF, '') : stderr,
  };
}
