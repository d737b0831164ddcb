// Figure 4: deleting what is due, beside the store's own limit and what one would do without an index; and how it grows.
import pMap from 'p-map';
import { DAY_MS } from '../../src/model/durations.ts';
import { listAll, type ObjectStore } from '../../src/objectstore/object-store.ts';
import type { SweepReport } from '../../src/sweeper/report.ts';
import { isInstalled, run } from '../processes.ts';
import { seedRecordings } from '../seed.ts';
import { accessStore } from '../store-access.ts';
import type { Store } from '../stores.ts';
import type { Figure, Measurement } from './figure.ts';

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;
const SETTLE_MS = 1000;
/** Of the naive scan, whose store would answer more at once than one request at a time. */
const SCAN_CONCURRENCY = 48;

interface Deletion {
  readonly seconds: number;
  /** Undefined: a peer does not tell. */
  readonly requests?: number;
}

type Contestant = (exam: string, seededSinceMs: number) => Promise<Deletion>;

export const sweep: Figure = {
  number: 4,
  title: 'Deleting what is due',
  stores: ['embedded', 'ceph'],
  measure: async ({ store, short, say, stored: levels }) => {
    using access = accessStore(store);
    const due = short ? 50 : 1000;
    const stored = short ? [50, 100] : levels;
    const contestants: Record<string, Contestant> = {
      ours: () => ourSweep(store),
      'a loop of LIST and DeleteObjects': (exam) =>
        bareLoop(access.store, access.requestCount, `attempts/acme/${exam}/`),
      'a scan of tags': () => tagScan(access.store, access.requestCount),
    };
    const notes: string[] = [];
    for (const [program, contestant] of [
      ['rclone', (_exam, sinceMs) => rclone(store, sinceMs)],
      ['s3cmd', (exam) => s3cmd(store, `attempts/acme/${exam}/`)],
    ] as const satisfies [string, Contestant][]) {
      if (await isInstalled(program)) contestants[`${program} delete`] = contestant;
      else notes.push(`${program} is not installed: skipped (apt-get install ${program}).`);
    }

    const measured = new Map<string, (Deletion & { stored: number })[]>();
    let live = 0;
    for (const level of stored) {
      say(`${level} stored: seeding ${level - live} more`);
      const seeding = { createdAtMs: Date.now(), retentionMs: 30 * DAY_MS, name: `live-${level}`, tagged: true };
      await seedRecordings(access.store, level - live, seeding);
      live = level;
      for (const [name, contestant] of Object.entries(contestants)) {
        const exam = `due-${level}-${Object.keys(contestants).indexOf(name)}`;
        // Whole seconds of the store's clock lie between what stays and what goes.
        await passSeconds(2);
        const sinceMs = Date.now();
        const overdue = { createdAtMs: Date.now() - 31 * DAY_MS, retentionMs: 30 * DAY_MS, name: exam, tagged: true };
        await seedRecordings(access.store, due, overdue);
        await passSeconds(2);
        const deletion = await contestant(exam, sinceMs);
        say(
          `  ${name}: ${due} due deleted in ${deletion.seconds.toFixed(1)} s, ${deletion.requests ?? 'unknown'} requests`,
        );
        const media = (await Array.fromAsync(listAll(access.store, `attempts/acme/${exam}/`))).filter(isMedia);
        if (media.length > 0) throw new Error(`${name} left ${media.length} recordings`);
        measured.set(name, [...(measured.get(name) ?? []), { ...deletion, stored: level }]);
        await removeRest(access.store, exam);
      }
    }
    return {
      measurements: measurementsOf(measured, due),
      growth: {
        x: 'recordings stored',
        y: `seconds for ${due} due`,
        series: [...measured].map(([name, runs]) => ({
          name,
          points: runs.map((at) => [at.stored, at.seconds] as const),
        })),
      },
      notes: [
        ...notes,
        `${due} recordings are due, while ${stored.join(' or ')} others are stored. The loop and s3cmd receive the prefix of the due ` +
          'recordings, which is not known in practice. The loop, s3cmd, rclone and the scan of tags write no receipts, and do not ' +
          'check that the recordings are deleted.',
      ],
    };
  },
};

function measurementsOf(
  measured: ReadonlyMap<string, readonly (Deletion & { stored: number })[]>,
  due: number,
): Measurement[] {
  const ours = measured.get('ours') ?? [];
  const last = ours.at(-1);
  const first = ours[0];
  if (!first || !last) return [];
  const rate = ({ seconds }: Deletion) => due / seconds;
  const perRecording = ({ requests = Number.NaN }: Deletion) => requests / due;
  const besides = [...measured]
    .filter(([name]) => name !== 'ours')
    .map(([name, runs]): Measurement => {
      const theirs = runs.at(-1) ?? last;
      return {
        what: `recordings deleted, with ${last.stored} others stored`,
        unit: '/s',
        ours: rate(last),
        peer: { name, value: rate(theirs) },
        ratio: rate(last) / rate(theirs),
      };
    });
  const growth = perRecording(last) / perRecording(first);
  const scan = measured.get('a scan of tags')?.at(-1);
  return [
    ...besides,
    {
      what: `requests to the store per deleted recording, with ${last.stored} others stored`,
      unit: '',
      ours: perRecording(last),
      ...(scan
        ? {
            peer: { name: 'a scan of tags', value: perRecording(scan) },
            ratio: perRecording(last) / perRecording(scan),
          }
        : {}),
    },
    {
      what: `requests to the store per deleted recording, with ${last.stored} others stored`,
      unit: '',
      ours: perRecording(last),
      peer: { name: `this service with ${first.stored} others stored`, value: perRecording(first) },
      ratio: growth,
      goal: { text: 'ratio ≤ 1.05', holds: growth <= 1.05 },
    },
  ];
}

