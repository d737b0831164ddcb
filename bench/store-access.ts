// The bench's own way to a store, past the service: the product's adapter, with its requests counted.

import { DOCTOR_PREFIX } from '../src/bucket/layout.ts';
import { readSettings } from '../src/config.ts';
import type { ObjectStore } from '../src/objectstore/object-store.ts';
import { createS3Client } from '../src/objectstore/s3/client.ts';
import { S3ObjectStore } from '../src/objectstore/s3/object-store.ts';
import type { Store } from './stores.ts';

export interface StoreAccess extends Disposable {
  readonly store: ObjectStore;
  readonly requestCount: () => number;
}

export function accessStore({ env }: Pick<Store, 'env'>): StoreAccess {
  const { s3 } = readSettings(env, { needsAuth: false });
  if (!s3) throw new Error('S3_BUCKET is not set');
  let requests = 0;
  const client = createS3Client(s3, () => {
    requests += 1;
  });
  return {
    store: new S3ObjectStore(client, { ...s3, scratchPrefix: DOCTOR_PREFIX }),
    requestCount: () => requests,
    [Symbol.dispose]: () => client.destroy(),
  };
}
