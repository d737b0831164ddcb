// Receives events: checks the signature, takes each event once, and answers only when it is safe.
import { createServer, type Server } from 'node:http';
import { Webhook } from 'standardwebhooks';

export interface RecordingEvent {
  type: 'recording.stored' | 'recording.due-soon' | 'recording.deleted' | 'recording.erased';
  timestamp: string;
  data: { tenantId: string; examId: string; attemptId: string; recordingId: string; deleteBy: string };
  /** The latest checkpoint of your log of receipts: keep it, and you are a witness. */
  checkpoint?: string | null;
  /** Of a deletion: the hash of its signed receipt. */
  receiptHash?: string | null;
}

/** `take` keeps the event, unless it has one of that id already: the same event may arrive twice. */
export function createReceiver(secret: string, take: (id: string, event: RecordingEvent) => Promise<void>): Server {
  const webhook = new Webhook(secret);
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = request.headers as Record<string, string>;
    try {
      // The body as it came: parsed and written again, it would not be what was signed.
      const event = webhook.verify(Buffer.concat(chunks).toString(), headers) as RecordingEvent;
      await take(headers['webhook-id'] ?? '', event);
      response.writeHead(204).end();
    } catch {
      // Whatever is not 2xx is sent again, later and later, for a week.
      response.writeHead(400).end();
    }
  });
}
