// Identifiers: the caller's opaque ids, and the recording ids that the service makes itself.
import { ServiceError } from './errors.ts';
import { MAX_TIME_MS } from './times.ts';

/** `exam`, `attempt`, `participant` and `tenant` ids. No slash, no dot: an id is always one segment of a key. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

const TIME_LENGTH = 10;
const RECORDING_ID_PATTERN = /^[0-9a-v]{36}$/;
const LATEST_TIME = MAX_TIME_MS.toString(32);

export interface AttemptRef {
  readonly tenant: string;
  readonly exam: string;
  readonly attempt: string;
}

/** Identifies an attempt in memory; other members of the ref are ignored. */
export function attemptId({ tenant, exam, attempt }: AttemptRef): string {
  return `${tenant}/${exam}/${attempt}`;
}

/** Identifies a recording in memory. */
export function recordingId(ref: RecordingRef): string {
  return `${attemptId(ref)}/${ref.recording}`;
}

/** Opaque, like all ids: only the controller knows the person. */
export interface ParticipantRef {
  readonly tenant: string;
  readonly participant: string;
}

export interface RecordingRef extends AttemptRef {
  readonly recording: string;
}

/** A source of randomness, injected so that a simulation can be repeated. */
export type RandomBytes = (length: number) => Uint8Array;

export function isId(value: string): boolean {
  return ID_PATTERN.test(value);
}

/** @throws ServiceError `invalid-id`, with a sentence of its own for an e-mail address (policy 3.2: opaque ids only). */
export function parseId(name: string, value: string): string {
  if (isId(value)) return value;
  const reason = value.includes('@')
    ? 'looks like an e-mail address; only opaque ids may be stored'
    : 'must be 1 to 64 letters, digits, "-" or "_", and begin with a letter or digit';
  throw new ServiceError('invalid-id', `${name} ${reason}.`, { errors: [{ path: name, message: reason }] });
}

/**
 * A recording's id: 50 bits of creation time in milliseconds, then 128 random bits, both in base 32 with digits in
 * ASCII order, so that ids sort by creation time and the time can be read back.
 */
export function newRecordingId(createdAtMs: number, randomBytes: RandomBytes): string {
  if (!Number.isInteger(createdAtMs) || createdAtMs < 0 || createdAtMs > MAX_TIME_MS) {
    throw new RangeError(`no id for time ${createdAtMs}`);
  }
  const time = createdAtMs.toString(32).padStart(TIME_LENGTH, '0');
  return time + randomBase32(randomBytes, 16, 26);
}

export function isRecordingId(value: string): boolean {
  return RECORDING_ID_PATTERN.test(value) && value.slice(0, TIME_LENGTH) <= LATEST_TIME;
}

/** When the recording was created, in milliseconds since the epoch. The id must be a recording id. */
export function createdAtOf(recording: string): number {
  return Number.parseInt(recording.slice(0, TIME_LENGTH), 32);
}

/** A name that no other writer uses: 80 random bits in 16 characters. */
export function newUniqueName(randomBytes: RandomBytes): string {
  return randomBase32(randomBytes, 10, 16);
}

function randomBase32(randomBytes: RandomBytes, bytes: number, length: number): string {
  const hex = Buffer.from(randomBytes(bytes)).toString('hex');
  return BigInt(`0x${hex}`).toString(32).padStart(length, '0');
}
