// Reads WEBHOOKS_FILE: whose events go where, from a mounted secret. Nothing of it is ever shown but names of tenants.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { EVENT_TYPES } from '../bucket/outbox.ts';
import { ID_PATTERN } from '../model/ids.ts';
import type { Endpoint } from '../webhooks/endpoint.ts';
import type { EnvironmentReader } from './environment.ts';

const SETTING = 'WEBHOOKS_FILE';
/** As the Standard Webhooks conventions have it. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

const url = z
  .string()
  .refine((text) => URL.canParse(text), 'is no URL')
  .transform((text) => new URL(text))
  .refine(({ username, password }) => !username && !password, 'holds credentials; it must not')
  .refine(
    ({ protocol, hostname }) => protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname)),
    'must begin with https:// (http:// to this machine alone)',
  );

const secret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'must be whsec_ and base64')
  .transform((text) => new Uint8Array(Buffer.from(text.slice('whsec_'.length), 'base64')))
  .refine(
    ({ length }) => length >= MIN_KEY_BYTES && length <= MAX_KEY_BYTES,
    `must stand for ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes`,
  );

const file = z.record(
  z.string().regex(ID_PATTERN, 'is no id of a tenant'),
  z.strictObject({
    url,
    secret: z.union([secret.transform((key) => [key]), z.array(secret).min(1).max(2)]),
    events: z
      .array(z.enum(EVENT_TYPES))
      .min(1)
      .default([...EVENT_TYPES]),
  }),
);

/** By tenant; none without the setting. A file that is wrong is a problem of the setting, with one line. */
export function readWebhooks(reader: EnvironmentReader): ReadonlyMap<string, Endpoint> {
  const path = reader.raw(SETTING);
  if (path === undefined) return new Map();
  const content = readJson(path);
  if (content === undefined) {
    reader.problem(SETTING, 'is not a file of JSON that can be read');
    return new Map();
  }
  const { data, error } = file.safeParse(content);
  const [issue] = error?.issues ?? [];
  if (issue) reader.problem(SETTING, `${issue.path.join('.') || 'the file'}: ${messageOf(issue)}`);
  return new Map(
    Object.entries(data ?? {}).map(([tenant, { url: endpoint, secret: keys, events }]) => [
      tenant,
      { url: endpoint, keys, events: new Set(events) },
    ]),
  );
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Only messages of this file and of the schema, which tell what is expected and not what was found. */
function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_union' ? (firstOf(issue) ?? issue.message) : issue.message;
}

function firstOf(issue: z.core.$ZodIssueInvalidUnion): string | undefined {
  return issue.errors[0]?.[0]?.message;
}
