// Whether a value from a file has the shape that it should have. Nothing else in a file is looked at before.
import type { Detail } from './details.ts';
import { Refusal } from './refusal.ts';

export class MalformedError extends Refusal {
  override readonly name = 'MalformedError';
}

const MOST_TEXTS = 10_000_000;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The functions that follow throw MalformedError. */
export function membersOf(value: unknown, otherwise: Detail): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new MalformedError(otherwise);
}

export function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw new MalformedError(['noText', name]);
}

export function textOrNull(value: unknown, name: string): string | null {
  return value === null ? null : text(value, name);
}

export function time(value: unknown, name: string): string {
  if (isTime(value)) return value;
  throw new MalformedError(['noTime', name]);
}

export function listOfTexts(value: unknown, name: string, most: number = MOST_TEXTS): readonly string[] {
  if (!Array.isArray(value)) throw new MalformedError(['noList', name]);
  if (value.length > most) throw new MalformedError(['listTooLong', name, most]);
  const wrong = value.findIndex((item) => typeof item !== 'string');
  if (wrong >= 0) throw new MalformedError(['itemNoText', wrong, name]);
  return value;
}

/** Such as `2026-11-30T12:00:00.000Z`, of a day that there is. */
export function isTime(value: unknown): value is string {
  return typeof value === 'string' && TIME.test(value) && isWritten(value, value);
}

/** Such as `2026-11-30`. */
export function isDay(value: unknown): value is string {
  return typeof value === 'string' && DAY.test(value) && isWritten(value, `${value}T00:00:00.000Z`);
}

function isWritten(text: string, time: string): boolean {
  const timeMs = Date.parse(time);
  return Number.isFinite(timeMs) && new Date(timeMs).toISOString().startsWith(text);
}
