// Deliberate mistakes that the simulator has to catch, each made at the ports: between the code and its store, or in the
// context that it is given. So they do not depend on how the code is written.
import { type Manifest, parseDocument, toBody } from '../../src/bucket/documents.ts';
import { ATTEMPTS_PREFIX, LOG_QUEUE_PREFIX, parseKey } from '../../src/bucket/layout.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { createdAtOf, type RecordingRef } from '../../src/model/ids.ts';
import type { StoredPart } from '../../src/model/parts.ts';
import { toIso } from '../../src/model/times.ts';
import type { ListPage, ObjectStore } from '../../src/objectstore/object-store.ts';
import type { RecordingsContext } from '../../src/recordings/context.ts';
import type { SweepContext } from '../../src/sweeper/run.ts';
import { attemptPrefix, recordingKey } from '../kit/keys.ts';
import { BEGINNING } from './plan.ts';

const SHOWING = ['read', 'list', 'play'] as const;
const DELETING = ['sweep', 'erase', 'abort'] as const;
type Other = 'create' | 'complete' | 'content' | 'overview' | 'parts' | 'presign' | 'assess' | 'restrict' | 'verify';
export type UseCase = (typeof SHOWING | typeof DELETING)[number] | Other;

/** Store calls that go wrong. Made for each request, so it may remember what the request did before. */
type Calls = (store: ObjectStore, now: () => number) => Partial<ObjectStore>;

export interface Mistake {
  readonly name: string;
  /** The first history that catches it, counted from seed 1. */
  readonly caughtBy: number;
  /** The use cases and commands that make it. */
  readonly by: readonly UseCase[];
  readonly store?: Calls;
  readonly service?: (context: RecordingsContext) => Partial<RecordingsContext>;
  readonly command?: (context: SweepContext) => Partial<SweepContext>;
}

type Kind = string | undefined;
type ListingChange = (page: ListPage, prefix: string) => Partial<ListPage>;

/** The kind of a key: an object of a recording has its own name, every other key its type. */
function kindOf(key: string): Kind {
  const parsed = parseKey(key);
  return parsed?.type === 'recording' ? parsed.object : parsed?.type;
}

/** A PUT that is answered but never made. */
function withoutPut(kind: Kind): Calls {
  return (store) => ({ put: async (key, ...rest) => (kindOf(key) === kind ? undefined : store.put(key, ...rest)) });
}

/** A PUT that is answered at once, and made after one of another kind. */
const putAfter =
  (late: Kind, early: Kind): Calls =>
  (store) => {
    const held: (() => Promise<void>)[] = [];
    return {
      async put(key, ...rest) {
        if (kindOf(key) === late) return void held.push(() => store.put(key, ...rest));
        await store.put(key, ...rest);
        if (kindOf(key) === early) for (const put of held.splice(0)) await put();
      },
    };
  };

/** A PUT that fails and counts as successful. */
function putFailureIgnored(kind: Kind): Calls {
  return (store) => ({
    put: (key, ...rest) => (kindOf(key) === kind ? store.put(key, ...rest).catch(() => {}) : store.put(key, ...rest)),
  });
}

const deleteFailuresIgnored: Calls = (store) => {
  const none = () => [];
  return { delete: (targets) => store.delete(targets).then(none, none) };
};

/** Keys that are reported deleted but stay. */
function withoutDelete(kind: Kind): Calls {
  return (store) => ({ delete: (targets) => store.delete(targets.filter(({ key }) => kindOf(key) !== kind)) });
}

/** Deletes others before the objects of this kind. */
function deletedBefore(kind: Kind, others: (ref: RecordingRef) => readonly string[]): Calls {
  return (store) => ({
    async delete(targets) {
      const parsed = targets.map(({ key }) => parseKey(key));
      const first = parsed.flatMap((it) => (it?.type === 'recording' && it.object === kind ? others(it.ref) : []));
      if (first.length > 0) await store.delete(first.map((key) => ({ key })));
      return store.delete(targets);
    },
  });
}

