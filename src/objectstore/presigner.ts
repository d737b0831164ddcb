// The port of presigned URLs: what a browser may do with the bucket, and for how long.

export interface Presigner {
  /**
   * A URL that stores exactly one part of exactly `sizeBytes`. After its upload was completed or aborted the store refuses
   * it. Costs no store request.
   */
  presignPart(key: string, part: PartToSign, expiresInSeconds: number): Promise<string>;

  /** A URL that reads an object, also in ranges. Its response forbids caches to keep anything (policy 6.1). */
  presignPlayback(key: string, options: { contentType: string }, expiresInSeconds: number): Promise<string>;
}

export interface PartToSign {
  readonly uploadId: string;
  readonly partNumber: number;
  readonly sizeBytes: number;
}
