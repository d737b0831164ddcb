// A call of the API: its path, scopes, schemas and handler, in one value that is both served and documented.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { MAX_REQUEST_MS, MINUTE_MS } from '../model/durations.ts';
import { type ErrorCode, ServiceError } from '../model/errors.ts';
import { isRecordingId, parseId } from '../model/ids.ts';
import { withinTime } from '../objectstore/request-deadline.ts';
import { onBehalfOf, type Urgency } from '../objectstore/work.ts';
import type { Caller, RecordingsContext } from '../recordings/context.ts';
import { participantOf } from '../recordings/read.ts';
import { type Principal, requireAttempt, requireParticipant, requireScope, type Scope } from './auth.ts';
import type { DailyLimit, DailyLimits } from './daily-limits.ts';
import { bodyReader, type JsonBody, validate } from './input.ts';
import type { Every } from './pace.ts';
import type { Handler, Method, RequestState } from './request.ts';
import { type Streamed, sendStream, sendTagged } from './response.ts';
import { partPath } from './schemas.ts';

type NameIn<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | NameIn<Rest> : never;
/** The ids in a path and the number of a part, and the tenant of the token. */
type RefOf<Path> = { readonly [name in NameIn<Path> | 'tenant']: name extends 'partNumber' ? number : string };

/** What calls are served with. */
export interface Serving {
  readonly recordings: RecordingsContext;
  /** Why nothing may be handed out; undefined when it may. Default: it always may. */
  readonly whyClosed?: () => string | undefined;
  readonly dailyLimits: DailyLimits;
  /** Looks at the pace of bodies. */
  readonly every: Every;
}

const NO_QUERY = z.strictObject({});

/** A store call that begins just in time still ends within `MAX_REQUEST_MS`. */
const LAST_CALL_MS = 5 * MINUTE_MS;

interface Call<Path, Query, Body, Headers> {
  readonly ctx: RecordingsContext;
  readonly principal: Principal;
  readonly caller: Caller;
  readonly ref: RefOf<Path>;
  readonly query: Query;
  readonly headers: Headers;
  readonly body: Body;
  readonly req: Request;
  readonly res: Response;
  readonly every: Every;
  /** The response is to be of the type `alsoAs`. */
  readonly isOther: boolean;
}

interface OperationSpec<
  Path extends string,
  Q extends z.ZodType,
  B extends z.ZodType,
  H extends z.ZodType,
  R extends z.ZodType,
> {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** Another call does the same: new callers use that one. */
  readonly isDeprecated?: true;
  /** Any one of them is enough. */
  readonly scopes: readonly Scope[];
  /** Of its requests to the store, where these have to wait. Default: that of a read. */
  readonly urgency?: Urgency;
  readonly query?: Q;
  /** Headers that this call reads, by their names in lower case. */
  readonly headers?: H;
  readonly body?: JsonBody<B>;
  /** The body is multipart/form-data with the field `file`, read by `handle` itself. */
  readonly takesFile?: boolean;
  /** The body is bytes, a part or an overview, read by `handle` itself. */
  readonly takesBytes?: boolean;
  /** Keeps something new or plays it: refused while it is not proven that the store deletes and refuses the attacks. */
  readonly handsOut?: true | ((query: z.output<Q>) => boolean);
  readonly success: {
    /** Default: 200. */
    readonly status?: 201 | 204;
    readonly description: string;
    readonly schema: R;
    /** Where the example of the documentation differs from that of the schema. */
    example?(ofSchema: z.input<R>): z.input<R>;
    /** JSON pointer (RFC 6901) to the recording id of the response, for its Location and for links to other calls. */
    readonly recordingIdAt?: string;
    /** A media type that the response may have instead of JSON: it is `Streamed`, and so is JSON. */
    readonly orAs?: string;
    /** The response is `Streamed` JSON, with a name to save it under. */
    readonly isFile?: true;
    /** A media type that the response has where `Accept` prefers it to JSON: it is `Streamed` then. */
    readonly alsoAs?: string;
  };
  /**
   * Of a call whose path names neither a recording nor a participant: it keeps itself to the participant to which a token
   * is bound. Default: such a token may not call.
   */
  readonly keepsToParticipant?: true;
  /** Of a call whose path names nothing, and that is about all of the tenant: a bound token may not call. */
  readonly isOfTenant?: true;
  /** Of a call that leaves something in the bucket each time it is repeated. */
  readonly perDay?: DailyLimit;
  /** The call's own problems; those of every call of its kind are added. */
  readonly problems?: readonly ErrorCode[];
  /** Returns the body of the response. */
  readonly handle: (call: Call<Path, z.output<Q>, z.output<B>, z.output<H>>) => Promise<z.output<R> | Streamed>;
}

