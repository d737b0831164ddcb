// Figure 8: what a tenant notices while the worst caller of another one does its worst.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { RecordingPath } from '@proctoring-recordings/sdk';
import { enlargeWebm } from '../../demo/webm.ts';
import { CONSENT, type Service, startService, WEBM } from '../service.ts';
import { median } from '../turns.ts';
import type { Attack } from '../worst-caller.ts';
import { atMost, below, type Figure, type Measurement } from './figure.ts';

const MIB = 1024 * 1024;
const PART_BYTES = 5 * MIB;
/** More than the sockets between them hold, so that a reader that stops is noticed. */
const EXPORTED_BYTES = 25 * MIB;
const SCOPES = 'recordings:upload recordings:review privacy:manage';
const BEGUN = { kind: 'webcam', contentType: 'video/webm', consent: CONSENT, parts: 0 } as const;
/** Of the chart. */
const MEMORY_LIMIT_MIB = 512;

const ATTACKS: readonly { readonly kind: Attack['kind']; readonly what: string; readonly connections: number }[] = [
  { kind: 'slots', what: 'sends 64 slow parts', connections: 64 },
  { kind: 'exports', what: 'stalls 150 exports', connections: 150 },
  { kind: 'flood', what: 'reaches its rate limit', connections: 1 },
  { kind: 'connections', what: 'holds 1,500 idle or slow connections', connections: 1500 },
];

export const oneTenant: Figure = {
  number: 8,
  title: "One tenant's worst caller",
  stores: ['embedded'],
  measure: async ({ store, short, say }) => {
    const rounds = short ? 4 : 200;
    await using service = await startService(store, { env: { RATE_LIMIT: '600' } });
    const measurements: Measurement[] = [];
    const attacked = { tenant: 'worst', exam: 'attack', attempt: 'a1' };
    const token = await service.token(SCOPES, { tenant: attacked.tenant });
    const stored = await record(service, token, { exam: 'attack', attempt: 'stored' }, EXPORTED_BYTES);
    const open = await begin(service, token, attacked);
    const neighbour = await settle(service);
    await neighbour.measure(rounds);
    for (const { kind, what, connections } of ATTACKS) {
      say(`another tenant ${what}: ${rounds} rounds of calls meanwhile`);
      const before = await neighbour.measure(rounds / 2);
      const at = kind === 'flood' ? stored : open;
      const path = `/v1/exams/${at.exam}/attempts/${at.attempt}/recordings/${at.recording}`;
      const attack: Attack = { kind, url: service.url, token, path, participant: '/v1/participants/p1', connections };
      const loaded = await during(attack, () => neighbour.measure(rounds));
      // Before and after it: the machine has other work too, and not always the same.
      const after = await neighbour.measure(rounds / 2);
      for (const name of CALL_NAMES) {
        measurements.push(...comparison(name, what, [...before[name], ...after[name]], loaded[name]));
      }
    }
    const { peakMib } = await service.memory();
    measurements.push({
      what: 'peak memory of the service over the whole run',
      unit: 'MiB',
      ours: peakMib,
      goal: below(peakMib, MEMORY_LIMIT_MIB, 'MiB'),
    });
    return {
      measurements,
      notes: [
        'One tenant makes calls one after another. Meanwhile a caller of another tenant, in its own process, does what the row ' +
          'says, and retries every refused request. To reach its rate limit, that caller creates recordings and playback links. ' +
          '"This service" is the response time under this load; the comparison is the response time before and after it. ' +
          'RATE_LIMIT has its default, 600. A flood of refused requests is not measured, because the proxy in front has to stop it.',
      ],
    };
  },
};

const CALL_NAMES = ['create a recording', 'presign a part URL', 'export a participant'] as const;
type CallName = (typeof CALL_NAMES)[number];
type Latencies = Readonly<Record<CallName, readonly number[]>>;