/** Deletes the manifest, or the mark `deleting`, before the objects of this kind. */
function besideFirst(first: 'manifest' | 'deleting', kind: Kind): Calls {
  return deletedBefore(kind, (ref) => [recordingKey(ref, first)]);
}

/** Listings that show something other than what is stored. */
function listing(change: ListingChange): Calls {
  return (store) => ({
    async list(prefix, options) {
      const page = await store.list(prefix, options);
      return { ...page, ...change(page, prefix) };
    },
  });
}

const without = ({ objects }: ListPage, kinds: readonly Kind[]) => ({
  objects: objects.filter(({ key }) => !kinds.includes(kindOf(key))),
});

const hidden = (...kinds: Kind[]) => listing((page) => without(page, kinds));

/** After a call was made, this many listings show less than is stored. */
function hiddenAfter(call: keyof ObjectStore, kinds: readonly Kind[], times = Number.POSITIVE_INFINITY): Calls {
  return (store, now) => {
    let left = 0;
    const act = store[call] as (...args: unknown[]) => Promise<unknown>;
    const less = listing((page) => {
      left -= 1;
      return left < 0 ? page : without(page, kinds);
    });
    const restart = <T>(answer: T) => {
      left = times;
      return answer;
    };
    return { ...less(store, now), [call]: (...args: unknown[]) => act(...args).then(restart) };
  };
}

/** After a PUT of this kind, listings show what they showed before. */
function listedBefore(kind: Kind): Calls {
  return (store) => {
    const before = new Map<string, ListPage>();
    let isPut = false;
    return {
      async put(key, ...rest) {
        isPut ||= kindOf(key) === kind;
        return store.put(key, ...rest);
      },
      async list(prefix, options) {
        const page = (isPut && before.get(prefix)) || (await store.list(prefix, options));
        if (!isPut) before.set(prefix, page);
        return page;
      },
      listParts: async (...upload) => (isPut ? [] : store.listParts(...upload)),
    };
  };
}

/** The recording that a key is of: one of its objects, or the queue entry of its creation. */
function recordingIn(key: string): string | undefined {
  const parsed = parseKey(key);
  if (parsed?.type === 'recording') return parsed.ref.recording;
  return parsed?.type === 'due-attempt' ? /^[0-9a-v]{36}(?=-)/.exec(parsed.unique)?.[0] : undefined;
}

/** Listings show no recordings and no claims but this request's own; with `isFirstShown` the first of the attempt does. */
const othersHidden =
  ({ isFirstShown = false } = {}): Calls =>
  (store) => {
    const own = new Set<string>();
    let isFirst = true;
    return {
      async put(key, ...rest) {
        own.add(recordingIn(key) ?? key);
        return store.put(key, ...rest);
      },
      async list(prefix, options) {
        const page = await store.list(prefix, options);
        const isShown = isFirst && isFirstShown && prefix.startsWith(ATTEMPTS_PREFIX);
        if (prefix.startsWith(ATTEMPTS_PREFIX)) isFirst = false;
        const isOwn = (key: string) => own.has(recordingIn(key) ?? key) || recordingIn(key) === undefined;
        return isShown ? page : { ...page, objects: page.objects.filter(({ key }) => isOwn(key)) };
      },
    };
  };

/** Changes fields of every page of a listing. */
function answering(call: 'listVersions' | typeof UPLOADS, change: object): Calls {
  return (store) => ({ [call]: async (...args: [string]) => ({ ...(await store[call](...args)), ...change }) });
}

/** Listings under a prefix end with their first page. */
const onePage = (prefix: string) => listing((_, start) => (start.startsWith(prefix) ? { truncated: false } : {}));

/** Objects of this kind are not found by GET. */
function unread(kind: Kind): Calls {
  return (store) => ({ get: async (key) => (kindOf(key) === kind ? undefined : store.get(key)) });
}

