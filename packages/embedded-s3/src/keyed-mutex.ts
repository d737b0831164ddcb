// Runs one task at a time per name, in the order of their arrival.

export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs the task when all earlier ones of that name have succeeded or failed, and returns its result. */
  async run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const earlier = this.#tails.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(name, promise);
    try {
      await earlier;
      return await task();
    } finally {
      if (this.#tails.get(name) === promise) this.#tails.delete(name);
      resolve();
    }
  }
}
