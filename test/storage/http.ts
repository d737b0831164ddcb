// Plain HTTP requests for tests: what a browser, or somebody with a stolen URL, would send.
import { once } from 'node:events';
import { type IncomingMessage, request as requestOf } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface HttpOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Its length becomes the `content-length`. */
  readonly body?: Uint8Array | string;
  /** Connects there, whatever host the URL names. */
  readonly connectTo?: string;
}

export async function send(url: string, options: HttpOptions = {}) {
  const { method = 'GET', headers = {}, body, connectTo = url } = options;
  const { hostname, port } = new URL(connectTo);
  const { host, pathname, search } = new URL(url);
  const path = pathname + search;
  const request = requestOf({ hostname, port, method, path, headers: { host, ...headers }, agent: false }).end(body);
  // A store may refuse before it has read all of the body, and close the connection.
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
}
