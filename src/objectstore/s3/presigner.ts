// Presigned URLs: the bucket's place, the credentials for reading and for writing, and what each URL is signed for.
import type { S3Client } from '@aws-sdk/client-s3';
import type { PartToSign, Presigner } from '../presigner.ts';
import type { S3Settings } from './client.ts';
import { createQuerySigner, escapeUri, type SigningCredentials } from './query-signature.ts';

/** Of the client only its credentials and its rules for the bucket's URL: signing sends nothing. */
export interface SigningClient {
  readonly config: {
    readonly credentials: () => Promise<SigningCredentials>;
    readonly endpointProvider: (parameters: EndpointParameters) => { readonly url: URL };
  };
}

type EndpointParameters = Parameters<S3Client['config']['endpointProvider']>[0];

export interface S3PresignerOptions {
  readonly client: SigningClient;
  readonly settings: S3Settings;
  /** Milliseconds since the epoch; the signature's date. */
  readonly now: () => number;
  /** Leave false. True makes URLs without a signed length, so that a test can show that the self-test finds the hole. */
  readonly unsafeWithoutSignedLength?: boolean;
}

const NO_STORE = 'private, no-store';

/** Signs for `publicEndpoint` where there is one; part URLs with the upload credentials where there are some. */
export function createS3Presigner(options: S3PresignerOptions): Presigner {
  const { client, settings, now } = options;
  const place = bucketUrl(client, settings);
  const bucketPath = place.pathname.replace(/\/$/, '');
  const sign = createQuerySigner(settings.region);
  const reads = credentialsOf(client, settings.credentials);
  const writes = settings.uploadCredentials ? credentialsOf(client, settings.uploadCredentials) : reads;

  async function presign(
    credentials: CredentialsProvider,
    request: { method: string; key: string; query: Record<string, string>; headers?: Record<string, string> },
    seconds: number,
  ): Promise<string> {
    const { method, key, query } = request;
    const path = `${bucketPath}/${escapePath(settings.keyPrefix + key)}`;
    const headers = { host: place.host, ...request.headers };
    const signed = sign({ method, path, query, headers }, await credentials(), { fromMs: now(), seconds });
    return `${place.origin}${path}?${signed}`;
  }

  return {
    presignPart(key: string, part: PartToSign, expiresInSeconds: number) {
      // Signed for no bytes, a part URL takes another object's by x-amz-copy-source (measured on Ceph 16).
      if (part.sizeBytes < 1) throw new RangeError('a part has at least one byte');
      const query = { partNumber: String(part.partNumber), uploadId: part.uploadId, 'x-id': 'UploadPart' };
      const headers: Record<string, string> = options.unsafeWithoutSignedLength
        ? {}
        : { 'content-length': String(part.sizeBytes) };
      return presign(writes, { method: 'PUT', key, query, headers }, expiresInSeconds);
    },
    presignPlayback(key: string, { contentType }, expiresInSeconds: number) {
      const query = { 'response-cache-control': NO_STORE, 'response-content-type': contentType, 'x-id': 'GetObject' };
      return presign(reads, { method: 'GET', key, query }, expiresInSeconds);
    },
  };
}

/** Asked for every URL: the SDK's chain rotates them. */
type CredentialsProvider = () => Promise<SigningCredentials>;

function credentialsOf(client: SigningClient, credentials: S3Settings['credentials']): CredentialsProvider {
  return credentials ? async () => credentials : client.config.credentials;
}

/** The URL of the bucket as the SDK's own rules make it: path style, virtual host, or the provider's for a region. */
function bucketUrl(client: SigningClient, settings: S3Settings): URL {
  const endpoint = settings.publicEndpoint ?? settings.endpoint;
  return client.config.endpointProvider({
    Region: settings.region,
    Bucket: settings.bucket,
    ForcePathStyle: settings.forcePathStyle,
    UseFIPS: false,
    UseDualStack: false,
    Accelerate: false,
    UseGlobalEndpoint: false,
    DisableMultiRegionAccessPoints: true,
    ...(endpoint ? { Endpoint: endpoint } : {}),
  }).url;
}

/** The slashes stay. */
function escapePath(key: string): string {
  return key.split('/').map(escapeUri).join('/');
}
