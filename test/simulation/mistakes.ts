// Deliberate mistakes that the simulator has to catch, each made at the ports: between the code and its store, or in the
// context that it is given. So they do not depend on how the code is written.
import type { Manifest } from '../../src/domain/documents.ts';
import { parseManifest, toBody } from '../../src/domain/documents.ts';
import { DAY_MS } from '../../src/domain/durations.ts';
import { ATTEMPTS_PREFIX, attemptPrefix, parseKey, recordingKey } from '../../src/domain/keys.ts';
import type { StoredPart } from '../../src/domain/parts.ts';
import type { RecordingsContext } from '../../src/recordings/context.ts';
import type { SweepContext } from '../../src/retention/sweep-run.ts';
import type { ListedObject, ObjectStore } from '../../src/storage/object-store.ts';

export interface Mistake {
  readonly name: string;
  /** The first history that catches it, from seed 1. */
  readonly caughtBy: number;
  /** The use cases and commands that make it. */
  readonly by: readonly UseCase[];
  /** Calls that go wrong. Made for each request, so it may remember what the request did before. */
  readonly store?: (store: ObjectStore, now: () => number) => Partial<ObjectStore>;
  readonly service?: (context: RecordingsContext) => Partial<RecordingsContext>;
  readonly command?: (context: SweepContext) => Partial<SweepContext>;
}

export type UseCase =
  | 'create'
  | 'complete'
  | 'content'
  | 'parts'
  | 'presign'
  | 'abort'
  | 'erase'
  | 'assess'
  | 'read'
  | 'list'
  | 'play'
  | 'restrict'
  | 'sweep'
  | 'verify';

type StorePart = (store: ObjectStore, now: () => number) => Partial<ObjectStore>;
type Kind = string | undefined;

/** What a key is: an object of a recording by its name, everything else by its type. */
function kindOf(key: string): Kind {
  const parsed = parseKey(key);
  return parsed?.type === 'recording' ? parsed.object : parsed?.type;
}

/** A PUT that never happens, and is answered. */
function withoutPut(...kinds: Kind[]): StorePart {
  return (store) => ({
    put: async (key, ...rest) => (kinds.includes(kindOf(key)) ? undefined : store.put(key, ...rest)),
  });
}

/** A PUT that is answered at once, and made after one of another kind. */
function putAfter(late: Kind, early: Kind): StorePart {
  return (store) => {
    const held: (() => Promise<void>)[] = [];
    return {
      async put(key, ...rest) {
        if (kindOf(key) === late) {
          held.push(() => store.put(key, ...rest));
          return;
        }
        await store.put(key, ...rest);
        if (kindOf(key) === early) for (const put of held.splice(0)) await put();
      },
    };
  };
}

/** Keys that are never deleted, and are told deleted. */
function withoutDelete(...kinds: Kind[]): StorePart {
  return (store) => ({ delete: (targets) => store.delete(targets.filter(({ key }) => !kinds.includes(kindOf(key)))) });
}

/** Before objects of one kind, the object of another kind beside each is deleted. */
function deleteFirst(first: 'manifest' | 'deleting', before: Kind): StorePart {
  return (store) => ({
    async delete(targets) {
      const beside = targets.flatMap(({ key }) => {
        const parsed = parseKey(key);
        return parsed?.type === 'recording' && parsed.object === before ? [recordingKey(parsed.ref, first)] : [];
      });
      if (beside.length > 0) await store.delete(beside.map((key) => ({ key })));
      return store.delete(targets);
    },
  });
}

/** Listings that show objects otherwise, or not at all. */
function listed(change: (object: ListedObject) => ListedObject | undefined): StorePart {
  return (store) => ({
    async list(prefix, options) {
      const page = await store.list(prefix, options);
      return { ...page, objects: page.objects.flatMap((object) => change(object) ?? []) };
    },
  });
}

function hidden(...kinds: Kind[]): StorePart {
  return listed((object) => (kinds.includes(kindOf(object.key)) ? undefined : object));
}

function older(ms: number, ...kinds: Kind[]): StorePart {
  return listed((object) =>
    kinds.includes(kindOf(object.key)) ? { ...object, lastModifiedMs: object.lastModifiedMs - ms } : object,
  );
}

