// Plain HTTP to the store, as a browser or somebody with a stolen URL sends it: nothing is signed or put right here.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface Answer {
  /** 0: no answer came. */
  readonly status: number;
  /** The store's or the network's word, such as `AccessDenied` or `ECONNREFUSED`; '' when there is none. */
  readonly code: string;
  readonly headers: IncomingHttpHeaders;
  /** The first `MAX_BODY_BYTES`. */
  readonly body: Buffer;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Its length becomes the `content-length`, unless the headers say `transfer-encoding`. */
  readonly body?: Uint8Array | string;
}

export interface Wire {
  /** Never throws: an attacker's request that breaks the connection is an answer too. */
  send(url: string, sent?: Sent): Promise<Answer>;
  /** The public endpoint was not reachable from here: requests go to the service's own endpoint, under its host name. */
  readonly isDetour: boolean;
}

const MAX_BODY_BYTES = 64 * 1024;
const TIMEOUT_MS = 15_000;

/**
 * Sends where the URLs point. When nothing answers at `publicUrl` (a cluster that cannot reach itself from within), it
 * sends to `endpoint` instead and leaves the URL's host in the `Host` header, so that signatures stay valid.
 */
export async function openWire(publicUrl: string, endpoint: string | undefined): Promise<Wire> {
  const direct = wireTo(undefined);
  if (endpoint === undefined || new URL(endpoint).host === new URL(publicUrl).host) return direct;
  const answer = await direct.send(new URL('/', publicUrl).href, { method: 'HEAD' });
  return answer.status === 0 ? wireTo(endpoint) : direct;
}

function wireTo(origin: string | undefined): Wire {
  return { isDetour: origin !== undefined, send: (url, sent = {}) => exchange(new URL(url), sent, origin) };
}

function exchange(url: URL, { method = 'GET', headers = {}, body }: Sent, origin: string | undefined): Promise<Answer> {
  const { protocol, hostname, port } = origin === undefined ? url : new URL(origin);
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const give = (answer: Partial<Answer>) =>
    resolve({ status: 0, code: '', headers: {}, body: Buffer.alloc(0), ...answer });
  const request = (protocol === 'https:' ? httpsRequest : httpRequest)({
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port,
    method,
    path: url.pathname + url.search,
    headers: { host: url.host, ...headers },
    agent: false,
    timeout: TIMEOUT_MS,
  });
  request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
  request.on('error', (error) => give({ code: 'code' in error ? String(error.code) : error.name }));
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = () => {
      const text = Buffer.concat(chunks);
      const code = /<Code>([A-Za-z0-9.]{1,64})</.exec(text.toString('latin1'))?.[1] ?? '';
      give({ status: response.statusCode ?? 0, headers: response.headers, body: text, code });
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        finish();
        request.destroy();
      }
    });
    // The status had come before the connection broke.
    response.on('error', finish);
    response.on('end', finish);
  });
  request.end(body);
  return promise;
}

/** `403 AccessDenied`, for a report. */
export function describe({ status, code }: Answer): string {
  return [status === 0 ? 'no answer' : status, code].filter((word) => word !== '').join(' ');
}
