// What a call is: its place, its scopes, its schemas and its act, in one value that is served and documented alike.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, isRecordingId, type ParticipantRef, parseId, type RecordingRef } from '../model/ids.ts';
import type { Caller, RecordingsContext } from '../recordings/context.ts';
import { requirePrincipal, requireScope, requireSitting, type Scope } from './access.ts';
import type { Principal } from './auth.ts';
import { sendTagged } from './etag.ts';
import { jsonReader } from './json-body.ts';
import { HttpError, type ProblemCode } from './problem-codes.ts';
import { requestState } from './request-state.ts';
import { type Streamed, sendStream } from './stream.ts';
import { validate } from './validate.ts';

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
export type Place = keyof Refs;

type Params = Readonly<Record<string, string | string[] | undefined>>;

const PLACES: { readonly [P in Place]: { base: string; refOf(params: Params, tenant: string): Refs[P] } } = {
  exam: { base: '/v1/exams/{exam}', refOf: examRefOf },
  attempt: { base: '/v1/exams/{exam}/attempts/{attempt}', refOf: attemptRefOf },
  recording: { base: '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}', refOf: recordingRefOf },
  participant: { base: '/v1/participants/{participant}', refOf: participantRefOf },
};

/** What calls are served with. */
export interface Serving {
  readonly recordings: RecordingsContext;
  /** Why nothing may be handed out; undefined: it may. Default: it always may. */
  readonly whyClosed?: () => string | undefined;
}

export type Method = 'get' | 'post' | 'put' | 'delete';

const NO_QUERY = z.strictObject({});

/** Enough for every body but lists of parts. */
export const SMALL_BODY_BYTES = 64 * 1024;

export interface Call<P extends Place, Query, Body, Headers = unknown> {
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
  /** Written as it is made, in one of the media types that are documented. */
  | { readonly stream: Streamed };

interface OperationSpec<
  P extends Place,
  Q extends z.ZodType,
  B extends z.ZodType,
  H extends z.ZodType,
  R extends z.ZodType,
> {
  readonly operationId: string;
  readonly method: Method;
  readonly at: P;
  /** After the path of the place. */
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
    readonly example: z.input<B>;
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
    readonly example?: z.input<R>;
    readonly location?: string;
    /** Where the answer names the recording that other calls are about (RFC 6901). */
    readonly recordingIdAt?: string;
    /** A media type that the answer may have instead of JSON. */
    readonly orAs?: string;
  };
  /** Those that are the call's own; what every call of its kind can meet is added. */
  readonly problems: readonly ProblemCode[];
  handle(call: Call<P, z.output<Q>, z.output<B>, z.output<H>>): Promise<Reply<z.output<R>>>;
}

export interface Operation {
  readonly operationId: string;
  readonly method: Method;
  readonly path: string;
  readonly place: Place;
  readonly summary: string;
  readonly description: string | undefined;
  readonly scopes: readonly Scope[];
  readonly query: z.ZodType | undefined;
  readonly headers: z.ZodType | undefined;
  readonly body: { readonly schema: z.ZodType; readonly optional: boolean; readonly example: unknown } | undefined;
  readonly takesFile: boolean;
  readonly handsOut: boolean;
  readonly success: {
    readonly status: number;
    readonly description: string;
    readonly schema: z.ZodType;
    readonly example: unknown;
    readonly location: string | undefined;
    readonly recordingIdAt: string | undefined;
    readonly orAs: string | undefined;
  };
  readonly problems: readonly ProblemCode[];
  /** Answers the request, or throws what `problem.ts` turns into an answer. */
  respond(serving: Serving, req: Request, res: Response): Promise<void>;
}

/**
 * Ties the types of a call together. The order of checks is the same for all: token, scope, sitting, whether it may hand
 * anything out, ids, query, body.
 */
export function operation<
  P extends Place,
  R extends z.ZodType,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
  H extends z.ZodType = z.ZodUndefined,