/** An operation without the types that tie its parts together. */
export interface Operation
  extends Omit<OperationSpec<string, z.ZodType, z.ZodType, z.ZodType, z.ZodType>, 'handsOut' | 'handle'> {
  readonly method: Method;
  readonly path: string;
  readonly handsOut: boolean;
  /** Responds to a request, or throws what `problems.ts` turns into a response. */
  readonly handlerOf: (serving: Serving) => Handler;
}

/**
 * Ties the types of a call together. The order of checks is the same for all: token, scope, bound attempt, ids, bound
 * participant, query, whether it may hand anything out, headers, body.
 */
export function operation<
  Path extends string,
  R extends z.ZodType,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
  H extends z.ZodType = z.ZodUndefined,
>(method: Method, path: Path, spec: OperationSpec<Path, Q, B, H, R>): Operation {
  const { handle, handsOut, urgency = 'read', ...described } = spec;
  const readBody = spec.body && bodyReader(spec.body);
  // A file may be received for all of the time: its completion is written at the end.
  const limitMs = spec.takesFile ? MAX_REQUEST_MS : MAX_REQUEST_MS - LAST_CALL_MS;
  const reach = { keepsToParticipant: spec.keepsToParticipant === true };
  const tagged = hasEtag({ method, success: spec.success });
  const paged = isPaged(spec);
  const isOfExams = namesSomething({ path }) || spec.isOfTenant === true;

  async function bodyFor(serving: Serving, state: RequestState, req: Request, res: Response, isOther: boolean) {
    const { recordings: ctx, whyClosed, every } = serving;
    const { principal } = state;
    if (!principal) throw state.refusal;
    requireScope(principal, spec.scopes);
    if (isOfExams) requireAttempt(principal, req.params);
    const { tenant, actor } = principal;
    const ref = refOf(tenant, req.params) as RefOf<Path>;
    if (isOfExams) await requireReach(ctx, principal, ref, reach);
    // An unknown parameter is a mistake of the caller, for every call.
    const query = validate(spec.query ?? NO_QUERY, req.query, 'query') as z.output<Q>;
    const closed = handsOut === true || handsOut?.(query) ? whyClosed?.() : undefined;
    if (closed !== undefined) throw new ServiceError('store-not-proven', `Nothing is handed out: ${closed}.`);
    // Without a schema of headers or of a body their type is that of `undefined`.
    const headers = (spec.headers && validate(spec.headers, req.headers, 'headers')) as z.output<H>;
    const body = (await readBody?.(req, every)) as z.output<B>;
    const caller = { tenant, actor, requestId: state.requestId };
    const act = () => handle({ ctx, principal, caller, ref, query, headers, body, req, res, every, isOther });
    return spec.perDay ? counted(serving.dailyLimits, spec.perDay, { principal, ref, res }, act) : act();
  }

  return {
    ...described,
    problems: [...(spec.problems ?? []), ...(spec.perDay ? (['daily-limit'] as const) : [])],
    method,
    path,
    handsOut: handsOut !== undefined,
    handlerOf: (serving) => (req, res, state) =>
      onBehalfOf({ urgency, tenant: state.principal?.tenant }, () => respond(serving, req, res, state)),
  };

  async function respond(serving: Serving, req: Request, res: Response, state: RequestState): Promise<void> {
    const isOther = prefersOther(req, res, spec.success.alsoAs);
    const body = await withinTime(limitMs, serving.recordings.now, () => bodyFor(serving, state, req, res, isOther));
    // Outside of the time limit: a stream lasts as long as the caller reads.
    if (isOther || isFile(spec.success)) return sendStream(req, res, body as Streamed, serving.every);
    if (paged) linkToNextPage(req, res, body);
    res.status(spec.success.status ?? 200);
    if (body === undefined) res.end();
    else if (tagged) sendTagged(req, res.type('application/json'), JSON.stringify(body));
    else res.json(body);
  }
}

