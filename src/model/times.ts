// Times in keys: UTC and fixed width, so that the order of keys is the order of time.

import { DAY_MS, MINUTE_MS } from './durations.ts';

const KEY_TIME_PATTERN = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(\d{3})Z$/;
export const MAX_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * `20261123T020317123Z` for a time in milliseconds since the epoch.
 * A time outside of the years 1970 to 9999 is clamped: the earliest key still comes first and the latest last.
 */
export function toKeyTime(timeMs: number): string {
  const clamped = Math.min(Math.max(timeMs, 0), MAX_TIME_MS);
  return new Date(clamped).toISOString().replace(/[-:.]/g, '');
}

/** The inverse of `toKeyTime`; undefined for any other text. */
export function fromKeyTime(text: string): number | undefined {
  const match = KEY_TIME_PATTERN.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, millisecond] = match;
  const timeMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millisecond}Z`);
  return Number.isNaN(timeMs) || toKeyTime(timeMs) !== text ? undefined : timeMs;
}

/** `2026-11-23`, the UTC day of a time: the folder of an audit event. */
export function toDay(timeMs: number): string {
  return new Date(Math.max(timeMs, 0)).toISOString().slice(0, 10);
}

/** The first millisecond of a day written by `toDay`; undefined for anything else. */
export function fromDay(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const timeMs = Date.parse(`${text}T00:00:00.000Z`);
  return Number.isNaN(timeMs) || toDay(timeMs) !== text ? undefined : timeMs;
}

/** A clock that differs by more is wrong: deadlines would be counted from a wrong time. */
export const MAX_CLOCK_SKEW_MS = 5 * MINUTE_MS;

/** Two processes may each be off by as much from the store, to either side. */
export const CLOCKS_AGREE_WITHIN_MS = 2 * MAX_CLOCK_SKEW_MS;

/** Whether two clocks, such as this machine's and the store's, differ too much. False when one of the times is NaN. */
export function clocksDiffer(aMs: number, bMs: number): boolean {
  return Math.abs(aMs - bMs) > MAX_CLOCK_SKEW_MS;
}

/** `2026-11-23T02:03:17.123Z`, as every time in a body is written. */
export function toIso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/**
 * A time as RFC 3339 (5.6) allows it, in the one spelling of ISO 8601 that every parser knows: `t` and `z` in upper case. A
 * leap second is taken as the last millisecond before it, so that nothing is ever dated later than it was. Any other text
 * is returned as it is.
 */
export function toCommonForm(time: string): string {
  const upper = /^\d{4}-\d\d-\d\dt/i.test(time) ? time.toUpperCase() : time;
  const last = upper.replace(/^(.{16}):60(?:\.\d+)?(?=Z$|[+-]\d\d:\d\d$)/, '$1:59.999');
  if (last === upper) return upper;
  // Leap seconds come at the end of a day in UTC.
  return new Date(last).getTime() % DAY_MS === DAY_MS - 1 ? last : upper;
}
