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
/** A creation makes several requests to the store, which may be so busy that each has to wait. */
const CALL_WITHIN_MS = 180_000;
/** A refusal with a longer Retry-After is final. */
const LONGEST_ASKED_S = 60;
const LONGEST_OWN_PAUSE_S = 30;

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
      if (tries === TRIES || !mayHelp(answer, tries)) {
        throw answer instanceof Response ? await problemOf(answer) : answer;
      }
      // A new token is all that a 401 needs.
      if (answer instanceof Response && answer.status === 401) continue;
      const seconds = pauseS(tries, askedS(answer) ?? 0, Math.random());
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  };
}

/** Whether it may help to repeat the call. After a first 401 there is a new token. */
function mayHelp(answer: Response | RecordingError, tries: number): boolean {
  if (!(answer instanceof Response)) return true;
  if (answer.status === 401) return tries === 1;
  const seconds = askedS(answer);
  if (seconds !== undefined) return seconds <= LONGEST_ASKED_S;
  return answer.status === 429 || answer.status >= 500;
}

/** What Retry-After says. */
function askedS(answer: Response | RecordingError): number | undefined {
  const asked = answer instanceof Response ? answer.headers.get('retry-after') : null;
  return asked === null ? undefined : Number(asked);
}

/**
 * Full jitter (`random` in [0, 1)): pages that failed together must not call again together. Nor after a Retry-After, because
 * each of them got the same: they spread over as long again.
 */
export function pauseS(tries: number, asked: number, random: number): number {
  return asked + Math.min(LONGEST_OWN_PAUSE_S, Math.max(asked, 2 ** (tries - 1))) * random;
}

async function problemOf(answer: Response): Promise<RecordingError> {
  const problem: { code?: string; detail?: string } = await answer.json().catch(() => ({}));
  const { code = `http-${answer.status}`, detail = 'This is no answer of the recordings service.' } = problem;
  return new RecordingError(code, detail);
}
