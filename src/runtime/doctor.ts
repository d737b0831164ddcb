// `doctor`: checks whether the bucket is fit and whether the known attacks fail.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DOCTOR_PREFIX } from '../bucket/layout.ts';
import type { Env } from '../config.ts';
import type { AttackDependencies, DoctorDependencies } from '../doctor/context.ts';
import { examine } from '../doctor/doctor.ts';
import { toTable } from '../doctor/report.ts';
import { maxPartsFor } from '../model/parts.ts';
import { inspectBucket } from '../objectstore/s3/bucket-inspection.ts';
import { createS3Client } from '../objectstore/s3/client.ts';
import { S3ObjectStore } from '../objectstore/s3/object-store.ts';
import { listenForStop } from './shutdown.ts';
import { type OpenedStore, onStore, type Switches } from './store.ts';

/** Exit code 0 only if the bucket is fit; 1 if not; 2 if that is not known. A stop removes the throw-away keys first. */
export function doctorCommand(flags: Switches<'fix' | 'json'>, env: Env): Promise<number> {
  return onStore(env, async ({ settings, opened }) => {
    const { client, s3, gate } = opened;
    using stop = listenForStop();
    const { uploadCredentials: credentials } = s3;
    const uploadClient = credentials && createS3Client({ ...s3, credentials }, undefined, { gate });
    const place = { ...s3, scratchPrefix: DOCTOR_PREFIX };
    const { auth, corsOrigins, uploads, policy, logRetentionMs } = settings;
    const { unchecked } = auth;
    const isSigning = opened.signer !== undefined;
    const maxPartNumber = maxPartsFor(uploads.maxRecordingBytes, uploads.partSizeBytes);
    let hasBatchDelete = true;
    const deps: DoctorDependencies = {
      ...attackDependencies(opened, stop.signal),
      store: new S3ObjectStore(client, place, (notice) => {
        if (notice === 'store-has-no-batch-delete') hasBatchDelete = false;
      }),
      inspection: inspectBucket(client, s3),
      uploadKeyStore: uploadClient && new S3ObjectStore(uploadClient, place),
      hasBatchDelete: () => hasBatchDelete,
      settings: {
        isEmbedded: settings.s3 === undefined,
        corsOrigins,
        uploads: uploads.mode,
        maxPartNumber,
        policy,
        logRetentionMs,
        unchecked,
        isSigning,
      },
    };
    try {
      const report = await examine(deps, { fix: flags.fix === true });
      process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : toTable(report, process.stdout.columns));
      if (!report.determined) return 2;
      return report.fit ? 0 : 1;
    } finally {
      uploadClient?.destroy();
    }
  });
}

/** The dependencies of the attacks, for this command and for `serve`. */
export function attackDependencies(opened: OpenedStore, signal: AbortSignal): AttackDependencies {
  const { store, presigner, s3: place } = opened;
  return { store, presigner, place, now: Date.now, wait: (milliseconds) => sleep(milliseconds), randomBytes, signal };
}
