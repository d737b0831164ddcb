// What is stored is what was signed and announced, or nothing.
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { decodeAwsChunked } from '../../src/local-s3/aws-chunked.ts';
import { createChecksum } from '../../src/local-s3/checksums.ts';
import { BUCKET, call, dataFiles, FIVE_MIB, hmac, ROOT, type Signed, sdkClient, send, sha256, sign, startStore, until } from './support.ts'; // biome-ignore format: one line

const PATH = `/${BUCKET}/k`;

function crc32Of(body: string | Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString('base64');
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Encodes chunks the way a client does that signs each of them. */
function signedChunks({ signing }: Signed, chunks: Buffer[], trailer?: string): Buffer {
  let previous = signing.signature;
  const next = (kind: string, ...hashes: string[]) => {
    const text = [`AWS4-HMAC-SHA256-${kind}`, signing.timestamp, signing.scope, previous, ...hashes].join('\n');
    previous = hmac(signing.key, text).toString('hex');
    return previous;
  };
  const encoded = [...chunks, Buffer.alloc(0)].map((chunk) => {
    const head = `${chunk.length.toString(16)};chunk-signature=${next('PAYLOAD', sha256(''), sha256(chunk))}\r\n`;
    return Buffer.concat([Buffer.from(head), chunk, Buffer.from(chunk.length > 0 ? '\r\n' : '')]);
  });
  const end =
    trailer === undefined ? '' : `${trailer}\r\nx-amz-trailer-signature:${next('TRAILER', sha256(`${trailer}\n`))}\r\n`;
  return Buffer.concat([...encoded, Buffer.from(`${end}\r\n`)]);
}

interface Chunked {
  kind: string;
  headers?: Record<string, string>;
  encode: (signed: Signed) => string | Buffer;
  length?: number;
}

async function putChunked(endpoint: string, { kind, headers = {}, encode, length = 10 }: Chunked) {
  const signed = sign({
    endpoint,
    method: 'PUT',
    path: PATH,
    payloadHash: kind,
    headers: { 'x-amz-decoded-content-length': String(length), 'content-encoding': 'aws-chunked', ...headers },
  });
  return await send(endpoint, { ...signed, body: encode(signed) });
}

const CHUNKS = [Buffer.from('hello'), Buffer.from('world')];
const TRAILER = `x-amz-checksum-crc32:${crc32Of('helloworld')}`;
const SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
const WITH_TRAILER = { 'x-amz-trailer': 'x-amz-checksum-crc32' };

describe('a body', () => {
  test.each<[string, Record<string, string>, string | undefined, string]>([
    ['another content than was signed', {}, sha256('other'), 'XAmzContentSHA256Mismatch'],
    ['another MD5', { 'content-md5': createHash('md5').update('other').digest('base64') }, undefined, 'BadDigest'],
    ['an MD5 that is none', { 'content-md5': 'abc' }, undefined, 'InvalidDigest'],
    ['another CRC32', { 'x-amz-checksum-crc32': crc32Of('other') }, undefined, 'BadDigest'],
    ['another SHA-1', { 'x-amz-checksum-sha1': 'AAAA' }, undefined, 'BadDigest'],
    ['a checksum not known', { 'x-amz-checksum-md4': 'AAAA' }, undefined, 'NotImplemented'],
    [
      'an announced trailer that cannot come',
      { 'x-amz-trailer': 'x-amz-checksum-crc32' },
      undefined,
      'MalformedTrailerError',
    ],
  ])('with %s is refused and leaves nothing', async (_case, headers, payloadHash, code) => {
    const { endpoint, dataDir } = await startStore();
    const hash = payloadHash === undefined ? {} : { payloadHash };
    expect(await call({ endpoint, method: 'PUT', path: PATH, body: 'hello', headers, ...hash })).toMatchObject({
      code,
    });
    expect(await call({ endpoint, path: PATH })).toMatchObject({ code: 'NoSuchKey' });
    expect(await dataFiles(dataDir)).toEqual([]);
  });

  test('with every right checksum is stored', async () => {
    const { endpoint } = await startStore();
    const body = 'hello';
    const base64 = (algorithm: string) => createHash(algorithm).update(body).digest('base64');
    const headers = {
      'content-md5': base64('md5'),
      'x-amz-checksum-crc32': crc32Of(body),
      'x-amz-checksum-sha1': base64('sha1'),
      'x-amz-checksum-sha256': base64('sha256'),
    };
    expect(await call({ endpoint, method: 'PUT', path: PATH, body, headers })).toMatchObject({ status: 200 });
    expect(await call({ endpoint, method: 'PUT', path: PATH, body, payloadHash: 'UNSIGNED-PAYLOAD' })).toMatchObject({ status: 200 }); // biome-ignore format: one line
  });

  test.each([
    ['crc32', 'y/Q5Jg=='],
    ['crc32c', '4waSgw=='],
    ['crc64nvme', 'rosUhgp5mIg='],
  ])('has the %s that its catalogue gives for "123456789"', (algorithm, expected) => {
    const checksum = createChecksum(algorithm);
    checksum?.update(Buffer.from('1234'));
    checksum?.update(Buffer.from('56789'));
    expect(checksum?.digest()).toBe(expected);
  });

  test('must have a length', async () => {
    const { endpoint } = await startStore();
    const signed = sign({ endpoint, method: 'PUT', path: PATH, payloadHash: 'UNSIGNED-PAYLOAD' });
    const headers = { ...signed.headers, 'transfer-encoding': 'chunked' };
    expect(await send(endpoint, { ...signed, headers, body: 'hello' })).toMatchObject({ status: 411, code: 'MissingContentLength' }); // biome-ignore format: one line
  });

  test('that is announced larger than 5 GiB is refused before it is read', async () => {
    const { endpoint } = await startStore();
    const headers = { 'x-amz-decoded-content-length': String(5 * 1024 ** 3 + 1) };
    const answer = await call({ endpoint, method: 'PUT', path: PATH, headers, payloadHash: SIGNED, body: '' });
    expect(answer).toMatchObject({ status: 400, code: 'EntityTooLarge' });
  });

  test('cut off by the client leaves nothing', async () => {
    const { endpoint, dataDir } = await startStore();
    const { target, headers } = sign({ endpoint, method: 'PUT', path: PATH, payloadHash: 'UNSIGNED-PAYLOAD' });
    const lines = Object.entries({ ...headers, 'content-length': '1000000' }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    const { hostname, port } = new URL(endpoint);
    const socket = connect(Number(port), hostname);
    socket.write([`PUT ${target} HTTP/1.1`, ...lines, '', 'x'.repeat(100_000)].join('\r\n'));
    await until(async () => (await dataFiles(dataDir)).length === 1);
    socket.destroy();
    await until(async () => (await dataFiles(dataDir)).length === 0);
    expect(await call({ endpoint, path: PATH })).toMatchObject({ code: 'NoSuchKey' });
  });

  test('is asked for with 100 Continue only when it is wanted', async () => {
    const { endpoint } = await startStore();
    const put = async (secretAccessKey: string) => {
      const { promise, resolve, reject } = Promise.withResolvers<[number | undefined, boolean]>();
      const { method, target, headers } = sign({ endpoint, method: 'PUT', path: PATH, body: 'hello', credential: { ...ROOT, secretAccessKey } }); // biome-ignore format: one line
      const { hostname, port } = new URL(endpoint);
      const request = httpRequest({ hostname, port, path: target, headers: { ...headers, expect: '100-continue', 'content-length': '5' }, ...(method !== undefined && { method }) }); // biome-ignore format: one line
      let continued = false;
      request.on('continue', () => {
        continued = true;
        request.end('hello');
      });
      request.on('response', (response) => resolve([response.resume().statusCode, continued]));
      request.on('error', reject);
      request.flushHeaders();
      const outcome = await promise;
      request.destroy();
      return outcome;
    };
    expect(await put(ROOT.secretAccessKey)).toEqual([200, true]);
    expect(await put('wrong')).toEqual([403, false]);
  });

  test('refused midway leaves the connection usable', async () => {
    const { endpoint, client } = await startStore();
    const body = Buffer.alloc(FIVE_MIB, 1);
    const refused = await call({ endpoint, method: 'PUT', path: PATH, body, headers: { 'content-md5': 'abc' } });
    expect(refused.code).toBe('InvalidDigest');
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: body }));
  });
});

