// The one clock of a page. All recordings of an attempt use it, so that they can be played in step.

/** Milliseconds since 1970. Unlike Date.now() it never jumps when the computer's clock is set. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

export function toIso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
