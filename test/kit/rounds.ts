// How often an act waits for the store: in rounds, each of which answers all that was asked by then.
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { intercepting } from './interventions.ts';

/** A store that answers round by round. */
function inRounds(store: ObjectStore) {
  const counted = { rounds: 0 };
  let waiting: (() => void)[] = [];
  const answer = () => {
    counted.rounds += 1;
    const answered = waiting;
    waiting = [];
    for (const resolve of answered) resolve();
  };
  const answering = intercepting(store, async (_call, _args, go) => {
    await new Promise<void>((resolve) => {
      // Once nothing else is left to do but to wait.
      if (waiting.push(resolve) === 1) setImmediate(answer);
    });
    return go();
  });
  return { store: answering, counted };
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
    const { store: answering, counted } = inRounds(store);
    await act(answering);
    return counted.rounds;
  };
  return (await roundsWith(many)) - (await roundsWith(few));
}
