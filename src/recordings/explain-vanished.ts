// What is known of a recording that is gone without a receipt: what the audit trail has of it.
import type { AuditEventDocument } from '../bucket/documents.ts';
import { DAY_MS } from '../model/durations.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import type { AuditEvent } from '../model/recording.ts';
import { eventsOf, type TrailContext } from './access-log.ts';
import { WITHOUT_MEDIA } from './delete.ts';
import { type Explained, fact } from './explanation.ts';

/**
 * Events of what is or was held: without the recording there is a receipt. Not `aborted`: of two aborts at once one may have
 * found that nothing had arrived.
 */
const PROOFS_OF_BEING: ReadonlySet<AuditEvent> = new Set(['link-issued', 'erased', 'content-refused']);
/** Events expire by whole days, and may be there for a day or two after the receipt. */
const MARGIN_MS = 2 * DAY_MS;

/** Undefined: the trail does not know it. Costs two LISTs for each day that it can have been kept. */
export async function explainVanished(context: TrailContext, ref: RecordingRef): Promise<Explained | undefined> {
  const events = await Array.fromAsync(eventsOf(context, ref));
  const last = events.at(-1);
  if (!last) return undefined;
  const isExpiring = createdAtOf(ref.recording) + context.logRetentionMs <= context.now() + MARGIN_MS;
  const wrong = !isExpiring && events.some(provesThatItWas);
  const because = isExpiring
    ? 'its receipt may have expired'
    : 'what was given up before anything had arrived leaves none';
  return {
    state: 'vanished',
    rule: 'unknown',
    summary: `The audit trail knows it, and neither it nor a receipt of its deletion is there${wrong ? '. This is wrong.' : `: ${because}.`}`,
    wrong,
    deletableFrom: null,
    deleteBy: null,
    facts: [
      fact('created', createdAtOf(ref.recording), 'recording id', (at) => `It was created at ${at}.`),
      fact('audited', Date.parse(last.at), 'audit trail', (at) => {
        return `The last of its events in the audit trail is ${last.event}, by ${last.actor} at ${at}; its access log has them all.`;
      }),
    ],
    next: wrong
      ? [
          {
            code: 'run-verify',
            at: null,
            sentence:
              'Something is wrong: the operator runs `verify`, and finds out who has removed it or its receipt.',
          },
        ]
      : [],
    receipt: null,
  };
}

/** `verify` judges by the same (`recording-vanished`). */
export function provesThatItWas({ event, detail }: AuditEventDocument): boolean {
  return PROOFS_OF_BEING.has(event) && detail !== WITHOUT_MEDIA;
}
