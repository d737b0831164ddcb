// Does something once for all who ask for its result.

/** `make` is called at the first call and, after a failure, at the next one. Calls at the same time share one promise. */
export function memoize<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let made: Promise<Result> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