/** The tenant that is measured, with a recording of its own. Each round is another caller: it stays below the rate limit. */
async function settle(service: Service) {
  const tenant = 'neighbour';
  let callers = 0;
  const stored = await record(service, await service.token(SCOPES, { tenant }), { exam: 'e', attempt: 'a0' }, 0);
  const open = await begin(service, await service.token(SCOPES, { tenant }), { exam: 'e', attempt: 'open' });
  return {
    async measure(rounds: number): Promise<Latencies> {
      const calls: Record<CallName, number[]> = {
        'create a recording': [],
        'presign a part URL': [],
        'export a participant': [],
      };
      for (let round = 0; round < rounds; round += 1) {
        callers += 1;
        const token = await service.token(SCOPES, { tenant, sub: `caller-${callers}` });
        const timed = async (name: CallName, call: () => Promise<unknown>) => {
          const beganAtMs = performance.now();
          await call();
          calls[name].push(performance.now() - beganAtMs);
        };
        await timed('create a recording', () => begin(service, token, { exam: 'e', attempt: `a${callers}` }));
        const client = service.clientWith(token);
        await timed('presign a part URL', () => client.signParts(open, [{ partNumber: 1, sizeBytes: PART_BYTES }]));
        // Of another participant than the recordings that are created meanwhile: only its access log grows.
        if (round % Math.ceil(rounds / EXPORTS) === 0) {
          await timed('export a participant', async () => {
            const url = `${service.url}/v1/participants/${participantOf(stored)}/export`;
            const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
            await answer.arrayBuffer();
            if (!answer.ok) throw new Error(`the export was answered ${answer.status}`);
          });
        }
      }
      return calls;
    },
  };
}

/** About as many in each measurement: each is read by those after it. */
const EXPORTS = 10;

async function during<T>(attack: Attack, act: () => Promise<T>): Promise<T> {
  const worker = fork(new URL('../worst-caller.ts', import.meta.url), {
    execArgv: ['--conditions=source', '--no-warnings'],
  });
  try {
    worker.send(attack);
    await once(worker, 'message');
    return await act();
  } finally {
    const exited = once(worker, 'exit');
    worker.kill('SIGKILL');
    await exited;
  }
}

const WITHOUT_LOAD = "the same calls without the other tenant's load";

function comparison(call: CallName, load: string, quiet: readonly number[], loaded: readonly number[]): Measurement[] {
  const [quietMs, loadedMs] = [median(quiet), median(loaded)];
  const ratio = loadedMs / quietMs;
  const [quietP95, loadedP95] = [p95(quiet), p95(loaded)];
  const what = (quantile: string) => `${call}: ${quantile} response time while another tenant ${load}`;
  return [
    {
      what: what('median'),
      unit: 'ms',
      ours: loadedMs,
      peer: { name: WITHOUT_LOAD, value: quietMs },
      ratio,
      goal: atMost(ratio, 2),
    },
    {
      what: what('p95'),
      unit: 'ms',
      ours: loadedP95,
      peer: { name: WITHOUT_LOAD, value: quietP95 },
      ratio: loadedP95 / quietP95,
    },
  ];
}

function p95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1] ?? Number.NaN;
}

type At = Pick<RecordingPath, 'exam' | 'attempt'>;

const participantOf = ({ exam, attempt }: At) => (exam === 'attack' ? 'p1' : `p-${attempt}`);

async function begin(service: Service, token: string, { exam, attempt }: At): Promise<RecordingPath> {
  const at = { exam, attempt };
  const client = service.clientWith(token);
  const { recording } = await client.create(at, { ...BEGUN, participantId: participantOf(at) });
  return { ...at, recording: recording.recordingId };
}

async function record(service: Service, token: string, sitting: At, sizeBytes: number): Promise<RecordingPath> {
  const at = await begin(service, token, sitting);
  const client = service.clientWith(token);
  const file = sizeBytes > WEBM.length ? enlargeWebm(WEBM, sizeBytes) : WEBM;
  const count = Math.ceil(file.length / PART_BYTES);
  for (let partNumber = 1; partNumber <= count; partNumber += 1) {
    const part = file.subarray((partNumber - 1) * PART_BYTES, partNumber * PART_BYTES);
    await client.putPart(at, partNumber, new Blob([Buffer.from(part)]));
  }
  await client.complete(at);
  return at;
}
