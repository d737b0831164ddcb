// The SDK's client as this service needs it: checksums only where required, its own retries, every attempt counted,
// and every failure a StoreError.
import { createHash } from 'node:crypto';
import { finished, type Readable } from 'node:stream';
import { S3Client, type ServiceInputTypes, type ServiceOutputTypes } from '@aws-sdk/client-s3';
import type { HttpRequest, HttpResponse } from '@smithy/protocol-http';
import type { BuildMiddleware, DeserializeMiddleware, InitializeMiddleware } from '@smithy/types';
import { Gate, MAX_CONNECTIONS, type Turn } from '../gate.ts';
import { requireTimeLeft } from '../request-deadline.ts';
import { isThrottling } from '../store-error.ts';
import { expectRootElement, httpStatusOf, operationOf, storeCodeOf, toStoreError } from './responses.ts';
import { StoreRetries, turns } from './retries.ts';

export type { S3Client } from '@aws-sdk/client-s3';

export interface S3Settings {
  /** Undefined: the provider's own endpoint for the region. */
  readonly endpoint?: string | undefined;
  /** The endpoint that browsers reach; part and playback URLs are signed for it. Default: `endpoint`. */
  readonly publicEndpoint?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Put before every key, with its own separator; '' for none. */
  readonly keyPrefix: string;
  readonly forcePathStyle: boolean;
  /** Undefined: the SDK's own chain (environment, web identity, instance), rotation included. */
  readonly credentials?: S3Credentials | undefined;
  /** Signs part URLs only; see docs/settings.md, "A key for uploads alone". */
  readonly uploadCredentials?: S3Credentials | undefined;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Called for every attempt at the store, retries included. `outcome` is `ok` or the store's error code. */
export type OnStoreRequest = (operation: string, outcome: string, durationMs: number) => void;

/** Operations whose checksum every store understands only as Content-MD5 (see facts in docs/adr/0004). */
const MD5_OPERATIONS = new Set([
  'DeleteObjects',
  'PutObjectTagging',
  'PutBucketCors',
  'PutBucketLifecycleConfiguration',
]);

/** The SDK's defaults break uploads on older gateways, and sign the checksum of an empty body into URLs (docs/adr/0004). */
export const CHECKSUMS = {
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
} as const;

const CONNECTION_TIMEOUT_MS = 5_000;
/** A request is aborted when no byte is sent or received for this long. The SDK's `requestTimeout` would only warn. */
const IDLE_TIMEOUT_MS = 60_000;

const nothing = () => {};
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

export interface ClientOptions {
  readonly idleTimeoutMs?: number;
  /** All clients of a process share one. Default: one of its own. */
  readonly gate?: Gate;
}

/** Its `send` throws `StoreError` and nothing else. */
export function createS3Client(
  settings: S3Settings,
  onRequest: OnStoreRequest = () => {},
  { idleTimeoutMs = IDLE_TIMEOUT_MS, gate = new Gate() }: ClientOptions = {},
): S3Client {
  const client = new S3Client({
    region: settings.region,
    forcePathStyle: settings.forcePathStyle,
    ...CHECKSUMS,
    retryStrategy: new StoreRetries(gate),
    // The middleware stack is built once for each command class, not for each call: 10 % less CPU a request (measured).
    cacheMiddleware: true,
    // By default it writes warnings to the console. What fails is thrown.
    logger: SILENT,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      socketTimeout: idleTimeoutMs,
      httpAgent: { maxSockets: MAX_CONNECTIONS, keepAlive: true },
      httpsAgent: { maxSockets: MAX_CONNECTIONS, keepAlive: true },
    },
    ...(settings.endpoint && { endpoint: settings.endpoint }),
    ...(settings.credentials && { credentials: { ...settings.credentials } }),
  });
  const { middlewareStack } = client;
  middlewareStack.add(useContentMd5, { step: 'build', priority: 'low', name: 'useContentMd5' });
  middlewareStack.add(watchAttempts(gate, onRequest), { step: 'deserialize', priority: 'high', name: 'watchAttempts' });
  const beforeTheSdkReads = { relation: 'after', toMiddleware: 'deserializerMiddleware' } as const;
  middlewareStack.addRelativeTo(expectRootElement, { ...beforeTheSdkReads, name: 'expectRootElement' });
  // Outermost, so that `client.send` throws nothing else.
  middlewareStack.add(throwStoreErrors, { step: 'initialize', priority: 'high', name: 'throwStoreErrors' });
  middlewareStack.add(takeTurns(gate), {
    step: 'initialize',
    priority: 'low',
    name: 'takeTurns',
  });
  return client;
}

const throwStoreErrors: InitializeMiddleware<ServiceInputTypes, ServiceOutputTypes> = (next, context) => {
  const operation = operationOf(context);
  return (args) =>
    next(args).catch((error: unknown) => {
      throw toStoreError(operation, error);
    });
};

/** A body that is streamed holds its connection until it ends. */
function takeTurns(gate: Gate): InitializeMiddleware<ServiceInputTypes, ServiceOutputTypes> {
  return (next, context) => {
    const operation = operationOf(context);
    const isMedia = operation === 'UploadPart';
    return async (args) => {
      const turn = await gate.take(operation, { isMedia });
      const end = () => gate.end(turn);
      try {
        const result = await turns.run(turn, () => next(args));
        const { Body: body } = result.output as { Body?: Readable };
        if (body) finished(body, end);
        else end();
        return result;
      } catch (error) {
        end();
        throw error;
      }
    };
  };
}

const useContentMd5: BuildMiddleware<ServiceInputTypes, ServiceOutputTypes> = (next, context) => {
  if (!MD5_OPERATIONS.has(operationOf(context))) return next;
  return (args) => {
    const { headers, body } = args.request as HttpRequest;
    for (const name of Object.keys(headers)) {
      if (/^x-amz-(checksum-|sdk-checksum-)/i.test(name)) delete headers[name];
    }
    headers['content-md5'] = createHash('md5').update(String(body)).digest('base64');
    return next(args);
  };
};

/** Refuses attempts past the request's deadline, counts all others, and keeps the store's `Date` for `storeTimeOf`. */
function watchAttempts(
  gate: Gate,
  onRequest: OnStoreRequest,
): DeserializeMiddleware<ServiceInputTypes, ServiceOutputTypes> {
  return (next, context) => {
    const operation = operationOf(context);
    return async (args) => {
      requireTimeLeft(operation);
      const turn = turns.getStore();
      const startedMs = performance.now();
      if (turn) gate.sent(turn);
      try {
        const result = await next(args);
        if (turn) gate.answered(turn);
        onRequest(operation, 'ok', performance.now() - startedMs);
        const { headers } = result.response as HttpResponse;
        Object.assign((result.output as { $metadata: object }).$metadata, { storeDate: headers.date });
        return result;
      } catch (error) {
        const storeCode = storeCodeOf(error);
        if (turn) tell(gate, turn, { storeCode, status: httpStatusOf(error) });
        onRequest(operation, storeCode, performance.now() - startedMs);
        throw error;
      }
    };
  };
}

function tell(gate: Gate, turn: Turn, { storeCode, status }: { storeCode: string; status: number | undefined }): void {
  if (isThrottling(storeCode) || storeCode === 'ServiceUnavailable') gate.refused(turn, storeCode);
  else if (status !== undefined && status < 500) gate.answered(turn);
  else gate.failed(turn);
}

/** The store's clock when it responded, in milliseconds; NaN when it sent no `Date`. */
export function storeTimeOf(output: { $metadata: object }): number {
  return Date.parse((output.$metadata as { storeDate?: string }).storeDate ?? '');
}
