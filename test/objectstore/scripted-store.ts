// The S3 adapter on a store whose answers a test writes: real HTTP, and any bytes.
import type { IncomingHttpHeaders } from 'node:http';
import type { S3Client } from '@aws-sdk/client-s3';
import { Gate } from '../../src/objectstore/gate.ts';
import { inspectBucket } from '../../src/objectstore/s3/bucket-inspection.ts';
import { createS3Client, type OnStoreRequest, type S3Settings } from '../../src/objectstore/s3/client.ts';
import { S3ObjectStore } from '../../src/objectstore/s3/object-store.ts';
import { createS3Presigner } from '../../src/objectstore/s3/presigner.ts';
import { StoreRetries } from '../../src/objectstore/s3/retries.ts';
import { SERVING } from '../../src/objectstore/window.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { startFaultProxy } from '../kit/fault-proxy.ts';

/** The path is as it was sent, still escaped. */
export type FakeRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
};
/** For short: `403 AccessDenied` or `501` is an error, and any other string the content of a document. */
export type Answer =
  | string
  | { status?: number; headers?: Record<string, string>; body?: string; content?: string; withoutDate?: boolean };
export type Script = (request: FakeRequest, index: number) => Answer;

/** The adapter on a store whose n-th answer, from 0, is what the script gives. */
export async function adapterOn(script: Script, changes: Partial<S3Settings> = {}) {
  const requests: FakeRequest[] = [];
  const proxy = await startFaultProxy('http://nothing-behind-it');
  afterThisTest(() => proxy.close());
  proxy.spoil(() => (response, _ask, sent) => {
    const { method = '', url = '', headers } = response.req;
    const { pathname: path, searchParams: query } = new URL(url, proxy.endpoint);
    const request = { method, path, query, headers, body: sent.toString() };
    const reply = replyOf(script(request, requests.push(request) - 1), request);
    response.sendDate = reply.withoutDate !== true;
    response.writeHead(reply.status ?? 200, reply.headers).end(reply.body);
  });
  return { ...adapterFor({ endpoint: proxy.endpoint, ...changes }), requests, close: () => proxy.close() };
}

function replyOf(answer: Answer, request: FakeRequest): Exclude<Answer, string> {
  if (typeof answer !== 'string') {
    return answer.content === undefined ? answer : { ...document(answer.content, rootOf(request)), ...answer };
  }
  const [, status, code] = /^(\d{3})(?: (\w+))?$/.exec(answer) ?? [];
  if (status === undefined) return document(answer, rootOf(request));
  const error = code === undefined ? {} : document(`<Code>${code}</Code><Message>as scripted</Message>`, 'Error');
  return { ...error, status: Number(status) };
}

function rootOf({ method, query }: FakeRequest): string {
  if (method === 'POST') return query.has('delete') ? 'DeleteResult' : 'CompleteMultipartUploadResult';
  const roots = {
    'list-type': 'ListBucketResult',
    versions: 'ListVersionsResult',
    uploads: 'ListMultipartUploadsResult',
    uploadId: 'ListPartsResult',
    versioning: 'VersioningConfiguration',
    tagging: 'Tagging',
  };
  return Object.entries(roots).find(([name]) => query.has(name))?.[1] ?? 'Answer';
}

export function document(content: string, root: string) {
  const body = `<?xml version="1.0"?><${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;
  return { headers: { 'content-type': 'application/xml' }, body };
}

export function adapterFor(changes: Partial<S3Settings> = {}) {
  const credentials = { accessKeyId: 'SERVICEKEY', secretAccessKey: 'service-secret' };
  const place = { region: 'eu-central-1', bucket: 'recordings', keyPrefix: '', forcePathStyle: true };
  const settings: S3Settings = { ...place, credentials, ...changes };
  const attempts: string[] = [];
  const notices: string[] = [];
  const client = clientThatRetriesAtOnce(settings, (operation, outcome) => attempts.push(`${operation} ${outcome}`));
  afterThisTest(() => client.destroy());
  const store = new S3ObjectStore(client, { ...settings, scratchPrefix: 'doctor/' }, (notice) => notices.push(notice));
  const inspection = inspectBucket(client, settings);
  const presigner = createS3Presigner({ client, settings, now: Date.now });
  return { client, settings, store, inspection, attempts, notices, presigner };
}

/** Retries what the service retries, and as often, without waiting in between. */
function clientThatRetriesAtOnce(settings: S3Settings, onRequest: OnStoreRequest): S3Client {
  const gate = new Gate({ ...SERVING, pauseMs: 0 });
  const client = createS3Client(settings, onRequest, { gate });
  const strategy = new StoreRetries(gate, { computeNextBackoffDelay: () => 0, setDelayBase() {} });
  client.config.retryStrategy = async () => strategy;
  return client;
}

/** A store whose tagging works, and that answers all else with this. */
export function keepsTags(otherwise: Answer): Script {
  const objects = new Map<string, string>();
  const tags = new Map<string, string>();
  return ({ method, path, query, body }) => {
    if (query.has('tagging')) {
      if (method === 'PUT') tags.set(path, /<TagSet>.*<\/TagSet>/.exec(body)?.[0] ?? '');
      return method === 'PUT' ? '' : { content: tags.get(path) ?? '<TagSet></TagSet>' };
    }
    if (method === 'PUT') objects.set(path, body);
    const isRead = method === 'GET' && query.get('x-id') === 'GetObject';
    return isRead ? { body: objects.get(path) ?? '' } : otherwise;
  };
}