/** Lists parts without gaps, whatever the store has: they are renumbered from 1. */
const closed: Calls = (store) => {
  let real: readonly StoredPart[] = [];
  return {
    async listParts(...args) {
      const parts = await store.listParts(...args);
      real = parts ?? [];
      return parts?.map((part, index) => ({ ...part, partNumber: index + 1 }));
    },
    completeMultipartUpload: (key, uploadId) => store.completeMultipartUpload(key, uploadId, real),
  };
};

const aYearLater = (key: string) => key.replace(/(?<=^due\/)\d{4}/, (year) => `${+year + 1}`);

const madeUp = ({ tenant, exam, attempt, recording }: RecordingRef): Manifest => ({
  ...BEGINNING,
  version: 1,
  tenantId: tenant,
  examId: exam,
  attemptId: attempt,
  recordingId: recording,
  participantId: 'p1',
  createdAt: toIso(createdAtOf(recording)),
  partSizeBytes: 8,
  uploadId: 'none',
});

/** What a listing of submissions shows, changed one by one. */
const submissions = (change: (object: ListPage['objects'][number], page: ListPage) => number): Calls =>
  listing((page, prefix) =>
    prefix.startsWith(LOG_QUEUE_PREFIX)
      ? { objects: page.objects.map((object) => ({ ...object, lastModifiedMs: change(object, page) })) }
      : {},
  );

/** The heads that were there when the sweep began. */
const headsReadFirst: Calls = (store) => {
  const heads = new Map<string, ListPage>();
  return {
    async list(prefix, options) {
      if (heads.size === 0) {
        for (const tenant of ['acme', 'beta']) {
          const own = `log/${tenant}/heads/`;
          heads.set(own, await store.list(own));
        }
      }
      return heads.get(prefix) ?? store.list(prefix, options);
    },
  };
};

const includedIn = (head: Uint8Array | undefined) =>
  (JSON.parse(Buffer.from(head ?? '{}').toString()) as { included?: string[] }).included ?? [];

type WithPolicy = Pick<RecordingsContext, 'policy'>;
const everyTenantAlike = ({ policy }: WithPolicy) => ({ policy: { ...policy, byTenantMs: new Map<string, number>() } });
const laterPolicy = ({ policy }: WithPolicy) =>
  everyTenantAlike({ policy: { ...policy, unassessedMs: 2 * policy.unassessedMs } });

const MARKS_AND_MEDIA = ['media', 'stored', 'timeline', 'truncated', 'restricted', 'announced'];
const UPLOADS = 'listMultipartUploads';

function mistake(
  by: UseCase | readonly UseCase[],
  caughtBy: number,
  name: string,
  wrong: Calls | Pick<Mistake, 'service' | 'command'> | { readonly listing: ListingChange },
): Mistake {
  const about = { name, caughtBy, by: [by].flat() };
  if (typeof wrong === 'function') return { ...about, store: wrong };
  return 'listing' in wrong ? { ...about, store: listing(wrong.listing) } : { ...about, ...wrong };
}

