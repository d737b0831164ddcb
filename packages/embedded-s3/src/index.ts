// The package @proctoring-recordings/embedded-s3: see its README.md.
export type { Damage } from './damage.ts';
export { type EmbeddedS3, type EmbeddedS3Credential, type EmbeddedS3Options, startEmbeddedS3 } from './server.ts';
