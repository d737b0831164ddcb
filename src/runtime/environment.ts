// Reads typed values from the environment and collects every mistake instead of stopping at the first.
import { DAY_MS, HOUR_MS, MINUTE_MS, parseDuration, SECOND_MS } from '../model/durations.ts';

export type Env = Readonly<Record<string, string | undefined>>;

interface Range {
  readonly min: number;
  readonly max: number;
}

/** Longer values are cut off in a message: somebody may have pasted a key into the wrong setting. */
const MAX_SHOWN_LENGTH = 80;

/** One for each start; an empty value is the same as none, as containers often cannot unset one. */
export class EnvironmentReader {
  readonly problems: string[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  raw(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === '' ? undefined : value;
  }

  isSet(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  problem(name: string, problem: string): void {
    this.problems.push(`${name}: ${problem}`);
  }

  /** Never use it for a secret. */
  refuse(name: string, given: string, allowed: string): void {
    this.problem(name, `"${given.slice(0, MAX_SHOWN_LENGTH)}" is not allowed; ${allowed}`);
  }

  matching(name: string, pattern: RegExp, allowed: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || pattern.test(value)) return value;
    this.refuse(name, value, allowed);
    return undefined;
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.raw(name);
    if (value === undefined) return fallback;
    const chosen = choices.find((choice) => choice === value);
    if (chosen === undefined) this.refuse(name, value, `it must be ${choices.join(' or ')}`);
    return chosen ?? fallback;
  }

  integer(name: string, fallback: number, range: Range): number {
    const value = this.raw(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= range.min && number <= range.max) return number;
    this.refuse(name, value, `it must be a whole number from ${range.min} to ${range.max}`);
    return fallback;
  }

  /** Milliseconds. */
  duration(name: string, fallbackMs: number, range: Range): number {
    const value = this.raw(name);
    return value === undefined ? fallbackMs : (this.parseDuration(name, value, range) ?? fallbackMs);
  }

  /** Milliseconds; undefined when the text is refused, which is then a problem of the setting. */
  parseDuration(name: string, text: string, { min, max }: Range): number | undefined {
    const durationMs = parseDuration(text);
    if (durationMs !== undefined && durationMs >= min && durationMs <= max) return durationMs;
    const from = `from ${formatDuration(min)}`;
    const limits = max === Number.MAX_SAFE_INTEGER ? from : `${from} to ${formatDuration(max)}`;
    this.refuse(name, text, `it must be a duration such as 30d, 24h, 10m or 5s, ${limits}`);
    return undefined;
  }

  /** The value is not shown when it holds credentials. */
  httpUrl(name: string): URL | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url?.username || url?.password) {
      this.problem(name, 'the URL holds credentials; it must not');
      return undefined;
    }
    if (url && /^https?:$/.test(url.protocol)) return url;
    this.problem(name, 'is not a URL that begins with http:// or https://');
    return undefined;
  }

  /** The items of a list with commas; none when it is not set. */
  list(name: string): string[] {
    const items = (this.raw(name) ?? '').split(',').map((item) => item.trim());
    return items.filter((item) => item !== '');
  }
}

/** `30d`, in the largest unit that is exact. */
export function formatDuration(durationMs: number): string {
  const units: [string, number][] = [
    ['d', DAY_MS],
    ['h', HOUR_MS],
    ['m', MINUTE_MS],
  ];
  const [unit, unitMs] = units.find(([, ms]) => durationMs >= ms && durationMs % ms === 0) ?? ['s', SECOND_MS];
  return `${durationMs / unitMs}${unit}`;
}
