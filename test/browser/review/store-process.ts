// A process of the embedded store that counts what its clients read: it answers each message with the bytes so far.
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type EmbeddedS3Options, startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';

/** Of one connection. Between two machines the kernels would carry about as much as is read; in one, they take far more. */
interface Count {
  readonly socket: Socket;
  /** What was given to the kernel and has left its queues, when they were last looked at. */
  readBytes: number;
}

const LOOK_EVERY_MS = 20;
/** The columns of /proc/net/tcp, see proc(5). */
const [LOCAL, REMOTE, QUEUES] = [1, 2, 4];

const open = new Map<number, Count>();
let ofClosedBytes = 0;

subscribe('http.server.request.start', (message) => {
  const { socket } = message as { socket: Socket };
  const { remotePort } = socket;
  if (remotePort === undefined || open.get(remotePort)?.socket === socket) return;
  const count: Count = { socket, readBytes: 0 };
  open.set(remotePort, count);
  socket.once('close', () => {
    ofClosedBytes += count.readBytes;
    if (open.get(remotePort) === count) open.delete(remotePort);
  });
});

const options = JSON.parse(process.argv[2] ?? '') as EmbeddedS3Options;
const { endpoint } = await startEmbeddedS3(options);
const port = Number(new URL(endpoint).port);
setInterval(look, LOOK_EVERY_MS);
process.on('message', () => {
  look();
  process.send?.({ readBytes: [...open.values()].reduce((sum, { readBytes }) => sum + readBytes, ofClosedBytes) });
});
process.send?.({ endpoint });

function look(): void {
  const queued = queuedBytes();
  for (const [clientPort, count] of open) {
    const { bytesWritten, writableLength } = count.socket;
    const read = bytesWritten - writableLength - (queued.get(clientPort) ?? 0);
    count.readBytes = Math.max(count.readBytes, read);
  }
}

/** By the client's port: what the kernel has not delivered yet, or has delivered to a client that has not read it. */
function queuedBytes(): ReadonlyMap<number, number> {
  const queued = new Map<number, number>();
  const add = (clientPort: number, bytes: number) => queued.set(clientPort, (queued.get(clientPort) ?? 0) + bytes);
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const columns = line.trim().split(/ +/);
    const [local, remote] = [LOCAL, REMOTE].map((column) => hex(columns[column]?.split(':')[1]));
    const [unsent = 0, unread = 0] = columns[QUEUES]?.split(':').map(hex) ?? [];
    if (local === port && remote !== undefined) add(remote, unsent);
    if (remote === port && local !== undefined) add(local, unread);
  }
  return queued;
}

function hex(digits: string | undefined): number {
  return Number.parseInt(digits ?? '', 16);
}
