// The body of a request: decoded, counted, hashed on its way, and refused at its end when anything does not add up.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { decodeAwsChunked } from './aws-chunked.ts';
import { CHECKSUM_PREFIX, type Checksum, createChecksum } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { RequestHead } from './request-head.ts';
import type { SigningContext } from './sigv4.ts';

/** A single PUT or part: 5 GiB (S3 API limits). */
const MAX_BODY_BYTES = 5 * 1024 ** 3;
/** Room for 1,000 keys of 1,024 bytes with every byte escaped. */
const MAX_XML_BYTES = 8 * 1024 * 1024;

export interface BodyOptions {
  payloadHash: string;
  signing: SigningContext;
  /** Called before the first byte is asked for: a client may be waiting for "100 Continue" (RFC 9110, 10.1.1). */
  onStart: () => void;
}

interface Expectation {
  checksum: Checksum;
  expected: string | undefined;
  algorithm: string;
}

export class RequestBody {
  readonly #incoming: IncomingMessage;
  readonly #head: RequestHead;
  readonly #options: BodyOptions;
  readonly #md5 = createHash('md5');

  constructor(incoming: IncomingMessage, head: RequestHead, options: BodyOptions) {
    this.#incoming = incoming;
    this.#head = head;
    this.#options = options;
  }

  /**
   * Checks what the headers announce, for an upload whose length has to be known beforehand.
   * @throws S3Error MissingContentLength, EntityTooLarge, NotImplemented (a kind of payload not known here)
   */
  checkAnnounced(): void {
    const size = this.#announcedSize();
    if (size === undefined) throw new S3Error('MissingContentLength');
    if (size > MAX_BODY_BYTES) throw new S3Error('EntityTooLarge');
    this.#streamingFormat();
  }

  /**
   * The payload, once. It throws at its end when the length, a hash or a signature is wrong: whoever stores it must
   * not make it visible before the stream has ended.
   * @throws S3Error XAmzContentSHA256Mismatch, BadDigest, InvalidDigest, IncompleteBody, SignatureDoesNotMatch, …
   */
  async *stream(): AsyncGenerator<Buffer> {
    const { payloadHash, onStart } = this.#options;
    const format = this.#streamingFormat();
    const size = this.#announcedSize();
    const sha256 = createHash('sha256');
    const expectations = this.#expectations();
    const expectedMd5 = this.#expectedMd5();
    onStart();

    const raw: AsyncIterable<Buffer> = this.#incoming.iterator({ destroyOnReturn: false });
    const decoded = format === undefined ? withoutTrailers(raw) : decodeAwsChunked(raw, format);
    let received = 0;
    let trailers: Map<string, string>;
    try {
      let next = await decoded.next();
      for (; next.done !== true; next = await decoded.next()) {
        received += next.value.length;
        if (received > (size ?? MAX_BODY_BYTES)) throw new S3Error('IncompleteBody');
        this.#md5.update(next.value);
        if (format === undefined) sha256.update(next.value);
        for (const { checksum } of expectations) checksum.update(next.value);
        yield next.value;
      }
      trailers = next.value;
    } finally {
      // Also when the reader stops early: the request must be free to be drained.
      await decoded.return(new Map());
    }
    if (size !== undefined && received !== size) throw new S3Error('IncompleteBody');
    if (/^[0-9a-f]{64}$/.test(payloadHash) && sha256.digest('hex') !== payloadHash) {
      throw new S3Error('XAmzContentSHA256Mismatch');
    }
    checkTrailerNames(this.#head.amz('x-amz-trailer'), trailers);
    for (const { algorithm, checksum, expected } of expectations) {
      const claimed = expected ?? trailers.get(CHECKSUM_PREFIX + algorithm);
      if (checksum.digest() !== claimed) throw new S3Error('BadDigest');
    }
    if (expectedMd5 !== undefined && this.md5() !== expectedMd5) throw new S3Error('BadDigest');
  }

  /** MD5 of the payload in hex; only after the stream has ended. */
  md5(): string {
    return this.#md5.copy().digest('hex');
  }

  /** The whole payload as text. @throws S3Error MaxMessageLengthExceeded, and those of stream() */
  async text(): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.stream()) {
      size += chunk.length;
      if (size > MAX_XML_BYTES) throw new S3Error('MaxMessageLengthExceeded');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #announcedSize(): number | undefined {
    const chunked = this.#options.payloadHash.startsWith('STREAMING-');
    const text = chunked ? this.#head.amz('x-amz-decoded-content-length') : this.#head.header('content-length');
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text)) throw new S3Error('InvalidArgument', 'The length of the body is not a number.');
    return Number(text);
  }

  #streamingFormat(): { signing: SigningContext | undefined; hasTrailer: boolean } | undefined {
    const { payloadHash, signing } = this.#options;
    switch (payloadHash) {
      case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
        return { signing, hasTrailer: false };
      case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
        return { signing, hasTrailer: true };
      case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
        return { signing: undefined, hasTrailer: true };
    }
    if (payloadHash.startsWith('STREAMING-')) throw new S3Error('NotImplemented');
    if (payloadHash !== 'UNSIGNED-PAYLOAD' && !/^[0-9a-f]{64}$/.test(payloadHash)) {
      throw new S3Error('InvalidArgument', 'x-amz-content-sha256 is neither a SHA-256 in hex nor a known keyword.');
    }
    return undefined;
  }

  #expectations(): Expectation[] {
    const inHeaders = [...this.#head.amzNames()].map((name) => ({ name, expected: this.#head.amz(name) }));
    const inTrailers = trailerNames(this.#head.amz('x-amz-trailer')).map((name) => ({ name, expected: undefined }));
    return [...inHeaders, ...inTrailers].flatMap(({ name, expected }) => {
      const algorithm = name.startsWith(CHECKSUM_PREFIX) ? name.slice(CHECKSUM_PREFIX.length) : '';
      const checksum = createChecksum(algorithm);
      return checksum === undefined ? [] : [{ algorithm, checksum, expected }];
    });
  }

  #expectedMd5(): string | undefined {
    const text = this.#head.header('content-md5');
    if (text === undefined) return undefined;
    const digest = Buffer.from(text, 'base64');
    if (digest.length !== 16 || digest.toString('base64') !== text) throw new S3Error('InvalidDigest');
    return digest.toString('hex');
  }
}

async function* withoutTrailers(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, Map<string, string>> {
  yield* source;
  return new Map();
}

function trailerNames(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

/** The trailers that came must be the ones that were announced. */
function checkTrailerNames(header: string | undefined, trailers: ReadonlyMap<string, string>): void {
  const announced = trailerNames(header);
  const matches = announced.length === trailers.size && announced.every((name) => trailers.has(name));
  if (!matches) throw new S3Error('MalformedTrailerError');
}
