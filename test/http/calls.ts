// Every call of the contract under /v1, as api.md has it: the tables of the tests run over these.
import type { Method } from '../../src/http/operation.ts';

export const SCOPES = ['recordings:upload', 'recordings:review', 'assessments:write', 'privacy:manage'] as const;

export interface ContractCall {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly scopes: readonly (typeof SCOPES)[number][];
  /** A body that is valid. */
  readonly body?: object;
  /** multipart/form-data instead of JSON. */
  readonly takesFile?: boolean;
  readonly query?: string;
}

const ATTEMPT = '/v1/exams/{exam}/attempts/{attempt}';
const PARTICIPANT = '/v1/participants/{participant}';
const RECORDING = `${ATTEMPT}/recordings/{recording}`;

export const CALLS: readonly ContractCall[] = [
  {
    name: 'create',
    method: 'post',
    path: `${ATTEMPT}/recordings`,
    scopes: ['recordings:upload'],
    body: {
      participantId: 'p-1',
      kind: 'webcam',
      contentType: 'video/webm',
      consent: { givenAt: '2026-01-02T09:55:00Z', policyVersion: '1' },
    },
  },
  {
    name: 'presign parts',
    method: 'post',
    path: `${RECORDING}/parts`,
    scopes: ['recordings:upload'],
    body: { parts: [{ partNumber: 1, sizeBytes: 1000 }] },
  },
  { name: 'list parts', method: 'get', path: `${RECORDING}/parts`, scopes: ['recordings:upload'] },
  { name: 'complete', method: 'post', path: `${RECORDING}/complete`, scopes: ['recordings:upload'], body: {} },
  { name: 'abort', method: 'post', path: `${RECORDING}/abort`, scopes: ['recordings:upload'] },
  {
    name: 'upload content',
    method: 'post',
    path: `${RECORDING}/content`,
    scopes: ['recordings:upload'],
    takesFile: true,
  },
  { name: 'list of attempt', method: 'get', path: `${ATTEMPT}/recordings`, scopes: ['recordings:review'] },
  { name: 'list of exam', method: 'get', path: '/v1/exams/{exam}/recordings', scopes: ['recordings:review'] },
  { name: 'read', method: 'get', path: RECORDING, scopes: ['recordings:review'] },
  {
    name: 'playback link',
    method: 'post',
    path: `${RECORDING}/playback-links`,
    scopes: ['recordings:review'],
    body: { reason: 'second look' },
  },
  {
    name: 'assess',
    method: 'put',
    path: `${ATTEMPT}/assessment`,
    scopes: ['assessments:write'],
    body: { completedAt: '2026-01-02T10:00:00Z' },
  },
  {
    name: 'read assessment',
    method: 'get',
    path: `${ATTEMPT}/assessment`,
    scopes: ['assessments:write', 'recordings:review'],
  },
  { name: 'erase', method: 'delete', path: RECORDING, scopes: ['privacy:manage'], query: '?reason=erasure' },
  {
    name: 'restrict',
    method: 'put',
    path: `${RECORDING}/restriction`,
    scopes: ['privacy:manage'],
    body: { reason: 'accuracy contested' },
  },
  {
    name: 'lift a restriction',
    method: 'delete',
    path: `${RECORDING}/restriction`,
    scopes: ['privacy:manage'],
    query: '?reason=settled',
  },
  { name: 'access log', method: 'get', path: `${RECORDING}/access-log`, scopes: ['privacy:manage'] },
  { name: 'list of participant', method: 'get', path: `${PARTICIPANT}/recordings`, scopes: ['privacy:manage'] },
  { name: 'export', method: 'get', path: `${PARTICIPANT}/export`, scopes: ['privacy:manage'] },
  {
    name: 'erase participant',
    method: 'delete',
    path: PARTICIPANT,
    scopes: ['privacy:manage'],
    query: '?reason=erasure',
  },
  {
    name: 'erase recordings of participant',
    method: 'delete',
    path: `${PARTICIPANT}/recordings`,
    scopes: ['privacy:manage'],
    query: '?reason=erasure',
  },
];

export const OF_RECORDING = CALLS.filter(({ path }) => path.includes('{recording}'));
export const WITH_JSON = CALLS.filter(({ body }) => body !== undefined);

export interface Ids {
  readonly exam?: string;
  readonly attempt?: string;
  readonly recording?: string;
  readonly participant?: string;
}

export function pathOf({ path, query = '' }: ContractCall, ids: Ids): string {
  const { exam = 'math', attempt = 'attempt', recording = `0${'1'.repeat(35)}`, participant = 'p-1' } = ids;
  const named = path.replace('{exam}', exam).replace('{attempt}', attempt).replace('{recording}', recording);
  return named.replace('{participant}', participant) + query;
}

/** A valid body, and what says so. */
export function bodyOf(call: ContractCall): { body?: string | Buffer; headers?: Record<string, string> } {
  if (call.takesFile) return formWith(Buffer.from('no recording'));
  return call.body ? { body: JSON.stringify(call.body), headers: { 'content-type': 'application/json' } } : {};
}

/** A form with one file. */
export function formWith(file: Uint8Array): { body: Buffer; headers: Record<string, string> } {
  const head = '--edge\r\nContent-Disposition: form-data; name="file"; filename="blob"\r\n\r\n';
  return {
    body: Buffer.concat([Buffer.from(head), file, Buffer.from('\r\n--edge--\r\n')]),
    headers: { 'content-type': 'multipart/form-data; boundary=edge' },
  };
}
