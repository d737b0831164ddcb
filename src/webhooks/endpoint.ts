// Where a tenant's events go, and one attempt to bring one there, after the Standard Webhooks conventions.
import { createHmac } from 'node:crypto';
import type { EventType, RecordingEvent } from '../bucket/outbox.ts';
import { SECOND_MS } from '../model/durations.ts';

export interface Endpoint {
  readonly url: URL;
  /** The keys that the secrets (`whsec_…`) stand for; two while one is being replaced. */
  readonly keys: readonly Uint8Array[];
  /** What is sent; the rest is never written. */
  readonly events: ReadonlySet<EventType>;
}

/** The convention's own advice is 15 to 30 seconds. */
const TIMEOUT_MS = 20 * SECOND_MS;

export interface PostOptions {
  readonly nowMs: number;
  /** Aborts the request. */
  readonly signal: AbortSignal;
  /** Aborts with a `TimeoutError` when the endpoint takes too long. Default: after 20 seconds. */
  readonly timeout?: AbortSignal;
}

/**
 * Posts an event. Resolves with undefined when the answer is 2xx, else with why not: `http-503`, `timeout` or the
 * network's own word. Redirects are not followed, and the answer's body is not read. Never throws.
 */
export async function postEvent(
  { url, keys }: Endpoint,
  { id, ...payload }: RecordingEvent,
  { nowMs, signal, timeout = AbortSignal.timeout(TIMEOUT_MS) }: PostOptions,
): Promise<string | undefined> {
  const body = JSON.stringify(payload);
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...signatureHeaders(keys, id, nowMs, body) },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    await answer.body?.cancel();
    return answer.ok ? undefined : `http-${answer.status}`;
  } catch (error) {
    return networkCodeOf(error);
  }
}

/** One signature for each key, so that a consumer may know either. */
export function signatureHeaders(
  keys: readonly Uint8Array[],
  id: string,
  nowMs: number,
  body: string,
): Record<string, string> {
  const timestamp = Math.floor(nowMs / SECOND_MS);
  const signatures = keys.map((key) => {
    const digest = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    return `v1,${digest}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') };
}

/** Never the message: it may hold the URL, and that may hold a secret of the endpoint. */
function networkCodeOf(error: unknown): string {
  const { name, cause } = error as { name?: unknown; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return 'timeout';
  return typeof cause?.code === 'string' ? cause.code : 'network';
}
