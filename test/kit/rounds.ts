// How often an act waits for the store: in rounds, each of which answers all that was asked by then.
import { setImmediate } from 'node:timers/promises';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { intercepting } from './interventions.ts';

/** Turns of the event loop without a further request, after which a round is answered. */
const QUIET_TURNS = 20;

/** Counts rounds of the store that it wraps: from `count` on it answers round by round. */
export function createRounds() {
  let isCounting = false;
  let rounds = 0;
  let waiting: (() => void)[] = [];
  const answer = async () => {
    // A request that waits for no answer may still be on its way.
    for (let seen = 0, quietTurns = 0; quietTurns < QUIET_TURNS; quietTurns += 1) {
      await setImmediate();
      if (waiting.length !== seen) quietTurns = 0;
      seen = waiting.length;
    }
    rounds += 1;
    const answered = waiting;
    waiting = [];
    for (const resolve of answered) resolve();
  };
  const wrap = (store: ObjectStore) =>
    intercepting(store, async (_call, _args, go) => {
      if (!isCounting) return go();
      await new Promise<void>((resolve) => {
        if (waiting.push(resolve) === 1) void answer();
      });
      return go();
    });
  return {
    wrap,
    /** How many rounds `act` takes. */
    async count(act: () => Promise<unknown>): Promise<number> {
      rounds = 0;
      isCounting = true;
      await act();
      isCounting = false;
      return rounds;
    },
  };
}

interface Prepared {
  readonly store: ObjectStore;
  readonly act: (store: ObjectStore) => Promise<unknown>;
}

/** How many rounds more `act` takes with `many` of something than with `few`. */
export async function moreRounds(
  { few, many }: { few: number; many: number },
  prepare: (count: number) => Promise<Prepared>,
): Promise<number> {
  const roundsWith = async (count: number) => {
    const { store, act } = await prepare(count);
    const rounds = createRounds();
    return rounds.count(() => act(rounds.wrap(store)));
  };
  return (await roundsWith(many)) - (await roundsWith(few));
}
