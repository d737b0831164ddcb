// What the tests of the embedded store share: servers in temporary folders, and requests in one line each.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'node:querystring';
import { buffer } from 'node:stream/consumers';
import { S3Client } from '@aws-sdk/client-s3';
import { expect } from '@jest/globals';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { type EmbeddedS3Options, startEmbeddedS3 } from '../src/server.ts';
import { encodeUri } from '../src/uri.ts';

export const BUCKET = 'recordings';
export const ROOT = { accessKeyId: 'ROOTKEY', secretAccessKey: 'root-secret' };
export const UPLOADER = { accessKeyId: 'UPLOADKEY', secretAccessKey: 'upload-secret', uploadOnly: true };
export const UNSIGNED = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
export const FIVE_MIB = 5 * 1024 * 1024;

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'embedded-s3-'));
  afterThisTest(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function startStore(options: Partial<EmbeddedS3Options> = {}) {
  const dataDir = options.dataDir ?? (await temporaryFolder());
  const server = await startEmbeddedS3({ bucket: BUCKET, credentials: [ROOT, UPLOADER], ...options, dataDir });
  afterThisTest(() => server.close());
  const inside = (...names: string[]) => join(dataDir, BUCKET, ...names);
  return { server, dataDir, inside, ...asking(server.endpoint, dataDir) };
}

/** The store in a process of its own, until it is killed, at the latest at the end of the test. */
export async function startChild(dataDir: string, port = '0') {
  const script = join(import.meta.dirname, 'crash-child.ts');
  const child = spawn(process.execPath, [script, dataDir, port], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  async function kill(): Promise<void> {
    child.kill('SIGKILL');
    await exited;
  }
  afterThisTest(kill);
  const [endpoint] = await once(child.stdout, 'data');
  return { child, endpoint: String(endpoint).trim(), exited, kill };
}

/** A request as it goes out. */
interface RawRequest {
  method?: string;
  target: string;
  headers?: Record<string, string>;
  body?: string | Buffer | undefined;
}

/** How a test talks to a store that another process may run. */
export function asking(endpoint: string, dataDir: string) {
  const { hostname, port } = new URL(endpoint);

  /** Sends a request exactly as given, up to the head of its answer; unlike fetch it leaves the target alone. */
  async function open({ method = 'GET', target, headers = {}, body }: RawRequest, agent?: Agent) {
    const sent = request({ hostname, port, method, path: target, headers, agent }).end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }

  async function send(raw: RawRequest) {
    const response = await open(raw);
    const body = (await buffer(response)).toString();
    const status = response.statusCode ?? 0;
    return { status, outcome: [status, ...allOf(body, 'Code')].join(' '), headers: response.headers, body };
  }

  const ask = async (line: string, options?: SignOptions) => send(await sign(endpoint, line, options));
  return {
    endpoint,
    open,
    send,
    ask,
    sign: (line: string, options?: SignOptions) => sign(endpoint, line, options),
    /** The status of the answer and the code of its error, as in '404 NoSuchKey'. */
    outcome: async (line: string, options?: SignOptions) => (await ask(line, options)).outcome,
    /** Opens a connection and writes the head of a signed request to it; the test writes the rest. */
    sendHead: ({ method, target, headers }: Signed, more: Record<string, string>): Socket => {
      const socket = connect(Number(port), hostname);
      const lines = Object.entries({ ...headers, ...more }).map((pair) => pair.join(': '));
      socket.write([`${method} ${target} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
      return socket;
    },
    /** The names of the files that hold bytes of objects and parts, or drafts of records. */
    files: async () => {
      const names = await Promise.all(['data', 'temporary'].map((name) => readdir(join(dataDir, BUCKET, name))));
      return names.flat();
    },
    /** Starts an upload and returns its id. */
    begin: async (key: string, headers: Record<string, string> = {}) => {
      const [uploadId = ''] = allOf((await ask(`POST ${key}?uploads`, { headers })).body, 'UploadId');
      expect(uploadId).not.toBe('');
      return uploadId;
    },
  };
}

/** The texts of all elements of a name that have no elements in them. */
export function allOf(xml: string, element: string): string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map(([, text = '']) => text);
}

export interface SignOptions {
  /** The decoded key, where the line cannot have it. */
  key?: string;
  /** More parameters, decoded. */
  query?: Record<string, string | string[]>;
  headers?: Record<string, string>;
  body?: string | Buffer;
  at?: number;
  credentials?: typeof ROOT;
  /** A presigned URL with this lifetime, in place of an Authorization header; x-amz-* headers move into its query. */
  expires?: number;
}

export type Signed = Awaited<ReturnType<typeof sign>>;

const { sha256 } = new S3Client({ region: 'us-east-1' }).config;

/**
 * Signs as the SDK does.
 * The line is a method and a key of the bucket, as in 'PUT k?tagging', or a method and a whole path, as in 'GET /other/k'.
 */
async function sign(endpoint: string, line: string, options: SignOptions = {}) {
  const { credentials = ROOT, at = Date.now(), body, expires } = options;
  const [method = '', place = '', search = ''] = line.split(/[ ?]/);
  const whole = options.key === undefined && /^(\/|$)/.test(place);
  const decoded = whole ? place || `/${BUCKET}` : `/${BUCKET}/${options.key ?? place}`;
  const unsigned = new HttpRequest({
    method,
    path: decoded.split('/').map(encodeUri).join('/'),
    query: { ...Object.fromEntries(new URLSearchParams(search)), ...options.query },
    headers: { host: new URL(endpoint).host, ...options.headers },
    // The payload of a URL is unsigned, as that of every body that is not bytes.
    body: expires === undefined ? body : {},
  });
  const signer = new SignatureV4({ credentials, region: 'us-east-1', service: 's3', sha256, uriEscapePath: false });
  const signingDate = new Date(at);
  const { path, query, headers } = await (expires === undefined
    ? signer.sign(unsigned, { signingDate })
    : signer.presign(unsigned, { signingDate, expiresIn: expires }));
  const target = `${path}?${stringify(query, '&', '=', { encodeURIComponent: encodeUri })}`;
  return { method, target, headers, body };
}
