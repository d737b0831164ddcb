// Figure 7: a file through the service, beside the same file sent to the store directly; and the memory of fifty at once.
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RecordingPath } from '@proctoring-recordings/sdk';
import pMap from 'p-map';
import { enlargeWebm } from '../../demo/webm.ts';
import { startServer } from '../processes.ts';
import { CONSENT, type Service, startService } from '../service.ts';
import { byTurns, medianOf, ratioOf } from '../turns.ts';
import { atLeast, below, type Figure } from './figure.ts';

const SINK = new URL('../peers/sink-store.ts', import.meta.url).pathname;
const MIB = 1024 * 1024;
const PART_BYTES = 5 * MIB;
const AT_ONCE = 50;
/** A tenant has three quarters of them. */
const PLACES = Math.ceil((AT_ONCE * 4) / 3);
/** As many parts as pass at once with the default of MAX_CONTENT_UPLOADS, and how often. One caller has half of the places. */
const PARTS_AT_ONCE = 32;
const PART_ROUNDS = 2;
const LARGE_PART_BYTES = 20 * MIB;
const BEGUN = { participantId: 'p1', kind: 'webcam', contentType: 'video/webm', consent: CONSENT, parts: 0 } as const;
const WEBM = await readFile(new URL('../../demo/fixtures/webcam.webm', import.meta.url));
const FIRST_PART = enlargeWebm(WEBM, PART_BYTES);
const OTHER_PART = Buffer.alloc(PART_BYTES, 7);
const CHUNK_BYTES = 64 * 1024;

export const throughService: Figure = {
  number: 7,
  title: 'Uploads through the service',
  stores: ['embedded', 'ceph'],
  measure: async ({ store, short, say, fileMib }) => {
    const sizeBytes = (short ? 2 : 30) * PART_BYTES;
    const rounds = short ? 1 : 5;
    say(`${sizeBytes / MIB} MiB, ${rounds} rounds by turns`);
    const speeds = await measureSpeed(await startService(store, { env: ANY_SIZE }), sizeBytes, rounds);
    const ratio = ratioOf(speeds, 'ours', 'direct');

    const [smallMib, largeMib] = short ? [5, 10] : [25, fileMib];
    const memory = new Map<number, number>();
    for (const mib of [smallMib, largeMib]) {
      say(`${AT_ONCE} at once of ${mib} MiB each, into a sink`);
      memory.set(mib, await peakOfMany(store.env, mib * MIB));
    }
    say(`${PARTS_AT_ONCE} parts at once, into a sink`);
    const partRounds = short ? 1 : PART_ROUNDS;
    const ofParts = await peakOfParts(store.env, PART_BYTES, partRounds);
    const ofLargeParts = await peakOfParts(store.env, LARGE_PART_BYTES, partRounds);
    const [small = Number.NaN, large = Number.NaN] = memory.values();
    return {
      measurements: [
        {
          what: `upload speed of one file of ${sizeBytes / MIB} MiB`,
          unit: 'MiB/s',
          ours: medianOf(speeds, 'ours'),
          peer: { name: 'the same parts, sent directly to the store', value: medianOf(speeds, 'direct') },
          ratio,
          goal: atLeast(ratio, 0.8),
        },
        {
          what: `peak memory of the service, ${AT_ONCE} files of ${largeMib} MiB at once`,
          unit: 'MiB',
          ours: large,
          peer: { name: `this service, ${AT_ONCE} files of ${smallMib} MiB at once`, value: small },
          ratio: large / small,
          goal: below(large, 300, 'MiB'),
        },
        {
          what: `peak memory of the service, ${PARTS_AT_ONCE} parts of ${LARGE_PART_BYTES / MIB} MiB at once`,
          unit: 'MiB',
          ours: ofLargeParts,
          peer: { name: `this service, ${PARTS_AT_ONCE} parts of ${PART_BYTES / MIB} MiB at once`, value: ofParts },
          ratio: ofLargeParts / ofParts,
          goal: below(ofLargeParts, 300, 'MiB'),
        },
      ],
      notes: [
        `Memory must not grow with the size of files, so it is compared with the memory for files of ${smallMib} MiB. A quarter of the ` +
          `${AT_ONCE} uploads keep a part of 5 MiB in memory, to send it again if the store fails; the other uploads wait. MAX_CONTENT_UPLOADS is ${PLACES} here (default 32), of which a tenant has ${AT_ONCE}.`,
      ],
    };
  },
};

async function measureSpeed(started: Service, sizeBytes: number, rounds: number) {
  await using service = started;
  const speed = async (send: (at: RecordingPath) => Promise<void>) => {
    const at = await begin(service);
    const beganAtMs = performance.now();
    await send(at);
    return sizeBytes / MIB / ((performance.now() - beganAtMs) / 1000);
  };
  const contestants = {
    ours: () => speed((at) => postContent(service, at, sizeBytes, isTaken)),
    direct: () => speed((at) => putParts(service, at, sizeBytes)),
  };
  await byTurns(1, contestants);
  return await byTurns(rounds, contestants);
}

