// The server as a process sees it: starts, restarts, the lock, streams, connections, and its end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { afterThisTest, BUCKET, call, dataFiles, send, sendRaw, sign, startStore, temporaryFolder, until } from './support.ts'; // biome-ignore format: one line

const PATH = `/${BUCKET}/k`;

describe('the data folder', () => {
  test('holds everything over a restart', async () => {
    const store = await startStore();
    const keys = ['a', 'A', 'é', 'e\u0301', '../up', 'x/'.repeat(400), 'n\u0000ul', '.', '/', 'con', 'a'.repeat(1024)];
    for (const key of keys)
      await call({ endpoint: store.endpoint, method: 'PUT', path: `/${BUCKET}/${key}`, body: key });
    const { UploadId = '' } = await store.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: 'u' }));
    await store.client.send(new UploadPartCommand({ Bucket: BUCKET, Key: 'u', UploadId, PartNumber: 3, Body: 'part' }));
    await store.server.close();

    const again = await startStore({ dataDir: store.dataDir });
    for (const key of keys) {
      expect(await call({ endpoint: again.endpoint, path: `/${BUCKET}/${key}` })).toMatchObject({
        status: 200,
        body: key,
      });
    }
    const parts = await again.client.send(new ListPartsCommand({ Bucket: BUCKET, Key: 'u', UploadId }));
    expect(parts.Parts).toMatchObject([{ PartNumber: 3, Size: 4 }]);
  });

  test('has only names that are safe on every file system', async () => {
    const { endpoint, dataDir } = await startStore();
    for (const key of ['../../../escape', 'A', 'a', 'é/x', 'con', 'x'.repeat(1000)]) {
      await call({ endpoint, method: 'PUT', path: `/${BUCKET}/${key}`, body: 'x' });
    }
    const names = (await readdir(dataDir, { recursive: true })).filter((name) => !name.startsWith('lock'));
    for (const name of names) expect(name).toMatch(/^recordings(\/[a-z]+(\/[0-9a-f.]+(json)?)?)?(\/settings\.json)?$/);
  });

  test('is swept of what a crash left', async () => {
    const store = await startStore();
    await call({ endpoint: store.endpoint, method: 'PUT', path: PATH, body: 'kept' });
    await store.server.close();
    const inside = (...names: string[]) => join(store.dataDir, BUCKET, ...names);
    const kept = await dataFiles(store.dataDir);
    await writeFile(inside('data', 'ab'.repeat(16)), 'half a body');
    await writeFile(inside('temporary', 'cd'.repeat(16)), '{"half a reco');
    const orphan = { uploadId: 'gone', partNumber: 1, etag: 'x', sizeBytes: 1, lastModified: 0, segments: [] };
    await writeFile(inside('parts', 'gone.1.json'), JSON.stringify(orphan));
    const { endpoint } = await startStore({ dataDir: store.dataDir });
    expect(await dataFiles(store.dataDir)).toEqual(kept);
    expect(await readdir(inside('parts'))).toEqual([]);
    expect(await call({ endpoint, path: PATH })).toMatchObject({ body: 'kept' });
  });

  test('ends an upload whose object a crash left with it', async () => {
    const store = await startStore();
    const { endpoint, dataDir } = store;
    const begun = await call({ endpoint, method: 'POST', path: PATH, query: [['uploads', '']] });
    const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(begun.body)?.[1] ?? '';
    const part = await call({ endpoint, method: 'PUT', path: PATH, query: [['uploadId', uploadId], ['partNumber', '1']], body: 'media' }); // biome-ignore format: one line
    const records = async (name: string) => {
      const names = await readdir(join(dataDir, BUCKET, name));
      return await Promise.all(names.map(async (file) => [join(dataDir, BUCKET, name, file), await readFile(join(dataDir, BUCKET, name, file))] as const)); // biome-ignore format: one line
    };
    const before = [...(await records('uploads')), ...(await records('parts'))];
    expect(before).toHaveLength(2);
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers.etag}</ETag></Part></CompleteMultipartUpload>`;
    expect(await call({ endpoint, method: 'POST', path: PATH, query: [['uploadId', uploadId]], body })).toMatchObject({ status: 200 }); // biome-ignore format: one line
    await store.server.close();
    for (const [file, content] of before) await writeFile(file, content);

    const again = await startStore({ dataDir });
    expect(await call({ endpoint: again.endpoint, path: PATH })).toMatchObject({ body: 'media' });
    const aborted = await call({
      endpoint: again.endpoint,
      method: 'DELETE',
      path: PATH,
      query: [['uploadId', uploadId]],
    });
    expect(aborted).toMatchObject({ code: 'NoSuchUpload' });
    expect(await call({ endpoint: again.endpoint, path: PATH })).toMatchObject({ body: 'media' });
    expect(await readdir(join(dataDir, BUCKET, 'parts'))).toEqual([]);
  });

  test.each(['{"half', '{}', 'null'])(
    'with an unreadable record %j stops the start, and nothing is swept',
    async (text) => {
      const store = await startStore();
      await call({ endpoint: store.endpoint, method: 'PUT', path: PATH, body: 'precious' });
      await store.server.close();
      const objects = join(store.dataDir, BUCKET, 'objects');
      const [name = ''] = await readdir(objects);
      const record = await readFile(join(objects, name));
      await writeFile(join(objects, name), text);
      await expect(startStore({ dataDir: store.dataDir })).rejects.toThrow(name);
      await writeFile(join(objects, name), record);
      const { endpoint } = await startStore({ dataDir: store.dataDir });
      expect(await call({ endpoint, path: PATH })).toMatchObject({ body: 'precious' });
    },
  );

  test('is used by one server at a time', async () => {
    const store = await startStore();
    await expect(startStore({ dataDir: store.dataDir })).rejects.toThrow(`in use by process ${process.pid}`);
    await store.server.close();
    await startStore({ dataDir: store.dataDir });
  });

  test('is free again when the process that held it is dead, or was another of the same pid', async () => {
    const dataDir = await temporaryFolder();
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await writeFile(join(dataDir, 'lock'), JSON.stringify({ pid: child.pid, startedAt: '', token: 'a' }));
    const store = await startStore({ dataDir });
    await store.server.close();
    expect(await readdir(dataDir)).toEqual([BUCKET]);
    if (process.platform !== 'linux') return;
    await writeFile(join(dataDir, 'lock'), JSON.stringify({ pid: process.pid, startedAt: 'boot/1', token: 'b' }));
    await startStore({ dataDir });
  });

  test('is taken by one of many that find a dead lock', async () => {
    const dataDir = await temporaryFolder();
    await writeFile(join(dataDir, 'lock'), JSON.stringify({ pid: 2 ** 30, startedAt: '', token: 'a' }));
    const starts = await Promise.allSettled(Array.from({ length: 8 }, () => startStore({ dataDir })));
    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('is let go of when the port is taken', async () => {
    const { endpoint } = await startStore();
    const dataDir = await temporaryFolder();
    await expect(startStore({ dataDir, port: Number(new URL(endpoint).port) })).rejects.toThrow('EADDRINUSE');
    await startStore({ dataDir });
  });
});

describe('a read that is streaming', () => {
  test.each(['deleted', 'replaced'])('gets the old bytes to their end when the object is %s', async (change) => {
    const { client, endpoint, dataDir } = await startStore();
    const old = Buffer.alloc(16 * 1024 * 1024, 'o');
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: old }));
    const { target, headers } = sign({ endpoint, path: PATH });
    const { hostname, port } = new URL(endpoint);
    const request = get({ hostname, port, path: target, headers });
    const [response] = await once(request, 'response');
    if (change === 'deleted') await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'k' }));
    else await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: 'new' }));
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(old)).toBe(true);
    await until(async () => (await dataFiles(dataDir)).length === (change === 'deleted' ? 0 : 1));
    const now = await call({ endpoint, path: PATH });
    expect(now).toMatchObject(change === 'deleted' ? { status: 404 } : { body: 'new' });
  });

  test('lets go of its file when the reader goes away', async () => {
    const { client, endpoint, dataDir } = await startStore();
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: Buffer.alloc(16 * 1024 * 1024) }));
    const { target, headers } = sign({ endpoint, path: PATH });
    const { hostname, port } = new URL(endpoint);
    const request = get({ hostname, port, path: target, headers });
    const [response] = await once(request, 'response');
    response.destroy();
    await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'k' }));
    await until(async () => (await dataFiles(dataDir)).length === 0);
  });

  test('answers InternalError, and no path, when its file is gone', async () => {
    const { endpoint, dataDir } = await startStore();
    await call({ endpoint, method: 'PUT', path: PATH, body: 'x' });
    const [file = ''] = await dataFiles(dataDir);
    await rm(join(dataDir, BUCKET, 'data', file));
    const answer = await call({ endpoint, path: PATH });
    expect(answer).toMatchObject({ status: 500, code: 'InternalError' });
    expect(answer.body).not.toContain(dataDir);
    expect(answer.headers.etag).toBeUndefined();
    expect(await call({ endpoint, method: 'DELETE', path: PATH })).toMatchObject({ status: 204 });
  });
});

describe('the server', () => {
  test('says who it is and when on every answer', async () => {
    const now = Date.parse('2030-01-02T03:04:05.678Z');
    const { endpoint } = await startStore({ now: () => now });
    const answers = [
      await call({ endpoint, at: now, path: '/' }),
      await call({ endpoint, at: now, method: 'HEAD', path: PATH }),
      await send(endpoint, { target: '/' }),
      await send(endpoint, { method: 'OPTIONS', target: '/' }),
      await send(endpoint, { target: '/%zz' }),
    ];
    const ids = answers.map(({ headers }) => {
      expect(headers).toMatchObject({ date: 'Wed, 02 Jan 2030 03:04:05 GMT', server: 'local-s3' });
      return headers['x-amz-request-id'];
    });
    expect(new Set(ids).size).toBe(answers.length);
    expect(answers[2]?.body).toContain(`<RequestId>${String(ids[2])}</RequestId>`);
    expect(answers[1]).toMatchObject({ status: 404, body: '' });
  });

  test('answers InternalError, and no path, when the disk fails', async () => {
    const { endpoint, dataDir } = await startStore();
    const data = join(dataDir, BUCKET, 'data');
    await rm(data, { recursive: true });
    const failed = await call({ endpoint, method: 'PUT', path: PATH, body: 'x' });
    expect(failed).toMatchObject({ status: 500, code: 'InternalError' });
    expect(failed.body).not.toContain(dataDir);
    expect(await call({ endpoint, path: PATH })).toMatchObject({ code: 'NoSuchKey' });
    await mkdir(data);
  });

  test('keeps connections alive', async () => {
    const { endpoint } = await startStore();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    afterThisTest(() => agent.destroy());
    const { hostname, port } = new URL(endpoint);
    const sockets = new Set<unknown>();
    for (let turn = 0; turn < 3; turn++) {
      const { target, headers } = sign({ endpoint, path: PATH });
      const request = get({ hostname, port, path: target, headers, agent });
      const [response] = await once(request, 'response');
      sockets.add(response.socket);
      response.resume();
      await once(response, 'end');
      await setImmediate();
    }
    expect(sockets.size).toBe(1);
  });

  test('survives what is no HTTP', async () => {
    const { endpoint } = await startStore();
    expect(await sendRaw(endpoint, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(await sendRaw(endpoint, 'GET http://elsewhere/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')).toContain(
      'InvalidURI',
    );
    expect(await sendRaw(endpoint, 'GET / HTTP/1.1\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(await call({ endpoint, path: '/' })).toMatchObject({ status: 200 });
  });

  test('closes idle connections at once, twice if asked, and finishes the request that runs', async () => {
    const { server, client, endpoint, dataDir } = await startStore();
    const body = Buffer.alloc(16 * 1024 * 1024, 'o');
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: body }));
    const reading = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k' }));
    const closed = Promise.all([server.close(), server.close()]);
    expect((await reading.Body?.transformToByteArray())?.length).toBe(body.length);
    await closed;
    await expect(call({ endpoint, path: PATH })).rejects.toThrow('ECONNREFUSED');
    expect(await readdir(dataDir)).toEqual([BUCKET]);
  });
});
