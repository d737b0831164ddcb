// Which requests are spoilt where all would take too long: each round begins at another.

/** FAULT_STRIDE=1: at every request, in every round. */
const STRIDE = Number(process.env.FAULT_STRIDE ?? 6);
let rounds = 0;

/** The first `first` requests, and then every STRIDE-th: without end. */
export function* requestsToSpoil(first: number): Generator<number, never> {
  const offset = rounds % STRIDE;
  rounds += 1;
  for (let n = 1; n <= first; n += 1) yield n;
  for (let n = first + 1 + offset; ; n += STRIDE) yield n;
}
