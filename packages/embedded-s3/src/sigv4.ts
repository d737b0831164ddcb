// Verifies AWS Signature Version 4, in the Authorization header and in presigned queries.
// Source: "Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API reference.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { S3Error } from './errors.ts';
import type { RequestHead } from './request-head.ts';
import { encodePath, encodeUri } from './uri.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_SKEW_MS = 15 * 60 * 1000;
/** Seven days. */
const MAX_EXPIRES_SECONDS = 604_800;

export interface Secret {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Verified<C> {
  credential: C;
  /** The signed x-amz-content-sha256: a hash in hex, or UNSIGNED-PAYLOAD. */
  payloadHash: string;
}

interface Claim {
  readonly presigned: boolean;
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly timestamp: string;
  readonly payloadHash: string;
}

/**
 * Verifies the request's signature, times, scope, and that every x-amz-* header is covered by it.
 * @throws S3Error AccessDenied (anonymous, expired, unsigned x-amz-* header), InvalidAccessKeyId, SignatureDoesNotMatch,
 *   RequestTimeTooSkewed, AuthorizationHeaderMalformed, AuthorizationQueryParametersError, …
 */
export function verifySignature<C extends Secret>(
  head: RequestHead,
  { credentials, region, now }: { credentials: readonly C[]; region: string; now: number },
): Verified<C> {
  const claim = readClaim(head);
  const malformed = claim.presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed';
  const scope = claim.credential.split('/').slice(-4);
  const accessKeyId = claim.credential.split('/').slice(0, -4).join('/');
  const [day = '', scopeRegion, service, terminator] = scope;
  if (terminator !== 'aws4_request' || accessKeyId === '') throw new S3Error(malformed);
  const credential = credentials.find((known) => known.accessKeyId === accessKeyId);
  if (credential === undefined) throw new S3Error('InvalidAccessKeyId');
  if (scopeRegion !== region) throw new S3Error(malformed, `The region of the credential must be '${region}'.`);
  if (service !== 's3') throw new S3Error(malformed, "The service of the credential must be 's3'.");
  if (claim.timestamp.slice(0, 8) !== day) throw new S3Error(malformed, 'The credential is of another day.');
  checkTime(head, claim, now);

  const signedHeaders = readSignedHeaders(claim, malformed);
  const key = signingKey(credential.secretAccessKey, day, region, service);
  const stringToSign = [
    ALGORITHM,
    claim.timestamp,
    scope.join('/'),
    sha256(canonicalRequest(head, claim, signedHeaders)),
  ].join('\n');
  if (!sameHex(hmac(key, stringToSign).toString('hex'), claim.signature)) throw new S3Error('SignatureDoesNotMatch');

  // Some stores honour unsigned ones, so the holder of a URL could copy or publish other objects (CVE-2026-54330).
  for (const name of head.headers.keys()) {
    if (name.startsWith('x-amz-') && !signedHeaders.includes(name)) {
      throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed');
    }
  }
  return { credential, payloadHash: claim.payloadHash };
}

function readClaim(head: RequestHead): Claim {
  const authorization = head.header('authorization');
  const presigned = head.parameters.some(([name]) => /^X-Amz-(Algorithm|Credential|Signature)$/.test(name));
  if (authorization !== undefined && presigned) {
    throw new S3Error('InvalidArgument', 'Only one authentication mechanism is allowed.');
  }
  const claim = presigned ? readQueryClaim(head) : readHeaderClaim(head, authorization);
  const token = head.header('x-amz-security-token') ?? head.parameter('X-Amz-Security-Token');
  if (token !== undefined) throw new S3Error('InvalidToken');
  return claim;
}

function readHeaderClaim(head: RequestHead, authorization: string | undefined): Claim {
  if (authorization === undefined) throw new S3Error('AccessDenied');
  if (!authorization.startsWith(`${ALGORITHM} `)) {
    throw new S3Error('InvalidRequest', `This authorization mechanism is not supported. Please use ${ALGORITHM}.`);
  }
  const fields = authorization.slice(ALGORITHM.length).split(',');
  const pairs = fields.map((field) => /^[ \t]*([A-Za-z]+)=([^ \t]*)[ \t]*$/.exec(field));
  const values = new Map(pairs.map((match) => [match?.[1], match?.[2]]));
  const credential = values.get('Credential');
  const signedHeaders = values.get('SignedHeaders');
  const signature = values.get('Signature');
  if (fields.length !== 3 || credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw new S3Error('AuthorizationHeaderMalformed');
  }
  const timestamp = head.header('x-amz-date');
  if (timestamp === undefined) throw new S3Error('AccessDenied', 'A signed request requires a valid x-amz-date header');
  const payloadHash = head.header('x-amz-content-sha256');
  if (payloadHash === undefined) throw new S3Error('MissingSecurityHeader', 'x-amz-content-sha256 is missing.');
  return { presigned: false, credential, signedHeaders, signature, timestamp, payloadHash };
}

function readQueryClaim(head: RequestHead): Claim {
  const required = (name: string) => {
    const [value, ...more] = head.parameters.filter(([given]) => given === name);
    if (value === undefined || more.length > 0) {
      throw new S3Error('AuthorizationQueryParametersError', `The query needs one ${name}.`);
    }
    return value[1];
  };
  if (required('X-Amz-Algorithm') !== ALGORITHM) throw new S3Error('AuthorizationQueryParametersError');
  return {
    presigned: true,
    credential: required('X-Amz-Credential'),
    signedHeaders: required('X-Amz-SignedHeaders'),
    signature: required('X-Amz-Signature'),
    timestamp: required('X-Amz-Date'),
    payloadHash: head.amz('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
  };
}

/** A header-signed request may be 15 minutes off either way; a presigned one lives for X-Amz-Expires seconds. */
function checkTime(head: RequestHead, claim: Claim, now: number): void {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.timestamp);
  const signedAt = match === null ? Number.NaN : Date.parse(isoTime(match));
  if (Number.isNaN(signedAt)) throw new S3Error('AccessDenied', 'The date of the signature is not valid.');
  if (signedAt - now > MAX_SKEW_MS) throw new S3Error('RequestTimeTooSkewed');
  if (!claim.presigned) {
    if (now - signedAt > MAX_SKEW_MS) throw new S3Error('RequestTimeTooSkewed');
    return;
  }
  const expires = head.parameter('X-Amz-Expires') ?? '';
  const seconds = Number(expires);
  if (!/^\d{1,6}$/.test(expires) || seconds < 1 || seconds > MAX_EXPIRES_SECONDS) {
    throw new S3Error('AuthorizationQueryParametersError', 'X-Amz-Expires must be 1 to 604800 seconds.');
  }
  if (now > signedAt + seconds * 1000) throw new S3Error('AccessDenied', 'Request has expired');
}

function isoTime([, year, month, day, hour, minute, second]: RegExpExecArray): string {
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

/** Lower-case, sorted, each once, and `host` among them. */
function readSignedHeaders(
  { signedHeaders }: Claim,
  malformed: 'AuthorizationQueryParametersError' | 'AuthorizationHeaderMalformed',
): string[] {
  const names = signedHeaders.split(';');
  const ordered = names.every((name, index) => index === 0 || (names[index - 1] ?? '') < name);
  if (!ordered || signedHeaders !== signedHeaders.toLowerCase() || !names.includes('host')) {
    throw new S3Error(malformed, 'The signed headers must be sorted, in lower case, and include host.');
  }
  return names;
}

function canonicalRequest(head: RequestHead, claim: Claim, signedHeaders: string[]): string {
  const headers = signedHeaders.map((name) => {
    const values = head.headers.get(name);
    // Signed but not sent: a proxy may have removed it.
    if (values === undefined) throw new S3Error('SignatureDoesNotMatch');
    return `${name}:${values.map(collapse).join(',')}\n`;
  });
  return [
    head.method,
    encodePath(head.path),
    canonicalQuery(head, claim),
    headers.join(''),
    signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n');
}

function canonicalQuery(head: RequestHead, { presigned }: Claim): string {
  return head.parameters
    .filter(([name]) => !(presigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => [encodeUri(name), encodeUri(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => order(nameA, nameB) || order(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** By code unit; the encoded text is ASCII. */
function order(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

// Not trim() or \s: those also remove bytes of UTF-8, such as 0xA0.
function collapse(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, '').replace(/[ \t]+/g, ' ');
}

function signingKey(secret: string, day: string, region: string, service: string): Buffer {
  return [day, region, service, 'aws4_request'].reduce(hmac, Buffer.from(`AWS4${secret}`));
}

/** HMAC-SHA-256. Header values are Latin-1 strings of the bytes sent; all other input is ASCII. */
function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}

/** Compares a computed hex digest with a claimed one in constant time. */
function sameHex(computed: string, claimed: string): boolean {
  return (
    computed.length === claimed.length &&
    timingSafeEqual(Buffer.from(computed, 'latin1'), Buffer.from(claimed, 'latin1'))
  );
}
