// Every call of openapi.json has a method, which sends it as it is documented and takes the options of a call.
import { readFile } from 'node:fs/promises';
import { expect, it, test } from '@jest/globals';
import { type CallOptions, ProctoringRecordings } from '../src/index.ts';

interface OpenApiResponse {
  readonly content?: Readonly<Record<string, unknown>>;
}

interface OpenApiOperation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, OpenApiResponse & { readonly $ref?: string }>>;
}

const { paths, components } = JSON.parse(await readFile(new URL('../../../openapi.json', import.meta.url), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, OpenApiResponse>> };
};

function successOf({ responses }: OpenApiOperation): OpenApiResponse | undefined {
  const success = Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1];
  const name = success?.$ref?.split('/').at(-1);
  return name === undefined ? success : components.responses[name];
}

/** The same call as `eraseParticipant`, at another path. */
const ALIAS = 'eraseParticipantRecordings';
/** Beside the API, for which a server has a use. */
const BESIDE = ['getKeys', 'getReadiness'];

const AT = { exam: 'e-1', attempt: 'a-1', recording: '0'.repeat(36) };
const PERSON = { participant: 'p-1' };
const CONSENT = { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' };
const BODY = { participantId: 'p-1', kind: 'webcam', contentType: 'video/webm', consent: CONSENT } as const;
const FILE = new Blob(['bytes']);
const TIME = new Date('2026-01-02T00:00:00Z');

type Made = Promise<unknown> | AsyncGenerator<unknown>;
type MakeCall = (client: ProctoringRecordings, options: CallOptions) => Made;

/** By operation id, and by the type of the response where that has another than JSON. */
const METHODS: Readonly<Record<string, MakeCall>> = {
  getUploadSettings: (client, options) => client.uploadSettings(options),
  createRecording: (client, options) => client.create(AT, BODY, options),
  presignParts: (client, options) => client.signParts(AT, [{ partNumber: 1, sizeBytes: 5 }], options),
  putPart: (client, options) => client.putPart(AT, 1, FILE, options),
  listParts: (client, options) => client.uploadedParts(AT, options),
  putOverview: (client, options) => client.putOverview(AT, FILE, options),
  completeRecording: (client, options) => client.complete(AT, {}, options),
  abortRecording: (client, options) => client.abort(AT, options),
  uploadContent: (client, options) => client.uploadContent(AT, FILE, options),
  listAttemptRecordings: (client, options) => client.list(AT, { dueBefore: TIME }, options),
  listExamRecordings: (client, options) => client.list({ exam: 'e-1' }, { assessed: true }, options),
  getRecording: (client, options) => client.get(AT, options),
  createPlaybackLink: (client, options) => client.playbackLink(AT, 'assessment', { renewal: true, ...options }),
  reportAssessment: (client, options) => client.assess(AT, TIME, options),
  getAssessment: (client, options) => client.assessment(AT, options),
  eraseRecording: (client, options) => client.erase(AT, 'erasure', options),
  restrictRecording: (client, options) => client.restrict(AT, 'contested', options),
  liftRestriction: (client, options) => client.liftRestriction(AT, 'closed', options),
  getAccessLog: (client, options) => client.accessLog(AT, { limit: 2 }, options),
  explainRecording: (client, options) => client.explain(AT, options),
  listExamReceipts: (client, options) => client.receipts(AT, { attempt: 'a-1' }, options),
  'listExamReceipts text/csv': (client, options) => client.receiptsCsv(AT, { deletedAfter: TIME }, options),
  listParticipantRecordings: (client, options) => client.participantRecordings(PERSON, { limit: 2 }, options),
  listParticipantReceipts: (client, options) => client.participantReceipts(PERSON, { exam: 'e-1' }, options),
  'listParticipantReceipts text/csv': (client, options) => client.participantReceiptsCsv(PERSON, {}, options),
  exportParticipant: (client, options) => client.exportParticipant(PERSON, { includeRestricted: true, ...options }),
  'exportParticipant application/zip': (client, options) => client.exportParticipantFile(PERSON, 'zip', options),
  eraseParticipant: (client, options) => client.eraseParticipant(PERSON, 'erasure', options),
  getReport: (client, options) => client.report({ from: TIME, to: '2026-02-01' }, options),
  'getReport text/html': (client, options) => client.reportHtml({ from: TIME }, options),
  getReceiptProof: (client, options) => client.receiptProof(AT, options),
  getProof: (client, options) => client.proof(options),
  getCheckpoint: (client, options) => client.checkpoint(options),
  getConsistencyProof: (client, options) => client.consistencyProof(7, options),
  getKeys: (client, options) => client.publicKeys(options),
  getReadiness: (client, options) => client.readiness(options),
};

const DOCUMENTED = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, operation]) => {
    const { operationId } = operation;
    const isOfApi = path.startsWith('/v1/') && operationId !== undefined && operationId !== ALIAS;
    if (!isOfApi && !BESIDE.includes(operationId)) return [];
    const types = Object.keys(successOf(operation)?.content ?? {});
    const named = types.length === 0 ? ['application/json'] : types;
    return named.map((type) => ({
      name: type === 'application/json' ? operationId : `${operationId} ${type}`,
      method: method.toUpperCase(),
      path,
      type,
      operation,
    }));
  }),
);

