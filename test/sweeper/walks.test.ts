// Sweeps and `verify` ask the store at once what does not depend on each other: how often they wait for it, in rounds.
import { describe, expect, test } from '@jest/globals';
import { HOUR_MS } from '../../src/model/durations.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { inRounds } from '../kit/interventions.ts';
import { type RetentionService, startRetention } from './support.ts';

/** How many rounds more `act` takes with `many` than with `few`. */
async function moreRounds(
  [few, many]: readonly [number, number],
  prepare: (count: number) => Promise<{ store: ObjectStore; act: (store: ObjectStore) => Promise<unknown> }>,
): Promise<number> {
  const roundsWith = async (count: number) => {
    const { store, act } = await prepare(count);
    const { store: answering, counted } = inRounds(store);
    await act(answering);
    return counted.rounds;
  };
  return (await roundsWith(many)) - (await roundsWith(few));
}

describe.each(['by-prefix', 'never'] as const)('on a store that lists open uploads %s', (listsUploads) => {
  async function abandoned(count: number): Promise<RetentionService> {
    const service = startRetention({ memory: { listsUploads } });
    for (let at = 0; at < count; at += 1) await service.uploaded(undefined, { attempt: `a${at}` });
    service.clock.advance(3 * HOUR_MS);
    return service;
  }

  test('a hundred abandoned uploads are recovered in little more time than one', async () => {
    const more = await moreRounds([1, 100], async (count) => {
      const service = await abandoned(count);
      const act = async (store: ObjectStore) =>
        expect(await service.sweepOn(store)).toMatchObject({ salvaged: count, failed: 0 });
      return { store: service.store, act };
    });
    expect(more).toBeLessThanOrEqual(4);
  });
});
