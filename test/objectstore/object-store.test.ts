// The contract suite on the S3 adapter: on the embedded store, or on the one that TEST_S3_ENDPOINT names.
import { describeObjectStore, describeVersionedStore } from './object-store-contract.ts';
import { describePresigner } from './presigner-contract.ts';
import { hasExternalStore, openTestStore } from './stores.ts';

const ODD_PREFIX = 'pre fix/ü+%2F"\'/';
const openWithPrefix = () => openTestStore({ keyPrefix: ODD_PREFIX });

describeObjectStore('a store', () => openTestStore());
describeObjectStore('a store with a key prefix', openWithPrefix, { longListings: false });
describePresigner('its presigned URLs', () => openTestStore());
describePresigner('its presigned URLs with a key prefix', openWithPrefix);
if (hasExternalStore) {
  describeVersionedStore('a store that keeps versions', () => openTestStore({ versioned: true }));
  describeVersionedStore('the same with a key prefix', () => openTestStore({ versioned: true, keyPrefix: ODD_PREFIX }));
}
