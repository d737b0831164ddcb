// A caller that does its worst, in a process of its own until it is killed: fork it, send an `Attack`, await its message.
import { request } from 'node:http';
import { connect } from 'node:net';

export interface Attack {
  readonly kind: 'slots' | 'exports' | 'flood' | 'connections';
  readonly url: string;
  readonly token: string;
  /** Of one of its own recordings, which is open. */
  readonly path: string;
  /** `/v1/participants/…`, with a recording that fills the sockets. */
  readonly participant: string;
  readonly connections: number;
}

const MIB = 1024 * 1024;
/** What was refused or cut is tried again. */
const AGAIN_MS = 1000;
/** The default rate limit of a candidate's token. */
const A_SECOND = 10;
/** Until all of it has begun. */
const BEGUN_MS = 3000;

process.once('message', (attack: Attack) => {
  if (attack.kind === 'flood') flood(attack);
  else for (let index = 0; index < attack.connections; index += 1) hold(attack, index);
  setTimeout(() => process.send?.('begun'), BEGUN_MS);
});
process.once('disconnect', () => process.exit());

function hold(attack: Attack, index: number): void {
  const again = () => setTimeout(() => hold(attack, index), AGAIN_MS);
  if (attack.kind === 'slots') dripPart(attack, index, again);
  else if (attack.kind === 'exports') stallExport(attack, again);
  else dripNothing(attack, index, again);
}

/** A part that comes at 2 KiB a second: as slowly as an honest one may. */
function dripPart({ url, token, path }: Attack, index: number, again: () => void): void {
  const headers = { authorization: `Bearer ${token}`, 'content-length': 5 * MIB };
  const sent = request(`${url}${path}/parts/${index + 1}`, { method: 'PUT', headers, agent: false });
  const drips = setInterval(() => sent.write(Buffer.alloc(2048)), 1000);
  sent.once('response', (answer) => answer.resume().once('close', () => sent.destroy()));
  sent.on('error', () => {});
  sent.once('close', () => {
    clearInterval(drips);
    again();
  });
  sent.flushHeaders();
}

function stallExport({ url, token, participant }: Attack, again: () => void): void {
  const headers = { authorization: `Bearer ${token}` };
  const sent = request(`${url}${participant}/export?format=zip`, { headers, agent: false });
  sent.once('response', (answer) => {
    if (answer.statusCode !== 200) answer.resume().once('close', () => sent.destroy());
  });
  sent.on('error', () => {});
  sent.once('close', again);
  sent.end();
}

/** Every other one without a token, and then a byte now and then; the others never say a word. */
function dripNothing({ url, path }: Attack, index: number, again: () => void): void {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const drips = setInterval(() => index % 2 === 0 && socket.write('1'), 2000);
  if (index % 2 === 0) socket.write(`PUT ${path}/parts/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n`);
  socket.resume().on('error', () => {});
  socket.once('close', () => {
    clearInterval(drips);
    again();
  });
}

/** Links to its recording and new recordings, as many as it may. */
function flood({ url, token, path }: Attack): void {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({
    participantId: 'p1',
    kind: 'webcam',
    contentType: 'video/webm',
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '1' },
    parts: 0,
  });
  const recordings = path.slice(0, path.lastIndexOf('/'));
  let sent = 0;
  setInterval(() => {
    sent += 1;
    const call = sent % 2 === 0 ? { at: `${path}/playback-links`, body: '{}' } : { at: recordings, body };
    void fetch(url + call.at, { method: 'POST', headers, body: call.body }).then((answer) => answer.arrayBuffer());
  }, 1000 / A_SECOND);
}
