// `doctor`: is this bucket fit, and do the known attacks fail?
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { AttackDependencies, DoctorDependencies } from '../doctor/context.ts';
import { examine } from '../doctor/doctor.ts';
import { toTable } from '../doctor/table.ts';
import { maxPartsFor } from '../model/parts.ts';
import { inspectBucket } from '../objectstore/s3/bucket-inspection.ts';
import { createS3Client } from '../objectstore/s3/client.ts';
import { S3ObjectStore } from '../objectstore/s3/object-store.ts';
import type { Env } from './environment.ts';
import { createLogger } from './logging.ts';
import { type OpenedStore, openStore } from './open-store.ts';
import { readSettings, type Settings } from './settings.ts';
import { listenForStop } from './stop-signal.ts';

/** Exit code 0 only if the bucket is fit; 1 if not, or it was stopped. A stop removes the throw-away keys first. */
export async function doctorCommand(argv: string[], env: Env): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { fix: { type: 'boolean' }, json: { type: 'boolean' } } });
  const settings = readSettings(env, { needsAuth: false });
  const logger = createLogger({ level: settings.logLevel, now: Date.now });
  const opened = await openStore({ settings, logger, owner: false });
  const stop = listenForStop();
  const uploadClient = opened.s3.uploadCredentials
    ? createS3Client({ ...opened.s3, credentials: opened.s3.uploadCredentials })
    : undefined;
  let hasBatchDelete = true;
  const store = new S3ObjectStore(opened.client, opened.s3, (notice) => {
    if (notice === 'store-has-no-batch-delete') hasBatchDelete = false;
  });
  const deps: DoctorDependencies = {
    ...attackDependencies(opened, stop.signal),
    store,
    inspection: inspectBucket(opened.client, opened.s3),
    uploadKeyStore: uploadClient && new S3ObjectStore(uploadClient, opened.s3),
    hasBatchDelete: () => hasBatchDelete,
    settings: doctorSettings(settings),
  };
  try {
    const report = await examine(deps, { fix: values.fix === true });
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : toTable(report, process.stdout.columns));
    return report.fit && !stop.signal.aborted ? 0 : 1;
  } finally {
    stop.dispose();
    uploadClient?.destroy();
    await opened.close();
  }
}

/** What the attacks are run with, by this command and by `serve`. */
export function attackDependencies(opened: OpenedStore, signal: AbortSignal): AttackDependencies {
  const { endpoint, bucket, keyPrefix } = opened.s3;
  return {
    store: opened.store,
    presigner: opened.presigner,
    place: { endpoint, bucket, keyPrefix },
    now: Date.now,
    wait: (milliseconds) => sleep(milliseconds),
    randomBytes,
    signal,
  };
}

function doctorSettings({ corsOrigins, uploads, policy, logRetentionMs }: Settings): DoctorDependencies['settings'] {
  const maxPartNumber = maxPartsFor(uploads.maxRecordingBytes, uploads.partSizeBytes);
  return { corsOrigins, uploads: uploads.mode, maxPartNumber, policy, logRetentionMs };
}
