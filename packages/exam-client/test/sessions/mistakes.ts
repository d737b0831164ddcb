// Deliberate mistakes between the client and what it works with: each breaks one rule of the oracle, in a session of its own.

import { STORE_URL } from './addresses.ts';
import type { HttpReply, HttpRequest } from './backend.ts';
import type { Rule } from './oracle.ts';

type Globals = Readonly<Record<string, unknown>>;
type Go = (request: HttpRequest) => Promise<HttpReply>;

export interface Mistake {
  readonly name: string;
  readonly breaks: Rule;
  /** The seed of a session that shows it, and whether that is one without faults. */
  readonly seed: number;
  readonly isClean: boolean;
  /** Other globals for the client. */
  readonly page?: (globals: Globals) => Globals;
  /** A request that is changed, or answered by another. */
  readonly serve?: (request: HttpRequest, go: Go) => Promise<HttpReply>;
  /** Events that nobody sees. */
  readonly hides?: readonly string[];
}

type Recorder = new (...args: unknown[]) => EventTarget & { state: string };

/** Recorders whose events pass a filter. */
function filtered({ MediaRecorder }: Globals, isTold: (event: Event, recorder: { state: string }) => boolean) {
  return class extends (MediaRecorder as Recorder) {
    static isTypeSupported = (type: string) => (MediaRecorder as typeof globalThis.MediaRecorder).isTypeSupported(type);
    override dispatchEvent(event: Event): boolean {
      return isTold(event, this) && super.dispatchEvent(event);
    }
  };
}

interface Completion {
  readonly timeline: { startedAt: string; endedAt: string; gaps: object[] };
}

/** Completions with another timeline. */
const completing = (change: (timeline: Completion['timeline']) => object) => (request: HttpRequest, go: Go) => {
  if (!request.url.endsWith('/complete')) return go(request);
  const body = JSON.parse(Buffer.from(request.body ?? []).toString()) as Completion;
  const timeline = { ...body.timeline, ...change(body.timeline) };
  return go({ ...request, body: Buffer.from(JSON.stringify({ ...body, timeline })) });
};

const later = (time: string, ms: number) => new Date(Date.parse(time) + ms).toISOString();

/** Parts with other bytes. */
const putting = (change: (bytes: Buffer) => void) => (request: HttpRequest, go: Go) => {
  if (!request.url.startsWith(STORE_URL)) return go(request);
  const body = Buffer.from(request.body ?? []);
  change(body);
  return go({ ...request, body });
};

const answer = (status: number, body = ''): HttpReply => {
  return { status, headers: { 'content-type': 'application/json' }, body: new TextEncoder().encode(body) };
};

/** The id and the size of a WebM's Duration, a float of eight bytes. */
const DURATION = Buffer.from('448988', 'hex');