/** Objects of these kinds are not found by GET. */
function unread(...kinds: Kind[]): StorePart {
  return (store) => ({ get: async (key) => (kinds.includes(kindOf(key)) ? undefined : store.get(key)) });
}

/** Listings under a prefix end with their first page. */
function onePage(prefix: string): StorePart {
  return (store) => ({
    async list(start, options) {
      const page = await store.list(start, options);
      return start.startsWith(prefix) ? { ...page, truncated: false } : page;
    },
  });
}

/** Once a call was made, the listings that follow show less. */
function hiddenAfter(call: 'abortMultipartUpload' | 'put' | 'delete' | 'tag', ...kinds: Kind[]): StorePart {
  return (store, now) => {
    let isAfter = false;
    const act = store[call] as (...args: unknown[]) => Promise<unknown>;
    return {
      ...listed((object) => (isAfter && kinds.includes(kindOf(object.key)) ? undefined : object))(store, now),
      [call]: async (...args: unknown[]) => {
        const answer = await act(...args);
        isAfter = true;
        return answer;
      },
    };
  };
}

/** A failure of this call is taken for success. */
function failureIgnored(call: 'put' | 'tag' | 'abortMultipartUpload' | 'delete', ...kinds: Kind[]): StorePart {
  return (store) => {
    const act = store[call] as (...args: unknown[]) => Promise<unknown>;
    return {
      [call]: async (...args: unknown[]) => {
        const [first] = args;
        const isMeant = kinds.length === 0 || (typeof first === 'string' && kinds.includes(kindOf(first)));
        const answered = act(...args);
        if (!isMeant) return answered;
        const answer = await answered.catch(() => undefined);
        return call === 'delete' ? [] : answer;
      },
    };
  };
}

const EVERY_TENANT_ALIKE = (context: { policy: RecordingsContext['policy'] }) => ({
  policy: { ...context.policy, byTenantMs: new Map<string, number>() },
});
const LATER_POLICY = (context: { policy: RecordingsContext['policy'] }) => ({
  policy: { ...context.policy, unassessedMs: 2 * context.policy.unassessedMs, byTenantMs: new Map<string, number>() },
});
const OBJECTS: readonly Kind[] = ['media', 'stored', 'timeline', 'truncated', 'restricted', 'announced'];
const SHOWING: readonly UseCase[] = ['read', 'list', 'play'];
const DELETING: readonly UseCase[] = ['sweep', 'erase', 'abort'];

