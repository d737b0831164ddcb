// What is stored is what was signed and announced, or nothing.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { CreateMultipartUploadCommand, DeleteObjectsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { decodeAwsChunked } from '../../src/local-s3/aws-chunked.ts';
import { createChecksum } from '../../src/local-s3/checksums.ts';
import { afterThisTest, BUCKET, FIVE_MIB, hmac, ROOT, received, type Signed, type SignOptions, type Store, send, sendRaw, sha256, startStore, UNSIGNED, until } from './support.ts'; // biome-ignore format: one line

const base64 = (algorithm: string, body: string) => createHash(algorithm).update(body).digest('base64');

function crc32Of(body: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString('base64');
}

async function expectNothing({ outcome, files }: Store): Promise<void> {
  expect(await outcome('GET k')).toBe('404 NoSuchKey');
  expect(await files()).toEqual([]);
}

describe('a body', () => {
  test.each<[string, SignOptions, string]>([
    ['another content than was signed', { payloadHash: sha256('other') }, '400 XAmzContentSHA256Mismatch'],
    ['another MD5', { headers: { 'content-md5': base64('md5', 'other') } }, '400 BadDigest'],
    ['an MD5 that is none', { headers: { 'content-md5': 'abc' } }, '400 InvalidDigest'],
    ['another CRC32', { headers: { 'x-amz-checksum-crc32': crc32Of('other') } }, '400 BadDigest'],
    ['another SHA-1', { headers: { 'x-amz-checksum-sha1': 'AAAA' } }, '400 BadDigest'],
    ['a checksum not known', { headers: { 'x-amz-checksum-md4': 'AAAA' } }, '501 NotImplemented'],
    ['a trailer that cannot come', { headers: { 'x-amz-trailer': 'x-amz-checksum-crc32' } }, '400 MalformedTrailerError'],
    ['no length', { headers: { 'transfer-encoding': 'chunked' }, payloadHash: UNSIGNED }, '411 MissingContentLength'],
    ['more than 5 GiB announced', { headers: { 'x-amz-decoded-content-length': String(5 * 1024 ** 3 + 1) }, payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' }, '400 EntityTooLarge'],
  ])('with %s is refused and leaves nothing', async (_case, options, outcome) => {
    const store = await startStore();
    expect(await store.outcome('PUT k', { body: 'hello', ...options })).toBe(outcome);
    await expectNothing(store);
  }); // biome-ignore format: a table

  test('with every right checksum is stored, and so is one unsigned', async () => {
    const { outcome } = await startStore();
    const body = 'hello';
    const headers = {
      'content-md5': base64('md5', body),
      'x-amz-checksum-crc32': crc32Of(body),
      'x-amz-checksum-sha1': base64('sha1', body),
      'x-amz-checksum-sha256': base64('sha256', body),
    };
    expect(await outcome('PUT k', { body, headers })).toBe('200');
    expect(await outcome('PUT k', { body, payloadHash: UNSIGNED })).toBe('200');
  });

  test.each([
    ['crc32', 'y/Q5Jg=='],
    ['crc32c', '4waSgw=='],
    ['crc64nvme', 'rosUhgp5mIg='],
  ])('has the %s that its catalogue gives for "123456789"', (algorithm, expected) => {
    const checksum = createChecksum(algorithm);
    for (const piece of ['1234', '56789']) checksum?.update(Buffer.from(piece));
    expect(checksum?.digest()).toBe(expected);
  });

  test('cut off by the client leaves nothing', async () => {
    const store = await startStore();
    const signed = store.sign('PUT k', { payloadHash: UNSIGNED });
    const socket = sendRaw(store.endpoint, signed, { 'content-length': '1000000' });
    socket.write('x'.repeat(100_000));
    await until(async () => (await store.files()).length === 1);
    socket.destroy();
    await until(async () => (await store.files()).length === 0);
    await expectNothing(store);
  });

  test('is asked for with 100 Continue only when it is wanted', async () => {
    const { endpoint, sign } = await startStore();
    const headers = { expect: '100-continue', 'content-length': '5', connection: 'close' };
    const wanted = sendRaw(endpoint, sign('PUT k', { body: 'hello' }), headers);
    const [first] = await once(wanted, 'data');
    expect(String(first)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    wanted.write('hello');
    expect(await received(wanted)).toMatch(/^HTTP\/1.1 200 /);
    const credential = { ...ROOT, secretAccessKey: 'wrong' };
    const unwanted = sendRaw(endpoint, sign('PUT k', { body: 'hello', credential }), headers);
    expect(await received(unwanted)).toMatch(/^HTTP\/1.1 403 /);
  });

  test('refused midway leaves the connection usable', async () => {
    const { outcome } = await startStore();
    const body = Buffer.alloc(FIVE_MIB, 1);
    expect(await outcome('PUT k', { body, headers: { 'content-md5': 'abc' } })).toBe('400 InvalidDigest');
    expect(await outcome('PUT k', { body })).toBe('200');
  });
});

/** Encodes chunks the way a client does that signs each of them. */
function signedChunks({ signing }: Signed, trailer?: string): string {
  let previous = signing.signature;
  const next = (kind: string, ...hashes: string[]) => {
    const text = [`AWS4-HMAC-SHA256-${kind}`, signing.timestamp, signing.scope, previous, ...hashes].join('\n');
    previous = hmac(signing.key, text).toString('hex');
    return previous;
  };
  const encoded = ['hello', 'world', ''].map((chunk) => {
    const signature = next('PAYLOAD', sha256(''), sha256(chunk));
    return `${chunk.length.toString(16)};chunk-signature=${signature}\r\n${chunk}${chunk && '\r\n'}`;
  });
  if (trailer !== undefined) {
    encoded.push(`${trailer}\r\nx-amz-trailer-signature:${next('TRAILER', sha256(`${trailer}\n`))}\r\n`);
  }
  return `${encoded.join('')}\r\n`;
}

describe('an aws-chunked body', () => {
  test("equals Amazon's published example", async () => {
    // "Example: PUT Object" in the S3 API reference's chapter on chunked payloads.
    const scope = '20130524/us-east-1/s3/aws4_request';
    const secret: Buffer = Buffer.from('AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
    const signing = {
      key: scope.split('/').reduce(hmac, secret),
      timestamp: '20130524T000000Z',
      scope,
      signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    };
    const chunks: [string, string][] = [
      ['10000', 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'],
      ['400', '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'],
      ['0', 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'],
    ];
    const encoded = chunks.map(([size, signature]) => `${size};chunk-signature=${signature}\r\n${'a'.repeat(Number.parseInt(size, 16))}\r\n`); // biome-ignore format: one line
    for (const highWaterMark of [7, 1000, 100_000]) {
      const text = Buffer.from(encoded.join(''));
      const pieces = Array.from({ length: Math.ceil(text.length / highWaterMark) }, (_, at) =>
        text.subarray(at * highWaterMark, (at + 1) * highWaterMark),
      );
      const decoded = await Array.fromAsync(decodeAwsChunked(Readable.from(pieces), { signing, hasTrailer: false }));
      expect(Buffer.concat(decoded)).toHaveLength(66_560);
    }
  });

  type Encode = (signed: Signed) => string;
  const CRC = 'x-amz-checksum-crc32';
  const TRAILER = `${CRC}:${crc32Of('helloworld')}`;
  const ZERO = `${CRC}:AAAAAA==`;
  const HELLO = '5\r\nhello\r\n5\r\nworld\r\n0\r\n';
  const SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
  const SIGNED_TRAILER = `${SIGNED}-TRAILER`;
  const UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const chunks: Encode = (signed) => signedChunks(signed);
  const withTrailer: Encode = (signed) => signedChunks(signed, TRAILER);
  const changed = (encode: Encode, from: string | RegExp, to: string): Encode => (signed) => encode(signed).replace(from, to); // biome-ignore format: one line

  async function put(
    { endpoint, sign }: Store,
    payloadHash: string,
    encode: Encode,
    more: Record<string, string> = payloadHash.endsWith('TRAILER') ? { 'x-amz-trailer': CRC } : {},
  ): Promise<string> {
    const headers = { 'x-amz-decoded-content-length': '10', 'content-encoding': 'aws-chunked', ...more };
    const signed = sign('PUT k', { payloadHash, headers });
    return (await send(endpoint, { ...signed, body: encode(signed) })).outcome;
  }

  test.each<[string, string, Encode]>([
    ['signed chunks', SIGNED, chunks],
    ['signed chunks and a trailer', SIGNED_TRAILER, withTrailer],
    ['unsigned chunks and a trailer', UNSIGNED_TRAILER, () => `${HELLO}${TRAILER}\r\n\r\n`],
  ])('of %s is stored without them', async (_case, kind, encode) => {
    const store = await startStore();
    expect(await put(store, kind, encode)).toBe('200');
    const { body, headers } = await store.ask('GET k');
    expect([body, headers['content-encoding']]).toEqual(['helloworld', undefined]);
  });

  test.each<[string, string, Encode, string, Record<string, string>?]>([
    ['changed bytes', SIGNED, changed(chunks, 'world', 'w0rld'), '403 SignatureDoesNotMatch'],
    ['chunks in another order', SIGNED, changed(chunks, /(.*\r\nhello\r\n)(.*\r\nworld\r\n)/, '$2$1'), '403 SignatureDoesNotMatch'],
    ['a chunk without signature', SIGNED, () => '5\r\nhello\r\n0\r\n\r\n', '400 InvalidRequest'],
    ['its last chunk missing', SIGNED, changed(chunks, /0;chunk.*/s, ''), '400 IncompleteBody'],
    ['fewer bytes than announced', SIGNED, chunks, '400 IncompleteBody', { 'x-amz-decoded-content-length': '11' }],
    ['more bytes than announced', SIGNED, chunks, '400 IncompleteBody', { 'x-amz-decoded-content-length': '9' }],
    ['bytes after its end', SIGNED, changed(chunks, /$/, 'more'), '400 InvalidRequest'],
    ['a changed trailer', SIGNED_TRAILER, changed(withTrailer, TRAILER, ZERO), '403 SignatureDoesNotMatch'],
    ['a trailer without signature', SIGNED_TRAILER, changed(withTrailer, 'x-amz-trailer-signature', 'x-other'), '400 MalformedTrailerError'],
    ['a wrong checksum in its trailer', UNSIGNED_TRAILER, () => `${HELLO}${ZERO}\r\n\r\n`, '400 BadDigest'],
    ['no trailer where one was announced', UNSIGNED_TRAILER, () => `${HELLO}\r\n`, '400 MalformedTrailerError'],
    ['a trailer that was not announced', UNSIGNED_TRAILER, () => `${HELLO}${TRAILER}\r\n\r\n`, '400 MalformedTrailerError', {}],
    ['a chunk longer than its size', UNSIGNED_TRAILER, () => '5\r\nhello!\r\n0\r\n\r\n', '400 InvalidRequest'],
    ['an endless chunk head', UNSIGNED_TRAILER, () => '5'.repeat(100_000), '400 InvalidRequest'],
    ['a kind of signature not known', 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', () => '', '501 NotImplemented'],
  ])('with %s is refused and leaves nothing', async (_case, kind, encode, outcome, ...more) => {
    const store = await startStore();
    expect(await put(store, kind, encode, ...more)).toBe(outcome);
    await expectNothing(store);
  }); // biome-ignore format: a table

  test.each(['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const)('of the SDK with %s is understood', async (algorithm) => {
    const { endpoint, ask, outcome } = await startStore();
    const client = new S3Client({ endpoint, region: 'us-east-1', credentials: ROOT, forcePathStyle: true });
    afterThisTest(() => client.destroy());
    const input = { Bucket: BUCKET, Key: 'k', ChecksumAlgorithm: algorithm };
    await client.send(new PutObjectCommand({ ...input, Body: 'hello' }));
    const Body = Readable.from([Buffer.from('hello '), Buffer.from('streams')], { objectMode: false });
    await client.send(new PutObjectCommand({ ...input, Body, ContentLength: 13 }));
    expect((await ask('GET k')).body).toBe('hello streams');
    await client.send(new CreateMultipartUploadCommand(input));
    await client.send(new DeleteObjectsCommand({ ...input, Delete: { Objects: [{ Key: 'k' }] } }));
    expect(await outcome('GET k')).toBe('404 NoSuchKey');
  });
});
