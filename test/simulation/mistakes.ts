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

type Maker = UseCase | readonly UseCase[];

function mistake(
  by: Maker,
  caughtBy: number,
  name: string,
  wrong: Pick<Mistake, 'store' | 'service' | 'command'>,
): Mistake {
  return { name, caughtBy, by: typeof by === 'string' ? [by] : by, ...wrong };
}

function calls(by: Maker, caughtBy: number, name: string, store: StorePart): Mistake {
  return mistake(by, caughtBy, name, { store });
}

export const MISTAKES: readonly Mistake[] = [
  // The order of writes.
  calls('create', 1, 'create writes no due entry', withoutPut('due-attempt')),
  calls('create', 1, 'create writes its due entry after the manifest', putAfter('due-attempt', 'manifest')),
  calls('create', 6, 'create writes the marker before the manifest', putAfter('manifest', 'participant')),
  calls('assess', 1, 'assess writes no due entry', withoutPut('due-attempt')),
  calls('assess', 16, 'assess writes the fact before the due entry', putAfter('due-attempt', 'assessed')),
  calls('sweep', 22, 'sweep writes the index of receipts after a receipt', putAfter('due-receipts', 'receipt')),
  calls('sweep', 1, 'sweep writes no index of receipts', withoutPut('due-receipts')),
  calls('erase', 42, 'erase writes the index of receipts after the receipt', putAfter('due-receipts', 'receipt')),
  calls('sweep', 1, 'sweep writes no receipts', withoutPut('receipt')),
  calls('assess', 88, 'assess writes no tags', () => ({ tag: async () => true })),
  calls('complete', 425, 'complete writes no due entry near the deadline', withoutPut('due-attempt')),
  // The order of deletes.
  calls(DELETING, 6, 'purge deletes the manifest before the media', deleteFirst('manifest', 'media')),
  calls(DELETING, 9, 'purge deletes `deleting` before the manifest', deleteFirst('deleting', 'manifest')),
  calls(DELETING, 1, 'purge keeps the media', withoutDelete('media')),
  calls(DELETING, 1, 'purge keeps the manifest', withoutDelete('manifest')),
  calls(DELETING, 1, 'purge keeps the marker', withoutDelete('participant')),
  calls('sweep', 1, 'sweep deletes no entries', withoutDelete('due-attempt')),
  calls('sweep', 1, 'sweep deletes no facts', withoutDelete('assessed')),
  calls('sweep', 2, 'sweep deletes the due entries before what they lead to', (store) => {
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
  }),
  calls('sweep', 1, 'expiry deletes the index and keeps its receipts', withoutDelete('receipt')),
  calls('sweep', 1, 'expiry keeps the index', withoutDelete('due-receipts')),
  // What is not looked at, or not a second time.
  calls(['complete', 'content', 'sweep'], 7, 'complete does not look at the first bytes', () => ({
    getStart: async () => Buffer.from([0, 0, 0, 8, ...Buffer.from('ftypisom')]),
  })),
  calls('complete', 81, 'complete does not see a deletion', hidden('deleting')),
  calls('complete', 13, 'complete believes every part to be there', closed),
  calls('sweep', 492, 'salvage completes an upload with a hole', closed),
  calls('erase', 1391, 'erase does not wait for a creation', (store) => ({
    async list(prefix, options) {
      const page = await store.list(prefix, options);
      if (!prefix.startsWith('participants/')) return page;
      return { ...page, objects: [{ key: prefix, sizeBytes: 0, lastModifiedMs: page.storeTimeMs }] };
    },
  })),
  calls('abort', 494, 'abort does not look again after the upload is ended', (store) => {
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
  }),
  calls(DELETING, 1, 'purge sees no open uploads', (store) => ({
    listMultipartUploads: async (...args) => ({ ...(await store.listMultipartUploads(...args)), uploads: [] }),
  })),
  calls(DELETING, 2, 'purge does not look again after its deletes', hiddenAfter('delete', ...OBJECTS)),
  calls(DELETING, 41, 'purge takes an unreadable manifest for a good one', (store) => ({
    async get(key) {
      const body = await store.get(key);
      const parsed = parseKey(key);
      if (!body || parsed?.type !== 'recording' || parsed.object !== 'manifest') return body;
      return parseManifest(body, parsed.ref) ? body : toBody(madeUp(parsed.ref));
    },
  })),
  calls(DELETING, 4, 'purge reads no receipts', unread('receipt')),
  calls('sweep', 1, 'sweep sees no facts', hidden('assessed')),
  calls('sweep', 4, 'sweep does not see `deleting`', hidden('deleting')),
  calls('play', 48, 'playback does not see a restriction', hidden('restricted')),
  calls(SHOWING, 140, 'a deletion is not seen by those who read', hidden('deleting')),
  calls(SHOWING, 179, 'an assessment is not seen by those who read', hidden('assessed')),
  calls(['create', 'complete', 'assess', 'sweep', ...SHOWING], 6, 'only the latest assessment is seen', (store) => ({
    async list(prefix, options) {
      const page = await store.list(prefix, options);
      const next = new Map(page.objects.map(({ key }, index) => [key, page.objects[index + 1]?.key ?? '']));
      const isEarlier = (key: string) => kindOf(key) === 'assessed' && kindOf(next.get(key) ?? '') === 'assessed';
      return { ...page, objects: page.objects.filter(({ key }) => !isEarlier(key)) };
    },
  })),
  calls('create', 266, 'create does not see an assessment', hidden('assessed')),
  calls('create', 7, 'create ignores its key', hidden('manifest', 'media', 'stored', 'deleting')),
  calls(
    'create',
    127,
    'create does not look whether another try has begun',
    hiddenAfter('put', 'manifest', 'media', 'stored', 'deleting'),
  ),
  calls('create', 180, 'create does not look which try was answered', hidden('participant')),
  calls('create', 127, 'create keeps what gave way to another try', withoutPut('deleting')),
  // Pages and times.
  calls('sweep', 1, 'sweep ends with the first page of the queue', onePage('due/')),
  calls('sweep', 5, 'an attempt is seen up to its first page', onePage(ATTEMPTS_PREFIX)),
  calls('complete', 4, 'completion sees the first page of an attempt', onePage(ATTEMPTS_PREFIX)),
  calls('assess', 79, 'assess sees the first page of an attempt', onePage(ATTEMPTS_PREFIX)),
  calls(SHOWING, 179, 'those who read see the first page of an attempt', onePage(ATTEMPTS_PREFIX)),
  calls(DELETING, 9, 'sweep sees the first page of versions', (store) => ({
    listVersions: async (...args) => ({ ...(await store.listVersions(...args)), cursor: undefined }),
  })),
  calls(DELETING, 9, 'purge keeps old versions', () => ({ isVersioned: async () => false })),
  calls(DELETING, 4, 'sweep sees the first page of open uploads', (store) => ({
    listMultipartUploads: async (...args) => ({ ...(await store.listMultipartUploads(...args)), cursor: undefined }),
  })),
  calls('sweep', 276, 'sweep deletes young due entries too', older(DAY_MS, 'due-attempt')),
  mistake('sweep', 276, 'sweep does not leave young recordings alone', { command: () => ({ settleMs: 0 }) }),
  calls('sweep', 193, 'sweep believes its own clock', (store, now) => ({
    list: async (...args) => ({ ...(await store.list(...args)), storeTimeMs: now() }),
  })),
  mistake('sweep', 15, 'sweep comes three days too early', { command: () => ({ leadMs: 4 * DAY_MS }) }),
  mistake('sweep', 3, 'sweep comes a day too late', { command: () => ({ leadMs: 0 }) }),
  mistake('sweep', 2, 'sweep does not know what a tenant agreed', { command: EVERY_TENANT_ALIKE }),
  mistake('create', 2, 'create does not know what a tenant agreed', { service: EVERY_TENANT_ALIKE }),
  mistake('assess', 3, 'assess does not know what a tenant agreed', { service: EVERY_TENANT_ALIKE }),
  mistake(SHOWING, 19, 'a recording can be read past its deadline', { service: LATER_POLICY }),
  mistake('complete', 2, 'a completion past the deadline is kept', { service: LATER_POLICY }),
  mistake('play', 26, 'playback links live on after the deadline', {
    service: ({ presigner }) => ({
      presigner: { ...presigner, presignPlayback: (key, options) => presigner.presignPlayback(key, options, 86_400) },
    }),
  }),
  // Failures that are taken for success.
  calls('create', 63, 'create ignores that its due entry failed', failureIgnored('put', 'due-attempt')),
  calls('assess', 37, 'assess ignores that its due entry failed', failureIgnored('put', 'due-attempt')),
  calls('sweep', 42, 'sweep ignores that its index of receipts failed', failureIgnored('put', 'due-receipts')),
  calls('sweep', 22, 'sweep ignores that a receipt failed', failureIgnored('put', 'receipt')),
  calls('sweep', 19, 'sweep ignores what could not be deleted', failureIgnored('delete')),
  calls('erase', 9, 'erase ignores what could not be deleted', failureIgnored('delete')),
  // Others.
  calls('erase', 1, 'erase lists beyond its tenant', (store) => ({
    async list(prefix, options) {
      if (!prefix.startsWith(ATTEMPTS_PREFIX)) return store.list(prefix, options);
      const page = await store.list(ATTEMPTS_PREFIX, { startAfter: prefix, ...options });
      return { ...page, objects: page.objects.filter(({ key }) => key.startsWith(prefix)) };
    },
  })),
  calls('verify', 21, 'verify ends uploads that a manifest names', unread('manifest')),
  mistake('verify', 58, 'verify repairs by a retention that is twice as long', { command: LATER_POLICY }),
  calls('verify', 7, 'verify repairs with a later deadline', laterEntries),
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
