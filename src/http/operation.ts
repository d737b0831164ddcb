// What a call is: its resource, its scopes, its schemas and its act, in one value that is served and documented alike.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { MAX_REQUEST_MS, MINUTE_MS } from '../model/durations.ts';
import { type ErrorCode, ServiceError } from '../model/errors.ts';
import { type AttemptRef, isRecordingId, type ParticipantRef, parseId, type RecordingRef } from '../model/ids.ts';
import { withinTime } from '../objectstore/request-deadline.ts';
import type { Caller, RecordingsContext } from '../recordings/context.ts';
import { requireAttempt, requirePrincipal, requireScope, type Scope } from './access.ts';
import type { Principal } from './auth.ts';
import { jsonReader, validate } from './input.ts';
import type { Handler, Method, RequestState } from './request.ts';
import { type Streamed, sendStream, sendTagged } from './response.ts';

export interface ExamRef {
  readonly tenant: string;
  readonly exam: string;
}

/** What a path names, by the resource that it is about. */
interface Refs {
  exam: ExamRef;
  attempt: AttemptRef;
  recording: RecordingRef;
  participant: ParticipantRef;
}
export type Resource = keyof Refs;

const BASES: Readonly<Record<Resource, string>> = {
  exam: '/v1/exams/{exam}',
  attempt: '/v1/exams/{exam}/attempts/{attempt}',
  recording: '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}',
  participant: '/v1/participants/{participant}',
};

/** What calls are served with. */
export interface Serving {
  readonly recordings: RecordingsContext;
  /** Why nothing may be handed out; undefined: it may. Default: it always may. */
  readonly whyClosed?: () => string | undefined;
}

const NO_QUERY = z.strictObject({});

/** Enough for every body but lists of parts. */
export const SMALL_BODY_BYTES = 64 * 1024;

/** A store call that begins just in time still ends within `MAX_REQUEST_MS`. */
const LAST_CALL_MS = 5 * MINUTE_MS;

export interface Call<P extends Resource, Query, Body, Headers = unknown> {
  readonly ctx: RecordingsContext;
  readonly principal: Principal;
  readonly caller: Caller;
  readonly ref: Refs[P];
  readonly query: Query;
  readonly headers: Headers;
  readonly body: Body;
  readonly req: Request;
  readonly res: Response;
}

export type Reply<Body> =
  | {
      readonly body: Body;
      /** The Location header. */
      readonly location?: string;
    }
  /** Written as it is made, in one of the media types that are documented; lasts as long as the caller reads. */
  | { readonly stream: Streamed };

interface OperationSpec<
  P extends Resource,
  Q extends z.ZodType,
  B extends z.ZodType,
  H extends z.ZodType,
  R extends z.ZodType,
> {
  readonly operationId: string;
  readonly method: Method;
  readonly resource: P;
  /** After the path of the resource. */
  readonly suffix: string;
  readonly summary: string;
  readonly description?: string;
  /** Any one of them is enough. */
  readonly scopes: readonly Scope[];
  readonly query?: Q;
  /** Headers that mean something to this call, by their names in lower case. */
  readonly headers?: H;
  readonly body?: {
    readonly schema: B;
    readonly optional?: boolean;
    readonly limitBytes?: number;
    /** For a mistake that has a code of its own; runs before the schema. */
    readonly precheck?: (body: unknown) => void;
  };
  /** The body is multipart/form-data with the field `file`, read by `handle` itself. */
  readonly takesFile?: boolean;
  /** Lets something new be kept or played: refused while the store is not proven to delete and to keep secrets. */
  readonly handsOut?: true | ((query: z.output<Q>) => boolean);
  readonly success: {
    readonly status: 200 | 201 | 204;
    readonly description: string;
    readonly schema: R;
    /** Where the example of the documentation differs from that of the schema. */
    example?(ofSchema: z.input<R>): z.input<R>;
    readonly location?: string;
    /** Where the response names the recording that other calls are about (RFC 6901). */
    readonly recordingIdAt?: string;
    /** A media type that the response may have instead of JSON. */
    readonly orAs?: string;
  };
  /** Those that are the call's own; what every call of its kind can meet is added. */
  readonly problems: readonly ErrorCode[];
  readonly handle: (call: Call<P, z.output<Q>, z.output<B>, z.output<H>>) => Promise<Reply<z.output<R>>>;
}

