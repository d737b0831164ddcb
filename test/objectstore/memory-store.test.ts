// The store of the tests keeps the contract that the real ones keep.
import { MemoryStore, type MemoryStoreOptions } from '../kit/memory-store.ts';
import { describeObjectStore, describeVersionedStore } from './object-store-contract.ts';

const LIKE_CEPH = { remembersCompletions: true, wholeSeconds: true };

function open(options: Omit<MemoryStoreOptions, 'now'> = {}) {
  return async () => ({ store: new MemoryStore({ now: Date.now, ...options }), close: async () => {} });
}

describeObjectStore('the store in memory', open());
describeObjectStore('the store in memory, with the ways of Ceph', open(LIKE_CEPH), { longListings: false });
describeVersionedStore('the store in memory that keeps versions', open({ versioned: true }));

for (const pageKeys of [1, 2, 3]) {
  describeObjectStore(`the store in memory, with pages of ${pageKeys}`, open({ pageKeys }), { pageKeys });
  describeVersionedStore(`the same with versions, with pages of ${pageKeys}`, open({ versioned: true, pageKeys }));
}
