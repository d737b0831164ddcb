// How long a service asks its callers to wait.

/** Seconds, or a date (RFC 9110, 10.2.3); undefined when it is neither. */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // Anything else that a date is read from, such as "-1", is none of HTTP's: those begin with a day.
  const dateMs = /^[A-Z][a-z]+,? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}