export const MISTAKES: readonly Mistake[] = [
  {
    name: 'the last bytes of a recorder are dropped',
    breaks: 'bytes lost',
    seed: 1,
    isClean: true,
    page: (globals) => ({
      ...globals,
      MediaRecorder: filtered(globals, ({ type }, { state }) => type !== 'dataavailable' || state !== 'inactive'),
    }),
  },
  {
    name: 'a byte of a part is changed on its way',
    breaks: 'other bytes stored',
    seed: 1,
    isClean: true,
    serve: putting((bytes) => bytes.fill(0, bytes.length - 1)),
  },
  {
    name: 'a create is sent twice, without a key',
    breaks: 'ghost',
    seed: 1,
    isClean: true,
    async serve(request, go) {
      if (!request.url.endsWith('/recordings')) return go(request);
      const { 'idempotency-key': _, ...headers } = request.headers;
      await go({ ...request, headers });
      return go({ ...request, headers });
    },
  },
  { name: 'nobody is told what is stored', breaks: 'silent end', seed: 1, isClean: true, hides: ['stored'] },
  {
    name: 'a completion is refused for good',
    breaks: 'needless failure',
    seed: 1,
    isClean: true,
    serve: async (request, go) =>
      request.url.endsWith('/complete') ? answer(422, '{"code":"not-a-recording"}') : go(request),
  },
  {
    name: 'a gap is made up',
    breaks: 'false gap',
    seed: 1,
    isClean: true,
    serve: completing(({ startedAt }) => ({
      gaps: [{ from: later(startedAt, 20_000), to: later(startedAt, 40_000), reason: 'muted' }],
    })),
  },
  {
    name: 'gaps are left out',
    breaks: 'missing gap',
    seed: 401,
    isClean: false,
    serve: completing(() => ({ gaps: [] })),
  },
  {
    name: 'a start is too early',
    breaks: 'wrong start',
    seed: 1,
    isClean: true,
    serve: completing(({ startedAt }) => ({ startedAt: later(startedAt, -3_000) })),
  },
  {
    name: 'an end is too late',
    breaks: 'wrong end',
    seed: 1,
    isClean: true,
    serve: completing(({ endedAt }) => ({ endedAt: later(endedAt, 3_000) })),
  },
  {
    name: 'a file says that it is longer',
    breaks: 'wrong duration',
    seed: 1,
    isClean: true,
    serve: putting((bytes) => {
      const at = bytes.subarray(0, 4_096).indexOf(DURATION) + DURATION.length;
      if (at >= DURATION.length) bytes.writeDoubleBE(bytes.readDoubleBE(at) + 3_000, at);
    }),
  },
  {
    name: 'nobody is told of a recorder that fails',
    breaks: 'not told',
    seed: 327,
    isClean: false,
    hides: ['problem', 'gap', 'warning', 'failed', 'continued'],
  },
  {
    name: 'the store refuses a part at first',
    breaks: 'disturbed for nothing',
    seed: 1,
    isClean: true,
    serve: refusingFirst(),
  },
  {
    name: 'a withdrawal is confirmed and not done',
    breaks: 'kept after withdrawal',
    seed: 215,
    isClean: false,
    serve: async (request, go) => (request.method === 'DELETE' ? answer(204) : go(request)),
  },
  {
    name: 'tokens are written to the console',
    breaks: 'told the console',
    seed: 1,
    isClean: true,
    page: ({ fetch, console, ...others }) => ({
      ...others,
      console,
      fetch: (url: string, init: RequestInit) => {
        (console as Console).log(new Headers(init.headers).get('authorization'));
        return (fetch as typeof globalThis.fetch)(url, init);
      },
    }),
  },
  {
    name: 'an overview is of another film',
    breaks: 'wrong overview',
    seed: 1,
    isClean: true,
    serve: (request, go) => {
      if (!request.url.endsWith('/overview')) return go(request);
      const body = Buffer.from(request.body ?? []);
      return go({ ...request, body: body.fill(0, body.length - 1) });
    },
  },
  {
    name: 'pictures are not erased',
    breaks: 'pictures left',
    seed: 1,
    isClean: true,
    page: ({ IDBKeyRange, ...others }) => ({
      ...others,
      IDBKeyRange: {
        bound: (lower: [string, number], upper: [string, number], ...open: boolean[]) => {
          const range = IDBKeyRange as typeof globalThis.IDBKeyRange;
          const other = ([recording, at]: [string, number]) => [recording.replace('/overview', '/other'), at];
          return range.bound(other(lower), other(upper), ...open);
        },
      },
    }),
  },
];

function refusingFirst(): NonNullable<Mistake['serve']> {
  const refused = new Set<string>();
  return async (request, go) => {
    const { pathname, searchParams } = new URL(request.url);
    const part = pathname + searchParams.get('partNumber');
    if (!request.url.startsWith(STORE_URL) || refused.has(part)) return go(request);
    refused.add(part);
    return answer(503);
  };
}

export function findMistake(name: string): Mistake {
  const mistake = MISTAKES.find((known) => known.name === name);
  if (!mistake) throw new Error(`no mistake is called ${name}`);
  return mistake;
}
