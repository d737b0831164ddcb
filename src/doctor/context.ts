// The inputs of the doctor and the type of its checks: ports and settings, no globals.
import type { RandomBytes } from '../model/ids.ts';
import type { RetentionPolicy } from '../model/retention.ts';
import { CAPABILITIES, type CapabilityId } from '../objectstore/needs.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import type { Presigner } from '../objectstore/presigner.ts';
import type { BucketInspection } from '../objectstore/s3/bucket-inspection.ts';
import type { S3Settings } from '../objectstore/s3/client.ts';
import type { Verdict } from './check.ts';
import type { RawHttp } from './raw-http.ts';
import type { Scratch } from './scratch.ts';

/** What the trials and the attacks need, and all that `serve` provides. */
export interface TrialDependencies {
  readonly store: ObjectStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** After an abort no further check begins; throw-away keys are still removed. */
  readonly signal?: AbortSignal;
}

export interface AttackDependencies extends TrialDependencies {
  /** The presigner of the service itself. */
  readonly presigner: Presigner;
  readonly place: Pick<S3Settings, 'endpoint' | 'region' | 'bucket' | 'keyPrefix' | 'forcePathStyle'>;
  readonly wait: (milliseconds: number) => Promise<void>;
}

export interface DoctorDependencies extends AttackDependencies {
  readonly inspection: BucketInspection;
  /** The bucket as the upload key sees it; undefined when part URLs are signed with the service's own key. */
  readonly uploadKeyStore: ObjectStore | undefined;
  /** False once the store turned out to have none. */
  readonly hasBatchDelete: () => boolean;
  readonly settings: DoctorSettings;
}

export interface DoctorSettings {
  /** Whether the store is the embedded one, which follows `corsOrigins` of `serve` by itself. */
  readonly isEmbedded: boolean;
  readonly corsOrigins: readonly string[];
  readonly uploads: 'direct' | 'proxy';
  /** The highest part number that a recording may need. */
  readonly maxPartNumber: number;
  readonly policy: RetentionPolicy;
  readonly logRetentionMs: number;
  /** Settings without which tokens for other services are accepted. */
  readonly unchecked: readonly string[];
  /** Whether receipts are signed. */
  readonly isSigning: boolean;
}

export interface TrialContext extends Pick<TrialDependencies, 'store' | 'now'> {
  readonly scratch: Scratch;
}

export interface CheckContext extends DoctorDependencies, TrialContext {
  readonly http: RawHttp;
  /** Whether to set CORS, unless the store is the embedded one, and the rule for stray uploads. */
  readonly fix: boolean;
}

export interface DoctorCheck<Context = CheckContext> {
  readonly id: string;
  readonly name: string;
  /** Whether it makes objects; then it is skipped where they could not be removed. */
  readonly writes: boolean;
  readonly run: (context: Context) => Promise<Verdict>;
}

type Run<Context> = DoctorCheck<Context>['run'];

export function readingCheck(id: string, name: string, run: Run<CheckContext>): DoctorCheck {
  return { id, name, writes: false, run };
}

export function writingCheck<Context = CheckContext>(
  id: string,
  name: string,
  run: Run<Context>,
): DoctorCheck<Context> {
  return { id, name, writes: true, run };
}

/** A check that tries a capability on throw-away keys; whether what it throws is a failure depends on its need. */
export function trying<Context = CheckContext>(id: CapabilityId, run: Run<Context>): DoctorCheck<Context> {
  return writingCheck(id, CAPABILITIES[id].name, run);
}
