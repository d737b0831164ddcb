// Every MediaRecorder of a page, and what it made, to be compared with what is stored.
import { ID } from '../../../packages/exam-client/test/synthetic-webm.ts';
import { until } from './moments.ts';

const recorders: WatchedRecorder[] = [];
/** Of what was made, on its way to the test. */
let sending: Promise<unknown> = Promise.resolve();
let isWitnessed = false;
/** In place of the client's own. */
let keyframeEveryMs: number | undefined;

class WatchedRecorder extends MediaRecorder {
  readonly blobs: Blob[] = [];
  startedMs = 0;
  seconds = 0;

  constructor(stream: MediaStream, options?: MediaRecorderOptions) {
    super(stream, { ...options, ...(keyframeEveryMs && { videoKeyFrameIntervalDuration: keyframeEveryMs }) });
    recorders.push(this);
    const name = crypto.randomUUID();
    this.addEventListener('start', ({ timeStamp }) => (this.startedMs = timeStamp));
    this.addEventListener('stop', ({ timeStamp }) => (this.seconds = (timeStamp - this.startedMs) / 1000));
    this.addEventListener('dataavailable', ({ data }) => {
      this.blobs.push(data);
      if (isWitnessed) witness(`/handed?recorder=${name}`, data);
    });
  }
}
globalThis.MediaRecorder = WatchedRecorder;

/**
 * From now on the test gets what a recorder makes when it is made, so that it outlives this page. Chromium delivers an MP4
 * from keyframe to keyframe: tests that await deliveries need not wait for so long as an exam does.
 */
export function tellWhatIsMade(ownKeyframeEveryMs?: number): void {
  isWitnessed = true;
  keyframeEveryMs = ownKeyframeEveryMs;
}

function witness(path: string, data: Blob): void {
  sending = sending.then(() => fetch(path, { method: 'POST', body: data })).catch(() => {});
}

/** Resolves when the test has everything that was made. */
export async function witnessed(): Promise<void> {
  await sending;
}

/** How each recorder is now. */
export const recorderStates = (): RecordingState[] => recorders.map(({ state }) => state);

/** Resolves when the first MediaRecorder has run for so long. */
export async function recorded(seconds: number): Promise<void> {
  await until(() => performance.now() - (recorders[0]?.startedMs || Number.POSITIVE_INFINITY) > seconds * 1000);
}

/** How long each MediaRecorder ran, and the SHA-256 of what it made from the first cluster on. */
export async function recordings(): Promise<{ startedMs: number; seconds: number; sha256: number[] }[]> {
  return Promise.all(
    recorders.map(async ({ blobs, startedMs, seconds }) => {
      const file = await new Blob(blobs).arrayBuffer();
      const view = new DataView(file);
      let cluster = 0;
      while (view.getUint32(cluster) !== ID.cluster) cluster += 1;
      const digest = await crypto.subtle.digest('SHA-256', file.slice(cluster));
      return { startedMs, seconds, sha256: [...new Uint8Array(digest)] };
    }),
  );
}