test('every documented call has a method, and every method a documented call', () => {
  expect(DOCUMENTED.length).toBeGreaterThan(30);
  expect(Object.keys(METHODS).sort()).toEqual(DOCUMENTED.map(({ name }) => name).sort());
  const made = Object.values(METHODS).map((make) => /client\.(\w+)/.exec(String(make))?.[1]);
  const methods = Object.getOwnPropertyNames(ProctoringRecordings.prototype);
  // `upload` makes several calls.
  expect(methods.filter((name) => !made.includes(name))).toEqual(['constructor', 'upload']);
});

it.each(DOCUMENTED)(
  'sends $name as it is documented, once, and ends when its own signal says so',
  async (documented) => {
    const sent: { url: URL; init: RequestInit }[] = [];
    const fetchOnce: typeof fetch = async (input, init = {}) => {
      sent.push({ url: new URL(input instanceof Request ? input.url : input), init });
      return Response.json({ items: [], nextCursor: null, unreadable: [], unreadableCount: 0 });
    };
    const client = new ProctoringRecordings({ baseUrl: 'http://service.test/', token: 't', fetch: fetchOnce });
    const make = METHODS[documented.name];
    if (!make) throw new Error('no such method');
    await settled(make(client, {}));
    expect(sent).toHaveLength(1);
    const [{ url, init } = { url: new URL('http://none.test'), init: {} }] = sent;
    const template = new RegExp(`^${documented.path.replaceAll(/\{\w+\}/g, '[\\w-]+')}$`);
    expect({ method: init.method, path: url.pathname }).toEqual({
      method: documented.method,
      path: expect.stringMatching(template),
    });
    const headers = new Headers(init.headers);
    expect(headers.get('authorization')).toBe(documented.path.startsWith('/v1') ? 'Bearer t' : null);
    const isZip = documented.type === 'application/zip';
    const accept = ['application/json', 'application/zip'].includes(documented.type) ? null : documented.type;
    expect([headers.get('accept'), url.searchParams.get('format')]).toEqual([accept, isZip ? 'zip' : null]);
    const type = new Request(url, init).headers.get('content-type')?.split(';')[0] ?? null;
    const [bodyType = null] = Object.keys(documented.operation.requestBody?.content ?? {});
    // A part has no type; the reason for lifting a restriction is in the query.
    const isTyped = bodyType !== null && !['putPart', 'liftRestriction'].includes(documented.name);
    expect(type).toBe(isTyped ? bodyType : null);

    const stopped = make(client, { signal: AbortSignal.abort(new Error('enough')) });
    await expect(settled(stopped)).rejects.toThrow('enough');
  },
);

async function settled(made: Made): Promise<void> {
  if (made instanceof Promise) await made;
  else for await (const _ of made);
}