export const MISTAKES: readonly Mistake[] = [
  // The order of writes.
  { name: 'create writes no due entry', caughtBy: 1, by: ['create'], store: withoutPut('due-attempt') },
  {
    name: 'create writes its due entry after the manifest',
    caughtBy: 1,
    by: ['create'],
    store: putAfter('due-attempt', 'manifest'),
  },
  {
    name: 'create writes the marker before the manifest',
    caughtBy: 6,
    by: ['create'],
    store: putAfter('manifest', 'participant'),
  },
  { name: 'assess writes no due entry', caughtBy: 1, by: ['assess'], store: withoutPut('due-attempt') },
  {
    name: 'assess writes the fact before the due entry',
    caughtBy: 16,
    by: ['assess'],
    store: putAfter('due-attempt', 'assessed'),
  },
  {
    name: 'sweep writes the index of receipts after a receipt',
    caughtBy: 22,
    by: ['sweep'],
    store: putAfter('due-receipts', 'receipt'),
  },
  { name: 'sweep writes no index of receipts', caughtBy: 1, by: ['sweep'], store: withoutPut('due-receipts') },
  {
    name: 'erase writes the index of receipts after the receipt',
    caughtBy: 42,
    by: ['erase'],
    store: putAfter('due-receipts', 'receipt'),
  },
  { name: 'sweep writes no receipts', caughtBy: 1, by: ['sweep'], store: withoutPut('receipt') },
  { name: 'assess writes no tags', caughtBy: 88, by: ['assess'], store: () => ({ tag: async () => true }) },
  {
    name: 'complete writes no due entry near the deadline',
    caughtBy: 425,
    by: ['complete'],
    store: withoutPut('due-attempt'),
  },
  // The order of deletes.
  {
    name: 'purge deletes the manifest before the media',
    caughtBy: 6,
    by: DELETING,
    store: deleteFirst('manifest', 'media'),
  },
  {
    name: 'purge deletes `deleting` before the manifest',
    caughtBy: 9,
    by: DELETING,
    store: deleteFirst('deleting', 'manifest'),
  },
  { name: 'purge keeps the media', caughtBy: 1, by: DELETING, store: withoutDelete('media') },
  { name: 'purge keeps the manifest', caughtBy: 1, by: DELETING, store: withoutDelete('manifest') },
  { name: 'purge keeps the marker', caughtBy: 1, by: DELETING, store: withoutDelete('participant') },
  { name: 'sweep deletes no entries', caughtBy: 1, by: ['sweep'], store: withoutDelete('due-attempt') },
  { name: 'sweep deletes no facts', caughtBy: 1, by: ['sweep'], store: withoutDelete('assessed') },
  {
    name: 'sweep deletes the due entries before what they lead to',
    caughtBy: 2,
    by: ['sweep'],
    store: (store) => {
      const entries = new Map<string, string[]>();
      return {
        async list(prefix, options) {
          const page = await store.list(prefix, options);
          for (const { key } of page.objects) {
            const parsed = parseKey(key);
            if (parsed?.type !== 'due-attempt') continue;
            const id = attemptPrefix(parsed.ref);
            entries.set(id, [...(entries.get(id) ?? []), key]);
          }
          return page;
        },
        async delete(targets) {
          const attempts = targets.flatMap(({ key }) => {
            const parsed = parseKey(key);
            return parsed?.type === 'recording' && parsed.object === 'media' ? [attemptPrefix(parsed.ref)] : [];
          });
          const early = attempts.flatMap((id) => entries.get(id) ?? []);
          if (early.length > 0) await store.delete(early.map((key) => ({ key })));
          return store.delete(targets);
        },
      };
    },
  },
  {
    name: 'expiry deletes the index and keeps its receipts',
    caughtBy: 1,
    by: ['sweep'],
    store: withoutDelete('receipt'),
  },
  { name: 'expiry keeps the index', caughtBy: 1, by: ['sweep'], store: withoutDelete('due-receipts') },
  // What is not looked at, or not a second time.
  {
    name: 'complete does not look at the first bytes',
    caughtBy: 7,
    by: ['complete', 'content', 'sweep'],
    store: () => ({ getStart: async () => Buffer.from([0, 0, 0, 8, ...Buffer.from('ftypisom')]) }),
  },
  {
    name: 'complete does not see a deletion',
    caughtBy: 81,
    by: ['complete'],
    store: hidden('deleting'),
  },
  { name: 'complete believes every part to be there', caughtBy: 13, by: ['complete'], store: closed },
  {
    name: 'abort does not look again after the upload is ended',
    caughtBy: 494,
    by: ['abort'],
    store: (store) => {
      let left = 0;
      return {
        async list(prefix, options) {
          const page = await store.list(prefix, options);
          left -= 1;
          return left < 0 ? page : { ...page, objects: page.objects.filter(({ key }) => kindOf(key) !== 'media') };
        },
        async abortMultipartUpload(...args) {
          await store.abortMultipartUpload(...args);
          left = 1;
        },
      };
    },
  },
  {
    name: 'purge sees no open uploads',
    caughtBy: 1,
    by: DELETING,
    store: (store) => ({
      listMultipartUploads: async (...args) => ({ ...(await store.listMultipartUploads(...args)), uploads: [] }),
    }),
  },
  {
    name: 'purge does not look again after its deletes',
    caughtBy: 2,
    by: DELETING,
    store: hiddenAfter('delete', ...OBJECTS),
  },
  {
    name: 'purge takes an unreadable manifest for a good one',
    caughtBy: 41,
    by: DELETING,
    store: (store) => ({
      async get(key) {
        const body = await store.get(key);
        const parsed = parseKey(key);
        if (!body || parsed?.type !== 'recording' || parsed.object !== 'manifest') return body;
        return parseManifest(body, parsed.ref) ? body : toBody(madeUp(parsed.ref));
      },
    }),
  },
  { name: 'purge reads no receipts', caughtBy: 4, by: DELETING, store: unread('receipt') },
  { name: 'sweep sees no facts', caughtBy: 1, by: ['sweep'], store: hidden('assessed') },
  { name: 'sweep does not see `deleting`', caughtBy: 4, by: ['sweep'], store: hidden('deleting') },
  { name: 'playback does not see a restriction', caughtBy: 48, by: ['play'], store: hidden('restricted') },
  { name: 'a deletion is not seen by those who read', caughtBy: 140, by: SHOWING, store: hidden('deleting') },
  { name: 'an assessment is not seen by those who read', caughtBy: 179, by: SHOWING, store: hidden('assessed') },
  {
    name: 'only the latest assessment is seen',
    caughtBy: 6,
    by: ['create', 'complete', 'assess', 'sweep', ...SHOWING],
    store: (store) => ({
      async list(prefix, options) {
        const page = await store.list(prefix, options);
        const next = new Map(page.objects.map(({ key }, index) => [key, page.objects[index + 1]?.key ?? '']));
        const isEarlier = (key: string) => kindOf(key) === 'assessed' && kindOf(next.get(key) ?? '') === 'assessed';
        return { ...page, objects: page.objects.filter(({ key }) => !isEarlier(key)) };
      },
    }),
  },
  { name: 'create does not see an assessment', caughtBy: 266, by: ['create'], store: hidden('assessed') },
  {
    name: 'create ignores its key',
    caughtBy: 7,
    by: ['create'],
    store: hidden('manifest', 'media', 'stored', 'deleting'),
  },
  {
    name: 'create does not look whether another try has begun',
    caughtBy: 127,
    by: ['create'],
    store: hiddenAfter('put', 'manifest', 'media', 'stored', 'deleting'),
  },
  { name: 'create does not look which try was answered', caughtBy: 180, by: ['create'], store: hidden('participant') },
  { name: 'create keeps what gave way to another try', caughtBy: 127, by: ['create'], store: withoutPut('deleting') },
  // Pages and times.
  { name: 'sweep ends with the first page of the queue', caughtBy: 1, by: ['sweep'], store: onePage('due/') },
  { name: 'an attempt is seen up to its first page', caughtBy: 5, by: ['sweep'], store: onePage(ATTEMPTS_PREFIX) },
  {
    name: 'completion sees the first page of an attempt',
    caughtBy: 4,
    by: ['complete'],
    store: onePage(ATTEMPTS_PREFIX),
  },
  { name: 'assess sees the first page of an attempt', caughtBy: 79, by: ['assess'], store: onePage(ATTEMPTS_PREFIX) },
  {
    name: 'those who read see the first page of an attempt',
    caughtBy: 179,
    by: SHOWING,
    store: onePage(ATTEMPTS_PREFIX),
  },
  {
    name: 'sweep sees the first page of versions',
    caughtBy: 9,
    by: DELETING,
    store: (store) => ({
      listVersions: async (...args) => ({ ...(await store.listVersions(...args)), cursor: undefined }),
    }),
  },
  { name: 'purge keeps old versions', caughtBy: 9, by: DELETING, store: () => ({ isVersioned: async () => false }) },
  {
    name: 'sweep sees the first page of open uploads',
    caughtBy: 4,
    by: DELETING,
    store: (store) => ({
      listMultipartUploads: async (...args) => ({ ...(await store.listMultipartUploads(...args)), cursor: undefined }),
    }),
  },
  { name: 'sweep deletes young due entries too', caughtBy: 276, by: ['sweep'], store: older(DAY_MS, 'due-attempt') },
  {
    name: 'sweep does not leave young recordings alone',
    caughtBy: 276,
    by: ['sweep'],
    command: () => ({ settleMs: 0 }),
  },
  {
    name: 'sweep believes its own clock',
    caughtBy: 193,
    by: ['sweep'],
    store: (store, now) => ({
      list: async (...args) => ({ ...(await store.list(...args)), storeTimeMs: now() }),
    }),
  },
  { name: 'sweep comes three days too early', caughtBy: 15, by: ['sweep'], command: () => ({ leadMs: 4 * DAY_MS }) },
  { name: 'sweep comes a day too late', caughtBy: 3, by: ['sweep'], command: () => ({ leadMs: 0 }) },
  { name: 'sweep does not know what a tenant agreed', caughtBy: 2, by: ['sweep'], command: EVERY_TENANT_ALIKE },
  { name: 'create does not know what a tenant agreed', caughtBy: 2, by: ['create'], service: EVERY_TENANT_ALIKE },
  { name: 'assess does not know what a tenant agreed', caughtBy: 3, by: ['assess'], service: EVERY_TENANT_ALIKE },
  { name: 'a recording can be read past its deadline', caughtBy: 19, by: SHOWING, service: LATER_POLICY },
  { name: 'a completion past the deadline is kept', caughtBy: 2, by: ['complete'], service: LATER_POLICY },
  {
    name: 'playback links live on after the deadline',
    caughtBy: 26,
    by: ['play'],
    service: ({ presigner }) => ({
      presigner: { ...presigner, presignPlayback: (key, options) => presigner.presignPlayback(key, options, 86_400) },
    }),
  },
  // Failures that are taken for success.
  {
    name: 'create ignores that its due entry failed',
    caughtBy: 63,
    by: ['create'],
    store: failureIgnored('put', 'due-attempt'),
  },
  {
    name: 'assess ignores that its due entry failed',
    caughtBy: 37,
    by: ['assess'],
    store: failureIgnored('put', 'due-attempt'),
  },
  {
    name: 'sweep ignores that its index of receipts failed',
    caughtBy: 42,
    by: ['sweep'],
    store: failureIgnored('put', 'due-receipts'),
  },
  { name: 'sweep ignores that a receipt failed', caughtBy: 22, by: ['sweep'], store: failureIgnored('put', 'receipt') },
  { name: 'sweep ignores what could not be deleted', caughtBy: 19, by: ['sweep'], store: failureIgnored('delete') },
  { name: 'erase ignores what could not be deleted', caughtBy: 9, by: ['erase'], store: failureIgnored('delete') },
  // Others.
  {
    name: 'erase lists beyond its tenant',
    caughtBy: 1,
    by: ['erase'],
    store: (store) => ({
      async list(prefix, options) {
        if (!prefix.startsWith(ATTEMPTS_PREFIX)) return store.list(prefix, options);
        const page = await store.list(ATTEMPTS_PREFIX, { startAfter: prefix, ...options });
        return { ...page, objects: page.objects.filter(({ key }) => key.startsWith(prefix)) };
      },
    }),
  },
  { name: 'verify ends uploads that a manifest names', caughtBy: 21, by: ['verify'], store: unread('manifest') },
  {
    name: 'verify repairs by a retention that is twice as long',
    caughtBy: 58,
    by: ['verify'],
    command: LATER_POLICY,
  },
  { name: 'verify repairs with a later deadline', caughtBy: 7, by: ['verify'], store: laterEntries },
];

