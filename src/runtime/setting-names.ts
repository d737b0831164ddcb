// Finds settings that are spelled wrong: one that is silently ignored could keep recordings longer than was meant.
import type { Env } from './environment.ts';

export const SETTING_NAMES = [
  'HOST',
  'PORT',
  'DATA_DIR',
  'LOCAL_S3_PORT',
  'S3_ENDPOINT',
  'S3_PUBLIC_ENDPOINT',
  'S3_REGION',
  'S3_BUCKET',
  'S3_KEY_PREFIX',
  'S3_FORCE_PATH_STYLE',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'S3_UPLOAD_ACCESS_KEY_ID',
  'S3_UPLOAD_SECRET_ACCESS_KEY',
  'S3_MAX_PARTS',
  'RETENTION_AFTER_ASSESSMENT',
  'RETENTION_UNASSESSED',
  'RETENTION_BY_TENANT',
  'DELETE_LEAD',
  'SETTLE_TIME',
  'UPLOAD_IDLE_LIMIT',
  'LOG_RETENTION',
  'SWEEP_SCHEDULE',
  'AUTH_JWKS_URL',
  'AUTH_ISSUER',
  'AUTH_AUDIENCE',
  'AUTH_SHARED_SECRET',
  'AUTH_TENANT_CLAIM',
  'AUTH_SCOPE_CLAIM',
  'PART_SIZE_BYTES',
  'PART_URL_TTL',
  'PLAYBACK_URL_TTL',
  'MAX_RECORDING_BYTES',
  'MAX_CONTENT_UPLOADS',
  'CONTENT_TYPES',
  'CORS_ORIGINS',
  'RATE_LIMIT',
  'UPLOADS',
  'SHUTDOWN_DELAY',
  'LOG_LEVEL',
  'WEBHOOKS_FILE',
] as const;
export type SettingName = (typeof SETTING_NAMES)[number];

const KNOWN = new Set<string>(SETTING_NAMES);
/** Only names that begin like ours are looked at: the environment is full of others. */
const OUR_PREFIX = /^(S3|RETENTION|AUTH|PART|UPLOAD|DELETE|SETTLE|SWEEP|PLAYBACK|SHUTDOWN|WEBHOOKS?)_/;
/** Set by Kubernetes for every service of the namespace; one may well be called `s3` or `auth`. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)?)$/;
const MAX_EDITS = 3;

/** One line for each name that is close to a setting without being one. */
export function findMisspelled(env: Env): string[] {
  return Object.keys(env)
    .filter((name) => OUR_PREFIX.test(name) && !KNOWN.has(name) && !SERVICE_LINK.test(name))
    .flatMap((name) => {
      const meant = SETTING_NAMES.find((known) => isLike(name, known));
      return meant ? [`${name}: there is no such setting; did you mean ${meant}?`] : [];
    })
    .sort();
}

function isLike(name: string, known: string): boolean {
  return hasWordsOf(name, known) || editDistance(name, known) <= MAX_EDITS;
}

/** `S3_SECRET_KEY` has only words of `S3_SECRET_ACCESS_KEY`. */
function hasWordsOf(name: string, known: string): boolean {
  const words = new Set(known.split('_'));
  const own = name.split('_');
  return own.length > 1 && own.every((word) => words.has(word));
}

/** Levenshtein's: insertions, deletions and substitutions. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
