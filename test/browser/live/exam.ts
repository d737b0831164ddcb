// One candidate's exam before a browser with a camera: what the rows of faults.ts are done to.
import { expect } from '@jest/globals';
import type { Browser, BrowserContext, LaunchOptions } from 'puppeteer-core';
import { until } from '../../kit/until.ts';
import { type HarnessEvent, openTab, recordingsOf } from '../site.ts';
import type { Stage } from './stage.ts';

/** A part is full after some eight seconds; the others have the client's own bitrate. */
const BUSY = { videoBitsPerSecond: 8_000_000 };
export const KEYFRAME_EVERY_MS = 1_000;
/** Of a recorder, one a second. */
const DELIVERIES = 2;

export type Exam = Awaited<ReturnType<typeof openExam>>;

export async function openExam(stage: Stage, context: BrowserContext, attempt: string, mimeType: string) {
  const { site } = stage;
  let tab = await openTab(site, context);
  let browser: Browser | undefined;
  const seen = new Set(site.handed.keys());
  let visitFrom = 0;
  let leftBytes: number | undefined;

  /** What the client said that it has kept, of what is recorded in this visit. */
  const countedBytes = () => Math.max(0, ...tab.events.slice(visitFrom).map(bytesKept));

  /** Starts a session and records. */
  async function begin(picture: 'busy' | 'calm', keyframeEveryMs?: number): Promise<void> {
    visitFrom = tab.events.length;
    await tab.start(attempt);
    const options = { mimeType, ...(picture === 'busy' && BUSY) };
    await tab.call('recordLive', picture, options, ...(keyframeEveryMs === undefined ? [] : [keyframeEveryMs]));
  }

  /** Leaves in the middle of a recording, and comes back. Only what the client had not kept yet may be missing. */
  async function leave(away: () => Promise<unknown>): Promise<void> {
    leftBytes = countedBytes();
    await away();
    await begin('calm', KEYFRAME_EVERY_MS);
    await tab.event({ name: 'stored', isLeftover: true });
    await recordMore();
  }

  /** Waits until the client has kept some seconds more. */
  async function recordMore(): Promise<void> {
    for (let left = DELIVERIES; left > 0; left -= 1) {
      const before = countedBytes();
      await happens(() => countedBytes() > before);
    }
  }

  async function firstPart(): Promise<void> {
    await happens(() => tab.events.some(({ storedBytes = 0 }) => storedBytes > 0));
  }

  /** @throws Error when the recording fails instead */
  function happens(condition: () => boolean): Promise<void> {
    return until(() => {
      const failure = tab.events.find(({ name }) => name === 'failed');
      if (failure) throw new Error(`the recording failed: ${failure.code}`);
      return condition();
    });
  }

  /** From now on in a browser of its own, with a profile that outlives it. */
  async function moveTo(options: LaunchOptions): Promise<Browser> {
    browser = await site.launch(options);
    tab = await openTab(site, browser);
    return browser;
  }

  /** A signal to all processes of the browser. */
  function signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(-processOf(browser ?? context.browser()).pid, name);
  }

  /** kill -9; resolves when it is gone. */
  async function kill(): Promise<void> {
    const killed = processOf(browser ?? context.browser());
    const { promise: exited, resolve } = Promise.withResolvers<void>();
    killed.once('exit', resolve);
    process.kill(-killed.pid, 'SIGKILL');
    await exited;
  }

  /** The service ends the recording, as it does when its client has been away for long. */
  async function endAbandoned(): Promise<void> {
    await until(async () => {
      expect(await site.service.run('sweep')).toMatchObject({ code: 0 });
      return (await recordingsOf(site, attempt))[0]?.state === 'stored';
    });
  }

  async function finish(): Promise<void> {
    await tab.call('finish');
    await tab.call('witnessed');
  }

  /** What each recorder of this exam made, in order. */
  const made = () => [...site.handed].filter(([name]) => !seen.has(name)).map(([, blobs]) => Buffer.concat(blobs));

  return {
    stage,
    attempt,
    get tab() {
      return tab;
    },
    /** What the client had kept when its page was left, of the first file. */
    leftBytes: () => leftBytes,
    begin,
    leave,
    recordMore,
    firstPart,
    moveTo,
    signal,
    kill,
    endAbandoned,
    finish,
    made,
  };
}

function processOf(browser: Browser) {
  const running = browser.process();
  if (running?.pid === undefined) throw new Error('the browser has no process');
  return Object.assign(running, { pid: running.pid });
}

function bytesKept({ isLeftover, recordedBytes = 0 }: HarnessEvent): number {
  return isLeftover ? 0 : recordedBytes;
}
