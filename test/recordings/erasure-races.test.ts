// An erasure that meets an upload's complete, hundreds of times, in every order that real store calls make: nothing stays.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pMap from 'p-map';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { ServiceError } from '../../src/domain/errors.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { eraseParticipant } from '../../src/recordings/erase-participant.ts';
import { listAllMultipartUploads } from '../../src/storage/object-store.ts';
import { webm } from '../kit/fixtures.ts';
import { CALLER, startTestService, type TestService, uploadParts } from '../kit/service.ts';

/** RACES=1000 for more. */
const ROUNDS = Number(process.env.RACES ?? 100);
/** Races under way at once: they delay each other. */
const CONCURRENCY = 8;
/** The longest head start, in calls to the store: a complete takes nine. */
const MOST_CALLS_AHEAD = 12;

let service: TestService;
beforeAll(async () => {
  service = startTestService();
});
afterAll(() => service.close());

test(`an erasure and a complete that race ${ROUNDS} times leave nothing behind`, async () => {
  const outcomes = new Map<string, number>();
  await pMap(
    Array.from({ length: ROUNDS }, (_, round) => round),
    async (round) => {
      const outcome = await race(round);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    },
    { concurrency: CONCURRENCY },
  );
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.keys('participants/')).toEqual([]);
  expect(await Array.fromAsync(listAllMultipartUploads(service.store, ''))).toEqual([]);
  expect(await service.keys('receipts/')).toHaveLength(ROUNDS);
  // Some completes came first, and some were overtaken: it was a race.
  expect([...outcomes.keys()].toSorted()).toEqual(['recording-deleted', 'stored']);

  // What is left in the index leads nowhere, and the sweep clears it away.
  service.clock.advance(31 * DAY_MS + HOUR_MS);
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 0 } });
  expect((await service.keys('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
  expect(await service.verify()).toMatchObject({ wrong: 0, receipts: ROUNDS });
}, 600_000);

async function race(round: number): Promise<string> {
  const who = { tenant: 'acme', participant: `p${round}` };
  const ref = await service.begin({ attempt: `a${round}` }, who.participant);
  await uploadParts(service.context, ref, [webm]);
  const calls = round % (MOST_CALLS_AHEAD + 1);
  const eraseIsFirst = round % 2 === 0;
  const completing = after(eraseIsFirst ? calls : 0, () => completeRecording(service.context, ref, {}));
  const erasing = after(eraseIsFirst ? 0 : calls, async () => {
    if (round % 3 === 0) await eraseRecording(service.context, CALLER, ref, 'consent-withdrawn');
    else await eraseParticipant(service.context, CALLER, who, 'erasure');
  });
  const [completed] = await Promise.all([outcomeOf(completing), erasing]);
  return completed;
}

async function outcomeOf(completing: ReturnType<typeof completeRecording>): Promise<string> {
  try {
    return (await completing).state;
  } catch (error) {
    if (error instanceof ServiceError) return error.code;
    throw error;
  }
}

/** Acts when so many calls to the store have been answered. */
async function after<T>(calls: number, act: () => Promise<T>): Promise<T> {
  for (let call = 0; call < calls; call += 1) await service.store.list('receipts/', { limit: 1 });
  return act();
}
