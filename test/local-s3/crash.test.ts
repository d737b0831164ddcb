// kill -9 at any moment: what was acknowledged is there whole, and nothing is there by half.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { afterThisTest, BUCKET, call, dataFiles, FIVE_MIB, startStore, temporaryFolder } from './support.ts';

const ROUNDS = 6;

interface Child {
  child: ChildProcess;
  endpoint: string;
}

async function startChild(dataDir: string): Promise<Child> {
  const script = join(import.meta.dirname, 'crash-child.ts');
  const child = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  afterThisTest(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  return { child, endpoint: String(line).trim() };
}

/** What a key may hold after the crash; undefined stands for no object. */
type Possible = Map<string, Set<string | undefined>>;

/** The upload that a worker has under way: its acknowledged parts, and whether its completion was asked for. */
interface OpenUpload {
  path: string;
  uploadId: string;
  etags: string[];
  completing: boolean;
}

/** Writes, completes and deletes until the store is gone, and keeps the book of what was acknowledged. */
async function work(
  endpoint: string,
  name: string,
  possible: Possible,
  uploads: Map<string, OpenUpload>,
  onAsk: () => void,
): Promise<void> {
  const change = async (key: string, value: string | undefined, act: () => Promise<{ status: number }>) => {
    const before = possible.get(key) ?? new Set([undefined]);
    possible.set(key, new Set([...before, value]));
    const answer = act();
    onAsk();
    const { status } = await answer;
    if (status >= 300) throw new Error(`${key}: ${status}`);
    possible.set(key, new Set([value]));
  };
  for (let turn = 0; ; turn++) {
    const key = `${name}/${turn % 5}`;
    const path = `/${BUCKET}/${key}`;
    const body = randomBytes(1 + (turn % 3) * 40_000).toString('hex');
    await change(key, body, () => call({ endpoint, method: 'PUT', path, body }));
    if (turn % 3 === 1) await change(key, undefined, () => call({ endpoint, method: 'DELETE', path }));
    if (turn % 3 === 2) await multipart(endpoint, `${name}/media`, change, uploads);
  }
}

async function multipart(
  endpoint: string,
  key: string,
  change: (key: string, value: string, act: () => Promise<{ status: number }>) => Promise<void>,
  uploads: Map<string, OpenUpload>,
): Promise<void> {
  const path = `/${BUCKET}/${key}`;
  const begun = await call({ endpoint, method: 'POST', path, query: [['uploads', '']] });
  const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(begun.body)?.[1] ?? '';
  const upload: OpenUpload = { path, uploadId, etags: [], completing: false };
  uploads.set(key, upload);
  const bodies = ['a'.repeat(FIVE_MIB), randomBytes(5000).toString('hex')];
  const parts: string[] = [];
  for (const [index, body] of bodies.entries()) {
    const number = String(index + 1);
    const query: [string, string][] = [['partNumber', number], ['uploadId', uploadId]]; // biome-ignore format: one line
    const { headers } = await call({ endpoint, method: 'PUT', path, query, body, payloadHash: 'UNSIGNED-PAYLOAD' });
    upload.etags.push(headers.etag ?? '');
    parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${headers.etag}</ETag></Part>`);
  }
  upload.completing = true;
  const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
  await change(key, bodies.join(''), () =>
    call({ endpoint, method: 'POST', path, query: [['uploadId', uploadId]], body }),
  );
}

/** Kills the store a few turns of the event loop after that many changes were asked for. */
async function workUntilKilled(
  { child, endpoint }: Child,
  possible: Possible,
  changes: number,
): Promise<Map<string, OpenUpload>> {
  const uploads = new Map<string, OpenUpload>();
  const gone = once(child, 'exit');
  let asked = 0;
  const kill = async () => {
    for (let turns = Math.random() * 30; turns > 0; turns--) await setImmediate();
    child.kill('SIGKILL');
  };
  const onAsk = () => {
    asked += 1;
    if (asked === changes) void kill();
  };
  const workers = ['a', 'b', 'c'].map((name) => work(endpoint, name, possible, uploads, onAsk).catch(() => undefined));
  await Promise.all([...workers, gone]);
  return uploads;
}

describe('a store that is killed', () => {
  test('keeps what it acknowledged, whole, and nothing by half', async () => {
    const dataDir = await temporaryFolder();
    const possible: Possible = new Map();
    let survived = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const child = await startChild(dataDir);
      const uploads = await workUntilKilled(child, possible, 5 + Math.floor(Math.random() * 40));

      const store = await startStore({ dataDir });
      for (const [key, values] of possible) {
        const answer = await call({ endpoint: store.endpoint, path: `/${BUCKET}/${key}` });
        const found = answer.status === 200 ? answer.body : undefined;
        // Not toContain: its message would print five megabytes.
        expect([key, answer.status, values.has(found)]).toEqual([key, answer.status, true]);
        possible.set(key, new Set([found]));
        if (found !== undefined) survived += 1;
      }
      for (const upload of uploads.values()) await expectParts(store.endpoint, upload);
      await expectNothingLeftOver(store.dataDir, store.endpoint);
      await store.server.close();
    }
    expect(survived).toBeGreaterThan(0);
  });
});

/** Acknowledged parts are listed; an upload can only be gone when its completion was asked for. */
async function expectParts(endpoint: string, { path, uploadId, etags, completing }: OpenUpload): Promise<void> {
  const { status, body } = await call({ endpoint, path, query: [['uploadId', uploadId]] });
  if (completing && status === 404) return;
  expect(status).toBe(200);
  const listed = [...body.matchAll(/<ETag>&quot;(.*?)&quot;<\/ETag>/g)].map(([, etag = '']) => `"${etag}"`);
  expect(listed.slice(0, etags.length)).toEqual(etags);
}

/** Every data file belongs to a listed object or to a part of a listed upload, and no draft is left. */
async function expectNothingLeftOver(dataDir: string, endpoint: string): Promise<void> {
  const folder = (name: string) => readdir(join(dataDir, BUCKET, name));
  const listing = (await call({ endpoint, path: `/${BUCKET}` })).body;
  expect(await folder('objects')).toHaveLength(listing.match(/<Key>/g)?.length ?? 0);
  const uploads = (await call({ endpoint, path: `/${BUCKET}`, query: [['uploads', '']] })).body;
  expect(await folder('uploads')).toHaveLength(uploads.match(/<UploadId>/g)?.length ?? 0);
  const etags = [...listing.matchAll(/<ETag>(.*?)<\/ETag>/g)].map(([, etag = '']) =>
    Number(/-(\d+)&/.exec(etag)?.[1] ?? 1),
  );
  const parts = await folder('parts');
  expect(await dataFiles(dataDir)).toHaveLength(etags.reduce((sum, count) => sum + count, 0) + parts.length);
}
