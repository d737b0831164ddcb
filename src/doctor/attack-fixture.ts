// Shared by all attacks: their fixture, and the verdict on responses and on the state of the store afterwards.
import { SECOND_MS } from '../model/durations.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import type { UploadedPart } from '../objectstore/object-store.ts';
import { ok, type Verdict } from './check.ts';
import { type AttackDependencies, type DoctorCheck, writingCheck } from './context.ts';
import { describe, isSuccess, type RawHttp, type RawRequest, type RawResponse } from './raw-http.ts';
import { MEDIA, type Scratch } from './scratch.ts';

export type Attack = DoctorCheck<AttackFixture>;

/** The first, the positive control, must succeed, or the refusals that follow prove nothing. */
export type AttackGroup = readonly [control: Attack, ...attacks: Attack[]];

/** The part that a browser would upload, and another participant's recording of the same length. */
const LENGTH = 64;
export const BODY = Buffer.from('a part that the doctor uploads'.padEnd(LENGTH));
export const VICTIM = Buffer.from("another participant's recording".padEnd(LENGTH));

/** Longer than the attacks take; the keys are deleted at once. */
const LIFETIME_SECONDS = 120;

export interface TargetUpload {
  readonly key: string;
  readonly uploadId: string;
  /** Signed for part 1, of exactly `BODY`'s length. */
  readonly url: string;
}

export type AttackFixture = ReturnType<typeof fixtureOf>;

/** Makes uploads and objects to attack, with presigned URLs of the service. */
export function fixtureOf(deps: AttackDependencies, scratch: Scratch, { send }: RawHttp) {
  const { store, presigner } = deps;
  return {
    ...deps,
    scratch,
    send,

    /** An upload without parts. */
    async upload(name: string, expiresInSeconds = LIFETIME_SECONDS): Promise<TargetUpload> {
      const key = scratch.key(name);
      const uploadId = await scratch.openUpload(key);
      const part = { uploadId, partNumber: 1, sizeBytes: BODY.length };
      return { key, uploadId, url: await presigner.presignPart(key, part, expiresInSeconds) };
    },

    /** An object, and a URL that plays it. */
    async stored(name: string, body = VICTIM, expiresInSeconds = LIFETIME_SECONDS) {
      const key = scratch.key(name);
      await store.put(key, body, MEDIA);
      return { key, url: await presigner.presignPlayback(key, MEDIA, expiresInSeconds) };
    },

    put(url: string, body: RawRequest['body'] = BODY, headers: RawRequest['headers'] = {}): Promise<RawResponse> {
      return send(url, { method: 'PUT', body, headers });
    },

    /** The parts of an upload; none when it does not exist. */
    async parts({ key, uploadId }: TargetUpload): Promise<UploadedPart[]> {
      return (await store.listParts(key, uploadId)) ?? [];
    },
  };
}

export interface Observed {
  readonly responses: readonly RawResponse[];
  /** The effect of the attack in the store; undefined when there is none. */
  readonly harm: string | undefined;
  /** Without the attack's header the request is valid: a 200 is harmless when the header had no effect. */
  readonly mayBeIgnored?: boolean;
}

/** Attempts something; its observations become the verdict. */
export function attack(
  id: string,
  name: string,
  remedy: string,
  attempt: (fixture: AttackFixture) => Promise<Observed>,
): Attack {
  return writingCheck(id, name, async (fixture) => verdictOn(await attempt(fixture), remedy));
}

/** A refusal is a 4xx or 501 (not implemented). A store that is busy proves nothing. */
export function isRefusal({ status }: RawResponse): boolean {
  return (status >= 400 && status < 500 && status !== 429) || status === 501;
}

/** `refused` only when every response is a refusal and nothing changed in the store. */
function verdictOn({ responses, harm, mayBeIgnored = false }: Observed, remedy: string): Verdict {
  const answered = describe(...responses);
  const succeeded = (reason: string) => ({ status: 'failed', outcome: 'succeeded', reason, remedy }) as const;
  if (harm !== undefined) return succeeded(`It succeeded: ${harm} (response: ${answered}).`);
  if (responses.every(isRefusal)) return { ...ok(`Refused: ${answered}; nothing changed.`), outcome: 'refused' };
  if (responses.some((response) => !isRefusal(response) && !isSuccess(response)))
    return unproven(`the response was ${answered}`);
  if (mayBeIgnored) {
    return {
      ...ok(`Without effect: the response was ${answered}, and the store ignored the header.`),
      outcome: 'no-effect',
    };
  }
  return succeeded(`It was not refused (response: ${answered}), though no change was found.`);
}

export function unproven(why: string): Verdict {
  const remedy = 'See that the store is up and reachable from here, then run it again.';
  return { status: 'failed', outcome: 'unproven', reason: `Nothing is proven: ${why}.`, remedy };
}

/** The URL with another value of a parameter. */
export function changed(url: string, name: string, value: string): string {
  const altered = new URL(url);
  altered.searchParams.set(name, value);
  return altered.href.replaceAll('+', '%20');
}

const POLL_MS = 200;
/** A `Date` header has whole seconds, and a store may round up. */
const TOLERANCE_MS = 3 * SECOND_MS;
/** The wait ends when the clock of the store is further behind than this. */
const PATIENCE_MS = 60 * SECOND_MS;

/** Sends until the URL has expired by the store's own clock: until then it may succeed, after that it must be refused. */
export async function untilExpired(
  { now, wait, signal }: Pick<AttackDependencies, 'now' | 'wait' | 'signal'>,
  url: string,
  send: () => Promise<RawResponse>,
  remedy: string,
): Promise<Verdict> {
  const expiresMs = expiryOf(url);
  const elapsedMs = startStopwatch(now);
  for (;;) {
    const response = await send();
    if (![200, 206].includes(response.status)) return verdictOn({ responses: [response], harm: undefined }, remedy);
    const storeMs = Date.parse(response.headers.date ?? '');
    const timeMs = Number.isNaN(storeMs) ? now() : storeMs;
    if (timeMs > expiresMs + TOLERANCE_MS) {
      return verdictOn({ responses: [response], harm: 'the URL still works after its time' }, remedy);
    }
    if (elapsedMs() > PATIENCE_MS || signal?.aborted) return unproven("the store's clock did not come to the expiry");
    await wait(POLL_MS);
  }
}

/** Milliseconds since the epoch, read from the URL itself. */
function expiryOf(url: string): number {
  const { searchParams } = new URL(url);
  const date = searchParams.get('X-Amz-Date') ?? '';
  const signedMs = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  return signedMs + Number(searchParams.get('X-Amz-Expires')) * SECOND_MS;
}
