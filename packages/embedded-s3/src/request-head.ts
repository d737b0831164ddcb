// The head of a request as S3 understands it: bucket, key, query parameters and headers, exactly as they were sent.
import type { IncomingMessage } from 'node:http';
import { S3Error } from './errors.ts';
import { decodeUri } from './uri.ts';

/** Query parameters of a signature; all other x-amz-* parameters are read as headers of that name. */
const SIGNATURE_PARAMETERS = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Security-Token',
]);

export class RequestHead {
  readonly method: string;
  /** Decoded path, with its leading slash. */
  readonly path: string;
  readonly parameters: readonly (readonly [string, string])[];
  /** Lower-case names; each header's values in the order of their arrival. Values are Latin-1: one char per byte. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly bucket: string | undefined;
  readonly key: string | undefined;

  /** @throws S3Error InvalidURI, InvalidRequest (several Host or Authorization headers) */
  constructor(incoming: IncomingMessage, bucketName: string) {
    this.method = incoming.method ?? 'GET';
    this.headers = collectHeaders(incoming.rawHeaders);
    const target = incoming.url ?? '';
    if (!target.startsWith('/')) throw new S3Error('InvalidURI');
    const mark = target.indexOf('?');
    const rawPath = mark === -1 ? target : target.slice(0, mark);
    this.path = decodeUri(rawPath, { plusIsSpace: false });
    this.parameters = mark === -1 ? [] : parseQuery(target.slice(mark + 1));
    for (const name of ['host', 'authorization']) this.header(name);
    // Virtual-host style: {bucket}.localhost, which resolves to this machine (RFC 6761, 6.3).
    const hosted = this.header('host')?.replace(/:\d+$/, '').toLowerCase() === `${bucketName}.localhost`;
    const [bucket, key] = hosted ? [bucketName, this.path.slice(1)] : splitPath(this.path);
    this.bucket = bucket === '' ? undefined : bucket;
    this.key = key === '' ? undefined : key;
  }

  /** A header that may be sent once. @throws S3Error InvalidRequest when it was sent several times */
  header(name: string): string | undefined {
    const values = this.headers.get(name) ?? [];
    if (values.length > 1) throw new S3Error('InvalidRequest', `The header ${name} was sent more than once.`);
    return values[0];
  }

  /** A query parameter that may be given once. @throws S3Error InvalidArgument when it was given several times */
  parameter(name: string): string | undefined {
    const values = this.parameters.filter(([given]) => given === name);
    if (values.length > 1) throw new S3Error('InvalidArgument', `The parameter ${name} was given more than once.`);
    return values[0]?.[1];
  }

  /**
   * An x-amz-* value, which a presigned request may carry as a header or as a query parameter.
   * @throws S3Error InvalidRequest when it was sent several times
   */
  amz(name: string): string | undefined {
    const inQuery = this.parameters.filter(([given]) => isAmzParameter(given) && given.toLowerCase() === name);
    const values = [...(this.headers.get(name) ?? []), ...inQuery.map(([, value]) => value)];
    if (values.length > 1) throw new S3Error('InvalidRequest', `${name} was sent more than once.`);
    return values[0];
  }

  /** The lower-case names of all x-amz-* values, from headers and query. */
  amzNames(): Set<string> {
    const inQuery = this.parameters.map(([name]) => name).filter(isAmzParameter);
    const inHeaders = [...this.headers.keys()].filter((name) => name.startsWith('x-amz-'));
    return new Set([...inHeaders, ...inQuery.map((name) => name.toLowerCase())]);
  }

  /** The names of the parameters that choose an operation or are its arguments: no signature, no x-amz-*, no x-id. */
  argumentNames(): string[] {
    return this.parameters
      .map(([name]) => name)
      .filter((name) => !SIGNATURE_PARAMETERS.has(name) && !isAmzParameter(name) && name !== 'x-id');
  }
}

function isAmzParameter(name: string): boolean {
  return name.toLowerCase().startsWith('x-amz-') && !SIGNATURE_PARAMETERS.has(name);
}

function collectHeaders(raw: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    const values = headers.get(name) ?? [];
    values.push(raw[index + 1] ?? '');
    headers.set(name, values);
  }
  return headers;
}

function parseQuery(query: string): (readonly [string, string])[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      const name = at === -1 ? pair : pair.slice(0, at);
      const value = at === -1 ? '' : pair.slice(at + 1);
      return [decodeUri(name, { plusIsSpace: true }), decodeUri(value, { plusIsSpace: true })] as const;
    });
}

/** `/bucket/key`: everything after the second slash is the key, slashes and all. */
function splitPath(path: string): [string, string] {
  const second = path.indexOf('/', 1);
  return second === -1 ? [path.slice(1), ''] : [path.slice(1, second), path.slice(second + 1)];
}
