// Every call under /v1, written out by hand: the tables of the tests run over these, and the drift test compares them
// with the routes.
import { type ClientRequest, request as httpRequest } from 'node:http';
import type { JWTPayload } from 'jose';
import type { Method } from '../../src/http/request.ts';
import { overviewOf } from '../kit/overview.ts';

export const SCOPES = ['recordings:upload', 'recordings:review', 'assessments:write', 'privacy:manage'] as const;
const [UPLOAD, REVIEW, ASSESS, PRIVACY] = SCOPES;

interface Sent {
  /** A body that is valid. */
  readonly body?: object;
  /** multipart/form-data instead of JSON. */
  readonly takesFile?: boolean;
  /** The bytes of a part. */
  readonly takesPart?: boolean;
  /** The bytes of an overview. */
  readonly takesOverview?: boolean;
  readonly query?: string;
}

export interface ContractCall extends Sent {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  /** One of them is enough. */
  readonly scopes: readonly (typeof SCOPES)[number][];
}

/** A well-formed id of no recording. */
export const UNKNOWN_RECORDING = `0${'1'.repeat(35)}`;
export const CREATE_BODY = {
  participantId: 'p-1',
  kind: 'webcam',
  contentType: 'video/webm;codecs=vp8,opus',
  consent: { givenAt: '2026-01-02T09:55:00+01:00', policyVersion: '2026-05' },
} as const;

const EXAM = '/v1/exams/{exam}';
const ATTEMPT = `${EXAM}/attempts/{attempt}`;
const RECORDING = `${ATTEMPT}/recordings/{recording}`;
const PARTICIPANT = '/v1/participants/{participant}';

const PART = { partNumber: 1, sizeBytes: 1000 };
const ERASURE = { query: '?reason=erasure' };
const FILTERS = '?limit=200&assessed=false&dueBefore=2099-01-01T10:00:00%2B01:00';

const RECEIPTS =
  '?limit=200&deletedAfter=2026-01-01T00:00:00Z&deletedBefore=2099-01-01T10:00:00%2B01:00&reason=erasure';

const TABLE: readonly (readonly [string, Method, string, ContractCall['scopes'], Sent?])[] = [
  ['upload settings', 'get', '/v1/upload-settings', [UPLOAD]],
  ['create', 'post', `${ATTEMPT}/recordings`, [UPLOAD], { body: CREATE_BODY }],
  ['presign parts', 'post', `${RECORDING}/parts`, [UPLOAD], { body: { parts: [PART] } }],
  ['put a part', 'put', `${RECORDING}/parts/{partNumber}`, [UPLOAD], { takesPart: true }],
  ['list parts', 'get', `${RECORDING}/parts`, [UPLOAD]],
  ['put an overview', 'put', `${RECORDING}/overview`, [UPLOAD], { takesOverview: true }],
  ['complete', 'post', `${RECORDING}/complete`, [UPLOAD], { body: {} }],
  ['abort', 'post', `${RECORDING}/abort`, [UPLOAD]],
  ['upload content', 'post', `${RECORDING}/content`, [UPLOAD], { takesFile: true }],
  ['list of attempt', 'get', `${ATTEMPT}/recordings`, [REVIEW], { query: FILTERS }],
  ['list of exam', 'get', `${EXAM}/recordings`, [REVIEW]],
  ['read', 'get', RECORDING, [REVIEW]],
  ['playback link', 'post', `${RECORDING}/playback-links`, [REVIEW], { body: { reason: 'second look' } }],
  ['assess', 'put', `${ATTEMPT}/assessment`, [ASSESS], { body: { completedAt: '2026-03-02T09:00:00Z' } }],
  ['read assessment', 'get', `${ATTEMPT}/assessment`, [ASSESS, REVIEW]],
  ['erase', 'delete', RECORDING, [PRIVACY], ERASURE],
  ['restrict', 'put', `${RECORDING}/restriction`, [PRIVACY], { body: { reason: 'accuracy contested' } }],
  ['lift a restriction', 'delete', `${RECORDING}/restriction`, [PRIVACY], { query: '?reason=settled' }],
  ['access log', 'get', `${RECORDING}/access-log`, [PRIVACY]],
  ['explanation', 'get', `${RECORDING}/explanation`, [PRIVACY]],
  ['receipts of exam', 'get', `${EXAM}/receipts`, [PRIVACY], { query: RECEIPTS }],
  ['receipts of participant', 'get', `${PARTICIPANT}/receipts`, [PRIVACY]],
  ['list of participant', 'get', `${PARTICIPANT}/recordings`, [PRIVACY]],
  ['export', 'get', `${PARTICIPANT}/export`, [PRIVACY]],
  ['erase participant', 'delete', PARTICIPANT, [PRIVACY], ERASURE],
  ['erase recordings of participant', 'delete', `${PARTICIPANT}/recordings`, [PRIVACY], ERASURE],
  ['report', 'get', '/v1/report', [PRIVACY]],
  ['receipt proof', 'get', `${RECORDING}/receipt-proof`, [PRIVACY]],
  ['proof', 'get', '/v1/proof', [PRIVACY]],
  ['checkpoint', 'get', '/v1/log/checkpoint', [PRIVACY, REVIEW, ASSESS]],
  ['consistency proof', 'get', '/v1/log/consistency', [PRIVACY, REVIEW, ASSESS], { query: '?size=0' }],
];

