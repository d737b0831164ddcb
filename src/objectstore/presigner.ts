// The port of presigned URLs: what a browser may do with the bucket, and for how long.

export interface Presigner {
  /**
   * A URL that stores exactly one part of exactly `sizeBytes`. After its upload was completed or aborted the store refuses
   * it. Costs no store request.
   */
  presignPart(key: string, part: PartToSign, expiresInSeconds: number): Promise<string>;

  /** A URL that reads an object, also in ranges. Its response forbids caches to keep anything (policy 6.1). */
  presignPlayback(key: string, options: PlaybackOptions, expiresInSeconds: number): Promise<string>;
}

export interface PlaybackOptions {
  readonly contentType: string;
  /** A browser that opens the URL saves it, and never shows it. Default: it may show it. */
  readonly isDownload?: boolean;
}

export interface PartToSign {
  readonly uploadId: string;
  readonly partNumber: number;
  readonly sizeBytes: number;
}
