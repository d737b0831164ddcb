// Figure 2: the start of an exam: clients arrive over a minute, and each creates, asks for twenty parts, and completes.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProctoringRecordings } from '@proctoring-recordings/sdk';
import { CONSENT, type Service, startService } from '../service.ts';
import type { Figure } from './figure.ts';

const WEBM = new Uint8Array(await readFile(new URL('../../demo/fixtures/webcam.webm', import.meta.url)));
const PART_BYTES = 5 * 1024 * 1024;
const PARTS = 20;
const BEGUN = { kind: 'webcam', contentType: 'video/webm', consent: CONSENT, parts: 0 } as const;
const EVENT_LOOP = 'nodejs_eventloop_lag_p99_seconds';

export const examStart: Figure = {
  number: 2,
  title: 'The start of an exam',
  stores: ['embedded', 'ceph'],
  measure: async ({ store, short, say }) => {
    await using service = await startService(store);
    const [clients, arrivalMs] = short ? [40, 4000] : [2000, 60_000];
    say(`${clients} clients arrive within ${arrivalMs / 1000} s`);
    const requestsBefore = await service.metric('proctoring_store_requests_total');
    // Each reading begins the next one's window.
    await service.metric(EVENT_LOOP);
    const cpuBefore = await service.cpuSeconds();
    const calls: Call[] = [];
    const beganAtMs = performance.now();
    const clientsDone = Array.from({ length: clients }, async (_, index) => {
      await sleep((arrivalMs * index) / clients);
      return sit(service, index, calls);
    });
    const failed = (await Promise.all(clientsDone)).filter((ok) => !ok).length;
    const seconds = (performance.now() - beganAtMs) / 1000;
    const cpuSeconds = (await service.cpuSeconds()) - cpuBefore;
    const lagMs = (await service.metric(EVENT_LOOP)) * 1000;
    const requests = (await service.metric('proctoring_store_requests_total')) - requestsBefore;
    const { residentMib } = await service.memory();
    const quantiles = (name: string) => {
      const sorted = calls.filter((call) => call.name === name).map((call) => call.ms);
      return [
        { what: `${name}: response time, p50`, unit: 'ms', ours: quantile(sorted, 0.5) },
        { what: `${name}: response time, p99`, unit: 'ms', ours: quantile(sorted, 0.99) },
      ];
    };
    return {
      measurements: [
        { what: 'clients that failed', unit: '', ours: failed, goal: { text: 'value = 0', holds: failed === 0 } },
        { what: 'responses of the service', unit: '/s', ours: calls.length / seconds },
        ...quantiles('create a recording'),
        ...quantiles('presign a part URL'),
        ...quantiles('complete a recording'),
        { what: 'requests to the store per recording', unit: '', ours: requests / clients },
        { what: 'event loop delay of the service, p99', unit: 'ms', ours: lagMs },
        { what: 'CPU time of the service per recording', unit: 'ms', ours: (cpuSeconds * 1000) / clients },
        { what: 'memory of the service after the run', unit: 'MiB', ours: residentMib },
      ],
      notes: [
        `${clients} clients start within ${arrivalMs / 1000} s. The last client finished after ${seconds.toFixed(1)} s. Each client ` +
          `creates a recording, requests its ${PARTS} part URLs one by one, uploads one part of 94 kB, and completes the recording. ` +
          '(If the clients uploaded all parts, the store would hold 200 GB.) Clients, service and store run on one machine, and the ' +
          'response times include waiting for its processors.',
      ],
    };
  },
};

interface Call {
  readonly name: 'create a recording' | 'presign a part URL' | 'complete a recording';
  readonly ms: number;
}

/** One candidate's recording; false when any of it failed. */
async function sit(service: Service, index: number, calls: Call[]): Promise<boolean> {
  const at = { exam: 'exam-start', attempt: `a${index}` };
  const client = service.clientWith(await service.token('recordings:upload', at));
  const timed = async <T>(name: Call['name'], call: (client: ProctoringRecordings) => Promise<T>): Promise<T> => {
    const beganAtMs = performance.now();
    const answer = await call(client);
    calls.push({ name, ms: performance.now() - beganAtMs });
    return answer;
  };
  try {
    const { recording } = await timed('create a recording', (to) =>
      to.create(at, { ...BEGUN, participantId: `p${index}` }),
    );
    const path = { ...at, recording: recording.recordingId };
    for (let partNumber = PARTS; partNumber >= 1; partNumber -= 1) {
      const sizeBytes = partNumber === 1 ? WEBM.length : PART_BYTES;
      const [part] = await timed('presign a part URL', (to) => to.signParts(path, [{ partNumber, sizeBytes }]));
      if (partNumber > 1) continue;
      const answer = await fetch(part?.url ?? '', { method: 'PUT', body: WEBM });
      await answer.arrayBuffer();
      if (!answer.ok) return false;
    }
    return (await timed('complete a recording', (to) => to.complete(path))).state === 'stored';
  } catch {
    return false;
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
