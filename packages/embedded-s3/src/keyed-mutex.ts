// Lets one task at a time run per name, in the order they came.

export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs the task when all earlier ones of that name have ended, well or not; its result is passed on. */
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