/** A service whose store drops parts as they come, so that no upload can be completed. */
async function intoSink<T>(
  env: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, string>>,
  send: (service: Service) => Promise<T>,
): Promise<T> {
  await using sink = await startServer(SINK, [], {
    env: { ...process.env, UPSTREAM: env.S3_ENDPOINT },
    path: '/ready',
  });
  // Without part URLs, the self-test does not ask whether the sink takes what it must refuse.
  const serviceEnv = { UPLOADS: 'proxy', ...settings };
  await using service = await startService({ env: { ...env, S3_ENDPOINT: sink.url } }, { env: serviceEnv });
  return await send(service);
}

/** VmHWM after `rounds` times `PARTS_AT_ONCE` parts. */
function peakOfParts(env: Readonly<Record<string, string>>, partBytes: number, rounds: number): Promise<number> {
  return intoSink(
    env,
    { PART_SIZE_BYTES: String(partBytes), MAX_CONTENT_UPLOADS: String(4 * PARTS_AT_ONCE) },
    async (service) => {
      const at = await begin(service);
      const client = service.clientWith(await service.token('recordings:upload', at));
      const part = new Blob([Buffer.alloc(partBytes, 7)]);
      const numbers = Array.from({ length: PARTS_AT_ONCE * rounds }, (_, index) => index + 1);
      await pMap(numbers, (partNumber) => client.putPart(at, partNumber, part), { concurrency: PARTS_AT_ONCE });
      return (await service.memory()).peakMib;
    },
  );
}

/** VmHWM after `AT_ONCE` uploads. */
function peakOfMany(env: Readonly<Record<string, string>>, sizeBytes: number): Promise<number> {
  return intoSink(env, { ...ANY_SIZE, MAX_CONTENT_UPLOADS: String(PLACES) }, async (service) => {
    const places = await Promise.all(Array.from({ length: AT_ONCE }, () => begin(service)));
    await Promise.all(places.map((at) => postContent(service, at, sizeBytes, isRefused)));
    return (await service.memory()).peakMib;
  });
}

/** No proxy is in front. */
const ANY_SIZE = { MAX_CONTENT_BYTES: String(10 * 1024 ** 3) };

const isTaken = (status: number) => status === 200;
/** `parts-missing` and its like; a server's error is not expected. */
const isRefused = (status: number) => status === 409 || status === 422;

async function begin(service: Service): Promise<RecordingPath> {
  const at = { exam: 'through', attempt: crypto.randomUUID() };
  const client = service.clientWith(await service.token('recordings:upload', at));
  const { recording } = await client.create(at, BEGUN);
  return { ...at, recording: recording.recordingId };
}

/** A form with the file, made as it is sent. @throws Error when it is not answered as expected */
async function postContent(
  service: Service,
  at: RecordingPath,
  sizeBytes: number,
  isExpected: (status: number) => boolean,
): Promise<void> {
  const boundary = 'bench-boundary';
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.webm"\r\nContent-Type: video/webm\r\n\r\n`;
  const tail = `\r\n--${boundary}--\r\n`;
  const sent = request(`${service.url}/v1/exams/${at.exam}/attempts/${at.attempt}/recordings/${at.recording}/content`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await service.token('recordings:upload', { exam: at.exam, attempt: at.attempt })}`,
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': head.length + sizeBytes + tail.length,
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  sent.once('error', reject);
  sent.once('response', (answer) => {
    answer.resume().once('end', resolve);
    if (!isExpected(answer.statusCode ?? 0)) reject(new Error(`content was answered ${answer.statusCode}`));
  });
  function* form() {
    yield Buffer.from(head);
    yield* chunksOf(sizeBytes);
    yield Buffer.from(tail);
  }
  await Promise.all([pipeline(Readable.from(form()), sent), promise]);
}

/** As an exam client does: part by part, to the store; then completed by the service, as the other way is. */
async function putParts(service: Service, at: RecordingPath, sizeBytes: number): Promise<void> {
  const { exam, attempt } = at;
  const client = service.clientWith(await service.token('recordings:upload', { exam, attempt }));
  const sizes = Array.from({ length: sizeBytes / PART_BYTES }, (_, index) => ({
    partNumber: index + 1,
    sizeBytes: PART_BYTES,
  }));
  for (const [index, { url }] of (await client.signParts(at, sizes)).entries()) {
    const answer = await fetch(url, { method: 'PUT', body: index === 0 ? FIRST_PART : OTHER_PART });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`a part was answered ${answer.status}`);
  }
  await client.complete(at);
}

function* chunksOf(sizeBytes: number): Generator<Buffer, void, undefined> {
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
    const inPart = at % PART_BYTES;
    yield (at < PART_BYTES ? FIRST_PART : OTHER_PART).subarray(inPart, inPart + CHUNK_BYTES);
  }
}
