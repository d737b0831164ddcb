// Random numbers from a seed: the same seed gives the same numbers on every machine.

export type Random = ReturnType<typeof newRandom>;

/** sfc32 (PractRand), begun from the words given. */
export function newRandom(...words: readonly number[]) {
  let [a, b, c, counter] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1];
  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
  for (const word of words) {
    a ^= word;
    b ^= Math.floor(word / 2 ** 32);
    for (let round = 0; round < 12; round += 1) next();
  }
  const fraction = () => next() / 2 ** 32;
  return {
    /** An integer from `min` to `max`, both included. */
    between: (min: number, max: number) => min + Math.floor(fraction() * (max - min + 1)),
    chance: (probability: number) => fraction() < probability,
    pick: <T>(items: readonly T[]) => items[Math.floor(fraction() * items.length)] as T,
    /** A random item, in proportion to the weights. */
    weighted<T extends string>(weights: Readonly<Partial<Record<T, number>>>): T {
      const names = Object.keys(weights) as T[];
      let left = fraction() * names.reduce((sum, name) => sum + (weights[name] ?? 0), 0);
      for (const name of names) {
        left -= weights[name] ?? 0;
        if (left < 0) return name;
      }
      return names.at(-1) as T;
    },
    bytes: (length: number) => Uint8Array.from({ length }, () => next() & 0xff),
  };
}
