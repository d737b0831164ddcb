// Durations: as operators write them (`30d`, `24h`, `10m`, `5s`), and in words.

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/**
 * How long an HTTP request may last. What it writes first protects what it writes later for the grace period (`SETTLE_TIME`),
 * which is not shorter.
 */
export const MAX_REQUEST_MS = HOUR_MS;

const UNITS: Readonly<Record<string, number>> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** Milliseconds; undefined when the text is not a whole number followed by one of s, m, h, d. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  return match && unit ? Number(match[1]) * unit : undefined;
}

const WORDS = [
  ['day', DAY_MS],
  ['hour', HOUR_MS],
  ['minute', MINUTE_MS],
  ['second', SECOND_MS],
] as const;

/** `30 days`, `1 hour 20 minutes`: its two largest units, cut. */
export function inWords(durationMs: number): string {
  const first = WORDS.findIndex(([, unitMs]) => durationMs >= unitMs);
  if (first < 0) return 'less than a second';
  let restMs = durationMs;
  const parts = WORDS.slice(first, first + 2).flatMap(([name, unitMs]) => {
    const number = Math.floor(restMs / unitMs);
    restMs -= number * unitMs;
    return number === 0 ? [] : [`${number} ${name}${number === 1 ? '' : 's'}`];
  });
  return parts.join(' ');
}

/** `30d`, in the largest unit that is exact. */
export function formatDuration(durationMs: number): string {
  const units = Object.entries({ d: DAY_MS, h: HOUR_MS, m: MINUTE_MS });
  const [unit, unitMs] = units.find(([, ms]) => durationMs >= ms && durationMs % ms === 0) ?? ['s', SECOND_MS];
  return `${durationMs / unitMs}${unit}`;
}
