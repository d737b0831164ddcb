// What happens to a candidate in an exam, one row each.
import { join } from 'node:path';
import { DAY_MS, MINUTE_MS } from '../../../src/model/durations.ts';
import { BROWSER, MIB } from '../site.ts';
import { type Exam, KEYFRAME_EVERY_MS } from './exam.ts';
import type { Verdict } from './line.ts';

export interface Fault {
  /** Before anything is recorded. */
  readonly before?: (exam: Exam) => Promise<void> | void;
  /** Of a service of its own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A busy picture, and it happens when the first part is in the store. Default: a calm one, and after two seconds. */
  readonly isLong?: true;
  /** While it records. Default: it records on. */
  readonly happen?: (exam: Exam) => Promise<void>;
  /** The recorder is set as the client sets it; otherwise it has a keyframe every second, and delivers an MP4 as often. */
  readonly isUnhurried?: true;
  /** It lasts until the recording is stored. Default: until it has happened. */
  readonly lasts?: true;
  /** How many files there are then. Default: 1. */
  readonly files?: number;
  /** The reasons of the gaps that are announced. Default: none. */
  readonly gaps?: readonly string[];
}

/** Of the reverse proxy before the service: a part fits, and a recording does not. Cloudflare allows 100 MB and 100 s. */
const PROXY = { bodyBytes: 6 * MIB, requestMs: 20_000 };
const SLOW_BYTES_PER_SECOND = 200_000 / 8;
const QUOTA_BYTES = 8 * MIB;

const recordOn = (exam: Exam) => exam.recordMore();

function cutLines({ stage }: Exam): void {
  stage.toStore.cut();
  stage.toService.cut();
}

/** Three of ten parts; every second of these without an answer. */
function refuseParts({ stage }: Exam): void {
  let sent = 0;
  const judge = ({ method }: { method?: string | undefined }): Verdict => {
    if (method !== 'PUT') return 'pass';
    sent += 1;
    if (sent % 10 === 1 || sent % 10 === 7) return 503;
    return sent % 10 === 4 ? 'cut' : 'pass';
  };
  stage.toStore.set({ judge });
  stage.toService.set({ judge });
}

/** The whole disk cannot be filled here; the browser is told that there is so much. */
async function fillDisk(exam: Exam): Promise<void> {
  if (BROWSER === 'firefox') {
    await exam.moveTo({ extraPrefsFirefox: { 'dom.quotaManager.temporaryStorage.fixedLimit': QUOTA_BYTES / 1024 } });
    return;
  }
  const cdp = await exam.tab.page.createCDPSession();
  await cdp.send('Storage.overrideQuotaForOrigin', { origin: exam.stage.site.url, quotaSize: QUOTA_BYTES });
}

/** A profile that outlives the browser. */
const profileOf = ({ stage, attempt }: Exam) => ({ userDataDir: join(stage.site.folder, attempt) });

export const FAULTS: Readonly<Record<string, Fault>> = {
  nothing: { isUnhurried: true },
  'a reload of the page': {
    happen: (exam) => exam.leave(() => exam.tab.page.reload()),
    files: 2,
  },
  'a kill of the whole browser': {
    before: async (exam) => void (await exam.moveTo(profileOf(exam))),
    happen: (exam) =>
      exam.leave(async () => {
        await exam.kill();
        await exam.moveTo(profileOf(exam));
      }),
    files: 2,
  },
  'a line that is cut for longer than the idle limit': {
    isLong: true,
    async happen(exam) {
      cutLines(exam);
      await exam.recordMore();
      await exam.endAbandoned();
      exam.stage.mend();
      await exam.recordMore();
    },
    files: 2,
  },
  'a browser that is suspended for longer than the idle limit': {
    isLong: true,
    async happen(exam) {
      exam.signal('SIGSTOP');
      await exam.endAbandoned();
      exam.signal('SIGCONT');
      await exam.recordMore();
    },
    files: 2,
    gaps: ['stalled'],
  },
  'a full disk, and no line to make room': {
    isLong: true,
    before: fillDisk,
    async happen(exam) {
      cutLines(exam);
      await exam.tab.event({ code: 'storage-full' });
      await exam.recordMore();
      exam.stage.mend();
    },
  },
  'a camera that is pulled out, and a microphone that goes on': {
    async happen(exam) {
      await exam.tab.call('endTracks', 'video');
      await exam.recordMore();
    },
    gaps: ['muted'],
  },
  'a permission that is revoked': {
    async happen(exam) {
      await exam.tab.call('endTracks');
      await exam.tab.event({ name: 'stored' });
    },
  },
  'a clock that is set forward by ten minutes, and back by three days': {
    async happen(exam) {
      await exam.tab.call('stepClock', 10 * MINUTE_MS, 'while');
      await exam.recordMore();
      await exam.tab.call('stepClock', -3 * DAY_MS, 'while');
      await exam.recordMore();
    },
  },
  'a clock that was ten minutes ahead from the start': {
    before: (exam) => exam.tab.call('stepClock', 10 * MINUTE_MS, 'before'),
  },
  'a service and a store that are restarted': {
    async happen(exam) {
      const { site, restartStore } = exam.stage;
      await Promise.all([site.restartService(), restartStore(), exam.recordMore()]);
      await exam.recordMore();
    },
  },
  'a line of 200 kbit/s': {
    before({ stage }) {
      stage.toStore.set({ bytesPerSecond: SLOW_BYTES_PER_SECOND });
      stage.toService.set({ bytesPerSecond: SLOW_BYTES_PER_SECOND });
    },
    lasts: true,
  },
  'a line that comes and goes': {
    async happen(exam) {
      const { toStore, toService } = exam.stage;
      toStore.flap();
      toService.flap();
      await exam.recordMore();
    },
    lasts: true,
  },
  'three of ten parts refused': {
    isLong: true,
    before: refuseParts,
    lasts: true,
  },
  'a store that is blocked, and a proxy with limits before the service': {
    before({ stage }) {
      stage.toStore.cut();
      stage.toService.set(PROXY);
    },
    lasts: true,
  },
  'a service that hands out no URLs, behind a proxy with limits': {
    settings: { UPLOADS: 'proxy' },
    isLong: true,
    before: ({ stage }) => stage.toService.set(PROXY),
    lasts: true,
  },
  'a store that is blocked by a page of HTML': {
    before: ({ stage }) => stage.toStore.set({ judge: () => 403 }),
    lasts: true,
  },
  'a store that is blocked in the middle': {
    isLong: true,
    async happen(exam) {
      exam.stage.toStore.cut();
      await exam.recordMore();
    },
    lasts: true,
  },
};

export async function goThrough(exam: Exam, fault: Fault): Promise<void> {
  const { before, isLong, isUnhurried, happen = recordOn, lasts } = fault;
  await before?.(exam);
  await exam.begin(isLong ? 'busy' : 'calm', isUnhurried ? undefined : KEYFRAME_EVERY_MS);
  await (isLong ? exam.firstPart() : exam.recordMore());
  await happen(exam);
  if (!lasts) exam.stage.mend();
  await exam.finish();
  exam.stage.mend();
}
