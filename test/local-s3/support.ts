// What the tests of the embedded store share: servers in temporary folders, and requests in one line each.
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from '@jest/globals';
import { type LocalS3, type LocalS3Options, startLocalS3 } from '../../src/local-s3/server.ts';

export const BUCKET = 'recordings';
export const ROOT = { accessKeyId: 'ROOTKEY', secretAccessKey: 'root-secret' };
export const UPLOADER = { accessKeyId: 'UPLOADKEY', secretAccessKey: 'upload-secret', uploadOnly: true };
export const UNSIGNED = 'UNSIGNED-PAYLOAD';
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
  afterThisTest(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface Store {
  server: LocalS3;
  endpoint: string;
  dataDir: string;
  sign: (line: string, options?: SignOptions) => Signed;
  ask: (line: string, options?: SignOptions) => Promise<Answer>;
  /** The status of the answer and the code of its error, as in '404 NoSuchKey'. */
  outcome: (line: string, options?: SignOptions) => Promise<string>;
  /** The names of the files that hold bytes of objects and parts, or drafts of records. */
  files: () => Promise<string[]>;
  /** Starts an upload and returns its id. */
  begin: (key: string, headers?: Record<string, string>) => Promise<string>;
}

export async function startStore(options: Partial<LocalS3Options> = {}): Promise<Store> {
  const dataDir = options.dataDir ?? (await temporaryFolder());
  const server = await startLocalS3({ bucket: BUCKET, credentials: [ROOT, UPLOADER], ...options, dataDir });
  afterThisTest(() => server.close());
  return { server, dataDir, ...asking(server.endpoint, dataDir) };
}

/** How a test talks to a store that another process may run. */
export function asking(endpoint: string, dataDir: string): Omit<Store, 'server' | 'dataDir'> {
  const ask: Store['ask'] = (line, options) => send(endpoint, sign(endpoint, line, options));
  return {
    endpoint,
    ask,
    sign: (line, options) => sign(endpoint, line, options),
    outcome: async (line, options) => (await ask(line, options)).outcome,
    files: async () => {
      const names = await Promise.all(['data', 'temporary'].map((name) => readdir(join(dataDir, BUCKET, name))));
      return names.flat();
    },
    begin: async (key, headers = {}) => {
      const [uploadId] = allOf((await ask(`POST ${key}?uploads`, { headers })).body, 'UploadId');
      expect(uploadId).toBeDefined();
      return uploadId ?? '';
    },
  };
}

/** The texts of all elements of a name that have no elements in them. */
export function allOf(xml: string, element: string): string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map(([, text = '']) => text);
}

export interface Answer {
  status: number;
  outcome: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface RawRequest {
  method?: string;
  /** Request target, as it goes out. */
  target: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** Sends a request exactly as given, up to the head of its answer; unlike fetch it leaves the target alone. */
export async function open(endpoint: string, raw: RawRequest, options?: RequestOptions): Promise<IncomingMessage> {
  const { hostname, port } = new URL(endpoint);
  const { method = 'GET', target, headers = {}, body } = raw;
  const sent = request({ hostname, port, method, path: target, headers, ...options }).end(body);
  const [response] = await once(sent, 'response');
  return response;
}

export async function send(endpoint: string, raw: RawRequest): Promise<Answer> {
  const response = await open(endpoint, raw);
  const body = Buffer.concat(await Array.fromAsync(response)).toString();
  const status = response.statusCode ?? 0;
  return { status, outcome: [status, ...allOf(body, 'Code')].join(' '), headers: response.headers, body };
}

/** Opens a connection and writes to it: text, or the head of a signed request, which the test may go on with. */
export function sendRaw(endpoint: string, text: string | Signed, more: Record<string, string> = {}): Socket {
  const { hostname, port } = new URL(endpoint);
  const socket = connect(Number(port), hostname);
  if (typeof text === 'string') socket.write(text);
  else {
    const lines = Object.entries({ ...text.headers, ...more }).map((pair) => pair.join(': '));
    socket.write([`${text.method} ${text.target} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
  }
  return socket;
}

/** All that comes back until the server closes the connection. */
export async function received(socket: Socket): Promise<string> {
  return Buffer.concat(await Array.fromAsync(socket)).toString();
}

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Percent-encodes as SigV4 wants it; written byte by byte, unlike the code under test. */
function uriEncode(text: string, keep = /[\w.~-]/): string {
  return Array.from(Buffer.from(text), (byte) => {
    const char = String.fromCharCode(byte);
    return keep.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

export interface SignOptions {
  /** The decoded key, where the line cannot have it. */
  key?: string;
  /** More parameters, decoded. */
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
}

/**
 * Signs by the book: a second implementation of SigV4, to compare the first with.
 * The line is a method and a key of the bucket, as in 'PUT k?tagging', or a method and a whole path, as in 'GET /other/k'.
 */
function sign(endpoint: string, line: string, options: SignOptions = {}): Signed {
  const { headers: given, body, at = Date.now(), credential = ROOT, region = 'us-east-1', service = 's3' } = options;
  const { expires, payloadHash = expires === undefined ? sha256(body ?? '') : UNSIGNED } = options;
  const [method = '', place = '', search = ''] = line.split(/[ ?]/);
  const whole = options.key === undefined && (place === '' || place.startsWith('/'));
  const path = uriEncode(whole ? place || `/${BUCKET}` : `/${BUCKET}/${options.key ?? place}`, /[\w.~/-]/);
  const timestamp = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = [timestamp.slice(0, 8), region, service, 'aws4_request'];
  const headers: Record<string, string> = { host: new URL(endpoint).host, ...given };
  if (expires === undefined) Object.assign(headers, { 'x-amz-date': timestamp, 'x-amz-content-sha256': payloadHash });
  const names = Object.keys(headers).sort();
  const query = search === '' ? [] : search.split('&').map((pair) => pair.split('='));
  query.push(...(options.query ?? []));
  if (expires !== undefined) {
    query.push(
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', [credential.accessKeyId, ...scope].join('/')],
      ['X-Amz-Date', timestamp],
      ['X-Amz-Expires', String(expires)],
      ['X-Amz-SignedHeaders', names.join(';')],
    );
  }
  const pairs = query.map(([name = '', value = '']) => `${uriEncode(name)}=${uriEncode(value)}`);
  // '=' sorts behind digits, and a name must sort before a longer one: as if it ended with what sorts before all.
  const sorted = pairs.map((pair) => pair.replace('=', '\0')).sort();
  const canonical = [
    method,
    path,
    sorted.join('&').replaceAll('\0', '='),
    ...names.map((name) => `${name}:${headers[name]?.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    payloadHash,
  ];
  const signingKey = scope.reduce<string | Buffer>(hmac, `AWS4${credential.secretAccessKey}`) as Buffer;
  const text = ['AWS4-HMAC-SHA256', timestamp, scope.join('/'), sha256(canonical.join('\n'))].join('\n');
  const signature = hmac(signingKey, text).toString('hex');
  if (expires !== undefined) pairs.push(`X-Amz-Signature=${signature}`);
  else {
    const claim = `Credential=${[credential.accessKeyId, ...scope].join('/')}, SignedHeaders=${names.join(';')}`;
    headers.authorization = `AWS4-HMAC-SHA256 ${claim}, Signature=${signature}`;
  }
  const target = [path, ...(pairs.length > 0 ? [pairs.join('&')] : [])].join('?');
  return { method, target, headers, ...(body !== undefined && { body }) };
}

/** Waits until the condition holds. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
