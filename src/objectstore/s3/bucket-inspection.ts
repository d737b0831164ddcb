// How a bucket is set up, as the doctor asks for it, and the two settings that it may change.
import {
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  type GetBucketLifecycleConfigurationCommandOutput,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  type LifecycleRule,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { needed } from './answers.ts';
import { httpStatusOf, isBare404, storeCodeOf, toStoreError } from './errors.ts';

/** Each question throws `StoreError`: `not-implemented` when the store does not know it, `access-denied`, … */
export interface BucketInspection {
  /** Undefined: objects are never locked, or the store knows no object lock. */
  objectLock(signal?: AbortSignal): Promise<ObjectLock | undefined>;
  versioning(): Promise<'off' | 'enabled' | 'suspended'>;
  /** The policy's JSON; undefined when there is none. */
  policy(): Promise<string | undefined>;
  isPolicyPublic(): Promise<boolean>;
  /** What the ACL grants to everybody, such as `READ to AllUsers`. */
  publicGrants(): Promise<string[]>;
  /** The default algorithms; none when the store does not encrypt by itself. */
  encryption(): Promise<string[]>;
  corsRules(): Promise<CorsRuleSummary[]>;
  /** Adds a rule, or replaces the one of that id; all others stay. Safe to repeat. */
  setCorsRule(rule: CorsRuleSummary & { readonly id: string }): Promise<void>;
  lifecycleRules(): Promise<LifecycleRuleSummary[]>;
  /** Adds a rule that aborts old uploads, or replaces the one of that id; all others stay. Safe to repeat. */
  setStrayUploadRule(rule: { readonly id: string; readonly prefix: string; readonly days: number }): Promise<void>;
  /** Writes with `If-None-Match: *`. False when the store refused because the object is there. */
  putIfAbsent(key: string, body: Uint8Array): Promise<boolean>;
}

export interface ObjectLock {
  /** Such as `COMPLIANCE, 30 days`; undefined when objects are locked only one by one. */
  readonly defaultRetention: string | undefined;
}

export interface CorsRuleSummary {
  readonly id?: string | undefined;
  readonly origins: readonly string[];
  readonly methods: readonly string[];
}

/** Of an enabled rule: which keys it matches, and after how many days it does what. */
export interface LifecycleRuleSummary {
  readonly id: string;
  readonly prefix: string;
  /** Matches only some objects of the prefix: by tag or size. */
  readonly isNarrowed: boolean;
  readonly abortUploadsDays: number | undefined;
  readonly expirationDays: number | undefined;
  /** Expires at a fixed date. */
  readonly expiresAtDate: boolean;
}

const CORS_MAX_AGE_SECONDS = 3600;

export function inspectBucket(
  client: S3Client,
  { bucket, keyPrefix }: { readonly bucket: string; readonly keyPrefix: string },
): BucketInspection {
  const Bucket = bucket;

  async function lifecycle(): Promise<GetBucketLifecycleConfigurationCommandOutput | undefined> {
    return asking('GetBucketLifecycleConfiguration', () =>
      client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })),
    );
  }

  return {
    async objectLock(signal) {
      const output = await asking('GetObjectLockConfiguration', () =>
        client.send(new GetObjectLockConfigurationCommand({ Bucket }), signal ? { abortSignal: signal } : {}),
      ).catch((error: unknown) => {
        if (toStoreError('GetObjectLockConfiguration', error).code === 'not-implemented') return undefined;
        throw error;
      });
      const { ObjectLockEnabled, Rule } = output?.ObjectLockConfiguration ?? {};
      const retention = Rule?.DefaultRetention;
      if (ObjectLockEnabled !== 'Enabled' && !retention) return undefined;
      const length = retention?.Days ? `${retention.Days} days` : `${retention?.Years} years`;
      return { defaultRetention: retention ? `${retention.Mode}, ${length}` : undefined };
    },

    async versioning() {
      const output = await asking('GetBucketVersioning', () => client.send(new GetBucketVersioningCommand({ Bucket })));
      if (output?.Status === 'Enabled') return 'enabled';
      return output?.Status === 'Suspended' ? 'suspended' : 'off';
    },

    async policy() {
      return (await asking('GetBucketPolicy', () => client.send(new GetBucketPolicyCommand({ Bucket }))))?.Policy;
    },

    async isPolicyPublic() {
      const output = await asking('GetBucketPolicyStatus', () =>
        client.send(new GetBucketPolicyStatusCommand({ Bucket })),
      );
      return output ? needed('GetBucketPolicyStatus', output.PolicyStatus?.IsPublic) : false;
    },

    async publicGrants() {
      const output = await asking('GetBucketAcl', () => client.send(new GetBucketAclCommand({ Bucket })));
      const grants = output ? needed('GetBucketAcl', output.Grants) : [];
      return grants.flatMap(({ Grantee, Permission }) => {
        const group = Grantee?.URI?.split('/').at(-1);
        return group === 'AllUsers' || group === 'AuthenticatedUsers' ? [`${Permission} to ${group}`] : [];
      });
    },

    async encryption() {
      const output = await asking('GetBucketEncryption', () => client.send(new GetBucketEncryptionCommand({ Bucket })));
      const rules = output?.ServerSideEncryptionConfiguration?.Rules ?? [];
      return rules.flatMap((rule) => rule.ApplyServerSideEncryptionByDefault?.SSEAlgorithm ?? []);
    },

    async corsRules() {
      const output = await asking('GetBucketCors', () => client.send(new GetBucketCorsCommand({ Bucket })));
      return (output?.CORSRules ?? []).map((rule) => ({
        id: rule.ID,
        origins: rule.AllowedOrigins ?? [],
        methods: rule.AllowedMethods ?? [],
      }));
    },

    async setCorsRule({ id, origins, methods }) {
      const known = await asking('GetBucketCors', () => client.send(new GetBucketCorsCommand({ Bucket })));
      const ours = {
        ID: id,
        AllowedOrigins: [...origins],
        AllowedMethods: [...methods],
        AllowedHeaders: ['*'],
        ExposeHeaders: ['ETag'],
        MaxAgeSeconds: CORS_MAX_AGE_SECONDS,
      };
      const CORSRules = [...(known?.CORSRules ?? []).filter((rule) => rule.ID !== id), ours];
      await asking('PutBucketCors', () =>
        client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } })),
      );
    },

    async lifecycleRules() {
      return ((await lifecycle())?.Rules ?? []).filter((rule) => rule.Status === 'Enabled').map(toSummary);
    },

    async setStrayUploadRule({ id, prefix, days }) {
      const ours: LifecycleRule = {
        ID: id,
        Status: 'Enabled',
        Filter: { Prefix: prefix },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
      };
      const known = await lifecycle();
      const Rules = [...(known?.Rules ?? []).filter((rule) => rule.ID !== id), ours];
      const TransitionDefaultMinimumObjectSize = known?.TransitionDefaultMinimumObjectSize;
      await asking('PutBucketLifecycleConfiguration', () =>
        client.send(
          new PutBucketLifecycleConfigurationCommand({
            Bucket,
            LifecycleConfiguration: { Rules },
            TransitionDefaultMinimumObjectSize,
          }),
        ),
      );
    },

    async putIfAbsent(key, body) {
      try {
        await client.send(new PutObjectCommand({ Bucket, Key: keyPrefix + key, Body: body, IfNoneMatch: '*' }));
        return true;
      } catch (error) {
        if (httpStatusOf(error) === 412) return false;
        throw toStoreError('PutObject', error);
      }
    },
  };
}

/** Undefined when the bucket has no such configuration: a 404 of a code for each kind. A 404 without one may be a proxy's. */
async function asking<T>(operation: string, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    const isMissing = httpStatusOf(error) === 404 && !isBare404(error);
    if (isMissing && storeCodeOf(error) !== 'NoSuchBucket') return undefined;
    throw toStoreError(operation, error);
  }
}

/** A rule names its prefix in one of four places, older ones included. */
function toSummary(rule: LifecycleRule): LifecycleRuleSummary {
  const { Filter, Expiration } = rule;
  const narrowing = [Filter?.Tag, Filter?.ObjectSizeGreaterThan, Filter?.ObjectSizeLessThan, Filter?.And?.Tags];
  const sizes = [Filter?.And?.ObjectSizeGreaterThan, Filter?.And?.ObjectSizeLessThan];
  return {
    id: rule.ID ?? '(no id)',
    prefix: Filter?.And?.Prefix ?? Filter?.Prefix ?? rule.Prefix ?? '',
    isNarrowed: [...narrowing, ...sizes].some((condition) => condition !== undefined),
    abortUploadsDays: rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
    expirationDays: Expiration?.Days || undefined,
    expiresAtDate: Expiration?.Date !== undefined,
  };
}