/** JSON unless `Accept` prefers the other type, also where it has neither. */
function prefersOther(req: Request, res: Response, other: string | undefined): boolean {
  if (other === undefined) return false;
  res.vary('Accept');
  return req.accepts(['application/json', other]) === other;
}

/**
 * Each caller has counts of its own, so that none can use up those of another.
 * @throws ServiceError `daily-limit` at once, or what `act` throws; a refusal that leaves nothing does not count
 */
async function counted<Result>(
  limits: DailyLimits,
  limit: DailyLimit,
  { principal, ref, res }: { principal: Principal; ref: Readonly<Record<string, unknown>>; res: Response },
  act: () => Promise<Result>,
): Promise<Result> {
  const id = [...NAMING[limit.of].map((name) => String(ref[name])), principal.id].join('/');
  if (!limits.count(limit, id)) {
    res.setHeader('Retry-After', String(limits.secondsLeft()));
    const { name, of, max } = limit;
    throw new ServiceError('daily-limit', `There may be ${max} ${name} a day of one ${of}.`, { limit: max });
  }
  try {
    return await act();
  } catch (error) {
    if (error instanceof ServiceError && !limit.refusals.includes(error.code)) limits.takeBack(limit, id);
    throw error;
  }
}

const NAMING: Readonly<Record<DailyLimit['of'], readonly string[]>> = {
  attempt: ['tenant', 'exam', 'attempt'],
  recording: ['tenant', 'exam', 'attempt', 'recording'],
  participant: ['tenant', 'participant'],
};

/** Whether the path names an exam or a participant. */
export function namesSomething({ path }: Pick<Operation, 'path'>): boolean {
  return path.includes('{');
}

/**
 * A token that is bound to a participant reaches that one's recordings, in the past too. Costs a GET where the manifest is
 * not in memory. @throws ServiceError `wrong-participant`, `recording-not-found`, `recording-unreadable`
 */
async function requireReach(
  ctx: RecordingsContext,
  principal: Principal,
  {
    tenant,
    exam,
    attempt,
    recording,
    participant,
  }: Partial<Record<'tenant' | 'exam' | 'attempt' | 'recording' | 'participant', string>>,
  { keepsToParticipant }: { readonly keepsToParticipant: boolean },
): Promise<void> {
  if (principal.participant === undefined || keepsToParticipant) return;
  const isOfRecording = tenant !== undefined && exam !== undefined && attempt !== undefined && recording !== undefined;
  const about = isOfRecording ? await participantOf(ctx, { tenant, exam, attempt, recording }) : participant;
  requireParticipant(principal, about);
}

/** Reads have one, so that only changes are sent again. Streams have none: it is not known before they are sent. */
export function hasEtag({ method, success }: Pick<Operation, 'method' | 'success'>): boolean {
  return method === 'get' && !isFile(success);
}

/** Whether every response of the call is a file. */
export function isFile({ orAs, isFile: isJsonFile }: Operation['success']): boolean {
  return orAs !== undefined || isJsonFile === true;
}

/** A page of a list: it has a cursor, and the next one in its body. */
export function isPaged({ success }: Pick<Operation, 'success'>): boolean {
  return success.schema instanceof z.ZodObject && 'nextCursor' in success.schema.shape;
}

/** The same list from the next page on, as a reference relative to this one (RFC 3986, RFC 8288). */
function linkToNextPage(req: Request, res: Response, body: unknown): void {
  const { nextCursor } = body as { nextCursor: string | null };
  if (nextCursor === null) return;
  const [path = '', query] = req.originalUrl.split('?');
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', nextCursor);
  res.links({ next: `${path}?${parameters.toString()}` });
}

/** @throws ServiceError `invalid-id`, `recording-not-found`, `invalid-request` for the number of a part */
function refOf(tenant: string, params: Request['params']): Record<string, string | number> {
  const ref: Record<string, string | number> = { tenant };
  for (const [name, value] of Object.entries(params)) {
    const id = String(value);
    if (name === 'partNumber') {
      ref[name] = validate(partPath, { partNumber: id }, 'path').partNumber;
      continue;
    }
    ref[name] = name === 'recording' ? id : parseId(name, id);
    // The service made every recording id that exists: any other text names no recording.
    if (name === 'recording' && !isRecordingId(id)) {
      throw new ServiceError('recording-not-found', 'There is no such recording.');
    }
  }
  return ref;
}
