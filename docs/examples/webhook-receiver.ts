// Receives events: verifies the signature, stores each event once, and responds only after the event is stored.
import { createServer, type Server } from 'node:http';
import { Webhook } from 'standardwebhooks';

export interface RecordingEvent {
  type: 'recording.stored' | 'recording.due-soon' | 'recording.deleted' | 'recording.erased';
  timestamp: string;
  data: { tenantId: string; examId: string; attemptId: string; recordingId: string; deleteBy: string };
  /** The latest checkpoint of your log of receipts. Keep it: it proves later changes to the log. */
  checkpoint?: string | null;
  /** The hash of the signed receipt of a deletion. */
  receiptHash?: string | null;
}

/** `take` stores the event, unless it has stored one with that id before: an event may arrive twice. */
export function createReceiver(secret: string, take: (id: string, event: RecordingEvent) => Promise<void>): Server {
  const webhook = new Webhook(secret);
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = request.headers as Record<string, string>;
    try {
      // Verify the body as received: the signature does not match a body that was parsed and serialized again.
      const event = webhook.verify(Buffer.concat(chunks).toString(), headers) as RecordingEvent;
      await take(headers['webhook-id'] ?? '', event);
      response.writeHead(204).end();
    } catch {
      // The service repeats a request that gets no 2xx response, with growing pauses, for a week.
      response.writeHead(400).end();
    }
  });
}
