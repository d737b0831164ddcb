// The calls of a recording's life, each sent once: what a client would repeat is a failure here.
import { CONSENT, type Service, WEBM } from './service.ts';

/** Of one attempt, or of a recording in it. */
export interface Place {
  readonly exam: string;
  readonly attempt: string;
  readonly recording?: string;
}

export interface Caller {
  readonly service: Service;
  readonly token: string;
}

const PART_BYTES = 5 * 1024 * 1024;
/** A recording of the bench: parts of 5 MiB at 300 kbit/s. */
export const PARTS = 20;
export const PART_EVERY_MS = 140_000;
/** How long a client of the bench waits for a response. */
export const CLIENT_TIMEOUT_MS = 60_000;
const ALL_SCOPES = 'recordings:upload recordings:review assessments:write privacy:manage';

/** The candidate's client, whose token is bound to the attempt. */
export async function candidateAt(service: Service, { exam, attempt }: Place): Promise<Caller> {
  return { service, token: await service.token('recordings:upload', { exam, attempt }) };
}

/** The platform's server, whose token is bound to nothing. */
export async function serverOf(service: Service): Promise<Caller> {
  return { service, token: await service.token(ALL_SCOPES) };
}

/** @returns the place of the new recording */
export async function create(
  caller: Caller,
  { exam, attempt }: Place,
  idempotencyKey?: string,
): Promise<Required<Place>> {
  const body = {
    participantId: `participant-${attempt}`,
    kind: 'webcam',
    contentType: 'video/webm',
    consent: CONSENT,
    parts: 0,
  };
  const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
  const path = pathOf({ exam, attempt });
  const { recording } = await send<{ recording: { recordingId: string } }>(caller, 'POST', path, body, headers);
  return { exam, attempt, recording: recording.recordingId };
}

/** @returns the part's URL; part 1 is the recording of a second, the others have the usual size */
export async function signPart(caller: Caller, at: Required<Place>, partNumber = 1): Promise<string> {
  const [url = ''] = await signParts(caller, at, [partNumber]);
  return url;
}

/** As `signPart`, for several parts in one call. */
export async function signParts(
  caller: Caller,
  at: Required<Place>,
  partNumbers: readonly number[],
): Promise<string[]> {
  const parts = partNumbers.map((partNumber) => ({
    partNumber,
    sizeBytes: partNumber === 1 ? WEBM.length : PART_BYTES,
  }));
  const signed = await send<{ parts: { url: string }[] }>(caller, 'POST', `${pathOf(at)}/parts`, { parts });
  return signed.parts.map(({ url }) => url);
}

/** Sends part 1 to the store. */
export async function putPart(url: string): Promise<void> {
  const answer = await fetch(url, { method: 'PUT', body: WEBM });
  if (!answer.ok) throw new Error(`the part was answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

export function complete(caller: Caller, at: Required<Place>, timeline?: object): Promise<unknown> {
  return send(caller, 'POST', `${pathOf(at)}/complete`, { ...(timeline && { timeline }) });
}

export function assess(caller: Caller, { exam, attempt }: Place, completedAtMs: number): Promise<unknown> {
  const path = `/v1/exams/${exam}/attempts/${attempt}/assessment`;
  return send(caller, 'PUT', path, { completedAt: new Date(completedAtMs).toISOString() });
}

/** @returns the link's URL */
export async function issuePlaybackLink(caller: Caller, at: Required<Place>): Promise<string> {
  const path = `${pathOf(at)}/playback-links`;
  return (await send<{ url: string }>(caller, 'POST', path, { reason: 'review' })).url;
}

export function remove(caller: Caller, at: Required<Place>, reason: 'erasure' | 'consent-withdrawn'): Promise<unknown> {
  return send(caller, 'DELETE', `${pathOf(at)}?reason=${reason}`);
}

export function abort(caller: Caller, at: Required<Place>): Promise<unknown> {
  return send(caller, 'POST', `${pathOf(at)}/abort`);
}

/** The recording, or all of the attempt. */
export function read(caller: Caller, at: Place): Promise<unknown> {
  return send(caller, 'GET', pathOf(at));
}

function pathOf({ exam, attempt, recording }: Place): string {
  const recordings = `/v1/exams/${exam}/attempts/${attempt}/recordings`;
  return recording === undefined ? recordings : `${recordings}/${recording}`;
}

async function send<Result>(
  { service, token }: Caller,
  method: string,
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const answer = await fetch(service.url + path, {
    method,
    headers: { ...headers, authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as Result;
}
