// What the doctor is given: ports and settings, nothing global.

import type { RandomBytes } from '../model/ids.ts';
import type { RetentionPolicy } from '../model/retention.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import type { Presigner } from '../objectstore/presigner.ts';
import type { BucketInspection } from '../objectstore/s3/bucket-inspection.ts';
import type { Wire } from './wire.ts';
import type { Workspace } from './workspace.ts';

/** What the attacks need: `serve` has no more. */
export interface AttackDependencies {
  readonly store: ObjectStore;
  /** The very one that the service hands URLs out with. */
  readonly presigner: Presigner;
  readonly place: StorePlace;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly wait: (milliseconds: number) => Promise<void>;
  readonly randomBytes: RandomBytes;
  /** Aborted: no further attack begins; what was made is removed all the same. */
  readonly signal?: AbortSignal;
}

export interface StorePlace {
  /** Undefined: the provider's own for the region. */
  readonly endpoint?: string | undefined;
  readonly bucket: string;
  readonly keyPrefix: string;
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
  readonly corsOrigins: readonly string[];
  readonly uploads: 'direct' | 'proxy';
  /** The highest part number that a recording may need. */
  readonly maxPartNumber: number;
  readonly policy: RetentionPolicy;
  readonly logRetentionMs: number;
}

export interface CheckContext extends DoctorDependencies {
  readonly workspace: Workspace;
  readonly wire: Wire;
  /** Set what may be set: CORS and the rule for stray uploads. */
  readonly fix: boolean;
}
