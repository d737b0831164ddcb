// The store of the tests keeps the contract that the real ones keep.

import { describe } from '@jest/globals';
import { MemoryStore, type MemoryStoreOptions } from '../kit/memory-store.ts';
import { describeObjectStore, describeVersionedStore } from '../storage/object-store-contract.ts';

function open(options: MemoryStoreOptions = {}) {
  return async () => ({ store: new MemoryStore(options), close: async () => {} });
}

describeObjectStore('the store in memory', open());
describeObjectStore(
  'the store in memory, as Ceph completes and tells the time',
  open({ remembersCompletions: true, wholeSeconds: true }),
  { longListings: false },
);
describeVersionedStore('the store in memory that keeps versions', open({ versioned: true }));

describe.each([1, 2, 3])('with pages of %d keys', (pageKeys) => {
  describeObjectStore('the store in memory', open({ pageKeys }), { pageKeys });
  describeVersionedStore('the store in memory that keeps versions', open({ versioned: true, pageKeys }));
});