describe('an aws-chunked body', () => {
  test("equals Amazon's published example", async () => {
    // "Example: PUT Object" in the S3 API reference's chapter on chunked payloads.
    const day = hmac('AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', '20130524');
    const signing = {
      key: hmac(hmac(hmac(day, 'us-east-1'), 's3'), 'aws4_request'),
      timestamp: '20130524T000000Z',
      scope: '20130524/us-east-1/s3/aws4_request',
      signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    };
    const signatures = [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ];
    const text = ['10000', '400', '0']
      .map(
        (size, index) => `${size};chunk-signature=${signatures[index]}\r\n${'a'.repeat(Number.parseInt(size, 16))}\r\n`,
      )
      .join('');
    for (const pieceBytes of [7, 1000, 100_000]) {
      let size = 0;
      for await (const chunk of decodeAwsChunked(inPieces(Buffer.from(text), pieceBytes), {
        signing,
        hasTrailer: false,
      })) {
        size += chunk.length;
      }
      expect(size).toBe(66_560);
    }
  });

  test.each<[string, Chunked]>([
    ['signed chunks', { kind: SIGNED, encode: (signed) => signedChunks(signed, CHUNKS) }],
    ['signed chunks and a trailer', { kind: `${SIGNED}-TRAILER`, headers: WITH_TRAILER, encode: (signed) => signedChunks(signed, CHUNKS, TRAILER) }],
    ['unsigned chunks and a trailer', { kind: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', headers: WITH_TRAILER, encode: () => `5\r\nhello\r\n5\r\nworld\r\n0\r\n${TRAILER}\r\n\r\n` }],
  ])('of %s is stored without them', async (_case, chunked) => {
    const { endpoint } = await startStore();
    expect(await putChunked(endpoint, chunked)).toMatchObject({ status: 200 });
    const answer = await call({ endpoint, path: PATH });
    expect(answer).toMatchObject({ body: 'helloworld' });
    expect(answer.headers['content-encoding']).toBeUndefined();
  }); // biome-ignore format: a table

  const swap = (bytes: Buffer, from: string, to: string) => bytes.toString('latin1').replace(from, to);
  const unsigned = { kind: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', headers: WITH_TRAILER };
  test.each<[string, Chunked, string]>([
    ['changed bytes', { kind: SIGNED, encode: (signed) => swap(signedChunks(signed, CHUNKS), 'world', 'w0rld') }, 'SignatureDoesNotMatch'],
    ['chunks in another order', { kind: SIGNED, encode: (signed) => { const [a = '', b = '', ...rest] = signedChunks(signed, CHUNKS).toString('latin1').split(/(?<=hello\r\n|world\r\n)/); return [b, a, ...rest].join(''); } }, 'SignatureDoesNotMatch'],
    ['a chunk without signature', { kind: SIGNED, encode: () => '5\r\nhello\r\n0\r\n\r\n' }, 'InvalidRequest'],
    ['its last chunk missing', { kind: SIGNED, encode: (signed) => swap(signedChunks(signed, CHUNKS), '0;chunk', '').slice(0, 250) }, 'IncompleteBody'],
    ['fewer bytes than announced', { kind: SIGNED, length: 11, encode: (signed) => signedChunks(signed, CHUNKS) }, 'IncompleteBody'],
    ['more bytes than announced', { kind: SIGNED, length: 9, encode: (signed) => signedChunks(signed, CHUNKS) }, 'IncompleteBody'],
    ['bytes after its end', { kind: SIGNED, encode: (signed) => `${signedChunks(signed, CHUNKS).toString('latin1')}more` }, 'InvalidRequest'],
    ['a changed trailer', { kind: `${SIGNED}-TRAILER`, headers: WITH_TRAILER, encode: (signed) => swap(signedChunks(signed, CHUNKS, TRAILER), TRAILER, 'x-amz-checksum-crc32:AAAAAA==') }, 'SignatureDoesNotMatch'],
    ['a trailer without signature', { kind: `${SIGNED}-TRAILER`, headers: WITH_TRAILER, encode: (signed) => swap(signedChunks(signed, CHUNKS, TRAILER), 'x-amz-trailer-signature', 'x-other') }, 'MalformedTrailerError'],
    ['a wrong checksum in its trailer', { ...unsigned, encode: () => '5\r\nhello\r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n' }, 'BadDigest'],
    ['no trailer where one was announced', { ...unsigned, encode: () => '5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n' }, 'MalformedTrailerError'],
    ['a trailer that was not announced', { kind: unsigned.kind, encode: () => `5\r\nhello\r\n5\r\nworld\r\n0\r\n${TRAILER}\r\n\r\n` }, 'MalformedTrailerError'],
    ['a chunk longer than its size', { ...unsigned, encode: () => '5\r\nhello!\r\n0\r\n\r\n' }, 'InvalidRequest'],
    ['an endless chunk head', { ...unsigned, encode: () => '5'.repeat(100_000) }, 'InvalidRequest'],
    ['a kind of signature not known', { kind: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', encode: () => '' }, 'NotImplemented'],
  ])('with %s is refused and leaves nothing', async (_case, chunked, code) => {
    const { endpoint, dataDir } = await startStore();
    expect(await putChunked(endpoint, chunked)).toMatchObject({ code });
    expect(await call({ endpoint, path: PATH })).toMatchObject({ code: 'NoSuchKey' });
    expect(await dataFiles(dataDir)).toEqual([]);
  }); // biome-ignore format: a table

  test.each(['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const)('of the SDK with %s is understood', async (algorithm) => {
    const { endpoint } = await startStore();
    const client = sdkClient(endpoint, { requestChecksumCalculation: 'WHEN_SUPPORTED' });
    const input = { Bucket: BUCKET, Key: 'k', ChecksumAlgorithm: algorithm };
    await client.send(new PutObjectCommand({ ...input, Body: 'hello' }));
    await client.send(
      new PutObjectCommand({
        ...input,
        Body: Readable.from([Buffer.from('hello '), Buffer.from('streams')], { objectMode: false }),
        ContentLength: 13,
      }),
    );
    expect(await call({ endpoint, path: PATH })).toMatchObject({ body: 'hello streams' });
    await client.send(new CreateMultipartUploadCommand(input));
  });
});
