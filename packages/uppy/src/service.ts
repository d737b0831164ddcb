// A call of the recordings service: with a token that is renewed, repeated while it may yet succeed.

/** What the service refused. The message is the problem's code and what the service says about it. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
  /** The problem's code (the service's /docs#problems), or one of this package: `unreachable`, `no-token`, `part-size-changed`. */
  readonly code: string;

  constructor(code: string, detail: string) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}

const TRIES = 4;
const CALL_WITHIN_MS = 60_000;
const LONGEST_PAUSE_S = 60;

export type Call = <Result>(method: string, url: string, body?: object, idempotencyKey?: string) => Promise<Result>;

/**
 * A call is repeated while that may help: each is safe to repeat. `getToken` is called when there is no token yet, and after
 * a 401. @throws RecordingError
 */
export function callerOf(getToken: () => Promise<string>): Call {
  let token: Promise<string> | undefined;

  async function send(method: string, url: string, body?: object, key?: string): Promise<Response> {
    token ??= getToken();
    const used = token;
    const authorization = await used.catch((error: unknown) => {
      token = undefined;
      throw new RecordingError('no-token', `getToken failed (${String(error)}).`);
    });
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${authorization}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_WITHIN_MS),
    })
      // Read to its end: a connection that is cut before is no answer.
      .then(async (answer) => new Response((await answer.text()) || null, answer))
      .catch((error: unknown) => {
        throw new RecordingError('unreachable', `The recordings service cannot be reached (${String(error)}).`);
      });
    if (response.status === 401 && token === used) token = undefined;
    return response;
  }

  return async (method, url, body, key) => {
    for (let tries = 1; ; tries += 1) {
      const answer = await send(method, url, body, key).catch((error: RecordingError) => error);
      if (answer instanceof Response && answer.ok) return answer.status === 204 ? undefined : await answer.json();
      const pauseS = answer instanceof Response ? pauseAfter(answer, tries) : tries;
      if (pauseS === undefined || tries === TRIES) {
        throw answer instanceof Response ? await problemOf(answer) : answer;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseS * 1000));
    }
  };
}

/** In seconds; undefined: the answer is final. After a first 401 there is a new token. */
function pauseAfter({ status, headers }: Response, tries: number): number | undefined {
  if (status === 401) return tries === 1 ? 0 : undefined;
  const asked = headers.get('retry-after');
  if (asked === null) return status === 429 || status >= 500 ? tries : undefined;
  return Number(asked) <= LONGEST_PAUSE_S ? Number(asked) : undefined;
}

async function problemOf(answer: Response): Promise<RecordingError> {
  const problem: { code?: string; detail?: string } = await answer.json().catch(() => ({}));
  const { code = `http-${answer.status}`, detail = 'This is no answer of the recordings service.' } = problem;
  return new RecordingError(code, detail);
}
