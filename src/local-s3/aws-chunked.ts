// Decodes aws-chunked bodies, and verifies the chunk and trailer signatures where they have them.
// Source: "Signature calculations for the Authorization header: transferring payload in multiple chunks" and
// "… including trailing headers" in the Amazon S3 API reference.
import { createHash } from 'node:crypto';
import { S3Error } from './errors.ts';
import { hmac, type SigningContext, sameHex } from './sigv4.ts';

/** More than any chunk head or trailer line needs. */
const MAX_LINE_BYTES = 4096;
const EMPTY_SHA256 = createHash('sha256').digest('hex');

export interface ChunkedFormat {
  /** What the first chunk's signature continues from; undefined for unsigned chunks. */
  signing: SigningContext | undefined;
  hasTrailer: boolean;
}

/**
 * Yields the payload; the bytes of a chunk come before its signature is verified, so nothing may be kept until the
 * generator has ended. Returns the trailers by lower-case name.
 * @throws S3Error SignatureDoesNotMatch, IncompleteBody, MalformedTrailerError, InvalidRequest
 */
export async function* decodeAwsChunked(
  source: AsyncIterable<Buffer>,
  { signing, hasTrailer }: ChunkedFormat,
): AsyncGenerator<Buffer, Map<string, string>> {
  const input = new Input(source);
  try {
    return yield* decode(input, signing === undefined ? undefined : new SignatureChain(signing), hasTrailer);
  } finally {
    await input.close();
  }
}

async function* decode(
  input: Input,
  chain: SignatureChain | undefined,
  hasTrailer: boolean,
): AsyncGenerator<Buffer, Map<string, string>> {
  let size: number;
  do {
    const head = parseChunkHead(await input.line(), chain !== undefined);
    size = head.size;
    const hash = createHash('sha256');
    for (let left = size; left > 0; ) {
      const bytes = await input.take(left);
      left -= bytes.length;
      if (chain !== undefined) hash.update(bytes);
      yield bytes;
    }
    chain?.verify('PAYLOAD', [EMPTY_SHA256, hash.digest('hex')], head.signature);
    if (size > 0 && (await input.line()) !== '') throw malformed();
  } while (size > 0);
  const trailers = hasTrailer ? await readTrailers(input, chain) : new Map<string, string>();
  if (!hasTrailer && (await input.line()) !== '') throw malformed();
  if (!(await input.ended())) throw malformed();
  return trailers;
}

function malformed(): S3Error {
  return new S3Error('InvalidRequest', 'The aws-chunked body is malformed.');
}

function parseChunkHead(line: string, signed: boolean): { size: number; signature: string } {
  const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
  if (match === null || signed !== (match[2] !== undefined)) throw malformed();
  return { size: Number.parseInt(match[1] ?? '', 16), signature: match[2] ?? '' };
}

async function readTrailers(input: Input, chain: SignatureChain | undefined): Promise<Map<string, string>> {
  const trailers = new Map<string, string>();
  for (let line = await input.line(); line !== ''; line = await input.line()) {
    const at = line.indexOf(':');
    const name = line.slice(0, at).toLowerCase();
    if (at < 1 || trailers.has(name)) throw new S3Error('MalformedTrailerError');
    trailers.set(name, line.slice(at + 1).trim());
  }
  const signature = trailers.get('x-amz-trailer-signature');
  trailers.delete('x-amz-trailer-signature');
  if (chain === undefined) return trailers;
  if (signature === undefined) throw new S3Error('MalformedTrailerError');
  const canonical = [...trailers].map(([name, value]) => `${name}:${value}\n`).sort();
  chain.verify('TRAILER', [createHash('sha256').update(canonical.join('')).digest('hex')], signature);
  return trailers;
}

/** Each signature covers the one before, from the request's own on. */
class SignatureChain {
  readonly #signing: SigningContext;
  #previous: string;

  constructor(signing: SigningContext) {
    this.#signing = signing;
    this.#previous = signing.signature;
  }

  verify(kind: 'PAYLOAD' | 'TRAILER', hashes: string[], claimed: string): void {
    const { key, timestamp, scope } = this.#signing;
    const stringToSign = [`AWS4-HMAC-SHA256-${kind}`, timestamp, scope, this.#previous, ...hashes].join('\n');
    this.#previous = hmac(key, stringToSign).toString('hex');
    if (!sameHex(this.#previous, claimed)) throw new S3Error('SignatureDoesNotMatch');
  }
}

/** Reads lines and counted bytes from a stream, holding no more than one network chunk. */
class Input {
  readonly #iterator: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** A line without its CRLF. */
  async line(): Promise<string> {
    let at = this.#buffer.indexOf('\r\n');
    while (at === -1) {
      if (this.#buffer.length > MAX_LINE_BYTES) throw malformed();
      if (!(await this.#more())) throw new S3Error('IncompleteBody');
      at = this.#buffer.indexOf('\r\n');
    }
    if (at > MAX_LINE_BYTES) throw malformed();
    const line = this.#buffer.toString('latin1', 0, at);
    this.#buffer = this.#buffer.subarray(at + 2);
    return line;
  }

  /** At least one byte and at most `limit`. */
  async take(limit: number): Promise<Buffer> {
    while (this.#buffer.length === 0) {
      if (!(await this.#more())) throw new S3Error('IncompleteBody');
    }
    const bytes = this.#buffer.subarray(0, limit);
    this.#buffer = this.#buffer.subarray(bytes.length);
    return bytes;
  }

  async ended(): Promise<boolean> {
    return this.#buffer.length === 0 && !(await this.#more());
  }

  /** Lets go of the stream without reading it to its end. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #more(): Promise<boolean> {
    const next = await this.#iterator.next();
    if (next.done === true) return false;
    this.#buffer = this.#buffer.length === 0 ? next.value : Buffer.concat([this.#buffer, next.value]);
    return true;
  }
}
