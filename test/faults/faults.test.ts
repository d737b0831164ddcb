// Every fault of the way to the store, at every request of every act: what the caller sees, and what is left.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/domain/durations.ts';
import { type Api, startApi } from '../http/api.ts';
import { expectProblem } from '../http/expectations.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { openTestStore } from '../storage/stores.ts';
import { expectAllGoneInTime, FLOWS, type Flow, NotAnswered } from './flows.ts';
import { type Fault, type FaultProxy, startFaultProxy } from './proxy.ts';
import { requestsToSpoil } from './stride.ts';

/** Long enough for a store on a busy machine. */
const IDLE_TIMEOUT_MS = 1500;
let proxy: FaultProxy;
let api: Api;

beforeAll(async () => {
  api = await startApi({
    service: startServiceOn(
      await openTestStore({
        idleTimeoutMs: IDLE_TIMEOUT_MS,
        async through(endpoint) {
          proxy = await startFaultProxy(endpoint);
          return proxy.endpoint;
        },
      }),
    ),
  });
});
afterAll(() => proxy.close());

interface Outcome {
  /** How often a caller had to repeat a step. */
  repeated: number;
  spoilt: number;
}

/** Takes a flow through all its steps; `faults` says what is spoilt until a step was refused, or all are done. */
async function walk(flow: Flow, spoil: Parameters<FaultProxy['follow']>[0]): Promise<Outcome> {
  let about = await flow.prepare(api);
  const outcome = { repeated: 0, spoilt: 0 };
  proxy.follow(spoil);
  for (const step of flow.steps) {
    for (;;) {
      try {
        about = await step(api, about);
        break;
      } catch (error) {
        if (!(error instanceof NotAnswered)) throw error;
        expectPatience(error);
        outcome.repeated += 1;
        outcome.spoilt += proxy.spoilt;
        proxy.follow(undefined);
      }
    }
  }
  outcome.spoilt += proxy.spoilt;
  proxy.follow(undefined);
  if (!about) throw new Error(`${flow.name} was about nothing`);
  await flow.afterwards(api, about);
  return outcome;
}

/** The store is at fault, and the caller is told to come again. */
function expectPatience({ answer }: NotAnswered): void {
  if (!answer) return;
  expectProblem(answer, 503, 'store-unavailable', 'clock-skew');
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
}

/** Spoils the n-th request of a flow, for n until a flow has fewer; resolves with the sums. */
async function atEachRequest(flow: Flow, ruleFor: (n: number) => Parameters<FaultProxy['follow']>[0]) {
  const sum = { flows: 0, repeated: 0, spoilt: 0 };
  for (const n of requestsToSpoil(3)) {
    try {
      const { repeated, spoilt } = await walk(flow, ruleFor(n));
      sum.flows += 1;
      sum.repeated += repeated;
      sum.spoilt += spoilt;
      if (spoilt === 0) break;
    } catch (error) {
      throw new Error(`${flow.name}, with its request ${n} spoilt`, { cause: error });
    }
  }
  return sum;
}

const ONCE: readonly [string, Fault][] = [
  ['is refused with 503', { kind: 'refused', code: 'ServiceUnavailable' }],
  ['is reset', { kind: 'reset' }],
  ['loses its reply', { kind: 'reply-lost' }],
  ['has its reply cut off', { kind: 'reply-truncated' }],
  ['has half a reply that looks whole', { kind: 'reply-shortened' }],
  ['has an empty reply', { kind: 'reply-emptied' }],
];

describe.each(ONCE)('a request that %s', (_, fault) => {
  test.each(FLOWS)('is no harm to $name', async (flow) => {
    const { flows } = await atEachRequest(
      flow,
      (n) =>
        ({ index }) =>
          index === n ? fault : undefined,
    );
    expect(flows).toBeGreaterThan(2);
  });
});

describe.each<[string, Fault]>([
  ['refuses', { kind: 'refused', code: 'InternalError' }],
  ['resets', { kind: 'reset' }],
  ['does everything and never says so', { kind: 'reply-lost' }],
])('a store that from some request on %s', (_, fault) => {
  test.each(FLOWS)('is named in a 503 with Retry-After, and $name succeeds afterwards', async (flow) => {
    const { repeated, flows } = await atEachRequest(
      flow,
      (n) =>
        ({ index }) =>
          index >= n ? fault : undefined,
    );
    expect(repeated).toBeGreaterThan(flows / 2);
  });
});

test('a store that stalls is given up on, and the act succeeds when it is repeated', async () => {
  for (const flow of FLOWS) {
    const { spoilt } = await walk(flow, ({ index }) => (index === 2 ? { kind: 'stalled' } : undefined));
    expect(spoilt).toBe(1);
  }
});

test('an upload whose completion answers 200 and an error inside is completed by a later try', async () => {
  const [upload] = FLOWS;
  if (!upload) throw new Error('there is no upload');
  for (const times of [1, 4, 100]) {
    let left = times;
    const { repeated } = await walk(upload, ({ operation }) => {
      if (operation !== 'CompleteMultipartUpload' || left === 0) return undefined;
      left -= 1;
      return { kind: 'error-inside' };
    });
    expect(repeated).toBe(times === 100 ? 1 : 0);
  }
});

test('an erasure whose keys are refused one by one is not done, is answered 503, and is done when it is repeated', async () => {
  const erasure = FLOWS.find(({ name }) => name === 'an erasure');
  if (!erasure) throw new Error('there is no erasure');
  for (const n of [1, 2, 3]) {
    let batches = 0;
    const { repeated } = await walk(erasure, ({ operation }) => {
      if (operation === 'DeleteObjects') batches += 1;
      return operation === 'DeleteObjects' && batches === n ? { kind: 'keys-refused' } : undefined;
    });
    expect(repeated).toBe(1);
  }
});

test.each([10, -10])(
  'a clock that differs from the store’s by %i minutes begins, completes and assesses nothing',
  async (minutes) => {
    for (const flow of FLOWS.filter(({ name }) => name !== 'an erasure')) {
      const { repeated, spoilt } = await walk(flow, () => ({ kind: 'clock', offsetMs: minutes * MINUTE_MS }));
      expect({ flow: flow.name, repeated, asked: spoilt }).toEqual({ flow: flow.name, repeated: 1, asked: 1 });
    }
  },
);

test('whatever happened above: all of it goes at its deadline, and nothing else is left', () =>
  expectAllGoneInTime(api));
