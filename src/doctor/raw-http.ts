// Raw HTTP to the store, as a browser or the holder of a stolen URL sends it: nothing is signed or corrected here.
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Presigner } from '../objectstore/presigner.ts';

export interface RawResponse {
  /** 0: there was no response. */
  readonly status: number;
  /** The store's or the network's code, such as `AccessDenied` or `ECONNREFUSED`; '' when there is none. */
  readonly code: string;
  readonly headers: IncomingHttpHeaders;
  /** The first `MAX_BODY_BYTES`. */
  readonly body: Buffer;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Its length becomes the `content-length`, unless the headers have `transfer-encoding`. */
  readonly body?: Uint8Array | string;
}

export interface RawHttp {
  /** Never throws: a broken connection is a response of status 0. */
  readonly send: (url: string, request?: RawRequest) => Promise<RawResponse>;
  /** The public endpoint was not reachable from here: requests go to the service's own endpoint, under its host name. */
  readonly isDetour: boolean;
}

const MAX_BODY_BYTES = 64 * 1024;
const TIMEOUT_MS = 15_000;

/** An object's address for browsers, without a signature. */
export async function unsignedUrl(presigner: Presigner, key = 'doctor'): Promise<URL> {
  const url = new URL(await presigner.presignPlayback(key, { contentType: 'text/plain' }, 1));
  url.search = '';
  return url;
}

/**
 * Sends where the URLs point. When nothing responds there (a cluster that cannot reach itself from within), it sends to
 * `endpoint` instead and leaves the URL's host in the `Host` header, so that signatures stay valid.
 */
export async function openRawHttp(presigner: Presigner, endpoint: string | undefined): Promise<RawHttp> {
  const url = await unsignedUrl(presigner);
  const hasAnother = endpoint !== undefined && new URL(endpoint).host !== url.host;
  const isDetour = hasAnother && (await exchange(new URL('/', url), { method: 'HEAD' })).status === 0;
  const origin = isDetour ? endpoint : undefined;
  return { isDetour, send: (to, request) => exchange(new URL(to), request, origin) };
}

async function exchange(
  url: URL,
  { method = 'GET', headers = {}, body }: RawRequest = {},
  origin = url.origin,
): Promise<RawResponse> {
  const { protocol, hostname, port } = new URL(origin);
  const request = (protocol === 'https:' ? httpsRequest : httpRequest)({
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port,
    method,
    path: url.pathname + url.search,
    headers: { host: url.host, ...headers },
    agent: false,
    timeout: TIMEOUT_MS,
  });
  request.on('timeout', () => request.destroy(Object.assign(new Error('no response'), { code: 'ETIMEDOUT' })));
  const responding = once(request, 'response') as Promise<[IncomingMessage]>;
  // A store may close the connection once it has responded, before it has read all of the body.
  request.on('error', () => {}).end(body);
  try {
    const [response] = await responding;
    const received = await beginningOf(response);
    const code = /<Code>([A-Za-z0-9.]{1,64})</.exec(received.toString('latin1'))?.[1] ?? '';
    return { status: response.statusCode ?? 0, headers: response.headers, body: received, code };
  } catch (error) {
    const { name = 'Unknown', code = name } = error as { name?: string; code?: string };
    return { status: 0, code, headers: {}, body: Buffer.alloc(0) };
  }
}

/** The body until its end, a broken connection, or `MAX_BODY_BYTES`. */
async function beginningOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BODY_BYTES) break;
    }
  } catch {
    // The status arrived before the connection broke.
  }
  return Buffer.concat(chunks);
}

/** `403 AccessDenied, no response ECONNRESET`, for a report; each response once. */
export function describe(...responses: readonly RawResponse[]): string {
  const described = responses.map(({ status, code }) =>
    [status === 0 ? 'no response' : status, code].filter((word) => word !== '').join(' '),
  );
  return [...new Set(described)].join(', ');
}

export function isSuccess({ status }: RawResponse): boolean {
  return status >= 200 && status < 400;
}