>(spec: OperationSpec<P, Q, B, H, R>): Operation {
  const place = PLACES[spec.at];
  const readJson = spec.body && jsonReader(spec.body.limitBytes ?? SMALL_BODY_BYTES);

  async function bodyOf(req: Request, res: Response): Promise<z.output<B>> {
    const body = readJson && (await readJson(req, res));
    // A call without a body schema has `undefined` for its body's type.
    if (!spec.body) return undefined as z.output<B>;
    const given = body === undefined && spec.body.optional ? {} : body;
    spec.body.precheck?.(given);
    return validate(spec.body.schema, given, 'body');
  }

  return {
    operationId: spec.operationId,
    method: spec.method,
    path: place.base + spec.suffix,
    place: spec.at,
    summary: spec.summary,
    description: spec.description,
    scopes: spec.scopes,
    query: spec.query,
    headers: spec.headers,
    body: spec.body && { schema: spec.body.schema, optional: spec.body.optional ?? false, example: spec.body.example },
    takesFile: spec.takesFile ?? false,
    handsOut: spec.handsOut !== undefined,
    success: {
      ...spec.success,
      example: spec.success.example,
      location: spec.success.location,
      recordingIdAt: spec.success.recordingIdAt,
      orAs: spec.success.orAs,
    },
    problems: spec.problems,
    async respond({ recordings: ctx, whyClosed }, req, res) {
      const state = requestState(req);
      const principal = requirePrincipal(state);
      requireScope(principal, spec.scopes);
      requireSitting(principal, textOf(req.params, 'exam'), textOf(req.params, 'attempt'));
      const { tenant, actor } = principal;
      const ref = place.refOf(req.params, tenant);
      // A parameter that means nothing is a mistake of the caller's, to whatever call.
      const query = validate(spec.query ?? NO_QUERY, req.query, 'query') as z.output<Q>;
      if (spec.handsOut === true || spec.handsOut?.(query)) requireOpen(whyClosed?.());
      const headers = spec.headers ? validate(spec.headers, req.headers, 'headers') : (undefined as z.output<H>);
      const body = await bodyOf(req, res);
      const caller = { tenant, actor, requestId: state.requestId };
      const reply = await spec.handle({ ctx, principal, caller, ref, query, headers, body, req, res });
      if ('stream' in reply) return sendStream(req, res, reply.stream);
      if (reply.location !== undefined) res.setHeader('Location', reply.location);
      const nextCursor = isPaged(spec) ? nextCursorOf(reply.body) : undefined;
      if (nextCursor !== undefined) res.links({ next: pageUrl(req, nextCursor) });
      res.status(spec.success.status);
      if (reply.body === undefined) res.end();
      else if (hasEtag(spec)) sendTagged(req, res.type('application/json'), JSON.stringify(reply.body));
      else res.json(reply.body);
    },
  };
}

/** @throws HttpError `store-not-proven` */
function requireOpen(whyClosed: string | undefined): void {
  if (whyClosed === undefined) return;
  throw new HttpError('store-not-proven', `Nothing is handed out: ${whyClosed}.`);
}

/** What is known of a call both where it is served and where it is documented. */
interface Described {
  readonly method: Method;
  readonly success: { readonly schema: z.ZodType; readonly orAs?: string | undefined };
}

/** Reads can be asked again only for what changed; what is written as it is made has no tag before it is sent. */
export function hasEtag({ method, success }: Described): boolean {
  return method === 'get' && success.orAs === undefined;
}

/** A page of a list: it has a cursor, and the next one in its body. */
export function isPaged({ success }: Described): boolean {
  return success.schema instanceof z.ZodObject && 'nextCursor' in success.schema.shape;
}

function nextCursorOf(body: unknown): string | undefined {
  const cursor: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'nextCursor') : undefined;
  return typeof cursor === 'string' ? cursor : undefined;
}

/** The same list from the next page on, as a reference relative to this one (RFC 3986). */
function pageUrl(req: Request, cursor: string): string {
  const [path = '', query] = req.originalUrl.split('?');
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', cursor);
  return `${path}?${parameters.toString()}`;
}

function examRefOf(params: Params, tenant: string): ExamRef {
  return { tenant, exam: parseId('exam', textOf(params, 'exam') ?? '') };
}

function attemptRefOf(params: Params, tenant: string): AttemptRef {
  return { ...examRefOf(params, tenant), attempt: parseId('attempt', textOf(params, 'attempt') ?? '') };
}

function recordingRefOf(params: Params, tenant: string): RecordingRef {
  const attempt = attemptRefOf(params, tenant);
  const recording = textOf(params, 'recording') ?? '';
  // The service made every id that exists: any other text names no recording.
  if (!isRecordingId(recording)) throw new ServiceError('recording-not-found', 'There is no such recording.');
  return { ...attempt, recording };
}

function participantRefOf(params: Params, tenant: string): ParticipantRef {
  return { tenant, participant: parseId('participant', textOf(params, 'participant') ?? '') };
}

function textOf(params: Params, name: string): string | undefined {
  const value = params[name];
  return typeof value === 'string' ? value : undefined;
}
