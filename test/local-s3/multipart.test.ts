// Multipart uploads, from their start to their end.
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  paginateListParts,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { BUCKET, call, dataFiles, errorName, FIVE_MIB, send, sign, startStore, until } from './support.ts';

const K = { Bucket: BUCKET, Key: 'k' };
const FULL = Buffer.alloc(FIVE_MIB, 'a');

async function create(client: S3Client, Key = 'k'): Promise<string> {
  return (await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }))).UploadId ?? '';
}

async function part(client: S3Client, UploadId: string, PartNumber: number, Body: Buffer | string) {
  const { ETag } = await client.send(new UploadPartCommand({ ...K, UploadId, PartNumber, Body }));
  return { PartNumber, ETag };
}

function complete(client: S3Client, UploadId: string, Parts: { PartNumber: number; ETag: string | undefined }[]) {
  return client.send(new CompleteMultipartUploadCommand({ ...K, UploadId, MultipartUpload: { Parts } }));
}

describe('a multipart upload', () => {
  test('becomes one object of its parts, without a copy', async () => {
    const { client, dataDir } = await startStore();
    const { UploadId = '' } = await client.send(
      new CreateMultipartUploadCommand({ ...K, ContentType: 'video/webm', Metadata: { a: 'b' }, Tagging: 'c=d' }),
    );
    const parts = [await part(client, UploadId, 2, FULL), await part(client, UploadId, 7, 'the end')];
    const files = await dataFiles(dataDir);
    const done = await complete(client, UploadId, parts);
    expect(await dataFiles(dataDir)).toEqual(files);

    const md5 = (data: Buffer | string) => createHash('md5').update(data).digest();
    const etag = `"${createHash('md5').update(Buffer.concat([md5(FULL), md5('the end')])).digest('hex')}-2"`; // biome-ignore format: one line
    expect(done).toMatchObject({ Bucket: BUCKET, Key: 'k', ETag: etag });
    const head = await client.send(new HeadObjectCommand(K));
    expect(head).toMatchObject({ ETag: etag, ContentLength: FIVE_MIB + 7, ContentType: 'video/webm', Metadata: { a: 'b' }, TagCount: 1 }); // biome-ignore format: one line
    const whole = await (await client.send(new GetObjectCommand(K))).Body?.transformToByteArray();
    expect(Buffer.concat([FULL, Buffer.from('the end')]).equals(whole ?? Buffer.alloc(0))).toBe(true);
    const range = async (Range: string) => await (await client.send(new GetObjectCommand({ ...K, Range }))).Body?.transformToString(); // biome-ignore format: one line
    expect(await range(`bytes=${FIVE_MIB - 3}-${FIVE_MIB + 2}`)).toBe('aaathe');
    expect(await range(`bytes=${FIVE_MIB}-`)).toBe('the end');
    expect(await range('bytes=0-1')).toBe('aa');
  });

  test('keeps no bytes of a part that was replaced, or that its completion does not name', async () => {
    const { client, dataDir } = await startStore();
    const UploadId = await create(client);
    await part(client, UploadId, 1, 'not this');
    await part(client, UploadId, 2, 'nor this');
    const named = await part(client, UploadId, 2, 'this');
    expect(await dataFiles(dataDir)).toHaveLength(2);
    await complete(client, UploadId, [named]);
    expect(await (await client.send(new GetObjectCommand(K))).Body?.transformToString()).toBe('this');
    expect(await dataFiles(dataDir)).toHaveLength(1);
  });

  test('lists its parts in order, page by page', async () => {
    const { client } = await startStore();
    const UploadId = await create(client);
    for (const number of [10, 2, 1, 9]) await part(client, UploadId, number, `part ${number}`);
    const pages: (number | undefined)[][] = [];
    for await (const page of paginateListParts({ client, pageSize: 3 }, { ...K, UploadId })) {
      expect(page).toMatchObject({ Bucket: BUCKET, Key: 'k', UploadId, MaxParts: 3 });
      pages.push((page.Parts ?? []).map(({ PartNumber }) => PartNumber));
    }
    expect(pages).toEqual([[1, 2, 9], [10]]);
    const none = await client.send(new ListPartsCommand({ ...K, UploadId, MaxParts: 0 }));
    expect(none).toMatchObject({ IsTruncated: false });
  });

  test('is not completed with parts that are wrong, and can be afterwards', async () => {
    const { client, endpoint } = await startStore();
    const UploadId = await create(client);
    const one = await part(client, UploadId, 1, 'small');
    const two = await part(client, UploadId, 2, 'also small');
    const three = await part(client, UploadId, 3, FULL);
    const outcome = async (parts: Parameters<typeof complete>[2]) => await errorName(complete(client, UploadId, parts));
    expect(await outcome([two, one])).toBe('InvalidPartOrder');
    expect(await outcome([one, one])).toBe('InvalidPartOrder');
    expect(await outcome([one, two])).toBe('EntityTooSmall');
    expect(await outcome([{ ...one, ETag: two.ETag }])).toBe('InvalidPart');
    expect(await outcome([{ ...one, PartNumber: 4 }])).toBe('InvalidPart');
    expect(await outcome([])).toBe('MalformedXML');
    for (const body of ['', '<CompleteMultipartUpload/>', '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>']) {
      const answer = await call({ endpoint, method: 'POST', path: `/${BUCKET}/k`, query: [['uploadId', UploadId]], body });
      expect(answer).toMatchObject({ code: 'MalformedXML' });
    } // biome-ignore format: a table
    expect(await errorName(client.send(new HeadObjectCommand(K)))).toBe('NotFound');
    await complete(client, UploadId, [three]);
  });

  test('can be completed on condition that there is no such object', async () => {
    const { client } = await startStore();
    const UploadId = await create(client);
    const Parts = [await part(client, UploadId, 1, 'x')];
    await client.send(new PutObjectCommand({ ...K, Body: 'first' }));
    const command = new CompleteMultipartUploadCommand({
      ...K,
      UploadId,
      MultipartUpload: { Parts },
      IfNoneMatch: '*',
    });
    expect(await errorName(client.send(command))).toBe('PreconditionFailed');
    await complete(client, UploadId, Parts);
  });

  test.each(['0', '10001', '-1', 'x', ''])('has no part number %j', async (number) => {
    const { client, endpoint } = await startStore();
    const query: [string, string][] = [['partNumber', number], ['uploadId', await create(client)]]; // biome-ignore format: one line
    const answer = await call({ endpoint, method: 'PUT', path: `/${BUCKET}/k`, query, body: 'x' });
    expect(answer).toMatchObject({ status: 400, code: 'InvalidArgument' });
  });

  test('takes no copy for a part, and no part without a length', async () => {
    const { client, endpoint } = await startStore();
    const query: [string, string][] = [['partNumber', '10000'], ['uploadId', await create(client)]]; // biome-ignore format: one line
    const path = `/${BUCKET}/k`;
    const copy = await call({ endpoint, method: 'PUT', path, query, headers: { 'x-amz-copy-source': '/a/b' } });
    expect(copy).toMatchObject({ status: 501, code: 'NotImplemented' });
    const signed = sign({ endpoint, method: 'PUT', path, query, payloadHash: 'UNSIGNED-PAYLOAD' });
    const headers = { ...signed.headers, 'transfer-encoding': 'chunked' };
    expect(await send(endpoint, { ...signed, headers, body: 'x' })).toMatchObject({ status: 411 });
    expect(await call({ endpoint, method: 'PUT', path, query, body: 'x' })).toMatchObject({ status: 200 });
  });

  test('that is aborted while a part comes in keeps nothing of it', async () => {
    const { client, endpoint, dataDir } = await startStore();
    const UploadId = await create(client);
    const query: [string, string][] = [['partNumber', '1'], ['uploadId', UploadId]]; // biome-ignore format: one line
    const signed = sign({ endpoint, method: 'PUT', path: `/${BUCKET}/k`, query, payloadHash: 'UNSIGNED-PAYLOAD' });
    const lines = Object.entries({ ...signed.headers, 'content-length': '10', connection: 'close' }).map((pair) => pair.join(': ')); // biome-ignore format: one line
    const socket = connect(Number(new URL(endpoint).port), '127.0.0.1');
    socket.write([`PUT ${signed.target} HTTP/1.1`, ...lines, '', '12345'].join('\r\n'));
    await until(async () => (await dataFiles(dataDir)).length === 1);
    await client.send(new AbortMultipartUploadCommand({ ...K, UploadId }));
    socket.write('67890');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1.1 404 .*NoSuchUpload/s);
    expect(await dataFiles(dataDir)).toEqual([]);
  });
});

describe('the listing of uploads', () => {
  test('knows prefix, delimiter and markers', async () => {
    const { client } = await startStore();
    for (const key of ['a', 'b/1', 'b/2', 'b/2/x', 'c']) await create(client, key);
    const list = async (input: object) => {
      const page = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, ...input }));
      return [
        ...(page.Uploads ?? []).map(({ Key }) => Key),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      ];
    };
    expect(await list({ Prefix: 'b/' })).toEqual(['b/1', 'b/2', 'b/2/x']);
    expect(await list({ Delimiter: '/' })).toEqual(['a', 'c', 'b/']);
    expect(await list({ Prefix: 'b/', Delimiter: '/' })).toEqual(['b/1', 'b/2', 'b/2/']);
    expect(await list({ KeyMarker: 'b/1' })).toEqual(['b/2', 'b/2/x', 'c']);
    expect(await list({ KeyMarker: 'b/', Delimiter: '/' })).toEqual(['c']);
    expect(await list({ Delimiter: '/', MaxUploads: 2 })).toEqual(['a', 'b/']);
    expect(await list({ Prefix: 'nothing' })).toEqual([]);
  });
});
