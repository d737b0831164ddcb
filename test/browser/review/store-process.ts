// A process of the embedded store that counts what its clients read: it answers each message with the bytes until that moment.
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type EmbeddedS3Options, startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';

/** Of one connection. Within one machine the kernel takes far more of a response than the client ever reads. */
interface Count {
  readonly socket: Socket;
  /** What was given to the kernel and has left its queues, when they were last looked at. */
  readBytes: number;
}

const LOOK_EVERY_MS = 10;
/** What was counted for so long is remembered. */
const MAX_LOOKS = 60_000 / LOOK_EVERY_MS;
/** The columns of /proc/net/tcp, see proc(5). */
const [LOCAL, REMOTE, STATE, QUEUES] = [1, 2, 3, 4];
const ESTABLISHED = 1;

const open = new Map<number, Count>();
const looks: { readonly atMs: number; readonly readBytes: number }[] = [];
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
process.on('message', ({ atMs }: { atMs: number }) => {
  look();
  const found = looks.find((one) => one.atMs >= atMs) ?? looks.at(-1);
  process.send?.({ readBytes: found?.readBytes });
});
process.send?.({ endpoint });

function look(): void {
  const queued = queuedBytes();
  for (const [clientPort, count] of open) {
    const { bytesWritten, writableLength } = count.socket;
    const ends = queued.get(clientPort) ?? [];
    // Where one end is closed, what was queued for it is gone, and nobody has read it.
    if (ends.length < 2) continue;
    const read = ends.reduce((left, bytes) => left - bytes, bytesWritten - writableLength);
    count.readBytes = Math.max(count.readBytes, read);
  }
  const readBytes = [...open.values()].reduce((sum, count) => sum + count.readBytes, ofClosedBytes);
  looks.push({ atMs: Date.now(), readBytes });
  if (looks.length > MAX_LOOKS) looks.shift();
}

/**
 * By the client's port, of each end of the connection that is open: what the kernel has not delivered yet, and what it has
 * delivered to a client that has not read it.
 */
function queuedBytes(): ReadonlyMap<number, readonly number[]> {
  const queued = new Map<number, number[]>();
  const add = (clientPort: number, bytes: number) => queued.set(clientPort, [...(queued.get(clientPort) ?? []), bytes]);
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const columns = line.trim().split(/ +/);
    if (hex(columns[STATE]) !== ESTABLISHED) continue;
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
