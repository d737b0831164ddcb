// Looks at what an answer is before it is read. The SDK takes any document for the one that it expects: an empty body, a
// proxy's page, or the listing of a store that ignores the question would read as "there is nothing".
import type { S3Client, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import { HttpRequest, HttpResponse } from '@smithy/protocol-http';
import type { DeserializeMiddleware } from '@smithy/types';

/** Of the answers from which something follows when they hold nothing. */
const ROOTS = new Map([
  ['ListObjectsV2Command', 'ListBucketResult'],
  ['ListObjectVersionsCommand', 'ListVersionsResult'],
  ['ListMultipartUploadsCommand', 'ListMultipartUploadsResult'],
  ['ListPartsCommand', 'ListPartsResult'],
  ['GetBucketVersioningCommand', 'VersioningConfiguration'],
  ['GetObjectTaggingCommand', 'Tagging'],
  ['DeleteObjectsCommand', 'DeleteResult'],
  ['CompleteMultipartUploadCommand', 'CompleteMultipartUploadResult'],
]);

const ROOT = /^\s*(?:<\?[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:[\w-]+:)?(\w+)/;
const PAGE = /^\s*<(?:!doctype\s+html|html)\b/i;
/** The root element stands within this. */
const HEAD_BYTES = 1024;

export function expectRootElements(client: S3Client): void {
  const place = { relation: 'after', toMiddleware: 'deserializerMiddleware', name: 'expectRootElement' } as const;
  client.middlewareStack.addRelativeTo(expectRootElement, place);
}

const expectRootElement: DeserializeMiddleware<ServiceInputTypes, ServiceOutputTypes> =
  (next, context) => async (args) => {
    const result = await next(args);
    const { response } = result;
    if (!HttpResponse.isInstance(response) || response.statusCode >= 300) return result;
    const command = String(context.commandName);
    // Objects are not read here. No object of the service is a page.
    if (command === 'GetObjectCommand') {
      if (!/^text\/html\b/i.test(response.headers['content-type'] ?? '')) return result;
      response.body?.destroy?.();
      throw unreadableAnswer(command);
    }
    const body = await collect(response.body);
    response.body = body;
    const isQuestion = HttpRequest.isInstance(args.request) && args.request.method === 'GET';
    if (body.length === 0 ? isQuestion : !isAnswerTo(command, body)) throw unreadableAnswer(command);
    return result;
  };

/** An error inside of a 200 is left to the SDK. */
function isAnswerTo(command: string, body: Buffer): boolean {
  const head = body.toString('utf8', 0, HEAD_BYTES);
  const root = ROOT.exec(head)?.[1];
  const expected = ROOTS.get(command);
  return expected === undefined ? !PAGE.test(head) : root === expected || root === 'Error';
}

async function collect(body: unknown): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return Buffer.concat(await Array.fromAsync(body as AsyncIterable<Uint8Array>));
}

function unreadableAnswer(command: string): Error {
  const error = new Error(`what was answered to ${command} is none of its answers`);
  return Object.assign(error, { name: 'UnreadableAnswer' });
}