async function ourSweep({ env }: Store): Promise<Deletion> {
  const settings = { SETTLE_TIME: `${SETTLE_MS / 1000}s`, DELETE_LEAD: '1s', SWEEP_SCHEDULE: 'off' };
  const output = await run(process.execPath, [MAIN, 'sweep', '--json'], { ...process.env, ...settings, ...env });
  const { startedAt, finishedAt, requests } = JSON.parse(output) as SweepReport;
  return { seconds: (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000, requests };
}

function bareLoop(store: ObjectStore, requestCount: () => number, prefix: string): Promise<Deletion> {
  return timed(requestCount, async () => {
    for (;;) {
      const { objects } = await store.list(prefix);
      if (objects.length === 0) return;
      await store.delete(objects.map(({ key }) => ({ key })));
    }
  });
}

/** What a deletion without an index does: it asks every recording of the bucket when it is due. */
function tagScan(store: ObjectStore, requestCount: () => number): Promise<Deletion> {
  return timed(requestCount, async () => {
    const media = (await Array.fromAsync(listAll(store, 'attempts/'))).filter(isMedia);
    await pMap(
      media,
      async ({ key }) => {
        const deleteBy = (await store.tags(key))?.['delete-by'];
        if (deleteBy === undefined || Date.parse(deleteBy) > Date.now()) return;
        await store.delete([{ key }]);
      },
      { concurrency: SCAN_CONCURRENCY },
    );
  });
}

/** By age, the best that it can do without knowing: the store's times, and one listing of all. */
function rclone({ env }: Store, sinceMs: number): Promise<Deletion> {
  const settings = {
    RCLONE_CONFIG_BENCH_TYPE: 's3',
    RCLONE_CONFIG_BENCH_PROVIDER: 'Other',
    RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: env.S3_ACCESS_KEY_ID,
    RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: env.S3_SECRET_ACCESS_KEY,
    RCLONE_CONFIG_BENCH_ENDPOINT: env.S3_ENDPOINT,
    RCLONE_CONFIG_BENCH_REGION: env.S3_REGION,
    RCLONE_CONFIG_BENCH_FORCE_PATH_STYLE: 'true',
    RCLONE_CONFIG: '/dev/null',
  };
  return timed(undefined, async () => {
    const age = Math.ceil((Date.now() - sinceMs) / 1000) + 1;
    const flags = ['--use-server-modtime', '--fast-list', `--max-age=${age}s`];
    await run('rclone', ['delete', ...flags, `bench:${env.S3_BUCKET}/attempts`], {
      PATH: process.env.PATH,
      ...settings,
    });
  });
}

function s3cmd({ env }: Store, prefix: string): Promise<Deletion> {
  const { host } = new URL(env.S3_ENDPOINT ?? '');
  const flags = [
    '--config=/dev/null',
    `--access_key=${env.S3_ACCESS_KEY_ID}`,
    `--secret_key=${env.S3_SECRET_ACCESS_KEY}`,
    `--region=${env.S3_REGION}`,
    `--host=${host}`,
    `--host-bucket=${host}`,
    '--no-ssl',
  ];
  return timed(undefined, async () => {
    await run('s3cmd', [...flags, 'del', '--recursive', '--force', `s3://${env.S3_BUCKET}/${prefix}`]);
  });
}

async function timed(requestCount: (() => number) | undefined, act: () => Promise<void>): Promise<Deletion> {
  const before = requestCount?.();
  const beganAtMs = performance.now();
  await act();
  const seconds = (performance.now() - beganAtMs) / 1000;
  return requestCount && before !== undefined ? { seconds, requests: requestCount() - before } : { seconds };
}

/** What a peer left: index, markers, receipts. */
async function removeRest(store: ObjectStore, exam: string): Promise<void> {
  for (const prefix of ['due/', 'participants/', 'receipts/', 'attempts/']) {
    const keys = (await Array.fromAsync(listAll(store, prefix))).filter(({ key }) => key.includes(`/${exam}/`));
    for (let at = 0; at < keys.length; at += 1000) {
      await store.delete(keys.slice(at, at + 1000).map(({ key }) => ({ key })));
    }
  }
}

function isMedia({ key }: { key: string }): boolean {
  return key.endsWith('/media');
}

function passSeconds(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
