// The one clock of a page: all recordings of an attempt are on it, so that they can be watched in step.

/** Milliseconds since 1970. Unlike Date.now() it never jumps when the computer's clock is set. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

export function toIso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
