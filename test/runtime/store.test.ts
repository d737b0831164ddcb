// How a command finds the embedded store: the one of a running `serve`, or its own.
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readSettings, SettingsError } from '../../src/config.ts';
import { openStore } from '../../src/runtime/store.ts';
import { afterThisTest } from '../kit/cleanup.ts';
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
  await expect(refused).rejects.toThrow(/there is no store in DATA_DIR/);
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
