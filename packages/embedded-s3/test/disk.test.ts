// What is on the disk: over restarts, crashes (kill -9), locks, reads that stream, and a server that ends.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { until } from '../../../test/kit/until.ts';
import type { Damage } from '../src/index.ts';
import { allOf, asking, BUCKET, FIVE_MIB, startChild, startStore, temporaryFolder, UNSIGNED } from './support.ts';

const completion = (etags: string[]) =>
  `<CompleteMultipartUpload>${etags.map((etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag></Part>`).join('')}</CompleteMultipartUpload>`;

describe('the data folder', () => {
  test('holds everything over a restart, under names that are safe on every file system', async () => {
    const { server, begin, outcome, dataDir } = await startStore();
    const odd = 'a A é e\u0301 ../../../up ./a/. /leading n\u0000ul . / con %41 a?b#c \ufeffbom';
    const keys = [...odd.split(' '), 'x/'.repeat(400), 'a'.repeat(1024), "it's (a) *star*!"];
    for (const key of keys) await outcome('PUT k', { key, body: key });
    const id = await begin('u');
    await outcome(`PUT u?partNumber=3&uploadId=${id}`, { body: 'part' });
    for (const name of (await readdir(dataDir, { recursive: true })).filter((found) => !found.startsWith('lock'))) {
      expect(name).toMatch(/^recordings(\/[a-z]+(\/[0-9a-f.]+(json)?)?)?(\/settings\.json)?$/);
    }
    await server.close();
    const { ask } = await startStore({ dataDir });
    for (const key of keys) expect(await ask('GET k', { key })).toMatchObject({ outcome: '200', body: key });
    const { body } = await ask(`GET u?uploadId=${id}`);
    expect([...allOf(body, 'PartNumber'), ...allOf(body, 'Size')]).toEqual(['3', '4']);
  });

  test('is cleared of what a crash left half done', async () => {
    const { server, dataDir, inside, begin, ask, outcome, files } = await startStore();
    const id = await begin('k');
    const { headers } = await ask(`PUT k?uploadId=${id}&partNumber=1`, { body: 'media' });
    const names = [inside(`uploads/${id}.json`), inside(`parts/${id}.1.json`)];
    const records = await Promise.all(names.map((name) => readFile(name, 'utf8')));
    expect(await outcome(`POST k?uploadId=${id}`, { body: completion([headers.etag ?? '']) })).toBe('200');
    const kept = await files();
    await server.close();
    // The object was made, and its upload not yet ended.
    for (const [at, name] of names.entries()) await writeFile(name, records[at] ?? '');
    const gone = 'ab'.repeat(26);
    await writeFile(inside('parts', `${gone}.1.json`), records[1]?.replaceAll(id, gone) ?? '');
    await writeFile(inside('data', 'ab'.repeat(16)), 'half a body');
    await writeFile(inside('temporary', 'cd'.repeat(16)), '{"half a reco');

    const again = await startStore({ dataDir });
    expect(await files()).toEqual(kept);
    expect(await readdir(inside('parts'))).toEqual([]);
    expect(await again.outcome(`DELETE k?uploadId=${id}`)).toBe('404 NoSuchUpload');
    expect((await again.ask('GET k')).body).toBe('media');
  });

  describe('that is damaged', () => {
    const DAY_MS = 24 * 60 * 60 * 1000;

    async function startDamaged(dataDir: string, options: Parameters<typeof startStore>[0] = {}) {
      const damage: Damage[] = [];
      const store = await startStore({ dataDir, onDamage: (found) => damage.push(found), ...options });
      return { ...store, damage };
    }

    const change = (record: string, changes: object) =>
      JSON.stringify({ ...(JSON.parse(record) as object), ...changes });
    const segment = (file: string) => (record: string) => change(record, { segments: [{ file, sizeBytes: 8 }] });
    const TORN: readonly (readonly [string, (record: string) => string])[] = [
      ['empty', () => ''],
      ['torn', (record) => record.slice(0, 40)],
      ['no object', () => 'null'],
      ['another object', () => '{}'],
      ['of another key', (record) => change(record, { key: 'other' })],
      ['with a path for its data', segment('../../../../secret.txt')],
      ['with the name of a record for its data', segment('settings.json')],
      ['with a size that its data has not', (record) => change(record, { sizeBytes: 9 })],
      ['with a size that is none', (record) => change(record, { segments: [{ file: 'a'.repeat(32), sizeBytes: -1 }] })],
      ['without segments', (record) => change(record, { segments: {} })],
      ['with another header', (record) => change(record, { headers: { 'set-cookie': 'a=b' } })],
      ['with a header of two lines', (record) => change(record, { headers: { 'content-type': 'a\r\nb: c' } })],
      ['with a segment that is none', (record) => change(record, { segments: [null] })],
      ['without headers', (record) => change(record, { headers: null })],
      ['with tags that are none', (record) => change(record, { tags: [{ key: 1 }] })],
      ['with a tag that is one', (record) => change(record, { tags: 'a' })],
      ['with an ETag that is none', (record) => change(record, { etag: '"><x>' })],
      ['with a time that is none', (record) => change(record, { lastModified: 1e300 })],
      ['with an upload that is none', (record) => change(record, { uploadId: 7 })],
    ];

    test.each(TORN)('a record that is %s stops nothing else, and its object is not gone', async (_, tear) => {
      const { server, dataDir, inside, outcome } = await startStore();
      await outcome('PUT k', { body: 'precious' });
      const [name = ''] = await readdir(inside('objects'));
      await outcome('PUT other', { body: 'healthy' });
      await server.close();
      await writeFile(join(dataDir, 'secret.txt'), 'a secret');
      const record = await readFile(inside('objects', name), 'utf8');
      await writeFile(inside('objects', name), tear(record));
      const damaged = await startDamaged(dataDir);
      expect(damaged.damage).toEqual([{ unreadable: [inside('objects', name)], foreign: [] }]);
      for (const line of ['GET k', 'HEAD k', 'GET k?tagging']) expect(await damaged.outcome(line)).toMatch(/^500/);
      expect((await damaged.ask('GET other')).body).toBe('healthy');
      expect(await damaged.outcome('PUT third', { body: 'new' })).toBe('200');
      expect(await damaged.files()).toHaveLength(3);
      await damaged.server.close();
      await writeFile(inside('objects', name), record);
      const mended = await startDamaged(dataDir);
      expect([(await mended.ask('GET k')).body, mended.damage]).toEqual(['precious', []]);
    });

    test.each(['DELETE k', 'PUT k'])('%s ends what cannot be read, and its bytes are deleted with it', async (line) => {
      const { server, dataDir, inside, outcome } = await startStore();
      await outcome('PUT k', { body: 'precious' });
      const [name = ''] = await readdir(inside('objects'));
      await server.close();
      await writeFile(inside('objects', name), '');
      const damaged = await startDamaged(dataDir);
      expect(await damaged.outcome(line)).toMatch(/^20/);
      expect(await damaged.outcome('GET k')).toBe(line === 'PUT k' ? '200' : '404 NoSuchKey');
      expect(await damaged.files()).toEqual([]);
    });

    test('what cannot be read is deleted when it is as old as anything may be, over a restart or without one', async () => {
      const { server, dataDir, inside, outcome } = await startStore();
      for (const key of ['k', 'l']) await outcome(`PUT ${key}`, { body: 'precious' });
      const [name = ''] = await readdir(inside('objects'));
      await server.close();
      await writeFile(inside('objects', name), '');
      let nowMs = Date.now();
      const now = () => nowMs;
      const damaged = await startDamaged(dataDir, { now, keepUnknownMs: 2 * DAY_MS });
      const count = async () => (await damaged.files()).length;
      const list = () => damaged.outcome('GET ?list-type=2', { at: nowMs });
      nowMs += DAY_MS;
      expect([await list(), await count()]).toEqual(['200', 2]);
      nowMs += 2 * DAY_MS;
      expect([await list(), await count()]).toEqual(['200', 1]);
      expect(await readdir(inside('objects'))).toHaveLength(1);
      await damaged.server.close();
      expect((await startDamaged(dataDir, { now, keepUnknownMs: 2 * DAY_MS })).damage).toEqual([]);
    });

    test('what cannot be read is not deleted for its age while the clock may be wrong', async () => {
      const { server, dataDir, inside, outcome } = await startStore();
      await outcome('PUT k', { body: 'precious' });
      const [name = ''] = await readdir(inside('objects'));
      await server.close();
      await writeFile(inside('objects', name), '');
      let nowMs = Date.now();
      let mayExpire = false;
      const damaged = await startDamaged(dataDir, { now: () => nowMs, mayExpire: () => mayExpire });
      const list = () => damaged.outcome('GET ?list-type=2', { at: nowMs });
      nowMs += 40 * DAY_MS;
      expect([await list(), await damaged.files()]).toEqual(['200', [expect.any(String)]]);
      mayExpire = true;
      expect([await list(), await damaged.files()]).toEqual(['200', []]);
    });

    test('an upload whose record cannot be read takes no more parts, and is ended by its id', async () => {
      const { server, dataDir, inside, begin, outcome } = await startStore();
      const [id, gone] = [await begin('k'), await begin('l')];
      await outcome(`PUT k?uploadId=${id}&partNumber=1`, { body: 'media' });
      await outcome(`PUT l?uploadId=${gone}&partNumber=1`, { body: 'media' });
      await server.close();
      await writeFile(inside('uploads', `${id}.json`), '{"uploadId":');
      await writeFile(inside('uploads', `${gone}.json`), '[]');
      const damaged = await startDamaged(dataDir);
      expect(damaged.damage[0]?.unreadable).toHaveLength(2);
      expect(allOf((await damaged.ask('GET ?uploads')).body, 'UploadId')).toEqual([]);
      expect(await damaged.outcome(`PUT k?uploadId=${id}&partNumber=2`, { body: 'x' })).toBe('404 NoSuchUpload');
      const complete = await damaged.outcome(`POST k?uploadId=${id}`, { body: completion(['x']) });
      expect(complete).toBe('404 NoSuchUpload');
      expect(allOf((await damaged.ask(`GET k?uploadId=${id}`)).body, 'PartNumber')).toEqual(['1']);
      expect(await damaged.outcome(`DELETE k?uploadId=${id}`)).toBe('204');
      expect(await damaged.outcome(`GET k?uploadId=${id}`)).toBe('404 NoSuchUpload');
      expect([await damaged.files(), await readdir(inside('parts'))]).toEqual([
        [expect.any(String)],
        [`${gone}.1.json`],
      ]);
      await damaged.server.close();
      await startDamaged(dataDir, { now: () => Date.now() + 31 * DAY_MS });
      for (const folder of ['uploads', 'parts', 'data']) expect(await readdir(inside(folder))).toEqual([]);
    });

    test('a part whose record cannot be read has not arrived, can be sent again, and ends with its upload', async () => {
      const { server, dataDir, inside, begin, ask } = await startStore();
      const [id, ended] = [await begin('k'), await begin('l')];
      await ask(`PUT k?uploadId=${id}&partNumber=1`, { body: 'media' });
      await ask(`PUT k?uploadId=${id}&partNumber=2`, { body: 'more' });
      await server.close();
      for (const part of [`${id}.1`, `${id}.2`, `${'ab'.repeat(26)}.1`])
        await writeFile(inside('parts', `${part}.json`), '{');
      await rm(inside('uploads', `${ended}.json`));
      const damaged = await startDamaged(dataDir);
      expect(damaged.damage[0]?.unreadable).toEqual([inside('parts', `${id}.1.json`), inside('parts', `${id}.2.json`)]);
      expect((await readdir(inside('parts'))).toSorted()).toEqual([`${id}.1.json`, `${id}.2.json`]);
      expect(allOf((await damaged.ask(`GET k?uploadId=${id}`)).body, 'PartNumber')).toEqual([]);
      const { headers } = await damaged.ask(`PUT k?uploadId=${id}&partNumber=1`, { body: 'again' });
      expect(await damaged.files()).toHaveLength(3);
      expect(await damaged.outcome(`POST k?uploadId=${id}`, { body: completion([headers.etag ?? '']) })).toBe('200');
      expect((await damaged.ask('GET k')).body).toBe('again');
      expect([await readdir(inside('parts')), await damaged.files()]).toEqual([[], [expect.any(String)]]);
    });

    test.each(['', '[]', '{"created":"now"}', '{"created":1,"cors":"<no>"}', '{"created":1,"lifecycle":1}'])(
      'settings %j are those of a new bucket, and stay until they are changed',
      async (settings) => {
        const { server, dataDir, inside } = await startStore();
        await server.close();
        await writeFile(inside('settings.json'), settings);
        const damaged = await startDamaged(dataDir);
        expect(damaged.damage).toEqual([{ unreadable: [inside('settings.json')], foreign: [] }]);
        expect(await damaged.outcome('GET ?cors')).toBe('404 NoSuchCORSConfiguration');
        expect(await readFile(inside('settings.json'), 'utf8')).toBe(settings);
      },
    );

    test('files of others are reported and left alone, wherever they are', async () => {
      const { server, dataDir, inside, outcome } = await startStore();
      await outcome('PUT k', { body: 'precious' });
      await server.close();
      const folders = ['objects', 'uploads', 'parts', 'data', 'temporary'];
      for (const folder of folders) {
        await writeFile(inside(folder, '.DS_Store'), 'x');
        await mkdir(inside(folder, 'lost+found'));
      }
      await writeFile(inside('.DS_Store'), 'x');
      const damaged = await startDamaged(dataDir);
      const names = folders.flatMap((folder) => [inside(folder, '.DS_Store'), inside(folder, 'lost+found')]);
      expect(damaged.damage[0]?.unreadable).toEqual([]);
      expect(new Set(damaged.damage[0]?.foreign)).toEqual(new Set(names));
      expect((await damaged.ask('GET k')).body).toBe('precious');
      for (const name of names) expect(existsSync(name)).toBe(true);
    });

    test('a link in place of bytes is not followed', async () => {
      const { server, dataDir, inside, outcome } = await startStore();
      await outcome('PUT k', { body: 'precious' });
      const [name = ''] = await readdir(inside('data'));
      await server.close();
      await writeFile(join(dataDir, 'secret.txt'), 'a secret');
      await rm(inside('data', name));
      await symlink(join(dataDir, 'secret.txt'), inside('data', name));
      const { ask } = await startDamaged(dataDir);
      const answer = await ask('GET k');
      expect(answer.outcome).toBe('500 InternalError');
      expect(answer.body).not.toContain('secret');
    });
  });

  test('is used by one server at a time, which releases it when it closes or cannot start', async () => {
    const { server, dataDir, endpoint } = await startStore();
    await expect(startStore({ dataDir })).rejects.toThrow('is in use already');
    const other = { dataDir: await temporaryFolder() };
    await expect(startStore({ ...other, port: Number(new URL(endpoint).port) })).rejects.toThrow('EADDRINUSE');
    await startStore(other);
    await server.close();
    await startStore({ dataDir });
  });

  test('whose holder was killed is taken by exactly one of many starts', async () => {
    const dataDir = await temporaryFolder();
    const { kill } = await startChild(dataDir);
    await expect(startStore({ dataDir })).rejects.toThrow('is in use already');
    await kill();
    const starts = await Promise.allSettled(Array.from({ length: 8 }, () => startStore({ dataDir })));
    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

/** What each object or upload may hold after a crash: its bytes, or the ETags of its parts; undefined: it is not there. */
type Book = Map<string, Set<string | undefined>>;

/** Writes, completes and deletes until the store is killed, and records what was answered. */
async function work({ ask, begin }: ReturnType<typeof asking>, name: string, book: Book, onAsk: () => void) {
  /** Before the answer the old or the new value may be found, afterwards only the new one. */
  async function change(line: string, body: string, made: Record<string, string | undefined>): Promise<void> {
    const entries = Object.entries(made);
    for (const [place, value] of entries) book.set(place, new Set([...(book.get(place) ?? [undefined]), value]));
    const answer = ask(line, { body, headers: UNSIGNED });
    onAsk();
    const { status, outcome } = await answer;
    if (status >= 300) throw new Error(`${line}: ${outcome}`);
    for (const [place, value] of entries) book.set(place, new Set([value]));
  }
  for (let turn = 0; ; turn++) {
    const key = `${name}/${turn % 5}`;
    const body = randomBytes(1 + (turn % 3) * 40_000).toString('hex');
    await change(`PUT ${key}`, body, { [key]: body });
    if (turn % 3 === 1) await change(`DELETE ${key}`, '', { [key]: undefined });
    if (turn % 3 !== 2) continue;
    const media = `${name}/media`;
    const upload = `${media}?uploadId=${await begin(media)}`;
    book.set(upload, new Set(['']));
    const parts = ['a'.repeat(FIVE_MIB), body];
    const etags = parts.map((part) => createHash('md5').update(part).digest('hex'));
    for (const [at, part] of parts.entries()) {
      await change(`PUT ${upload}&partNumber=${at + 1}`, part, { [upload]: etags.slice(0, at + 1).join() });
    }
    await change(`POST ${upload}`, completion(etags), { [upload]: undefined, [media]: parts.join('') });
  }
}

test('a store that is killed keeps what it acknowledged, whole, and nothing half-written', async () => {
  const dataDir = await temporaryFolder();
  const book: Book = new Map();
  let survived = 0;
  for (let round = 0; round < 6; round++) {
    const { child, endpoint, exited, kill } = await startChild(dataDir);
    const client = asking(endpoint, dataDir);
    const changes = 5 + Math.floor(Math.random() * 40);
    let left = changes;
    /** Kills the store a few turns of the event loop after that many changes were requested. */
    const onAsk = async () => {
      left -= 1;
      if (left !== 0) return;
      for (let turns = Math.random() * 30; turns > 0; turns--) await setImmediate();
      await kill();
    };
    const workers = ['a', 'b', 'c'].map((name) =>
      work(client, name, book, () => void onAsk()).catch((error: unknown) => {
        if (!child.killed) throw error;
      }),
    );
    await Promise.all([...workers, exited]);

    const { server, ask, files, inside } = await startStore({ dataDir });
    for (const [place, values] of book) {
      const { status, body } = await ask(`GET ${place}`);
      const content = place.includes('?') ? allOf(body.replaceAll('&quot;', ''), 'ETag').join() : body;
      const found = status === 200 ? content : undefined;
      // Not toContain: its message would print five megabytes.
      const wanted = { place, round, changes, status: found === undefined ? 404 : 200, isPossible: true };
      expect({ place, round, changes, status, isPossible: values.has(found) }).toEqual(wanted);
      book.set(place, new Set([found]));
      if (found !== undefined) survived += 1;
    }
    // Every data file belongs to a listed object or to a part of a listed upload, and no draft is left.
    const count = async (folder: string) => (await readdir(inside(folder))).length;
    const listing = (await ask('GET ?list-type=2')).body;
    expect(await count('objects')).toBe(allOf(listing, 'Key').length);
    expect(await count('uploads')).toBe(allOf((await ask('GET ?uploads')).body, 'UploadId').length);
    const segments = allOf(listing, 'ETag').map((etag) => Number(/-(\d+)&/.exec(etag)?.[1] ?? 1));
    const parts = await count('parts');
    expect(await files()).toHaveLength(segments.reduce((sum, segment) => sum + segment, parts));
    await server.close();
  }
  expect(survived).toBeGreaterThan(0);
});

describe('a read that is streaming', () => {
  const OLD = Buffer.alloc(16 * 1024 * 1024, 'o');

  async function startReading() {
    const store = await startStore();
    expect(await store.outcome('PUT k', { body: OLD })).toBe('200');
    return { ...store, response: await store.open(await store.sign('GET k')) };
  }

  test.each(['PUT k', 'DELETE k'])('gets the old bytes to their end when there is a %s meanwhile', async (line) => {
    const { response, outcome, files } = await startReading();
    expect(await outcome(line)).toMatch(/^20/);
    // The replaced bytes are still on disk, because they are being read.
    expect(await files()).toHaveLength(1);
    expect((await buffer(response)).equals(OLD)).toBe(true);
    await until(async () => (await files()).length === 0);
    expect(await outcome('GET k')).toBe(line === 'PUT k' ? '200' : '404 NoSuchKey');
  });

  test('lets its file be deleted when the reader disconnects', async () => {
    const { response, outcome, files } = await startReading();
    response.destroy();
    expect(await outcome('DELETE k')).toBe('204');
    await until(async () => (await files()).length === 0);
  });

  test('is finished by a server that closes, even when it is asked to close twice', async () => {
    const { response, server, dataDir, ask } = await startReading();
    const closed = Promise.all([server.close(), server.close()]);
    expect(await buffer(response)).toHaveLength(OLD.length);
    await closed;
    await expect(ask('GET k')).rejects.toThrow('ECONNREFUSED');
    expect(await readdir(dataDir)).toEqual(['lock.sqlite', BUCKET]);
  });
});

describe('the server', () => {
  test('answers InternalError, and no path, when the disk fails or a file is missing', async () => {
    const { ask, outcome, files, dataDir, inside } = await startStore();
    await rm(inside('data'), { recursive: true });
    const put = await ask('PUT k', { body: 'x' });
    await mkdir(inside('data'));
    expect(await outcome('GET k')).toBe('404 NoSuchKey');
    expect(await outcome('PUT k', { body: 'x' })).toBe('200');
    for (const file of await files()) await rm(inside('data', file));
    const get = await ask('GET k');
    expect(get.headers.etag).toBeUndefined();
    for (const failed of [put, get]) {
      expect(failed.outcome).toBe('500 InternalError');
      expect(failed.body).not.toContain(dataDir);
    }
    expect(await outcome('DELETE k')).toBe('204');
  });

  test('says who it is and when on every answer', async () => {
    const at = Date.parse('2030-01-02T03:04:05.678Z');
    const { send, ask } = await startStore({ now: () => at });
    const [refused, missing] = [await send({ target: '/' }), await ask('HEAD k', { at })];
    const expected = { date: 'Wed, 02 Jan 2030 03:04:05 GMT', server: 'embedded-s3' };
    for (const { headers } of [refused, missing]) expect(headers).toMatchObject(expected);
    expect(allOf(refused.body, 'RequestId')).toEqual([refused.headers['x-amz-request-id']]);
    expect(missing.headers['x-amz-request-id']).not.toBe(refused.headers['x-amz-request-id']);
  });
});
