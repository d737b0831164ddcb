// How a test finds out that nothing goes on any more, without a guess at how long that takes.
const TURNS = 500;

/** Resolves with a number once it has not changed for many turns of the event loop, in each of which sockets are served. */
export async function settled(measure: () => number): Promise<number> {
  let last = measure();
  for (let unchanged = 0; unchanged < TURNS; unchanged += 1) {
    await new Promise(setImmediate);
    if (measure() !== last) unchanged = 0;
    last = measure();
  }
  return last;
}
