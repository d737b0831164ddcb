// What the tests of the embedded store share: servers in temporary folders, SDK clients, and a signer of their own.
import { createHash, createHmac } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { afterEach } from '@jest/globals';
import { type LocalS3, type LocalS3Options, startLocalS3 } from '../../src/local-s3/server.ts';

export const BUCKET = 'recordings';
export const ROOT = { accessKeyId: 'ROOTKEY', secretAccessKey: 'root-secret' };
export const UPLOADER = { accessKeyId: 'UPLOADKEY', secretAccessKey: 'upload-secret', uploadOnly: true };
export const FIVE_MIB = 5 * 1024 * 1024;

const cleanups: (() => unknown)[] = [];

/** Runs after the test, in reverse order. */
export function afterThisTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'local-s3-'));
  afterThisTest(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

export interface Store {
  server: LocalS3;
  endpoint: string;
  dataDir: string;
  client: S3Client;
}

export async function startStore(options: Partial<LocalS3Options> = {}): Promise<Store> {
  const dataDir = options.dataDir ?? (await temporaryFolder());
  const server = await startLocalS3({ bucket: BUCKET, credentials: [ROOT, UPLOADER], ...options, dataDir });
  afterThisTest(async () => {
    await server.close();
  });
  return { server, endpoint: server.endpoint, dataDir, client: sdkClient(server.endpoint) };
}

export function sdkClient(endpoint: string, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    credentials: ROOT,
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...config,
  });
  afterThisTest(() => {
    client.destroy();
  });
  return client;
}

/** The files that hold bytes of objects and parts, or drafts of records. */
export async function dataFiles(dataDir: string): Promise<string[]> {
  const names = await Promise.all(['data', 'temporary'].map((name) => readdir(join(dataDir, BUCKET, name))));
  return names.flat();
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** The code of an S3 error document. */
  code: string | undefined;
}

export interface RawRequest {
  method?: string;
  /** Request target, as it goes out. */
  target: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
}

/** One request exactly as given; node:http, unlike fetch, leaves the target alone. */
export async function send(
  endpoint: string,
  { method = 'GET', target, headers = {}, body }: RawRequest,
): Promise<Answer> {
  const { hostname, port } = new URL(endpoint);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpRequest({ hostname, port, method, path: target, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const code = /<Code>(.*?)<\/Code>/.exec(text)?.[1];
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, code });
    });
  });
  request.on('error', reject);
  request.end(body);
  return await promise;
}

/** Writes bytes to a connection and returns all that comes back until the server closes it. */
export async function sendRaw(endpoint: string, text: string): Promise<string> {
  const { hostname, port } = new URL(endpoint);
  const socket = connect(Number(port), hostname);
  socket.write(text, 'latin1');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

export function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Percent-encodes as SigV4 wants it; written byte by byte, unlike the code under test. */
export function uriEncode(text: string, keep = ''): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(char) || keep.includes(char)
        ? char
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

export interface SignOptions {
  method?: string;
  endpoint: string;
  /** Decoded; the bucket comes first. */
  path: string;
  query?: [string, string][];
  headers?: Record<string, string>;
  body?: string | Buffer;
  payloadHash?: string;
  at?: number;
  credential?: { accessKeyId: string; secretAccessKey: string };
  region?: string;
  service?: string;
  /** A presigned URL with this lifetime, in place of an Authorization header. */
  expires?: number | string;
}

export interface Signed extends RawRequest {
  headers: Record<string, string>;
  signing: { key: Buffer; timestamp: string; scope: string; signature: string };
}

/** Signs a request by the book: a second implementation of SigV4, to compare the first with. */
export function sign(options: SignOptions): Signed {
  const { method = 'GET', endpoint, path, body, at = Date.now(), credential = ROOT } = options;
  const { region = 'us-east-1', service = 's3', expires } = options;
  const timestamp = `${new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const day = timestamp.slice(0, 8);
  const scope = `${day}/${region}/${service}/aws4_request`;
  const payloadHash = options.payloadHash ?? (expires === undefined ? sha256(body ?? '') : 'UNSIGNED-PAYLOAD');
  const headers: Record<string, string> = { host: new URL(endpoint).host, ...options.headers };
  if (expires === undefined) Object.assign(headers, { 'x-amz-date': timestamp, 'x-amz-content-sha256': payloadHash });
  const names = Object.keys(headers).sort();
  const query: [string, string][] = [...(options.query ?? [])];
  if (expires !== undefined) {
    query.push(
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', `${credential.accessKeyId}/${scope}`],
      ['X-Amz-Date', timestamp],
      ['X-Amz-Expires', String(expires)],
      ['X-Amz-SignedHeaders', names.join(';')],
    );
  }
  const pairs = query.map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`);
  const canonical = [
    method,
    uriEncode(path, '/'),
    pairs
      .map((pair) => pair.split('=') as [string, string])
      .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
      .map((pair) => pair.join('='))
      .join('&'),
    ...names.map((name) => `${name}:${headers[name]?.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    payloadHash,
  ].join('\n');
  const key = hmac(hmac(hmac(hmac(`AWS4${credential.secretAccessKey}`, day), region), service), 'aws4_request');
  const signature = hmac(key, ['AWS4-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n')).toString('hex');
  if (expires !== undefined) pairs.push(`X-Amz-Signature=${signature}`);
  else {
    const fields = [`Credential=${credential.accessKeyId}/${scope}`, `SignedHeaders=${names.join(';')}`];
    headers.authorization = `AWS4-HMAC-SHA256 ${[...fields, `Signature=${signature}`].join(', ')}`;
  }
  const target = uriEncode(path, '/') + (pairs.length > 0 ? `?${pairs.join('&')}` : '');
  return {
    method,
    target,
    headers,
    ...(body !== undefined && { body }),
    signing: { key, timestamp, scope, signature },
  };
}

/** Signs and sends. */
export async function call(options: SignOptions): Promise<Answer> {
  return await send(options.endpoint, sign(options));
}

/** The name of the error a call of the SDK ends with. */
export async function errorName(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
  return 'no error';
}

/** Waits until the condition holds. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
