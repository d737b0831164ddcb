// Measuring by turns: each round runs all contestants one after the other, so that they meet the machine in the same state.

/** What is measured of each in one round: more is better. */
export type Contestants<Name extends string> = Readonly<Record<Name, () => Promise<number>>>;

export type Rounds<Name extends string> = readonly Readonly<Record<Name, number>>[];

export async function byTurns<Name extends string>(
  count: number,
  contestants: Contestants<Name>,
): Promise<Rounds<Name>> {
  const rounds: Record<Name, number>[] = [];
  for (let round = 0; round < count; round += 1) {
    const measured = {} as Record<Name, number>;
    for (const name of Object.keys(contestants) as Name[]) measured[name] = await contestants[name]();
    rounds.push(measured);
  }
  return rounds;
}

export function medianOf<Name extends string>(rounds: Rounds<Name>, name: Name): number {
  return median(rounds.map((round) => round[name]));
}

/** The median of the rounds' own ratios. */
export function ratioOf<Name extends string>(rounds: Rounds<Name>, name: Name, toName: Name): number {
  return median(rounds.map((round) => round[name] / round[toName]));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}
