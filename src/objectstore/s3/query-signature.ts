// Signs the query of a URL by AWS Signature Version 4, many times as fast as the SDK's library (docs/adr/0004).
// Source: "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)" in the Amazon S3 API reference.
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

export interface RequestToSign {
  readonly method: string;
  /** As it is sent, with each segment escaped by `escapeUri`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** By names in lower case, `host` among them; a user of the URL must send them as they are. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const UNRESERVED = /^[\w.~-]*$/;

/** `sign` returns the whole query of the URL, the signature at its end; the signature's time has whole seconds. */
export function createQuerySigner(region: string) {
  let known: { day: string; secret: string; key: KeyObject } | undefined;
  /** The signing key: the same for a whole day. */
  function signingKey(secret: string, day: string): KeyObject {
    if (known?.day !== day || known.secret !== secret) {
      const key = [day, region, 's3', 'aws4_request'].reduce<Buffer>(
        (previous, text) => hmac(createSecretKey(previous), text),
        Buffer.from(`AWS4${secret}`),
      );
      // A KeyObject: a Buffer would be converted at every use, which takes longer than the rest of the signature.
      known = { day, secret, key: createSecretKey(key) };
    }
    return known.key;
  }

  return function sign(
    request: RequestToSign,
    credentials: SigningCredentials,
    fromMs: number,
    seconds: number,
  ): string {
    const { method, path, query, headers } = request;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const timestamp = `${new Date(fromMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
    const day = timestamp.slice(0, 8);
    const scope = `${day}/${region}/s3/aws4_request`;
    const names = Object.keys(headers).sort();
    const signedHeaders = names.join(';');
    const signedQuery = queryOf({
      ...query,
      'X-Amz-Algorithm': ALGORITHM,
      'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
      'X-Amz-Credential': `${accessKeyId}/${scope}`,
      'X-Amz-Date': timestamp,
      'X-Amz-Expires': String(seconds),
      'X-Amz-SignedHeaders': signedHeaders,
      ...(sessionToken === undefined ? {} : { 'X-Amz-Security-Token': sessionToken }),
    });
    const headerLines = names.map((name) => `${name}:${headers[name]}\n`).join('');
    const canonical = `${method}\n${path}\n${signedQuery}\n${headerLines}\n${signedHeaders}\nUNSIGNED-PAYLOAD`;
    const toSign = `${ALGORITHM}\n${timestamp}\n${scope}\n${hash('sha256', canonical, 'hex')}`;
    const signature = hmac(signingKey(secretAccessKey, day), toSign).toString('hex');
    return `${signedQuery}&X-Amz-Signature=${signature}`;
  };
}

/** Escapes all but the unreserved characters of RFC 3986, as the signature requires. */
export function escapeUri(text: string): string {
  if (UNRESERVED.test(text)) return text;
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Sorted by names, which is enough for the signature: no name occurs twice. */
function queryOf(query: Readonly<Record<string, string>>): string {
  const pairs = Object.keys(query)
    .sort()
    .map((name) => `${escapeUri(name)}=${escapeUri(query[name] ?? '')}`);
  return pairs.join('&');
}

function hmac(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
