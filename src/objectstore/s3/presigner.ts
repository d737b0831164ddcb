// Presigned URLs: which credentials sign them, and what each is signed for. Playback URLs are signed by the SDK's library;
// part URLs, of which a request may need a hundred, by query-signature.ts (docs/adr/0004).
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { PartToSign, Presigner } from '../presigner.ts';
import { CHECKSUMS, type S3Settings } from './client.ts';
import { createQuerySigner, escapeUri } from './query-signature.ts';

export interface S3PresignerOptions {
  /** Only its credentials are used, and only where the settings have none: signing sends nothing. */
  readonly client: S3Client;
  readonly settings: S3Settings;
  /** Milliseconds since the epoch; the signature's date. */
  readonly now: () => number;
  /** Leave false. True makes URLs without a signed length, so that a test can show that the self-test detects it. */
  readonly unsafeWithoutSignedLength?: boolean;
}

const NO_STORE = 'private, no-store';

/** Signs for `publicEndpoint` where it is set, and part URLs with the upload credentials where they are set. */
export function createS3Presigner(options: S3PresignerOptions): Presigner {
  const { settings, now } = options;
  const { region, forcePathStyle, bucket } = settings;
  // A function is called for every URL: the SDK's chain rotates the credentials.
  const credentials = settings.credentials ?? options.client.config.credentials;
  const uploadCredentials = settings.uploadCredentials ?? credentials;
  const endpoint = settings.publicEndpoint ?? settings.endpoint;
  // It sends nothing, so it opens no connection that would have to be closed.
  const publicClient = new S3Client({
    region,
    forcePathStyle,
    credentials,
    ...CHECKSUMS,
    ...(endpoint && { endpoint }),
  });
  // By the SDK's own rules: path style, virtual host, or the provider's for a region.
  const { url: bucketUrl } = publicClient.config.endpointProvider({
    Bucket: bucket,
    Region: region,
    ForcePathStyle: forcePathStyle,
    DisableMultiRegionAccessPoints: true,
    ...(endpoint && { Endpoint: endpoint }),
  });
  const bucketPath = bucketUrl.pathname.replace(/\/$/, '');
  const sign = createQuerySigner(region);

  return {
    async presignPart(key: string, part: PartToSign, expiresInSeconds: number) {
      // A part URL signed for a length of 0 copies another object by x-amz-copy-source (measured on Ceph 16).
      if (part.sizeBytes < 1) throw new RangeError('a part has at least one byte');
      const signedAtMs = now();
      const path = `${bucketPath}/${escapePath(settings.keyPrefix + key)}`;
      const query = { partNumber: String(part.partNumber), uploadId: part.uploadId, 'x-id': 'UploadPart' };
      const length = options.unsafeWithoutSignedLength ? {} : { 'content-length': String(part.sizeBytes) };
      const request = { method: 'PUT', path, query, headers: { host: bucketUrl.host, ...length } };
      const signer = typeof uploadCredentials === 'function' ? await uploadCredentials() : uploadCredentials;
      return `${bucketUrl.origin}${path}?${sign(request, signer, signedAtMs, expiresInSeconds)}`;
    },
    presignPlayback(key: string, { contentType, isDownload = false }, expiresInSeconds: number) {
      const command = new GetObjectCommand({
        Bucket: bucket,
        Key: settings.keyPrefix + key,
        ResponseContentType: contentType,
        ResponseCacheControl: NO_STORE,
        ...(isDownload && { ResponseContentDisposition: 'attachment' }),
      });
      return getSignedUrl(publicClient, command, { expiresIn: expiresInSeconds, signingDate: new Date(now()) });
    },
  };
}

/** Escapes all but the slashes. */
function escapePath(key: string): string {
  return key.split('/').map(escapeUri).join('/');
}
