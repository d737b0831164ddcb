// Times, lengths and sizes in words, in the language of the page.
import { currentLocale } from './texts.ts';

const MINUTE_MS = 60_000;
const UNITS = [
  ['day', 24 * 60 * MINUTE_MS],
  ['hour', 60 * MINUTE_MS],
  ['minute', MINUTE_MS],
  ['second', 1_000],
] as const;

/** Such as `Thursday 24 December 2026 at 10:15`. */
export function inFull(time: string | number): string {
  return new Intl.DateTimeFormat(currentLocale(), { dateStyle: 'full', timeStyle: 'short' }).format(new Date(time));
}

/** Such as `24 Dec 2026, 10:15:03`. */
export function inShort(time: string | number): string {
  return new Intl.DateTimeFormat(currentLocale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(time));
}

/** Such as `in 30 days`. */
export function fromNow(time: string): string {
  const [unit, count] = inLargestUnit(Date.parse(time) - Date.now());
  return new Intl.RelativeTimeFormat(currentLocale(), { numeric: 'always' }).format(count, unit);
}

/** Such as `24 hours`. */
export function lasting(durationMs: number): string {
  const [unit, count] = inLargestUnit(durationMs);
  return counted(count, unit);
}

/** Such as `4.5 seconds`. */
export function inSeconds(seconds: number): string {
  return counted(seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds), 'second');
}

/** Such as `1:05`, or `2:07:09` from an hour on. */
export function onClock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const twoDigits = (count: number) => String(count).padStart(2, '0');
  const start = hours > 0 ? `${hours}:${twoDigits(minutes)}` : String(minutes);
  return `${start}:${twoDigits(whole % 60)}`;
}

/** Such as `1.2 MB`. */
export function inBytes(bytes: number): string {
  const isSmall = bytes < 1_000_000;
  return new Intl.NumberFormat(currentLocale(), {
    style: 'unit',
    unit: isSmall ? 'kilobyte' : 'megabyte',
    maximumFractionDigits: isSmall ? 0 : 1,
  }).format(bytes / (isSmall ? 1_000 : 1_000_000));
}

export function inDigits(count: number): string {
  return new Intl.NumberFormat(currentLocale()).format(count);
}

function counted(count: number, unit: string): string {
  return new Intl.NumberFormat(currentLocale(), { style: 'unit', unit, unitDisplay: 'long' }).format(count);
}

function inLargestUnit(durationMs: number): [(typeof UNITS)[number][0], number] {
  const [unit, unitMs] = UNITS.find(([, ms]) => Math.abs(durationMs) >= ms * 0.99) ?? ['second', 1_000];
  return [unit, Math.round(durationMs / unitMs)];
}