export const MISTAKES: readonly Mistake[] = [
  // The order of writes.
  mistake('create', 1, 'create writes no due entry', withoutPut('due-attempt')),
  mistake('create', 1, 'create writes its due entry after the manifest', putAfter('due-attempt', 'manifest')),
  mistake('create', 1, 'create writes the manifest before the marker', putAfter('participant', 'manifest')),
  mistake('assess', 147, 'assess writes no audit event', withoutPut('audit-attempt')),
  mistake('erase', 1, 'erase writes no audit event', withoutPut('audit')),
  mistake('abort', 36, 'abort writes no audit event', withoutPut('audit')),
  mistake('assess', 1, 'assess writes no due entry', withoutPut('due-attempt')),
  mistake('assess', 52, 'assess writes the fact before the due entry', putAfter('due-attempt', 'assessed')),
  mistake('sweep', 57, 'sweep writes the index of receipts after a receipt', putAfter('due-receipts', 'receipt')),
  mistake('sweep', 2, 'sweep writes no index of receipts', withoutPut('due-receipts')),
  mistake('erase', 18, 'erase writes the index of receipts after the receipt', putAfter('due-receipts', 'receipt')),
  mistake('sweep', 2, 'sweep writes no receipts', withoutPut('receipt')),
  mistake('assess', 135, 'assess writes no tags', () => ({ tag: async () => true })),
  mistake('complete', 201, 'complete writes no due entry near the deadline', withoutPut('due-attempt')),
  // The order of deletes.
  mistake(DELETING, 41, 'purge deletes the manifest before the media', besideFirst('manifest', 'media')),
  mistake(DELETING, 1125, 'purge deletes `deleting` before the manifest', besideFirst('deleting', 'manifest')),
  mistake(DELETING, 1, 'purge keeps the media', withoutDelete('media')),
  mistake(DELETING, 1, 'purge keeps the manifest', withoutDelete('manifest')),
  mistake(DELETING, 1, 'purge keeps the marker', withoutDelete('participant')),
  mistake('sweep', 1, 'sweep deletes no entries', withoutDelete('due-attempt')),
  mistake('sweep', 1, 'sweep deletes no facts', withoutDelete('assessed')),
  mistake('sweep', 2, 'sweep deletes the due entries before what they lead to', (...given) => {
    const entries: string[] = [];
    const remembered = listing(({ objects }) => {
      entries.push(...objects.map(({ key }) => key).filter((key) => kindOf(key) === 'due-attempt'));
      return {};
    });
    const entriesOf = (ref: RecordingRef) =>
      entries.filter((key) => key.includes(attemptPrefix(ref).slice('attempts'.length)));
    return { ...remembered(...given), ...deletedBefore('media', entriesOf)(...given) };
  }),
  mistake('sweep', 1, 'expiry deletes the index and keeps its receipts', withoutDelete('receipt')),
  mistake('sweep', 1, 'expiry keeps the index', withoutDelete('due-receipts')),
  // What is not looked at, or not a second time.
  mistake(['complete', 'content', 'sweep'], 7, 'complete does not look at the first bytes', () => ({
    getStart: async () => Buffer.from('\0\0\0\0mdatmedia'),
  })),
  mistake('complete', 7, 'complete does not see a deletion', hidden('deleting')),
  mistake('complete', 13, 'complete believes every part to be there', closed),
  mistake('sweep', 389, 'salvage completes an upload with a hole', closed),
  mistake(DELETING, 1, 'purge believes that every upload is gone', () => ({ listParts: async () => undefined })),
  mistake(DELETING, 6, 'nobody sees an upload that no manifest names', answering(UPLOADS, { uploads: [] })),
  mistake(DELETING, 3, 'purge does not look again after its deletes', hiddenAfter('delete', MARKS_AND_MEDIA)),
  mistake(DELETING, 36, 'purge keeps the overview', withoutDelete('overview')),
  mistake('overview', 1603, 'an overview is written without another look', listedBefore('overview')),
  mistake('overview', 1603, 'an overview that comes too late is not withdrawn', withoutDelete('overview')),
  mistake(DELETING, 41, 'purge takes an unreadable manifest for a good one', (store) => ({
    async get(key) {
      const body = await store.get(key);
      const parsed = parseKey(key);
      if (!body || parsed?.type !== 'recording' || parsed.object !== 'manifest') return body;
      return parseDocument('manifest', body, parsed.ref) ? body : toBody(madeUp(parsed.ref));
    },
  })),
  mistake(DELETING, 22, 'purge reads no receipts', unread('receipt')),
  mistake('sweep', 1, 'sweep sees no facts', hidden('assessed')),
  mistake('sweep', 17, 'sweep does not see `deleting`', hidden('deleting')),
  mistake('play', 48, 'playback does not see a restriction', hidden('restricted')),
  mistake(SHOWING, 674, 'a deletion is not seen by those who read', hidden('deleting')),
  mistake(SHOWING, 179, 'an assessment is not seen by those who read', hidden('assessed')),
  mistake(['create', 'complete', 'assess', 'sweep', ...SHOWING], 14, 'only the latest assessment is seen', {
    listing({ objects }) {
      const kinds = objects.map(({ key }) => kindOf(key));
      return { objects: objects.filter((_, at) => kinds[at] !== 'assessed' || kinds[at + 1] !== 'assessed') };
    },
  }),
  mistake('create', 6, 'create does not see an assessment', hidden('assessed')),
  mistake('create', 17, 'create ignores its key', othersHidden()),
  mistake('create', 127, 'create does not look whether another try has begun', othersHidden({ isFirstShown: true })),
  mistake('create', 1303, 'create does not look how long it took', {
    service: ({ now }) => {
      const atMs = now();
      return { now: () => atMs };
    },
  }),
  mistake('create', 2464, 'create counts a manifest that came late', {
    listing: ({ objects }) => ({
      objects: objects.map((object) => (kindOf(object.key) === 'manifest' ? { ...object, lastModifiedMs: 0 } : object)),
    }),
  }),
  mistake('assess', 9, 'assess sees no claims', hidden('due-attempt')),
  mistake('sweep', 1, 'sweep writes no due entries', withoutPut('due-attempt')),
  // Pages and times.
  mistake('sweep', 1, 'sweep ends with the first page of the queue', onePage('due/')),
  mistake('sweep', 10, 'an attempt is seen up to its first page', onePage(ATTEMPTS_PREFIX)),
  mistake('complete', 5, 'completion sees the first page of an attempt', onePage(ATTEMPTS_PREFIX)),
  mistake('assess', 78, 'assess sees the first page of an attempt', onePage(ATTEMPTS_PREFIX)),
  mistake(SHOWING, 179, 'those who read see the first page of an attempt', onePage(ATTEMPTS_PREFIX)),
  mistake(DELETING, 9, 'sweep sees the first page of versions', answering('listVersions', { cursor: undefined })),
  mistake(DELETING, 9, 'purge keeps old versions', () => ({ isVersioned: async () => false })),
  mistake('sweep', 95, 'sweep deletes young due entries too', {
    listing: ({ objects }) => ({
      objects: objects.map((object) =>
        kindOf(object.key) === 'due-attempt' ? { ...object, lastModifiedMs: object.lastModifiedMs - DAY_MS } : object,
      ),
    }),
  }),
  mistake('sweep', 775, 'sweep does not leave young recordings alone', { command: () => ({ settleMs: 0 }) }),
  mistake('sweep', 193, 'sweep believes its own clock', (store, now) =>
    listing(() => ({ storeTimeMs: now() }))(store, now),
  ),
  mistake('sweep', 16, 'sweep comes three days too early', { command: () => ({ leadMs: 4 * DAY_MS }) }),
  mistake('sweep', 4, 'sweep comes a day too late', { command: () => ({ leadMs: 0 }) }),
  mistake('sweep', 2, 'sweep does not know what a tenant agreed', { command: everyTenantAlike }),
  mistake('create', 2, 'create does not know what a tenant agreed', { service: everyTenantAlike }),
  mistake('assess', 3, 'assess does not know what a tenant agreed', { service: everyTenantAlike }),
  mistake(SHOWING, 19, 'a recording can be read past its deadline', { service: laterPolicy }),
  mistake('complete', 2, 'a completion past the deadline is kept', { service: laterPolicy }),
  mistake('play', 26, 'playback links live on after the deadline', {
    service: ({ presigner }) => ({
      presigner: { ...presigner, presignPlayback: (key, options) => presigner.presignPlayback(key, options, 86_400) },
    }),
  }),
  // Failures that are taken for success.
  mistake('create', 63, 'create ignores that its due entry failed', putFailureIgnored('due-attempt')),
  mistake('assess', 141, 'assess ignores that its due entry failed', putFailureIgnored('due-attempt')),
  mistake('sweep', 29, 'sweep ignores that its index of receipts failed', putFailureIgnored('due-receipts')),
  mistake('sweep', 57, 'sweep ignores that a receipt failed', putFailureIgnored('receipt')),
  mistake('sweep', 23, 'sweep ignores what could not be deleted', deleteFailuresIgnored),
  mistake('erase', 2032, 'erase ignores what could not be deleted', deleteFailuresIgnored),
  // The logs of receipts.
  mistake('sweep', 117, 'sweep reads the heads when it begins, before it lists what was submitted', headsReadFirst),
  mistake(
    'sweep',
    577,
    'sweep takes what is young into the log',
    submissions(({ lastModifiedMs }) => lastModifiedMs - DAY_MS),
  ),
  mistake(
    'sweep',
    1,
    'sweep orders the log by the names of submissions alone',
    submissions(({ lastModifiedMs }, { storeTimeMs }) => (storeTimeMs - lastModifiedMs > HOUR_MS ? 0 : lastModifiedMs)),
  ),
  mistake('sweep', 2, 'sweep sees the first page of what was submitted', onePage(LOG_QUEUE_PREFIX)),
  mistake('sweep', 1, 'sweep forgets which submissions are in the log', (store) => ({
    put: async (key, body) =>
      store.put(
        key,
        kindOf(key) === 'log-head' ? toBody({ ...JSON.parse(Buffer.from(body).toString()), included: [] }) : body,
      ),
  })),
  mistake('sweep', 1, 'sweep deletes submissions before the head that names them', (store) => ({
    async put(key, body) {
      if (kindOf(key) === 'log-head') await store.delete(includedIn(body).map((name) => ({ key: name })));
      return store.put(key, body);
    },
  })),
  mistake('sweep', 267, 'sweep skips a submission that it could not read', (store) => ({
    get: (key) => (kindOf(key) === 'log-queue' ? store.get(key).catch(() => Buffer.from('x')) : store.get(key)),
  })),
  mistake('sweep', 1, 'sweep writes bundles after the head that counts them', putAfter('log-entries', 'log-head')),
  mistake('sweep', 1, 'sweep writes no bundles', withoutPut('log-entries')),
  mistake('sweep', 1, 'sweep never removes what is in the log', withoutDelete('log-queue')),
  mistake('sweep', 2, 'sweep submits before the receipts', putAfter('receipt', 'log-queue')),
  mistake('sweep', 17, 'sweep submits nothing', withoutPut('log-queue')),
  mistake('erase', 1, 'erase submits nothing', withoutPut('log-queue')),
  mistake('sweep', 1449, 'sweep ignores that its submission failed', putFailureIgnored('log-queue')),
  mistake(DELETING, 102, 'purge submits no receipt that another has written', (store) => {
    let hasWritten = false;
    return {
      async put(key, ...rest) {
        hasWritten ||= kindOf(key) === 'receipt';
        if (kindOf(key) !== 'log-queue' || hasWritten) await store.put(key, ...rest);
      },
    };
  }),
  // Others.
  mistake('erase', 1, 'erase lists beyond its tenant', (store) => ({
    async list(prefix, options) {
      if (!prefix.startsWith(ATTEMPTS_PREFIX)) return store.list(prefix, options);
      const page = await store.list(ATTEMPTS_PREFIX, { startAfter: prefix, ...options });
      return { ...page, objects: page.objects.filter(({ key }) => key.startsWith(prefix)) };
    },
  })),
  mistake('verify', 81, 'verify repairs by a retention that is twice as long', { command: laterPolicy }),
  mistake('verify', 7, 'verify repairs with a later deadline', (store) => ({
    put: (key, ...rest) => store.put(kindOf(key) === 'due-attempt' ? aYearLater(key) : key, ...rest),
  })),
];

export function findMistake(name: string): Mistake {
  const mistake = MISTAKES.find((known) => known.name === name);
  if (!mistake) throw new Error(`no mistake is called ${name}`);
  return mistake;
}
