// How a bucket is set up, as the doctor reads it, and the two settings that it may change.
import {
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
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
import { isStoreError } from '../store-error.ts';
import { httpStatusOf, isBare404, unreadable } from './responses.ts';

export interface ObjectLock {
  /** Such as `COMPLIANCE, 30 days`; undefined when objects are locked only one by one. */
  readonly defaultRetention: string | undefined;
}

/** An enabled rule: the keys that it matches, and after how many days it does what. */
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

export type BucketInspection = ReturnType<typeof inspectBucket>;

/** Each method throws `StoreError`: `not-implemented` when the store does not know the operation, `access-denied`, … */
export function inspectBucket(
  client: S3Client,
  { bucket: Bucket, keyPrefix }: { readonly bucket: string; readonly keyPrefix: string },
) {
  const lifecycle = () => configured(client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })));
  const corsRules = async () => (await configured(client.send(new GetBucketCorsCommand({ Bucket }))))?.CORSRules ?? [];

  return {
    /** Undefined: objects are never locked, or the store knows no object lock. */
    async objectLock(abortSignal?: AbortSignal): Promise<ObjectLock | undefined> {
      const response = client.send(
        new GetObjectLockConfigurationCommand({ Bucket }),
        abortSignal ? { abortSignal } : {},
      );
      const output = await configured(response).catch((error: unknown) => {
        if (isStoreError(error, 'not-implemented')) return undefined;
        throw error;
      });
      const { ObjectLockEnabled, Rule } = output?.ObjectLockConfiguration ?? {};
      const retention = Rule?.DefaultRetention;
      if (ObjectLockEnabled !== 'Enabled' && !retention) return undefined;
      const length = retention?.Days ? `${retention.Days} days` : `${retention?.Years} years`;
      return { defaultRetention: retention ? `${retention.Mode}, ${length}` : undefined };
    },

    async versioning(): Promise<'off' | 'enabled' | 'suspended'> {
      const output = await configured(client.send(new GetBucketVersioningCommand({ Bucket })));
      if (output?.Status === 'Enabled') return 'enabled';
      return output?.Status === 'Suspended' ? 'suspended' : 'off';
    },

    /** The policy's JSON; undefined when there is none. */
    async policy(): Promise<string | undefined> {
      return (await configured(client.send(new GetBucketPolicyCommand({ Bucket }))))?.Policy;
    },

    async isPolicyPublic(): Promise<boolean> {
      const output = await configured(client.send(new GetBucketPolicyStatusCommand({ Bucket })));
      if (!output) return false;
      if (output.PolicyStatus?.IsPublic === undefined) throw unreadable('GetBucketPolicyStatus');
      return output.PolicyStatus.IsPublic;
    },

    /** What the ACL grants to everyone, such as `READ to AllUsers`. */
    async publicGrants(): Promise<string[]> {
      const output = await configured(client.send(new GetBucketAclCommand({ Bucket })));
      if (output && !output.Grants) throw unreadable('GetBucketAcl');
      return (output?.Grants ?? []).flatMap(({ Grantee, Permission }) => {
        const group = Grantee?.URI?.split('/').at(-1);
        return group === 'AllUsers' || group === 'AuthenticatedUsers' ? [`${Permission} to ${group}`] : [];
      });
    },

    /** The default algorithms; none when the store does not encrypt by itself. */
    async encryption(): Promise<string[]> {
      const output = await configured(client.send(new GetBucketEncryptionCommand({ Bucket })));
      const rules = output?.ServerSideEncryptionConfiguration?.Rules ?? [];
      return rules.flatMap((rule) => rule.ApplyServerSideEncryptionByDefault?.SSEAlgorithm ?? []);
    },

    corsRules,

    /** Adds a rule, or replaces the one of that id; all others stay. Safe to repeat. */
    async setCorsRule(id: string, origins: readonly string[], methods: readonly string[]): Promise<void> {
      const ours = {
        ID: id,
        AllowedOrigins: [...origins],
        AllowedMethods: [...methods],
        AllowedHeaders: ['*'],
        ExposeHeaders: ['ETag'],
        MaxAgeSeconds: CORS_MAX_AGE_SECONDS,
      };
      const CORSRules = [...(await corsRules()).filter((rule) => rule.ID !== id), ours];
      await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
    },

    async lifecycleRules(): Promise<LifecycleRuleSummary[]> {
      return ((await lifecycle())?.Rules ?? []).filter((rule) => rule.Status === 'Enabled').map(toSummary);
    },

    /** Adds a rule that aborts old uploads, or replaces the one of that id; all others stay. Safe to repeat. */
    async setStrayUploadRule(id: string, prefix: string, days: number): Promise<void> {
      const ours: LifecycleRule = {
        ID: id,
        Status: 'Enabled',
        Filter: { Prefix: prefix },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
      };
      const known = await lifecycle();
      const Rules = [...(known?.Rules ?? []).filter((rule) => rule.ID !== id), ours];
      const TransitionDefaultMinimumObjectSize = known?.TransitionDefaultMinimumObjectSize;
      const configuration = { LifecycleConfiguration: { Rules }, TransitionDefaultMinimumObjectSize };
      await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, ...configuration }));
    },

    /** Writes with `If-None-Match: *`. False when the store refused because the object exists. */
    async putIfAbsent(key: string, body: Uint8Array): Promise<boolean> {
      try {
        await client.send(new PutObjectCommand({ Bucket, Key: keyPrefix + key, Body: body, IfNoneMatch: '*' }));
        return true;
      } catch (error) {
        if (isStoreError(error) && httpStatusOf(error.cause) === 412) return false;
        throw error;
      }
    },
  };
}

/** Undefined when the bucket has no such configuration: S3 has a 404 with a code of its own for each kind. */
async function configured<T>(response: Promise<T>): Promise<T | undefined> {
  try {
    return await response;
  } catch (error) {
    const isStores404 = isStoreError(error) && httpStatusOf(error.cause) === 404 && !isBare404(error);
    if (isStores404 && error.code !== 'no-such-bucket') return undefined;
    throw error;
  }
}

/** A rule has its prefix in one of three members; `Prefix` of the rule itself is deprecated. */
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