function laterEntries(store: ObjectStore): Partial<ObjectStore> {
  return {
    put: (key, ...rest) => {
      const parsed = parseKey(key);
      if (parsed?.type !== 'due-attempt') return store.put(key, ...rest);
      return store.put(
        key.replace(/^due\/\d{4}/, (year) => `due/${Number(year.slice(4)) + 1}`),
        ...rest,
      );
    },
  };
}

/** Parts without a hole, whatever the store has: under the numbers that they would have then. */
function closed(store: ObjectStore): Partial<ObjectStore> {
  let real: readonly StoredPart[] = [];
  return {
    async listParts(...args) {
      const parts = await store.listParts(...args);
      real = parts ?? [];
      return parts?.map((part, index) => ({ ...part, partNumber: index + 1 }));
    },
    completeMultipartUpload: (key, uploadId) => store.completeMultipartUpload(key, uploadId, real),
  };
}

function madeUp(ref: { tenant: string; exam: string; attempt: string; recording: string }): Manifest {
  return {
    version: 1,
    tenantId: ref.tenant,
    examId: ref.exam,
    attemptId: ref.attempt,
    recordingId: ref.recording,
    participantId: 'p1',
    kind: 'webcam',
    contentType: 'video/mp4',
    consent: { givenAt: '2025-12-01T00:00:00Z', policyVersion: '7' },
    createdAt: '2026-01-01T00:00:00.000Z',
    partSizeBytes: 8,
    uploadId: 'none',
  };
}

export function findMistake(name: string): Mistake {
  const mistake = MISTAKES.find((known) => known.name === name);
  if (!mistake) throw new Error(`no mistake is called ${name}`);
  return mistake;
}
