// The endpoint of a tenant's events, and one attempt to deliver an event by the Standard Webhooks conventions.
import { Webhook } from 'standardwebhooks';
import type { EventType, RecordingEvent } from '../bucket/outbox.ts';
import { SECOND_MS } from '../model/durations.ts';

export interface Endpoint {
  readonly url: URL;
  /** The decoded secrets (`whsec_…`); two while one is being replaced. */
  readonly keys: readonly Uint8Array[];
  /** The types that are sent; other events are never written. */
  readonly events: ReadonlySet<EventType>;
}

/** The proof that comes with each event. A receiver who keeps it is a witness of the log. */
export interface Witnessed {
  /** The latest checkpoint of the tenant's log of receipts, a signed note; null while there is none. */
  readonly checkpoint: string | null;
  /** Of a deletion: the hash of its signed receipt. */
  readonly receiptHash: string | null;
}

/** The conventions advise 15 to 30 seconds. */
const TIMEOUT_MS = 20 * SECOND_MS;

export interface PostOptions {
  readonly nowMs: number;
  /** Aborts the request. */
  readonly signal: AbortSignal;
  /** Aborts with a `TimeoutError` when the endpoint takes too long. Default: after 20 seconds. */
  readonly timeout?: AbortSignal;
}

/**
 * Posts an event. Resolves with undefined when the response is 2xx, else with the reason: `http-503`, `timeout` or the
 * network's own code. Redirects are not followed, and the response's body is not read. Never throws.
 */
export async function postEvent(
  { url, keys }: Endpoint,
  { id, ...payload }: RecordingEvent & Witnessed,
  { nowMs, signal, timeout = AbortSignal.timeout(TIMEOUT_MS) }: PostOptions,
): Promise<string | undefined> {
  const body = JSON.stringify(payload);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(nowMs / SECOND_MS)),
        'webhook-signature': signaturesOf(keys, id, nowMs, body),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `http-${response.status}`;
  } catch (error) {
    return networkCodeOf(error);
  }
}

/** One signature for each secret, so that a consumer may use either. */
function signaturesOf(keys: readonly Uint8Array[], id: string, nowMs: number, body: string): string {
  return keys.map((key) => new Webhook(key, { format: 'raw' }).sign(id, new Date(nowMs), body)).join(' ');
}

/** Never the message: it may contain the URL, which may contain a secret of the endpoint. */
function networkCodeOf(error: unknown): string {
  const { name, cause } = error as { name?: unknown; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return 'timeout';
  return typeof cause?.code === 'string' ? cause.code : 'network';
}