/** An operation without the types that tie its parts together. */
export interface Operation
  extends Omit<OperationSpec<Resource, z.ZodType, z.ZodType, z.ZodType, z.ZodType>, 'handsOut' | 'handle'> {
  readonly path: string;
  readonly handsOut: boolean;
  /** Responds to a request, or throws what `problems.ts` turns into a response. */
  readonly handlerOf: (serving: Serving) => Handler;
}

/**
 * Ties the types of a call together. The order of checks is the same for all: token, scope, bound attempt, ids, query,
 * whether it may hand anything out, headers, body.
 */
export function operation<
  P extends Resource,
  R extends z.ZodType,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
  H extends z.ZodType = z.ZodUndefined,
>(spec: OperationSpec<P, Q, B, H, R>): Operation {
  const { handle, handsOut, ...described } = spec;
  const base = BASES[spec.resource];
  const names = Array.from(base.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
  const readJson = spec.body && jsonReader(spec.body.limitBytes ?? SMALL_BODY_BYTES);
  // A file may take all of the time, as far as the server receives it: what it is completed by is written at its end.
  const limitMs = spec.takesFile ? MAX_REQUEST_MS : MAX_REQUEST_MS - LAST_CALL_MS;
  const tagged = hasEtag(spec);
  const paged = isPaged(spec);

  async function bodyOf(req: Request, res: Response): Promise<z.output<B>> {
    const body = readJson && (await readJson(req, res));
    // A call without a body schema has `undefined` for its body's type.
    if (!spec.body) return undefined as z.output<B>;
    const given = body === undefined && spec.body.optional ? {} : body;
    spec.body.precheck?.(given);
    return validate(spec.body.schema, given, 'body');
  }

  async function replyTo({ recordings: ctx, whyClosed }: Serving, state: RequestState, req: Request, res: Response) {
    const principal = requirePrincipal(state);
    requireScope(principal, spec.scopes);
    requireAttempt(principal, req.params.exam, req.params.attempt);
    const { tenant, actor } = principal;
    const ref = refOf<P>(names, req.params, tenant);
    // A parameter that means nothing is a mistake of the caller, to whatever call.
    const query = validate(spec.query ?? NO_QUERY, req.query, 'query') as z.output<Q>;
    const closed = handsOut === true || handsOut?.(query) ? whyClosed?.() : undefined;
    if (closed !== undefined) throw new ServiceError('store-not-proven', `Nothing is handed out: ${closed}.`);
    const headers = spec.headers ? validate(spec.headers, req.headers, 'headers') : (undefined as z.output<H>);
    const body = await bodyOf(req, res);
    const caller = { tenant, actor, requestId: state.requestId };
    return handle({ ctx, principal, caller, ref, query, headers, body, req, res });
  }

  return {
    ...described,
    path: base + spec.suffix,
    handsOut: handsOut !== undefined,
    handlerOf: (serving) => async (req, res, state) => {
      const reply = await withinTime(limitMs, serving.recordings.now, () => replyTo(serving, state, req, res));
      if ('stream' in reply) return sendStream(req, res, reply.stream);
      if (reply.location !== undefined) res.setHeader('Location', reply.location);
      if (paged) linkToNextPage(req, res, reply.body);
      res.status(spec.success.status);
      if (reply.body === undefined) res.end();
      else if (tagged) sendTagged(req, res.type('application/json'), JSON.stringify(reply.body));
      else res.json(reply.body);
    },
  };
}

/** What is known of a call both where it is served and where it is documented. */
type Described = Pick<Operation, 'method' | 'success'>;

/** Reads can be repeated for what changed alone; what is written as it is made has no tag before it is sent. */
export function hasEtag({ method, success }: Described): boolean {
  return method === 'get' && success.orAs === undefined;
}

/** A page of a list: it has a cursor, and the next one in its body. */
export function isPaged({ success }: Described): boolean {
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

/** The names in the path of a resource are the members of its ref. @throws ServiceError `invalid-id`, `recording-not-found` */
function refOf<P extends Resource>(names: readonly string[], params: Request['params'], tenant: string): Refs[P] {
  const ref: Record<string, string> = { tenant };
  for (const name of names) {
    const id = String(params[name]);
    ref[name] = name === 'recording' ? id : parseId(name, id);
    // The service made every recording id that exists: any other text names no recording.
    if (name === 'recording' && !isRecordingId(id)) {
      throw new ServiceError('recording-not-found', 'There is no such recording.');
    }
  }
  return ref as unknown as Refs[P];
}
