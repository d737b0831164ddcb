// Figure 6: deleting what is due, beside the store's own limit and what one would do without an index; and how it grows.
import pMap from 'p-map';
import { DAY_MS } from '../../src/model/durations.ts';
import { toKeyTime } from '../../src/model/times.ts';
import { listAll, type ObjectStore } from '../../src/objectstore/object-store.ts';
import type { SweepReport } from '../../src/sweeper/report.ts';
import { isInstalled, run } from '../processes.ts';
import { seedRecordings } from '../seed.ts';
import { accessStore } from '../store-access.ts';
import type { Store } from '../stores.ts';
import { median } from '../turns.ts';
import { atLeast, type Figure, type Measurement } from './figure.ts';

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;
const SETTLE_MS = 1000;
/** What S3 lists, and deletes, with one request. */
const PAGE = 1000;
/** Of the naive scan, whose store would answer more at once than one request at a time. */
const SCAN_CONCURRENCY = 48;

interface Deletion {
  readonly seconds: number;
  /** Undefined: a peer does not tell. */
  readonly requests?: number;
}

interface Due {
  readonly exam: string;
  readonly deadlineMs: number;
  /** When the first of it was seeded. */
  readonly sinceMs: number;
}

type Contestant = (due: Due) => Promise<Deletion>;

const LOOP = 'a loop of LIST and DeleteObjects';
/** Of this service and the loop, by turns; of the others there is one. */
const ROUNDS = 3;
/** Of the ratio to the loop, on Ceph. */
const GOAL = 0.6;

export const sweep: Figure = {
  number: 6,
  title: 'Deleting what is due',
  stores: ['embedded', 'ceph'],
  measure: async ({ store, short, say, stored: levels }) => {
    using access = accessStore(store);
    const due = short ? 50 : 1000;
    const stored = short ? [50] : levels;
    const contestants: Record<string, Contestant> = {
      ours: () => ourSweep(store),
      [LOOP]: (of) => bareLoop(access.store, access.requestCount, of),
      'a scan of tags': () => tagScan(access.store, access.requestCount),
    };
    const notes: string[] = [];
    for (const [program, contestant] of [
      ['rclone', ({ sinceMs }) => rclone(store, sinceMs)],
      ['s3cmd', ({ exam }) => s3cmd(store, `attempts/acme/${exam}/`)],
    ] as const satisfies [string, Contestant][]) {
      if (await isInstalled(program)) contestants[`${program} delete`] = contestant;
      else notes.push(`${program} is not installed: skipped (apt-get install ${program}).`);
    }

    const measured = new Map<string, (Deletion & { stored: number })[]>();
    let live = 0;
    let seedings = 0;
    for (const level of stored) {
      say(`${level} stored: seeding ${level - live} more`);
      const seeding = { createdAtMs: Date.now(), retentionMs: 30 * DAY_MS, name: `live-${level}`, tagged: true };
      await seedRecordings(access.store, level - live, seeding);
      live = level;
      for (let round = 0; round < (short ? 1 : ROUNDS); round += 1) {
        const turns = Object.entries(contestants).filter(([name]) => round === 0 || name === 'ours' || name === LOOP);
        for (const [name, contestant] of turns) {
          seedings += 1;
          const exam = `due-${seedings}`;
          // Whole seconds of the store's clock lie between what stays and what goes.
          await passSeconds(2);
          const sinceMs = Date.now();
          const overdue = { createdAtMs: sinceMs - 31 * DAY_MS, retentionMs: 30 * DAY_MS, name: exam, tagged: true };
          await seedRecordings(access.store, due, overdue);
          await passSeconds(2);
          const deletion = await contestant({ exam, deadlineMs: overdue.createdAtMs + overdue.retentionMs, sinceMs });
          say(
            `  ${name}: ${due} due deleted in ${deletion.seconds.toFixed(1)} s, ${deletion.requests ?? 'unknown'} requests`,
          );
          const media = (await Array.fromAsync(listAll(access.store, `attempts/acme/${exam}/`))).filter(isMedia);
          if (media.length > 0) throw new Error(`${name} left ${media.length} recordings`);
          measured.set(name, [...(measured.get(name) ?? []), { ...deletion, stored: level }]);
          await removeRest(access.store, exam);
        }
      }
    }
    return {
      measurements: measurementsOf(measured, due, store.name === 'ceph' ? GOAL : undefined),
      growth: {
        x: 'recordings stored',
        y: `seconds for ${due} due`,
        series: [...measured].map(([name, runs]) => ({
          name,
          points: stored.map((level) => [level, median(at(runs, level).map(({ seconds }) => seconds))] as const),
        })),
      },
      notes: [
        ...notes,
        `${due} recordings are due, one in each attempt. Besides them, ${stored.join(' or ')} recordings are stored that are not due. ` +
          `The service and the loop take turns, in ${short ? 1 : ROUNDS} rounds. The other programs run once. ` +
          'The loop is told the prefixes of exactly the keys that the sweep ' +
          'deletes (recordings, index entries and queue entries), which are not known in practice. It lists 1,000 keys, deletes them with ' +
          'one DeleteObjects, and lists again, one request after another. The sweep also finds out what is due, ends uploads, lists each ' +
          'attempt again to prove that nothing is left, and writes a receipt for each recording, several requests at the same time. s3cmd ' +
          'is told the prefix of the recordings, and deletes only these. Only the service writes receipts and checks that the recordings ' +
          'are deleted.',
      ],
    };
  },
};

type Run = Deletion & { readonly stored: number };

function at(runs: readonly Run[], level: number): Run[] {
  return runs.filter(({ stored }) => stored === level);
}

/** @param goal of the ratio to the loop */
function measurementsOf(
  measured: ReadonlyMap<string, readonly Run[]>,
  due: number,
  goal: number | undefined,
): Measurement[] {
  const ours = measured.get('ours') ?? [];
  const last = ours.at(-1);
  const first = ours[0];
  if (!first || !last) return [];
  const rate = ({ seconds }: Deletion) => due / seconds;
  const perRecording = ({ requests = Number.NaN }: Deletion) => requests / due;
  const ourLast = at(ours, last.stored);
  const besides = [...measured]
    .filter(([name]) => name !== 'ours')
    .map(([name, runs]): Measurement => {
      const theirs = at(runs, last.stored);
      const ratio = median(theirs.map((their, round) => their.seconds / (ourLast[round]?.seconds ?? Number.NaN)));
      return {
        what: `recordings deleted, with ${last.stored} others stored`,
        unit: '/s',
        ours: median(ourLast.map(rate)),
        peer: { name, value: median(theirs.map(rate)) },
        ratio,
        goal: name === LOOP && goal !== undefined ? atLeast(ratio, goal) : undefined,
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

function bareLoop(store: ObjectStore, requestCount: () => number, { exam, deadlineMs }: Due): Promise<Deletion> {
  const prefixes = [
    `attempts/acme/${exam}/`,
    `participants/acme/p1/${exam}/`,
    `due/${toKeyTime(deadlineMs)}/attempt/acme/${exam}/`,
  ];
  return timed(requestCount, async () => {
    for (const prefix of prefixes) {
      for (;;) {
        const { objects } = await store.list(prefix, { limit: PAGE });
        if (objects.length === 0) break;
        await store.delete(objects.map(({ key }) => ({ key })));
      }
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