export const CALLS = TABLE.map(([name, method, path, scopes, sent]): ContractCall => {
  return { name, method, path, scopes, ...sent };
});
export const isOfRecording = ({ path }: Pick<ContractCall, 'path'>): boolean => path.includes('{recording}');
/** Of an exam, or of a participant. */
export const namesSomething = ({ path }: Pick<ContractCall, 'path'>): boolean => path.includes('{');
export const OF_RECORDING = CALLS.filter(isOfRecording);

export type Ids = Partial<Record<'exam' | 'attempt' | 'recording' | 'participant' | 'partNumber', string>>;

export function pathOf({ path, query = '' }: Pick<ContractCall, 'path' | 'query'>, ids: Ids): string {
  const all = {
    exam: 'math',
    attempt: 'attempt',
    recording: UNKNOWN_RECORDING,
    participant: 'p-1',
    partNumber: '1',
    ...ids,
  };
  return path.replace(/\{(\w+)\}/g, (_, place: keyof Ids) => all[place]) + query;
}

/** A valid body and its Content-Type. */
export function bodyOf(call: Sent): { body?: string | Buffer; headers?: Record<string, string> } {
  if (call.takesFile) return formWith(Buffer.from('no recording'));
  if (call.takesPart) return { body: Buffer.from('a part'), headers: { 'content-type': 'application/octet-stream' } };
  if (call.takesOverview) return { body: overviewOf(), headers: { 'content-type': 'application/octet-stream' } };
  return call.body ? { body: JSON.stringify(call.body), headers: { 'content-type': 'application/json' } } : {};
}

/** What comes before and after the file in a form with one file. */
export const FORM_HEAD = Buffer.from('--edge\r\nContent-Disposition: form-data; name="file"; filename="blob"\r\n\r\n');
export const FORM_TAIL = Buffer.from('\r\n--edge--\r\n');

/** A form with one file. */
export function formWith(file: Uint8Array): { body: Buffer; headers: Record<string, string> } {
  return {
    body: Buffer.concat([FORM_HEAD, file, FORM_TAIL]),
    headers: { 'content-type': 'multipart/form-data; boundary=edge' },
  };
}

/** A client that sends the head of a part of a length that it announces, and the beginning of it. */
export async function beginPart(
  by: Sending,
  path: string,
  sent: Uint8Array | undefined,
  length: number,
  as: JWTPayload = {},
): Promise<ClientRequest> {
  const authorization = await by.authorization({ scope: 'recordings:upload', ...as });
  const headers = { authorization, 'content-length': length };
  const request = httpRequest(`${by.url}${path}`, { method: 'PUT', headers, agent: false });
  request.on('error', () => {});
  request.flushHeaders();
  if (sent) request.write(sent);
  return request;
}

interface Sending {
  readonly url: string;
  authorization(claims: JWTPayload): Promise<string>;
}

/** A client that sends the beginning of a file of a length that it announces. */
export async function beginSending(
  by: Sending,
  path: string,
  sent: Uint8Array | undefined,
  length: number,
  as: JWTPayload = {},
): Promise<ClientRequest> {
  const request = httpRequest(`${by.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: await by.authorization({ scope: 'recordings:upload', ...as }),
      'content-type': 'multipart/form-data; boundary=edge',
      'content-length': length + FORM_HEAD.length + FORM_TAIL.length,
    },
    agent: false,
  });
  request.on('error', () => {});
  request.flushHeaders();
  if (sent) request.write(Buffer.concat([FORM_HEAD, sent]));
  return request;
}
