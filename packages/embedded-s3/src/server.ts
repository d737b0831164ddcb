// An S3 endpoint on a local disk: the HTTP server, and how it handles a request.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Bucket } from './bucket.ts';
import { type CorsRule, corsHeaders, parseCorsRules, preflightReply, rulesForOrigins } from './cors.ts';
import type { Damage } from './damage.ts';
import { type Writer, writeToDisk } from './disk.ts';
import { type FreeBytes, freeBytesOf } from './disk-space.ts';
import { asS3Error, S3Error } from './errors.ts';
import { lockFolder } from './lock.ts';
import { checkKey, type Operation } from './operations/operation.ts';
import { errorReply, type Reply, sendReply } from './reply.ts';
import { RequestBody } from './request-body.ts';
import { RequestHead } from './request-head.ts';
import { checkHeaders, findOperation } from './routes.ts';
import { verifySignature } from './sigv4.ts';
import { mayBeLong } from './unread-body.ts';

export interface EmbeddedS3Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** May only UploadPart, like the upload key on a real store. */
  readonly uploadOnly?: boolean;
}

export interface EmbeddedS3Options {
  readonly dataDir: string;
  readonly bucket: string;
  readonly credentials: EmbeddedS3Credential[];
  /** 'us-east-1' when not given. */
  readonly region?: string;
  /** '127.0.0.1' when not given. */
  readonly host?: string;
  /** 0, the default, takes any free one. */
  readonly port?: number;
  /** Origins of browsers. The rules of a PutBucketCors add to them. */
  readonly allowedOrigins?: string[];
  /** Milliseconds since the epoch: for Date, Last-Modified and expiry. */
  readonly now?: () => number;
  /**
   * Bytes that may belong to a record that cannot be read are deleted at this age, in milliseconds. 30 days when not given.
   */
  readonly keepUnknownMs?: number;
  /** Asked before such bytes are deleted: false while `now` may be wrong. Always true when not given. */
  readonly mayExpire?: () => boolean;
  /** Told once, at the start, of files that cannot be read, and of files that are not of this program. */
  readonly onDamage?: (damage: Damage) => void;
  /** How files are written, and how much room there is: for tests of a disk that fails. That of the file system. */
  readonly disk?: { readonly writer: Writer; readonly freeBytes: FreeBytes };
}

export interface EmbeddedS3 {
  /** Such as http://127.0.0.1:9000. */
  readonly endpoint: string;
  /** Whether uploads are refused, because the disk is full; deletions work. */
  isFull(): boolean;
  /** Waits for running requests up to five seconds, then cuts them off. Safe to call twice. */
  close(): Promise<void>;
}

const KEEP_UNKNOWN_MS = 30 * 24 * 60 * 60 * 1000;
const CLOSE_GRACE_MS = 5000;
/** Longer than the idle time of the clients' connection pools, so that they never reuse one that is being closed. */
const KEEP_ALIVE_MS = 75_000;
/** The limit for a silent connection. There is none for a whole request: a part may take an hour. */
const INACTIVITY_MS = 300_000;

/**
 * Starts the endpoint on a data folder, which it makes when missing.
 * @throws Error when another process uses the folder, or the port is taken
 */
export async function startEmbeddedS3(options: EmbeddedS3Options): Promise<EmbeddedS3> {
  const { dataDir, bucket: name, host = '127.0.0.1', port = 0, now = Date.now } = options;
  const { keepUnknownMs = KEEP_UNKNOWN_MS, onDamage = () => {} } = options;
  const { disk = { writer: writeToDisk, freeBytes: freeBytesOf } } = options;
  // The rules of S3, which also make the name a harmless folder name.
  if (!/^[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]$/.test(name)) throw new Error(`Not a bucket name: ${name}`);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(lockFolder(dataDir));
  const bucket = await Bucket.open({ dataDir, name, now: now(), keepUnknownMs, onDamage, ...disk });
  cleanup.defer(async () => {
    await bucket.close();
  });
  const endpoint = new Endpoint(bucket, { ...options, now });
  const address = await endpoint.listen(port, host);
  const resources = cleanup.move();
  let closing: Promise<void> | undefined;
  return {
    endpoint: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    isFull: () => bucket.space.isFull,
    close() {
      closing ??= endpoint.close().finally(async () => {
        await resources.disposeAsync();
      });
      return closing;
    },
  };
}

class Endpoint {
  readonly #bucket: Bucket;
  readonly #credentials: readonly EmbeddedS3Credential[];
  readonly #region: string;
  readonly #now: () => number;
  readonly #mayExpire: () => boolean;
  readonly #originRules: CorsRule[];
  readonly #server: Server;
  readonly #running = new Set<Promise<void>>();
  #corsCache: { document: string; rules: CorsRule[] } | undefined;
  #closing = false;

