// Figure 10: part URLs, one and a hundred per request, compared with Uppy Companion.
import type { Request } from 'autocannon';
import pMap from 'p-map';
import { drive } from '../load.ts';
import { startServer } from '../processes.ts';
import { CONSENT, type Service, startService } from '../service.ts';
import { byTurns, medianOf, type Rounds, ratioOf } from '../turns.ts';
import { atLeast, type Figure, type Measurement } from './figure.ts';

const COMPANION = new URL('../peers/companion.ts', import.meta.url).pathname;
const PART_BYTES = 5 * 1024 * 1024;
const CONNECTIONS = 20;
const SHORT_REQUESTS = 200;

export const partUrls: Figure = {
  number: 10,
  title: 'Part URLs',
  stores: ['embedded', 'ceph'],
  async measure({ store, short, say }) {
    await using service = await startService(store);
    await using companion = await startServer(COMPANION, [], { env: { ...process.env, ...store.env }, path: '/ready' });
    const candidates = await beginRecordings(service, CONNECTIONS);
    const rounds = short ? 1 : 5;
    const size = { seconds: 4, requestCount: short ? SHORT_REQUESTS : undefined };
    const load = async (url: string, requests: readonly Request[], parts: number) =>
      parts * (await drive({ url, requests, connections: CONNECTIONS, ...size })).requestsPerSecond;
    const contestants = (parts: number) => ({
      ours: () =>
        load(
          service.url,
          candidates.map((candidate) => ourRequest(candidate, parts)),
          parts,
        ),
      companion: () => load(companion.url, [companionRequest(parts)], parts),
    });
    if (!short) {
      say('to warm up');
      await byTurns(3, contestants(1));
      await byTurns(1, contestants(100));
    }
    say(`one a request, ${rounds} alternating rounds`);
    const one = await byTurns(rounds, contestants(1));
    say(`a hundred a request, ${rounds} alternating rounds`);
    const hundred = await byTurns(rounds, contestants(100));
    return {
      measurements: [
        measurement('part URLs, one per request', one, 5),
        measurement('part URLs, 100 per request', hundred, 10),
      ],
      notes: ['This service also verifies a token and reads a request body. Uppy Companion does neither.'],
    };
  },
};

function measurement(what: string, rounds: Rounds<'ours' | 'companion'>, goal: number): Measurement {
  const ratio = ratioOf(rounds, 'ours', 'companion');
  return {
    what,
    unit: 'URLs/s',
    ours: medianOf(rounds, 'ours'),
    peer: { name: 'Uppy Companion', value: medianOf(rounds, 'companion') },
    ratio,
    goal: atLeast(ratio, goal),
  };
}

export interface Candidate {
  readonly path: string;
  readonly token: string;
}

/** Each with a recording and a token of their own, as in an exam: what is remembered of one is of no use to another. */
export function beginRecordings(service: Service, count: number): Promise<Candidate[]> {
  const attempts = Array.from({ length: count }, (_, index) => ({ exam: 'part-urls', attempt: `a${index}` }));
  return pMap(
    attempts,
    async (at, index) => {
      const token = await service.token('recordings:upload', at);
      const begun = {
        participantId: `p${index}`,
        kind: 'webcam',
        contentType: 'video/webm',
        consent: CONSENT,
      } as const;
      const { recording } = await service.clientWith(token).create(at, { ...begun, parts: 0 });
      return { token, path: `/v1/exams/${at.exam}/attempts/${at.attempt}/recordings/${recording.recordingId}` };
    },
    { concurrency: 8 },
  );
}

export function ourRequest({ path, token }: Candidate, count: number): Request {
  const parts = Array.from({ length: count }, (_, index) => ({ partNumber: index + 1, sizeBytes: PART_BYTES }));
  return {
    method: 'POST',
    path: `${path}/parts`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ parts }),
  };
}

/** A key and an upload's id of the usual lengths; Companion signs whatever it is given. */
export function companionRequest(count: number): Request {
  const query = new URLSearchParams({ key: `${crypto.randomUUID()}-webcam-recording-of-an-exam.webm` });
  const upload = `/s3/multipart/2~${'u'.repeat(30)}`;
  if (count === 1) return { method: 'GET', path: `${upload}/1?${query.toString()}` };
  query.set('partNumbers', Array.from({ length: count }, (_, index) => index + 1).join(','));
  return { method: 'GET', path: `${upload}/batch?${query.toString()}` };
}
