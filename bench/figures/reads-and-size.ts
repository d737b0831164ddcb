// Figure 9: lists, playback links and exports beside the store's own answers; the start, the memory at rest, the size.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY_MS } from '../../src/model/durations.ts';
import { seedRecordings } from '../seed.ts';
import { type Service, startService, TENANT } from '../service.ts';
import { accessStore } from '../store-access.ts';
import { byTurns, median, medianOf, ratioOf } from '../turns.ts';
import type { Figure, Measurement } from './figure.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const EXAM = 'reads';
const READ_SECONDS = 3;

export const readsAndSize: Figure = {
  number: 9,
  title: 'Reads, start and size',
  stores: ['embedded', 'ceph'],
  measure: async ({ store, short, say }) => {
    const starts: number[] = [];
    let restingMib = 0;
    for (let round = 0; round < (short ? 1 : 5); round += 1) {
      await using started = await startService(store);
      starts.push(started.startedInMs);
      restingMib = (await started.memory()).residentMib;
    }
    using access = accessStore(store);
    const count = short ? 20 : 200;
    say(`${count} recordings of one participant, seeded`);
    const seeded = await seedRecordings(access.store, count, {
      createdAtMs: Date.now() - DAY_MS,
      retentionMs: 30 * DAY_MS,
      name: EXAM,
    });
    await using service = await startService(store);
    const call = await readerOf(service);
    const seconds = short ? 0.5 : READ_SECONDS;
    const read = (path: string) => repeated(seconds, () => call('GET', path));
    // Of one recording there are so many links a day.
    let links = 0;
    const nextLink = () => {
      const ref = seeded[links % seeded.length];
      links += 1;
      return `/v1/exams/${EXAM}/attempts/${ref?.attempt}/recordings/${ref?.recording}/playback-links`;
    };
    say('lists, links and exports, by turns');
    const rounds = await byTurns(short ? 1 : 3, {
      list: () => read(`/v1/exams/${EXAM}/recordings?limit=20`),
      link: () => repeated(seconds, () => call('POST', nextLink())),
      export: () => read('/v1/participants/p1/export'),
      storeList: () => repeated(seconds, () => access.store.list(`attempts/${TENANT}/${EXAM}/`)),
    });
    const beside = (what: string, name: 'list' | 'link' | 'export'): Measurement => ({
      what,
      unit: '/s',
      ours: medianOf(rounds, name),
      peer: { name: 'LISTs of the same exam, sent to the store in sequence', value: medianOf(rounds, 'storeList') },
      ratio: ratioOf(rounds, name, 'storeList'),
    });
    const install = await installedBytes();
    return {
      measurements: [
        beside('responses with a list of 20 recordings', 'list'),
        beside('playback links issued', 'link'),
        beside(`exports of a participant with ${count} recordings (JSON)`, 'export'),
        { what: 'time from the start of the service until it is ready', unit: 'ms', ours: median(starts) },
        { what: 'memory of the service at rest', unit: 'MiB', ours: restingMib },
        { what: 'size of the compiled code', unit: 'MB', ours: install.code / 1e6 },
        { what: 'size of the dependencies', unit: 'MB', ours: install.dependencies / 1e6 },
      ],
      notes: ['The start includes the self-test of the store. The command ci/image prints the size of the image.'],
    };
  },
};

/** How many a second, one after another. @throws Error when one is not answered 2xx */
async function repeated(seconds: number, act: () => Promise<unknown>): Promise<number> {
  const beganAtMs = performance.now();
  let count = 0;
  do {
    await act();
    count += 1;
  } while (performance.now() - beganAtMs < seconds * 1000);
  return (count * 1000) / (performance.now() - beganAtMs);
}

async function readerOf(service: Service) {
  const headers = { authorization: `Bearer ${await service.token('recordings:review privacy:manage')}` };
  return async (method: 'GET' | 'POST', path: string) => {
    const answer = await fetch(service.url + path, { method, headers });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}`);
  };
}

/** Of dist/, and of what `npm ci --omit=dev` installs beside it. */
async function installedBytes(): Promise<{ code: number; dependencies: number }> {
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean }>;
  };
  const paths = Object.entries(lock.packages).flatMap(([path, { dev }]) => (path === '' || dev ? [] : [path]));
  const sizes = await Promise.all(paths.map((path) => sizeOf(join(ROOT, path))));
  return { code: await sizeOf(join(ROOT, 'dist')), dependencies: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Of all files but those of packages within it, which are counted by themselves. 0 for what is not for this platform. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'node_modules' ? 0 : sizeOf(path);
      return entry.isFile() ? (await stat(path)).size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
