// What a call is: its place, its scopes, its schemas and its act, in one value that is served and documented alike.
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { ServiceError } from '../domain/errors.ts';
import { type AttemptRef, isRecordingId, parseId, type RecordingRef } from '../domain/ids.ts';
import type { Caller, RecordingsContext } from '../recordings/context.ts';
import { requirePrincipal, requireScope, requireSitting, type Scope } from './access.ts';
import type { Principal } from './auth.ts';
import { jsonReader } from './json-body.ts';
import type { ProblemCode } from './problem-codes.ts';
import { requestState } from './request-state.ts';
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
}
export type Place = keyof Refs;

type Params = Readonly<Record<string, string | string[] | undefined>>;

const PLACES: { readonly [P in Place]: { base: string; refOf(params: Params, tenant: string): Refs[P] } } = {
  exam: { base: '/v1/exams/{exam}', refOf: examRefOf },
  attempt: { base: '/v1/exams/{exam}/attempts/{attempt}', refOf: attemptRefOf },
  recording: { base: '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}', refOf: recordingRefOf },
};

export type Method = 'get' | 'post' | 'put' | 'delete';

/** Enough for every body but lists of parts. */
export const SMALL_BODY_BYTES = 64 * 1024;

export interface Call<P extends Place, Query, Body> {
  readonly ctx: RecordingsContext;
  readonly principal: Principal;
  readonly caller: Caller;
  readonly ref: Refs[P];
  readonly query: Query;
  readonly body: Body;
  readonly req: Request;
  readonly res: Response;
}

export interface Reply<Body> {
  readonly body: Body;
  /** The Location header. */
  readonly location?: string;
}

interface OperationSpec<P extends Place, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType> {
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
  readonly success: {
    readonly status: 200 | 201 | 204;
    readonly description: string;
    readonly schema: R;
    readonly example?: z.input<R>;
    readonly location?: string;
  };
  /** Those that are the call's own; what every call of its kind can meet is added. */
  readonly problems: readonly ProblemCode[];
  handle(call: Call<P, z.output<Q>, z.output<B>>): Promise<Reply<z.output<R>>>;
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
  readonly body: { readonly schema: z.ZodType; readonly optional: boolean; readonly example: unknown } | undefined;
  readonly takesFile: boolean;
  readonly success: {
    readonly status: number;
    readonly description: string;
    readonly schema: z.ZodType;
    readonly example: unknown;
    readonly location: string | undefined;
  };
  readonly problems: readonly ProblemCode[];
  /** Answers the request, or throws what `problem.ts` turns into an answer. */
  respond(ctx: RecordingsContext, req: Request, res: Response): Promise<void>;
}

/**
 * Ties the types of a call together. The order of checks is the same for all: token, scope, sitting, ids, query, body.
 */
export function operation<
  P extends Place,
  R extends z.ZodType,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(spec: OperationSpec<P, Q, B, R>): Operation {
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
    body: spec.body && { schema: spec.body.schema, optional: spec.body.optional ?? false, example: spec.body.example },
    takesFile: spec.takesFile ?? false,
    success: { ...spec.success, example: spec.success.example, location: spec.success.location },
    problems: spec.problems,
    async respond(ctx, req, res) {
      const state = requestState(req);
      const principal = requirePrincipal(state);
      requireScope(principal, spec.scopes);
      requireSitting(principal, textOf(req.params, 'exam'), textOf(req.params, 'attempt'));
      const { tenant, actor } = principal;
      const ref = place.refOf(req.params, tenant);
      const query = spec.query ? validate(spec.query, req.query, 'query') : (undefined as z.output<Q>);
      const body = await bodyOf(req, res);
      const caller = { tenant, actor, requestId: state.requestId };
      const reply = await spec.handle({ ctx, principal, caller, ref, query, body, req, res });
      if (reply.location !== undefined) res.setHeader('Location', reply.location);
      res.status(spec.success.status);
      if (reply.body === undefined) res.end();
      else res.json(reply.body);
    },
  };
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

function textOf(params: Params, name: string): string | undefined {
  const value = params[name];
  return typeof value === 'string' ? value : undefined;
}
