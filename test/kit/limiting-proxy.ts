// A reverse proxy in front of the service that limits the size of a request, as those of hosters do. It streams.
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request with a larger body is 413 with a page of the proxy's own; `largest` is the largest body that was let through. */
export async function startLimitingProxy(to: string, maxBodyBytes: number) {
  let largest = 0;
  const server = http.createServer((incoming, response) => {
    const bodyBytes = Number(incoming.headers['content-length'] ?? 0);
    if (bodyBytes > maxBodyBytes || incoming.headers['transfer-encoding'] !== undefined) {
      response.writeHead(413, { 'content-type': 'text/html', connection: 'close' });
      response.end('<html><h1>413 Request Entity Too Large</h1></html>');
      return;
    }
    largest = Math.max(largest, bodyBytes);
    const { method, url, headers } = incoming;
    const request = http.request(new URL(url ?? '/', to), { method, headers });
    request.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.once('error', () => response.destroy());
    incoming.pipe(request);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    largest: () => largest,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
