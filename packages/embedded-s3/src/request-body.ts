// The body of a request: hashed while it is read, and refused at its end when a hash is not the announced one.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { S3Error } from './errors.ts';
import type { RequestHead } from './request-head.ts';

/** A single PUT or part: 5 GiB (S3 API limits). */
const MAX_BODY_BYTES = 5 * 1024 ** 3;
/** Room for 1,000 keys of 1,024 bytes with every byte escaped. */
const MAX_XML_BYTES = 8 * 1024 * 1024;

interface BodyOptions {
  readonly payloadHash: string;
  /** Called before the first byte is read: a client may be waiting for "100 Continue" (RFC 9110, 10.1.1). */
  readonly onStart: () => void;
}

export class RequestBody {
  readonly #incoming: IncomingMessage;
  readonly #head: RequestHead;
  readonly #options: BodyOptions;
  readonly #md5 = createHash('md5');

  /** @throws S3Error NotImplemented (aws-chunked), InvalidArgument: a kind of payload that is not known, read or not */
  constructor(incoming: IncomingMessage, head: RequestHead, options: BodyOptions) {
    checkKind(options.payloadHash);
    this.#incoming = incoming;
    this.#head = head;
    this.#options = options;
  }

  /**
   * Checks what the headers announce, for an upload whose length has to be known beforehand.
   * @throws S3Error MissingContentLength, EntityTooLarge
   */
  checkAnnounced(): void {
    const length = this.#head.header('content-length');
    if (length === undefined) throw new S3Error('MissingContentLength');
    if (Number(length) > MAX_BODY_BYTES) throw new S3Error('EntityTooLarge');
  }

  /**
   * The payload; can be read once. Throws at its end when a hash is wrong, and earlier when the client disconnects
   * before it has sent the announced length. A caller must not make the payload visible before the stream has ended.
   * @throws S3Error XAmzContentSHA256Mismatch, BadDigest, InvalidDigest
   */
  async *stream(): AsyncGenerator<Buffer> {
    const { payloadHash, onStart } = this.#options;
    const expectedMd5 = this.#expectedMd5();
    const sha256 = payloadHash === UNSIGNED ? undefined : createHash('sha256');
    let checksum = 0;
    onStart();

    // When a reader stops early, the rest of the request is still drained.
    const chunks: AsyncIterable<Buffer> = this.#incoming.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) {
      this.#md5.update(chunk);
      sha256?.update(chunk);
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
    if (sha256 && sha256.digest('hex') !== payloadHash) throw new S3Error('XAmzContentSHA256Mismatch');
    const digest = inBase64(checksum);
    if ((this.#head.amz(CRC32) ?? digest) !== digest) throw new S3Error('BadDigest');
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

  #expectedMd5(): string | undefined {
    const text = this.#head.header('content-md5');
    if (text === undefined) return undefined;
    const digest = Buffer.from(text, 'base64');
    if (digest.length !== 16 || digest.toString('base64') !== text) throw new S3Error('InvalidDigest');
    return digest.toString('hex');
  }
}

const UNSIGNED = 'UNSIGNED-PAYLOAD';
const CRC32 = 'x-amz-checksum-crc32';
/** The checksums that a client may send with a body. AWS SDKs send CRC32 by default. */
export const CHECKSUM_HEADERS: readonly string[] = [CRC32];

/** @throws S3Error NotImplemented (a body in chunks with signatures or trailers), InvalidArgument */
function checkKind(payloadHash: string): void {
  if (payloadHash.startsWith('STREAMING-'))
    throw new S3Error('NotImplemented', 'aws-chunked bodies are not supported.');
  if (payloadHash !== UNSIGNED && !/^[0-9a-f]{64}$/.test(payloadHash)) {
    throw new S3Error('InvalidArgument', 'x-amz-content-sha256 is neither a SHA-256 in hex nor a known keyword.');
  }
}

function inBase64(word: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(word);
  return bytes.toString('base64');
}