  constructor(bucket: Bucket, options: EmbeddedS3Options & { now: () => number }) {
    this.#bucket = bucket;
    this.#credentials = options.credentials;
    this.#region = options.region ?? 'us-east-1';
    this.#now = options.now;
    this.#mayExpire = options.mayExpire ?? (() => true);
    this.#originRules = rulesForOrigins(options.allowedOrigins ?? []);
    this.#server = createServer({ requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS });
    this.#server.setTimeout(INACTIVITY_MS);
    this.#server.on('request', (incoming, response) => this.#track(incoming, response, false));
    this.#server.on('checkContinue', (incoming, response) => this.#track(incoming, response, true));
  }

  async listen(port: number, host: string): Promise<AddressInfo> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(port, host, resolve);
    await promise;
    this.#server.off('error', reject);
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('The server has no port');
    return address;
  }

  async close(): Promise<void> {
    this.#closing = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeIdleConnections();
    const grace = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS);
    await promise;
    clearTimeout(grace);
    await Promise.all(this.#running);
  }

  #track(incoming: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const running = this.#answer(incoming, response, expectsContinue)
      // Reached only when a connection broke, or a read failed midway: no client waits for a response.
      .catch(() => {
        response.destroy();
      })
      .finally(() => {
        this.#running.delete(running);
        if (this.#closing) this.#server.closeIdleConnections();
      });
    this.#running.add(running);
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Promise<void> {
    const requestId = randomBytes(8).toString('hex').toUpperCase();
    response.sendDate = false;
    response.setHeader('Date', new Date(this.#now()).toUTCString());
    response.setHeader('Server', 'embedded-s3');
    response.setHeader('x-amz-request-id', requestId);
    let awaitsContinue = expectsContinue;
    const onStart = () => {
      if (awaitsContinue) response.writeContinue();
      awaitsContinue = false;
    };
    const send = async (reply: Reply) => {
      // A client without its 100 Continue may send the body or not: the next bytes could be the body or a request.
      if (awaitsContinue || this.#closing || mayBeLong(incoming)) response.setHeader('Connection', 'close');
      await sendReply(incoming, response, reply);
    };
    try {
      await send(await this.#reply(incoming, response, onStart));
    } catch (error) {
      if (response.headersSent) throw error;
      await send(errorReply(asS3Error(error), resourceOf(incoming), requestId));
    }
    if (!incoming.complete) incoming.destroy();
  }

  async #reply(incoming: IncomingMessage, response: ServerResponse, onStart: () => void): Promise<Reply> {
    const head = new RequestHead(incoming, this.#bucket.name);
    const rules = head.bucket === this.#bucket.name ? this.#corsRules() : [];
    if (head.method === 'OPTIONS') return preflightReply(rules, head);
    for (const [name, value] of Object.entries(corsHeaders(rules, head))) response.setHeader(name, value);

    const now = this.#now();
    const verified = verifySignature(head, { credentials: this.#credentials, region: this.#region, now });
    const operation = this.#permitted(head, verified.credential);
    if (head.key !== undefined) checkKey(head.key);
    checkHeaders(head, operation);
    if (this.#mayExpire()) await this.#bucket.removeOrphans(now);
    await this.#bucket.space.check(now);
    const body = new RequestBody(incoming, head, { ...verified, onStart });
    return operation.run({ head, body, bucket: this.#bucket, key: head.key ?? '', now });
  }

  /** @throws S3Error AccessDenied (upload-only credential), NoSuchBucket, NotImplemented */
  #permitted(head: RequestHead, credential: EmbeddedS3Credential): Operation {
    const operation = findOperation(head);
    if (
      credential.uploadOnly === true &&
      (operation?.name !== 'UploadPart' || head.amzNames().has('x-amz-copy-source'))
    ) {
      throw new S3Error('AccessDenied');
    }
    if (head.bucket !== undefined && head.bucket !== this.#bucket.name) throw new S3Error('NoSuchBucket');
    if (operation === undefined) throw new S3Error('NotImplemented');
    return operation;
  }

  #corsRules(): CorsRule[] {
    const document = this.#bucket.settings.cors;
    if (document === undefined) return this.#originRules;
    if (this.#corsCache?.document !== document) {
      // The first rule that matches applies: those of the bucket take nothing away from the given origins.
      this.#corsCache = { document, rules: [...this.#originRules, ...parseCorsRules(document)] };
    }
    return this.#corsCache.rules;
  }
}

/** The path as it was sent, for the error document. */
function resourceOf(incoming: IncomingMessage): string {
  return (incoming.url ?? '').replace(/\?.*$/s, '');
}
