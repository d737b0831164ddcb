// Plain HTTP requests for tests: what a browser, or somebody with a stolen URL, would send.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Its length becomes the `content-length`. */
  readonly body?: Uint8Array | string;
  /** Connects there, whatever host the URL names. */
  readonly connectTo?: string;
}

export async function send(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body, connectTo } = options;
  const { hostname, port } = new URL(connectTo ?? url);
  const { host, pathname, search } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const request = httpRequest(
    { hostname, port, method, path: pathname + search, headers: { host, ...headers }, agent: false },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    },
  );
  request.on('error', reject);
  request.end(body);
  return promise;
}
