// Reads WEBHOOKS_FILE, a mounted secret with the endpoints of events. Messages show only tenants' ids of it.
import { z } from 'zod';
import { EVENT_TYPES } from '../bucket/outbox.ts';
import { ID_PATTERN } from '../model/ids.ts';
import type { Endpoint } from '../webhooks/endpoint.ts';
import { readJsonFile } from './json-file.ts';

/** The limits of the Standard Webhooks conventions. */
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
    `must decode to ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes`,
  );

const endpoint = z
  .strictObject({
    url,
    secret: z.union([secret.transform((key) => [key]), z.array(secret).min(1).max(2)]),
    events: z
      .array(z.enum(EVENT_TYPES))
      .min(1)
      .default([...EVENT_TYPES]),
  })
  .transform((read): Endpoint => ({ url: read.url, keys: read.secret, events: new Set(read.events) }));

const file = z.record(z.string().regex(ID_PATTERN, 'is no id of a tenant'), endpoint);

/** The endpoints by tenant. @throws Error whose message has the expected form, the path at most, and no content of the file */
export function readWebhooksFile(path: string): ReadonlyMap<string, Endpoint> {
  const { data, error } = file.safeParse(readJsonFile(path));
  const [issue] = error?.issues ?? [];
  if (!issue) return new Map(Object.entries(data ?? {}));
  const { message } = (issue.code === 'invalid_union' && issue.errors[0]?.[0]) || issue;
  throw new Error(`${issue.path.join('.') || 'the file'}: ${message}`);
}
