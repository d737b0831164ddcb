// The log: JSON lines on stderr, with only the known fields, and with everything that looks like a secret removed.
import { createLogger as createWinston, format, transports } from 'winston';
import type { LogLevel } from '../config.ts';
import { LOG_FIELDS, type Log, type LogFields, type Logger, type LogValue } from '../model/logger.ts';
import { toIso } from '../model/times.ts';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** stderr when not given: stdout is for the one JSON document of a command. */
  readonly stream?: NodeJS.WritableStream;
}

/** Audit events have the highest level: no setting turns them off. */
const LEVELS = { audit: 0, error: 1, warn: 2, info: 3, debug: 4 } as const;
const MAX_TEXT_LENGTH = 2_000;
const REDACTED = '[redacted]';

/** Bounded repetitions only, so that no text makes a pattern slow. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\bBearer\s+[^\s"',]+/gi, `Bearer ${REDACTED}`],
  [/\beyJ[\w-]{4,}(?:\.[\w-]*){0,4}/g, REDACTED],
  [/\bX-Amz-(?:Signature|Credential|Security-Token)[=:]\s?[^&\s"']+/gi, REDACTED],
  [/:\/\/[^/\s@"']{1,256}@/g, `://${REDACTED}@`],
  [/(:\/\/[^\s?"']{1,2048})\?[^\s"']*/g, `$1?${REDACTED}`],
  [/[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g, REDACTED],
];

/** Every match of `SECRETS` contains one of these. Few texts do, and six patterns took a third of the time of a line. */
const MAY_HOLD_SECRET = /bearer|eyj|x-amz-|:\/\/|@/i;

/** Never throws and never waits. */
export function createLogger({ level, now, stream = process.stderr }: LoggerOptions): Logger {
  const winston = createWinston({
    levels: LEVELS,
    level,
    format: format.printf(({ level: lineLevel, message, fields }) =>
      lineOf(now(), lineLevel, String(message), (fields ?? {}) as LogFields),
    ),
    transports: [new transports.Stream({ stream })],
  });
  const logAt =
    (lineLevel: keyof typeof LEVELS): Log =>
    (message, fields) => {
      winston.log({ level: lineLevel, message, fields });
    };
  return {
    error: logAt('error'),
    warn: logAt('warn'),
    info: logAt('info'),
    debug: logAt('debug'),
    audit: logAt('audit'),
  };
}

function lineOf(timeMs: number, level: string, message: string, fields: LogFields): string {
  const head = level === 'audit' ? { level: 'info', channel: 'audit' } : { level };
  const line: Record<string, LogValue> = { time: toIso(timeMs), ...head, message: scrub(message) };
  // Copied by name, so that an untyped caller cannot add fields.
  for (const name of LOG_FIELDS) {
    const value = fields[name];
    if (value !== undefined) line[name] = scrubValue(value);
  }
  return JSON.stringify(line);
}

function scrubValue(value: LogValue): LogValue {
  if (typeof value === 'string') return scrub(value);
  if (Array.isArray(value)) return value.map((item) => scrub(String(item)));
  return typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

function scrub(text: string): string {
  const short = text.slice(0, MAX_TEXT_LENGTH);
  if (!MAY_HOLD_SECRET.test(short)) return short;
  return SECRETS.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), short);
}
