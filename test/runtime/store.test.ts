// How a command finds the embedded store: the one of a running `serve`, or its own.
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readSettings, SettingsError } from '../../src/config.ts';
import { SERVING, YIELDING } from '../../src/objectstore/window.ts';
import { openStore } from '../../src/runtime/store.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { until } from '../kit/until.ts';
import { SILENT } from './process.ts';

async function options(patience?: AbortSignal) {
  const dataDir = await mkdtemp(join(tmpdir(), 'store-'));
  afterThisTest(() => rm(dataDir, { recursive: true }));
  const settings = readSettings({ DATA_DIR: dataDir });
  return { dataDir, settings, logger: SILENT, owner: false, ...(patience && { patience }) };
}

test('a command without a store to work on is refused', async () => {
  const refused = openStore(await options());
  await expect(refused).rejects.toThrow(SettingsError);
  await expect(refused).rejects.toThrow(/DATA_DIR: there is no store in /);
});

test('what took over the port of a serve that was killed, and never responds, does not hold up a command', async () => {
  const impatience = new AbortController();
  const silent = createServer(() => impatience.abort()).listen(0, '127.0.0.1');
  afterThisTest(() => {
    silent.close();
    silent.closeAllConnections();
  });
  await once(silent, 'listening');
  const { dataDir, ...opening } = await options(impatience.signal);
  await mkdir(join(dataDir, 's3'));
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  await writeFile(join(dataDir, 's3-endpoint'), endpoint);
  const opened = await openStore(opening);
  expect(opened.s3.endpoint).not.toBe(endpoint);
  expect((await opened.store.list('')).objects).toEqual([]);
  await opened.close();
});

test('a torn record in the embedded store is named in one line of the log, and the rest is served', async () => {
  const opening = { ...(await options()), owner: true };
  const lines: unknown[] = [];
  const logger = { ...SILENT, warn: (...line: unknown[]) => void lines.push(line) };
  const open = () => openStore({ ...opening, settings: { ...opening.settings, localS3Port: 0 }, logger });
  const first = await open();
  for (const key of ['a', 'b']) await first.store.put(key, new Uint8Array([1]));
  await first.close();
  const folder = join(opening.dataDir, 's3', 'recordings', 'objects');
  const [torn = ''] = await readdir(folder);
  await writeFile(join(folder, torn), '');
  await writeFile(join(folder, '.DS_Store'), '');
  const second = await open();
  const detail = [`unreadable: ${join(folder, torn)}`, `foreign: ${join(folder, '.DS_Store')}`];
  const fields = { code: 'data-folder-damaged', count: 2, detail };
  expect(lines).toEqual([['the data folder contains files that cannot be used', fields]]);
  expect((await second.store.list('')).objects).toHaveLength(1);
  await second.close();
});

test.each([
  ['serve', true, SERVING.start],
  ['a command', false, YIELDING.start],
])('all connections of %s pass one gate, in its own manner', async (_, owner, atOnce) => {
  const opening = { ...(await options()), owner };
  await mkdir(join(opening.dataDir, 's3'), { recursive: true });
  const opened = await openStore({ ...opening, settings: { ...opening.settings, localS3Port: 0 } });
  afterThisTest(() => opened.close());
  const { gate } = opened;
  expect(gate.windowSize).toBe(atOnce);
  const turns = await Promise.all(Array.from({ length: atOnce }, () => gate.take('PutObject')));
  const listings = [opened, opened.connect()].map(({ store }) => store.list(''));
  await until(() => gate.waiting('background') === 2);
  for (const turn of turns) gate.end(turn);
  for (const { objects } of await Promise.all(listings)) expect(objects).toEqual([]);
});
