// What somebody with a key of the store can do to hide, keep, destroy or re-attribute something: each by a name, how it is
// planted, and what `verify` finds of it, or why it cannot.
import { strict as assert } from 'node:assert';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { formatEntry, GrowingTree, hashOfReceipt, originOf } from '@proctoring-recordings/receipt-verifier';
import { AuditChains } from '../../src/bucket/audit-chain.ts';
import { createAuditTrail } from '../../src/bucket/audit-trail.ts';
import { type AuditEventDocument, type Receipt, type ReceiptIndex, toBody } from '../../src/bucket/documents.ts';
import { keyOf } from '../../src/bucket/layout.ts';
import { deletionEvent, toOutboxBody } from '../../src/bucket/outbox.ts';
import { leafOf } from '../../src/bucket/receipt-log.ts';
import { createSigner, type Signer } from '../../src/bucket/signer.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { createdAtOf, newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { toDay, toIso, toKeyTime } from '../../src/model/times.ts';
import { MAX_SMALL_OBJECT_BYTES, type ObjectStore } from '../../src/objectstore/object-store.ts';
import type { FindingKind } from '../../src/verifier/findings.ts';
import {
  assessedKey,
  assessingKey,
  auditKey,
  dueAttemptKey,
  dueReceiptsKey,
  outboxKey,
  participantKey,
  receiptKey,
  recordingKey,
  recordingPrefix,
} from '../kit/keys.ts';
import { CALLER, mediaKey } from '../kit/service.ts';
import { privateJwk, testSigner } from '../kit/signer.ts';
import type { Random } from '../simulation/random.ts';
import type { Built } from './bucket.ts';

export interface Corruption {
  readonly name: string;
  /** One of these kinds at least is found; or why nothing is. */
  readonly found: readonly FindingKind[] | { readonly undetectable: string };
  readonly plant: (bucket: Built, random: Random) => Promise<unknown>;
}

const NO_ANCHOR =
  'Anyone who can write to the bucket can rewrite it consistently: the chains have no anchor outside the bucket.';
const NOT_KEPT = 'Nothing else in the bucket holds this information.';
const NEVER_SEEN = 'No event and no receipt names the original recording.';
const NOTHING_FOLLOWS = 'The process wrote nothing afterwards, so nothing names the end of its chain.';
const LIKE_A_CRASH = 'A crashed process leaves the same state.';

/** Those of some days of the bucket, whose keys go on so. */
const eventsOn = (bucket: Built, days: readonly number[], rest: string) =>
  events(bucket, new RegExp(`^audit/(${days.map((day) => bucket.day(day)).join('|')})${rest}`));

const hashOf = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');
const attemptOf = ({ tenant, exam, attempt }: RecordingRef) => ({ tenant, exam, attempt });
const freshRef = (bucket: Built, attempt: string, agoMs = 3 * HOUR_MS): RecordingRef => {
  const recording = newRecordingId(bucket.now() - agoMs, (length) => crypto.getRandomValues(new Uint8Array(length)));
  return { tenant: 'acme', exam: 'math', attempt, recording };
};
const dueOf = (bucket: Built, { tenant, exam, attempt }: RecordingRef) =>
  bucket.keys(new RegExp(`/attempt/${tenant}/${exam}/${attempt}/`), 'due/');
/** Audit events, oldest day first. */
const events = (bucket: Built, pattern: RegExp) => bucket.keys(pattern, 'audit/');
const indexOf = async (bucket: Built, receipt: string) => {
  for (const key of await bucket.keys(/\/receipts\//, 'due/')) {
    const index = await bucket.json<ReceiptIndex>(key);
    if (index.keys.includes(receipt)) return { key, index };
  }
  throw new Error(`no index names ${receipt}`);
};
/** Changes the only receipt of a run, and its index with it. */
async function rewrite(bucket: Built, ref: RecordingRef, change: Partial<Receipt>): Promise<void> {
  const key = receiptKey(ref);
  const { key: at } = await indexOf(bucket, key);
  const body = toBody({ ...(await bucket.json<Receipt>(key)), ...change });
  await bucket.put(key, body);
  await bucket.edit(at, { last: hashOf(body) });
}

/** The objects of a recording, its index entry and all of its queue entries. */
async function everythingOf(bucket: Built, ref: RecordingRef): Promise<string[]> {
  const own = await bucket.keys(/./, recordingPrefix(ref));
  const index = await bucket.keys(new RegExp(`/${ref.recording}$`), 'participants/');
  return [...own, ...index, ...(await dueOf(bucket, ref))];
}

/** Uploads media as a client does, in one part. */
export async function putMedia(store: ObjectStore, key: string, body: Uint8Array): Promise<void> {
  const uploadId = await store.createMultipartUpload(key, { contentType: 'video/webm' });
  const etag = await store.uploadPart(key, uploadId, 1, body);
  await store.completeMultipartUpload(key, uploadId, [{ partNumber: 1, etag, sizeBytes: body.length }]);
}

const replaceMedia = (bucket: Built, ref: RecordingRef, body: Uint8Array) =>
  putMedia(bucket.store, mediaKey(ref), body);

async function mediaOf(bucket: Built, ref: RecordingRef): Promise<Buffer> {
  return bucket.body(mediaKey(ref));
}

function changed(media: Buffer): Buffer {
  const other = Buffer.from(media);
  other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1);
  return other;
}

const tagsOf = async (bucket: Built, ref: RecordingRef) => (await bucket.store.tags(mediaKey(ref))) ?? {};
const deadlineIn = async (bucket: Built, ref: RecordingRef) =>
  Date.parse((await tagsOf(bucket, ref))['delete-by'] ?? '');

const MEDIA: Corruption[] = [
  {
    name: 'media are removed',
    found: ['media-missing'],
    plant: (bucket, random) => bucket.remove(mediaKey(random.pick(bucket.stored))),
  },
  {
    name: 'media are replaced by one write of the same size',
    found: ['media-changed'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      await bucket.put(mediaKey(ref), changed(await mediaOf(bucket, ref)));
    },
  },
  {
    name: 'media are replaced by an upload of the same size',
    found: ['media-changed'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      await replaceMedia(bucket, ref, changed(await mediaOf(bucket, ref)));
    },
  },
  {
    name: 'media are emptied',
    found: ['media-changed'],
    plant: (bucket, random) => bucket.put(mediaKey(random.pick(bucket.stored))),
  },
  {
    name: 'media are cut',
    found: ['media-changed'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      const media = await mediaOf(bucket, ref);
      await replaceMedia(bucket, ref, media.subarray(0, media.length - random.between(1, 1000)));
    },
  },
  {
    name: 'media are made longer',
    found: ['media-changed'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      await bucket.put(mediaKey(ref), Buffer.concat([await mediaOf(bucket, ref), Buffer.alloc(random.between(1, 99))]));
    },
  },
  {
    name: 'media are replaced, and everything stored about them is rewritten',
    found: { undetectable: NO_ANCHOR },
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      const body = changed(await mediaOf(bucket, ref));
      const tags = await tagsOf(bucket, ref);
      await replaceMedia(bucket, ref, body);
      await bucket.store.tag(mediaKey(ref), tags);
      const [listed] = (await bucket.store.list(mediaKey(ref))).objects;
      const etag = `"${createHash('md5').update(body).digest('hex')}"`;
      const parts = [{ partNumber: 1, etag }];
      await bucket.edit(recordingKey(ref, 'stored'), { parts, media: { sizeBytes: body.length, etag: listed?.etag } });
    },
  },
  {
    name: 'the mark of a stored recording is removed',
    found: ['stored-missing'],
    plant: (bucket, random) => bucket.remove(recordingKey(random.pick(bucket.stored), 'stored')),
  },
  {
    name: 'the mark of a stored recording is torn',
    found: ['unreadable'],
    plant: (bucket, random) => bucket.put(recordingKey(random.pick(bucket.stored), 'stored'), '{"version":1,'),
  },
  {
    name: 'the mark of a stored recording is emptied',
    found: ['unreadable'],
    plant: (bucket, random) => bucket.put(recordingKey(random.pick(bucket.stored), 'stored')),
  },
  {
    name: 'the mark of a stored recording is that of another',
    found: ['manifest-changed'],
    async plant(bucket, random) {
      const [ref, other] = random.pick([
        [bucket.played, bucket.silent],
        [bucket.lifted, bucket.second],
      ] as const);
      await bucket.put(recordingKey(ref, 'stored'), await bucket.body(recordingKey(other, 'stored')));
    },
  },
  {
    name: 'an upload that was not completed is ended',
    found: { undetectable: LIKE_A_CRASH },
    async plant(bucket) {
      const key = mediaKey(bucket.uploading);
      for (const { uploadId } of (await bucket.store.listMultipartUploads(key)).uploads)
        await bucket.store.abortMultipartUpload(key, uploadId);
    },
  },
  {
    name: 'an upload is begun beside a recording',
    found: ['stray-upload'],
    plant: (bucket, random) =>
      bucket.store.createMultipartUpload(mediaKey(random.pick(bucket.stored)), { contentType: 'video/webm' }),
  },
  {
    name: 'an upload is begun at a key of nobody',
    found: ['stray-upload'],
    plant: (bucket) => bucket.store.createMultipartUpload('elsewhere', { contentType: 'video/webm' }),
  },
];

const manifestOf = (ref: RecordingRef) => recordingKey(ref, 'manifest');
const editManifest = (
  name: string,
  found: readonly FindingKind[],
  change: object | ((bucket: Built) => object),
): Corruption => ({
  name,
  found,
  plant: (bucket, random) =>
    bucket.edit(manifestOf(random.pick(bucket.stored)), typeof change === 'function' ? change(bucket) : change),
});

const MANIFESTS: Corruption[] = [
  {
    name: 'a manifest is removed',
    found: ['media-without-manifest'],
    plant: (bucket, random) => bucket.remove(manifestOf(random.pick(bucket.stored))),
  },
  {
    name: 'a manifest is torn',
    found: ['manifest-unreadable'],
    async plant(bucket, random) {
      const key = manifestOf(random.pick(bucket.stored));
      await bucket.put(key, (await bucket.body(key)).subarray(0, random.between(0, 40)));
    },
  },
  {
    name: 'a manifest is too large to be read',
    found: ['manifest-unreadable'],
    plant: (bucket, random) =>
      bucket.put(manifestOf(random.pick(bucket.stored)), Buffer.alloc(MAX_SMALL_OBJECT_BYTES + 1, ' ')),
  },
  {
    name: 'a manifest is that of another recording',
    found: ['manifest-unreadable'],
    plant: async (bucket) => bucket.put(manifestOf(bucket.played), await bucket.body(manifestOf(bucket.silent))),
  },
  editManifest('a manifest names another tenant', ['manifest-unreadable'], { tenantId: 'beta' }),
  editManifest('a manifest says that it was created later', ['manifest-unreadable'], (bucket) => ({
    createdAt: `${bucket.day(4)}T00:00:00.000Z`,
  })),
  editManifest('a manifest has a type that browsers run', ['manifest-unreadable'], { contentType: 'text/html' }),
  editManifest('a manifest has another type', ['manifest-changed'], { contentType: 'audio/webm' }),
  editManifest('a manifest has another kind', ['manifest-changed'], { kind: 'screen' }),
  editManifest('a manifest has another policy of consent', ['manifest-changed'], {
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '8' },
  }),
  editManifest('a manifest has consent of later', ['manifest-changed'], (bucket) => ({
    consent: { givenAt: `${bucket.day(4)}T00:00:00Z`, policyVersion: '7' },
  })),
  editManifest('a manifest names another participant', ['wrong-participant'], { participantId: 'p9' }),
  editManifest('a manifest names another upload', ['manifest-changed'], { uploadId: 'other' }),
  {
    name: 'the manifest of an upload names another participant, and so does the index',
    found: ['manifest-changed'],
    async plant(bucket) {
      await bucket.edit(manifestOf(bucket.uploading), { participantId: 'p9' });
      await bucket.move(participantKey('p5', bucket.uploading), participantKey('p9', bucket.uploading));
    },
  },
  {
    name: 'the manifest of an upload is changed to another kind',
    found: { undetectable: NOT_KEPT },
    plant: (bucket) => bucket.edit(manifestOf(bucket.uploading), { kind: 'screen' }),
  },
  {
    name: 'two manifests name one upload',
    found: ['manifest-changed'],
    async plant(bucket) {
      const { uploadId } = await bucket.json(manifestOf(bucket.silent));
      await bucket.edit(manifestOf(bucket.uploading), { uploadId });
    },
  },
  {
    name: 'a recording is filed in another attempt',
    found: ['manifest-unreadable'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      for (const key of await bucket.keys(/./, recordingPrefix(ref)))
        await bucket.move(key, key.replace(`/${ref.attempt}/`, '/elsewhere/'));
    },
  },
  {
    name: 'a recording is filed under another tenant',
    found: ['manifest-unreadable'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      for (const key of await bucket.keys(/./, recordingPrefix(ref)))
        await bucket.move(key, key.replace('/acme/', '/beta/'));
    },
  },
  {
    name: 'the index entry of a participant is removed',
    found: ['marker-missing'],
    plant: async (bucket, random) => bucket.remove(random.pick(await bucket.keys(/./, 'participants/acme/p'))),
  },
  {
    name: 'a recording is in the index of another participant too',
    found: ['wrong-participant'],
    plant: (bucket, random) => bucket.put(participantKey('p9', random.pick(bucket.stored))),
  },
  {
    name: 'a recording is in the index of another participant instead',
    found: ['wrong-participant'],
    plant: (bucket) => bucket.move(participantKey('p4', bucket.silent), participantKey('p9', bucket.silent)),
  },
  {
    name: 'an index entry leads to nothing',
    found: ['recording-vanished'],
    plant: (bucket) => bucket.put(participantKey('p9', freshRef(bucket, 'nothing'))),
  },
  {
    name: 'the index entry of what was erased is written again',
    found: ['stray-marker'],
    plant: (bucket) => bucket.put(participantKey('p9', bucket.erased)),
  },
  {
    name: 'a recording that nobody played vanishes, and its index entry is left',
    found: ['recording-vanished'],
    plant: async (bucket) => {
      const { exam, attempt } = bucket.silent;
      await bucket.remove(...(await bucket.keys(/./, `attempts/acme/${exam}/${attempt}/`)));
    },
  },
  {
    name: 'an index entry has a body',
    found: ['wrong-body'],
    plant: (bucket, random) => bucket.put(participantKey('p4', bucket.silent), 'x'.repeat(random.between(6, 99))),
  },
];

const DEADLINES: Corruption[] = [
  {
    name: 'the entries of an attempt are removed from the queue',
    found: ['no-due-entry'],
    plant: async (bucket, random) => bucket.remove(...(await dueOf(bucket, random.pick(bucket.stored)))),
  },
  {
    name: 'the entries of an attempt are later',
    found: ['no-due-entry'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      await bucket.remove(...(await dueOf(bucket, ref)));
      await bucket.put(dueAttemptKey(bucket.now() + 29.9 * DAY_MS, ref, 'later'));
    },
  },
  {
    name: 'an entry of the queue is later than any deadline',
    found: ['from-future'],
    plant: (bucket, random) =>
      bucket.put(dueAttemptKey(bucket.now() + random.between(31, 99) * DAY_MS, bucket.silent, 'late')),
  },
  {
    name: 'an entry of the queue is later than any deadline of its time',
    found: ['impossible-time'],
    plant: (bucket) => bucket.put(dueAttemptKey(bucket.now() + 30 * DAY_MS + HOUR_MS, bucket.silent, 'late')),
  },
  {
    name: 'an entry of the queue has a body',
    found: ['wrong-body'],
    plant: async (bucket, random) => bucket.put(random.pick(await dueOf(bucket, bucket.played)), 'body'),
  },
  {
    name: 'the record of retention overrides is torn',
    found: ['unreadable'],
    plant: async (bucket) => bucket.put((await bucket.keys(/\/orders\//, 'due/'))[0] ?? '', '{'),
  },
  {
    name: 'the record of retention overrides is removed',
    found: { undetectable: 'The next sweep writes it again, after it has added every missing queue entry.' },
    plant: async (bucket) => bucket.remove(...(await bucket.keys(/\/orders\//, 'due/'))),
  },
  {
    name: 'the assessment is removed',
    found: ['assessment-missing'],
    plant: async (bucket) => bucket.remove(...(await bucket.keys(/\/assessed\/assessed\//, 'attempts/acme/'))),
  },
  {
    name: 'the assessment is later',
    found: ['assessment-missing'],
    async plant(bucket, random) {
      await bucket.remove(...(await bucket.keys(/\/assessed\/assessed\//, 'attempts/acme/')));
      await bucket.put(assessedKey(attemptOf(bucket.assessed), bucket.now() - random.between(1, 48) * HOUR_MS));
    },
  },
  {
    name: 'an assessment is written where there was none',
    found: ['assessment-unproven'],
    async plant(bucket, random) {
      const ref = random.pick([bucket.played, bucket.silent, bucket.lifted]);
      await bucket.put(assessedKey(attemptOf(ref), bucket.now() - random.between(1, 48) * HOUR_MS));
    },
  },
  {
    name: 'an earlier assessment is written',
    found: ['assessment-unproven'],
    plant: (bucket, random) =>
      bucket.put(assessedKey(attemptOf(bucket.assessed), bucket.now() - random.between(7, 20) * DAY_MS)),
  },
  {
    name: 'a later assessment is written beside the one that counts',
    found: ['assessment-unproven'],
    plant: (bucket) => bucket.put(assessedKey(attemptOf(bucket.assessed), bucket.now() - HOUR_MS)),
  },
  {
    name: 'an assessment has a body',
    found: ['wrong-body'],
    plant: async (bucket) => bucket.put((await bucket.keys(/\/assessed\/assessed\//, 'attempts/acme/'))[0] ?? '', 'x'),
  },
  {
    name: 'an assessment is of a time to come',
    found: ['from-future'],
    plant: (bucket, random) =>
      bucket.put(assessedKey(attemptOf(bucket.silent), bucket.now() + random.between(5, 99) * HOUR_MS)),
  },
  {
    name: 'an assessment was written before its time',
    found: ['impossible-time'],
    plant: (bucket) => bucket.put(assessedKey(attemptOf(bucket.silent), bucket.now() + HOUR_MS)),
  },
  {
    name: 'the marker of an assessment is left where nothing leads',
    found: ['assessing-left'],
    plant: (bucket) => bucket.put(assessingKey({ tenant: 'acme', exam: 'math', attempt: 'none' }, 'x')),
  },
  {
    name: 'the marker of an assessment has a body',
    found: ['wrong-body'],
    plant: (bucket) => bucket.put(assessingKey(attemptOf(bucket.silent), 'x'), 'body'),
  },
  {
    name: 'the tags promise an earlier deadline than the facts',
    found: ['deadline-moved'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      const earlier = (await deadlineIn(bucket, ref)) - random.between(1, 20) * DAY_MS;
      await bucket.store.tag(mediaKey(ref), { ...(await tagsOf(bucket, ref)), 'delete-by': toIso(earlier) });
    },
  },
  {
    name: 'the tags tell of an assessment that there is not',
    found: ['deadline-moved'],
    async plant(bucket) {
      const tags = {
        ...(await tagsOf(bucket, bucket.silent)),
        'assessment-completed-at': toIso(bucket.now() - DAY_MS),
      };
      await bucket.store.tag(mediaKey(bucket.silent), tags);
    },
  },
  {
    name: 'the tags promise a later deadline than the facts',
    found: ['wrong-tags'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      const later = (await deadlineIn(bucket, ref)) + random.between(1, 99) * DAY_MS;
      await bucket.store.tag(mediaKey(ref), { ...(await tagsOf(bucket, ref)), 'delete-by': toIso(later) });
    },
  },
  {
    name: 'the tags are removed',
    found: ['wrong-tags'],
    plant: (bucket, random) => bucket.store.tag(mediaKey(random.pick(bucket.stored)), {}),
  },
  {
    name: 'a recording has an id of a time to come',
    found: ['from-future'],
    async plant(bucket, random) {
      const ref = freshRef(bucket, 'ahead', -random.between(5, 99) * HOUR_MS);
      await bucket.put(mediaKey(ref), 'media');
    },
  },
  {
    name: 'a recording was written before the time in its id',
    found: ['impossible-time'],
    async plant(bucket) {
      const ref = freshRef(bucket, 'silent', -HOUR_MS / 2);
      const manifest = await bucket.json(manifestOf(bucket.silent));
      const createdAt = toIso(createdAtOf(ref.recording));
      await bucket.put(manifestOf(ref), toBody({ ...manifest, recordingId: ref.recording, createdAt, uploadId: 'x' }));
    },
  },
  {
    name: 'a recording is moved to a later id, with everything stored about it',
    found: { undetectable: NEVER_SEEN },
    async plant(bucket) {
      const { silent } = bucket;
      const ref = freshRef(bucket, 'silent');
      const bornMs = createdAtOf(ref.recording);
      const manifest = await bucket.json(manifestOf(silent));
      const createdAt = toIso(bornMs);
      const media = await mediaOf(bucket, silent);
      await bucket.put(manifestOf(ref), toBody({ ...manifest, recordingId: ref.recording, createdAt, uploadId: 'x' }));
      await replaceMedia(bucket, ref, media);
      const mark = await bucket.json(recordingKey(silent, 'stored'));
      await bucket.put(
        recordingKey(ref, 'stored'),
        toBody({
          version: 1,
          container: mark.container,
          parts: [],
          media: {
            sizeBytes: media.length,
          },
        }),
      );
      const deadline = bornMs + 30 * DAY_MS;
      await bucket.store.tag(mediaKey(ref), { 'delete-by': toIso(deadline) });
      const gone = await everythingOf(bucket, silent);
      await bucket.put(participantKey('p4', ref));
      await bucket.put(dueAttemptKey(deadline, ref, `${ref.recording}-p4`));
      await bucket.remove(...gone);
      await forgetEvents(bucket, silent);
    },
  },
];

/** Removes what waits for webhooks of a recording. */
async function forgetEvents(bucket: Built, { recording }: RecordingRef): Promise<void> {
  for (const key of await bucket.keys(/./, 'outbox/')) {
    if ((await bucket.body(key)).includes(recording)) await bucket.remove(key);
  }
}

const intent = (bucket: Built, change: object = {}) =>
  toBody({ version: 1, reason: 'erasure', actor: 'nobody', requestedAt: toIso(bucket.now()), ...change });

const restrictionOf = (ref: RecordingRef) => recordingKey(ref, 'restricted');

const DELETIONS: Corruption[] = [
  {
    name: 'a deletion intent is written, and nothing leads to it',
    found: ['deletion-stuck'],
    plant: (bucket, random) =>
      bucket.put(recordingKey(random.pick(bucket.stored), 'deleting'), intent(bucket, { reason: 'retention' })),
  },
  {
    name: 'a deletion intent says that its retention has ended',
    found: ['deleted-early'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      await bucket.put(dueAttemptKey(bucket.now(), ref, 'now'));
      await bucket.put(recordingKey(ref, 'deleting'), intent(bucket, { reason: 'retention', actor: 'sweeper' }));
    },
  },
  {
    name: 'a deletion on request is forged',
    found: ['deletion-unproven'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      await bucket.put(dueAttemptKey(bucket.now(), ref, 'now'));
      await bucket.put(recordingKey(ref, 'deleting'), intent(bucket));
    },
  },
  {
    name: 'a deletion intent is torn',
    found: ['unreadable'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      await bucket.put(dueAttemptKey(bucket.now(), ref, 'now'));
      await bucket.put(recordingKey(ref, 'deleting'), '{');
    },
  },
  {
    name: 'a deletion intent is of a time to come',
    found: ['impossible-time'],
    async plant(bucket) {
      await bucket.put(dueAttemptKey(bucket.now(), bucket.silent, 'now'));
      const requestedAt = toIso(bucket.now() + DAY_MS);
      await bucket.put(recordingKey(bucket.silent, 'deleting'), intent(bucket, { reason: 'retention', requestedAt }));
    },
  },
  {
    name: 'a recording that was erased is there again',
    found: ['media-without-manifest', 'receipt-but-objects'],
    plant: (bucket) => bucket.put(mediaKey(bucket.erased), 'again'),
  },
  {
    name: 'a receipt is forged of what is there',
    found: ['receipt-forged', 'receipt-without-expiry'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      const receipt = await bucket.json<Receipt>(receiptKey(bucket.erased));
      const ids = { tenantId: ref.tenant, examId: ref.exam, attemptId: ref.attempt, recordingId: ref.recording };
      await bucket.put(receiptKey(ref), toBody({ ...receipt, ...ids }));
    },
  },
  {
    name: 'a recording that was played vanishes with all that leads to it',
    found: ['recording-vanished'],
    plant: async (bucket, random) =>
      bucket.remove(...(await everythingOf(bucket, random.pick([bucket.played, bucket.second, bucket.assessed])))),
  },
  {
    name: 'a recording that nobody played is removed, with everything that leads to it',
    found: { undetectable: NEVER_SEEN },
    async plant(bucket) {
      await bucket.remove(...(await everythingOf(bucket, bucket.silent)));
      await forgetEvents(bucket, bucket.silent);
    },
  },
  {
    name: 'a restriction is removed',
    found: ['restriction-missing'],
    plant: (bucket) => bucket.remove(recordingKey(bucket.restricted, 'restricted')),
  },
  {
    name: 'a restriction is torn',
    found: ['unreadable'],
    plant: (bucket) => bucket.put(recordingKey(bucket.restricted, 'restricted'), '{'),
  },
  {
    name: 'a restriction is written that nobody requested',
    found: ['restriction-unproven'],
    async plant(bucket, random) {
      const ref = random.pick([bucket.played, bucket.silent]);
      const body = { version: 1, reason: 'x', actor: 'nobody', restrictedAt: toIso(bucket.now()) };
      await bucket.put(recordingKey(ref, 'restricted'), toBody(body));
    },
  },
  {
    name: 'a restriction is of a time to come',
    found: ['impossible-time'],
    plant: (bucket) =>
      bucket.edit(recordingKey(bucket.restricted, 'restricted'), { restrictedAt: toIso(bucket.now() + DAY_MS) }),
  },
  {
    name: 'the reason of a restriction is another',
    found: ['restriction-unproven'],
    plant: (bucket) => bucket.edit(recordingKey(bucket.restricted, 'restricted'), { reason: 'other' }),
  },
  {
    name: 'a restriction is of a time before its recording',
    found: ['impossible-time'],
    plant: (bucket) => bucket.edit(restrictionOf(bucket.restricted), { restrictedAt: '1900-01-01T00:00:00.000Z' }),
  },
  {
    name: 'a restriction says that it is younger',
    found: ['restriction-unproven'],
    plant: (bucket) => bucket.edit(restrictionOf(bucket.restricted), { restrictedAt: toIso(bucket.now() - DAY_MS) }),
  },
  {
    name: 'a restriction that was lifted is written again, by somebody else',
    found: ['restriction-unproven'],
    async plant(bucket) {
      const body = { version: 1, reason: 'x', actor: 'nobody', restrictedAt: toIso(bucket.now()) };
      await bucket.put(restrictionOf(bucket.lifted), toBody(body));
    },
  },
  {
    name: 'a restriction that was lifted is restored',
    found: { undetectable: LIKE_A_CRASH },
    async plant(bucket) {
      const { restrictedAt } = await bucket.json<{ restrictedAt: string }>(restrictionOf(bucket.restricted));
      const body = { version: 1, reason: 'a mistake', actor: CALLER.actor, restrictedAt };
      await bucket.put(restrictionOf(bucket.lifted), toBody(body));
    },
  },
];

const timelineOf = (ref: RecordingRef) => recordingKey(ref, 'timeline');
const overviewOf = (ref: RecordingRef) => recordingKey(ref, 'overview');

const OTHER_OBJECTS: Corruption[] = [
  {
    name: 'a timeline is torn',
    found: ['unreadable'],
    plant: (bucket) => bucket.put(timelineOf(bucket.played), '{'),
  },
  {
    name: 'the gaps of a timeline are hidden',
    found: ['wrong-timeline'],
    plant: (bucket, random) => bucket.edit(timelineOf(random.pick([bucket.played, bucket.silent])), { gaps: [] }),
  },
  {
    name: 'a timeline ends before it begins',
    found: ['wrong-timeline'],
    plant: (bucket) => bucket.edit(timelineOf(bucket.played), { endedAt: '2026-01-01T00:00:00Z' }),
  },
  {
    name: 'a timeline is removed',
    found: ['wrong-timeline'],
    plant: (bucket, random) => bucket.remove(timelineOf(random.pick([bucket.played, bucket.silent]))),
  },
  {
    name: 'a timeline is added to a recording that was not completed',
    found: { undetectable: LIKE_A_CRASH },
    plant: async (bucket) => bucket.put(timelineOf(bucket.uploading), await bucket.body(timelineOf(bucket.played))),
  },
  {
    name: 'a timeline is added to a stored recording that had none',
    found: { undetectable: 'A client may send the timeline with a later call.' },
    plant: async (bucket) => bucket.put(timelineOf(bucket.abandoned), await bucket.body(timelineOf(bucket.played))),
  },
  {
    name: 'an overview is torn',
    found: ['unreadable'],
    plant: async (bucket) =>
      bucket.put(overviewOf(bucket.second), (await bucket.body(overviewOf(bucket.second))).subarray(9)),
  },
  {
    name: 'an overview is replaced by that of another recording',
    found: ['wrong-overview'],
    plant: async (bucket) => bucket.put(overviewOf(bucket.second), await bucket.body(overviewOf(bucket.assessed))),
  },
  {
    name: 'an overview is removed',
    found: ['wrong-overview'],
    plant: (bucket, random) => bucket.remove(overviewOf(random.pick([bucket.second, bucket.assessed]))),
  },
  {
    name: 'an overview is added to a stored recording that had none',
    found: ['wrong-overview'],
    plant: async (bucket) => bucket.put(overviewOf(bucket.played), await bucket.body(overviewOf(bucket.second))),
  },
  {
    name: 'an overview is added to a recording that was not completed',
    found: { undetectable: 'A client sends the overview before it completes the recording.' },
    plant: async (bucket) => bucket.put(overviewOf(bucket.uploading), await bucket.body(overviewOf(bucket.second))),
  },
  {
    name: 'an overview is replaced within an hour after its recording was stored',
    found: { undetectable: 'A client may have sent the overview while the recording was completed.' },
    plant: async (bucket) => bucket.put(overviewOf(bucket.young), await bucket.body(overviewOf(bucket.second))),
  },
  ...(['truncated', 'announced', 'ahead'] as const).map(
    (marker): Corruption => ({
      name: `the marker ${marker} has a body`,
      found: ['wrong-body'],
      plant: (bucket, random) => bucket.put(recordingKey(random.pick(bucket.stored), marker), 'body'),
    }),
  ),
  {
    name: 'the marker of a truncated recording is removed',
    found: { undetectable: NOT_KEPT },
    plant: (bucket) => bucket.remove(recordingKey(bucket.abandoned, 'truncated')),
  },
  {
    name: 'a recording is marked as truncated',
    found: { undetectable: NOT_KEPT },
    plant: (bucket) => bucket.put(recordingKey(bucket.played, 'truncated')),
  },
  ...[
    '',
    'attempts/',
    'attempts/acme/math/played/',
    'receipts/acme/',
    'due/',
    'participants/acme/',
    'audit/',
    'outbox/',
  ].map(
    (folder): Corruption => ({
      name: `a foreign key is in "${folder}"`,
      found: ['unknown-key'],
      plant: (bucket) => bucket.put(`${folder}${randomUUID()}`, 'foreign'),
    }),
  ),
  {
    name: 'a trial of the store is left',
    found: ['unknown-key'],
    plant: (bucket) => bucket.put('doctor/left', 'trial'),
  },
];

const RECEIPTS: Corruption[] = [
  {
    name: 'a receipt of a sweep is removed',
    found: ['receipt-missing'],
    plant: (bucket, random) => bucket.remove(receiptKey(random.pick(bucket.swept))),
  },
  {
    name: 'a receipt of a request is removed',
    found: ['receipt-missing'],
    plant: (bucket, random) => bucket.remove(receiptKey(random.pick([bucket.erased, bucket.another]))),
  },
  {
    name: 'a receipt of a sweep is changed',
    found: ['receipt-changed'],
    plant: (bucket, random) => bucket.edit(receiptKey(random.pick(bucket.swept)), { actor: 'other' }),
  },
  {
    name: 'a receipt of a request is changed',
    found: ['receipt-changed'],
    plant: (bucket, random) =>
      bucket.edit(
        receiptKey(random.pick([bucket.erased, bucket.another])),
        random.pick([{ bytes: 1 }, { objects: 9 }]),
      ),
  },
  {
    name: 'a receipt is torn',
    found: ['unreadable'],
    plant: (bucket, random) => bucket.put(receiptKey(random.pick([...bucket.swept, bucket.erased])), '{'),
  },
  {
    name: 'a receipt is that of another recording',
    found: ['unreadable'],
    plant: async (bucket) => bucket.put(receiptKey(bucket.erased), await bucket.body(receiptKey(bucket.another))),
  },
  {
    name: 'a receipt says that it is of another run',
    found: ['receipt-changed'],
    async plant(bucket, random) {
      const key = receiptKey(random.pick([...bucket.swept, bucket.erased]));
      const { chain } = await bucket.json<Receipt>(key);
      await bucket.edit(key, { chain: { ...chain, run: `sweep-${toKeyTime(bucket.now() - DAY_MS)}-other` } });
    },
  },
  {
    name: 'the index of a receipt is removed',
    found: ['receipt-without-expiry'],
    plant: async (bucket, random) =>
      bucket.remove((await indexOf(bucket, receiptKey(random.pick([bucket.erased, bucket.another])))).key),
  },
  {
    name: 'the index of a receipt is torn',
    found: ['unreadable'],
    plant: async (bucket) => bucket.put((await indexOf(bucket, receiptKey(bucket.erased))).key, '['),
  },
  {
    name: 'the index of a receipt is later than its run',
    found: ['impossible-time'],
    async plant(bucket) {
      const { key, index } = await indexOf(bucket, receiptKey(bucket.erased));
      const run = index.run.replace(/\d{8}T\d{9}Z/, toKeyTime(bucket.now() + HOUR_MS));
      await bucket.edit(key, { run });
    },
  },
  {
    name: 'an index of receipts is of a time to come',
    found: ['from-future'],
    plant: (bucket) =>
      bucket.put(
        dueReceiptsKey(bucket.now() + 300 * DAY_MS, 'x'),
        toBody({
          version: 1,
          run: `request-${toKeyTime(bucket.now() + DAY_MS)}-x`,
          first: 1,
          previous: null,
          keys: [],
        }),
      ),
  },
  {
    name: 'an index of receipts is kept past its time',
    found: ['log-overdue'],
    plant: (bucket) =>
      bucket.put(
        dueReceiptsKey(bucket.now() - 2 * DAY_MS, 'x'),
        toBody({ version: 1, run: 'request-x', first: 1, previous: null, keys: [] }),
      ),
  },
  {
    name: 'a receipt is forged of what never was',
    found: ['receipt-without-expiry'],
    async plant(bucket) {
      const ref = freshRef(bucket, 'never');
      const receipt = await bucket.json<Receipt>(receiptKey(bucket.erased));
      await bucket.put(receiptKey(ref), toBody({ ...receipt, attemptId: 'never', recordingId: ref.recording }));
    },
  },
  {
    name: 'a receipt is forged of what never was, with an index',
    found: ['deletion-unproven'],
    async plant(bucket) {
      const ref = freshRef(bucket, 'never', 5 * HOUR_MS);
      const run = `request-${toKeyTime(bucket.now() - 3 * HOUR_MS)}-forged`;
      const at = toIso(bucket.now() - 3 * HOUR_MS);
      const ids = { attemptId: 'never', recordingId: ref.recording };
      const times = { deletedAt: at, verifiedAt: at, deadline: toIso(bucket.now() + 20 * DAY_MS) };
      const chain = { run, sequence: 1, previous: null };
      const body = toBody({ ...(await bucket.json<Receipt>(receiptKey(bucket.erased))), ...ids, ...times, chain });
      await bucket.put(receiptKey(ref), body);
      const index = { version: 1, run, first: 1, previous: null, last: hashOf(body), keys: [receiptKey(ref)] };
      await bucket.put(dueReceiptsKey(bucket.now() + 365 * DAY_MS, 'forged'), toBody(index));
    },
  },
  {
    name: 'a receipt has an impossible deadline, and its index agrees',
    found: ['impossible-time'],
    plant: (bucket) => rewrite(bucket, bucket.erased, { deadline: toIso(bucket.now() + 200 * DAY_MS) }),
  },
  {
    name: 'a receipt is of a deletion before the creation, and its index agrees',
    found: ['impossible-time'],
    plant: (bucket) => rewrite(bucket, bucket.erased, { deletedAt: toIso(bucket.now() - 9 * DAY_MS) }),
  },
  {
    name: 'a receipt is of a deletion after its index was written, and the index agrees',
    found: ['impossible-time'],
    plant: (bucket) => {
      const at = toIso(bucket.now() + DAY_MS);
      return rewrite(bucket, bucket.erased, { deletedAt: at, verifiedAt: at });
    },
  },
  {
    name: 'a receipt has another participant, and its index agrees',
    found: ['receipt-forged'],
    plant: (bucket) => rewrite(bucket, bucket.erased, { participantId: 'p9' }),
  },
  {
    name: 'the receipt of an erasure and its index are removed',
    found: ['recording-vanished'],
    async plant(bucket, random) {
      const key = receiptKey(random.pick([bucket.erased, bucket.another]));
      await bucket.remove((await indexOf(bucket, key)).key, key);
    },
  },
  {
    name: 'the receipts of a sweep and their index are removed, and one had been played',
    found: ['recording-vanished'],
    async plant(bucket) {
      const { key, index } = await indexOf(bucket, receiptKey(bucket.swept[0] as RecordingRef));
      await bucket.remove(key, ...index.keys);
    },
  },
  {
    name: 'the last receipts of a run and their index are removed, and nobody had played them',
    found: ['receipt-missing'],
    async plant(bucket) {
      // Of an abort there is an event, which proves nothing: two at once may have found nothing to delete.
      const [key = ''] = await bucket.keys(/\/aborted\//, 'receipts/');
      await bucket.remove((await indexOf(bucket, key)).key, key);
      await forgetEvents(bucket, { ...bucket.erased, recording: key.split('/').at(-1)?.replace('.json', '') ?? '' });
    },
  },
];

const headOf = async (bucket: Built, tenant: string) => {
  const [head = ''] = await bucket.keys(/./, `log/${tenant}/heads/`);
  return head;
};
/** Another bit in the middle of an object. */
async function spoil(bucket: Built, key: string, random: Random): Promise<void> {
  const body = await bucket.body(key);
  const at = random.between(0, body.length - 1);
  body.writeUInt8(body.readUInt8(at) ^ 1, at);
  await bucket.put(key, body);
}
const stranger = await createSigner([privateJwk('stranger')]);

const headKey = (tenant: string, size: number) => keyOf('log-head', { tenant, size });
/** Who has the key itself signs a head: what the service would have done upon another history. */
async function putHead(bucket: Built, tenant: string, entries: readonly string[]): Promise<void> {
  const root = new GrowingTree(entries.length, [entries.map(leafOf)]).root;
  const checkpoint = await testSigner.signCheckpoint({ origin: originOf(tenant), size: entries.length, root });
  const latest = await bucket.json(await headOf(bucket, tenant));
  await bucket.put(headKey(tenant, entries.length), toBody({ ...latest, entries, checkpoint }));
}
/** An entry of a receipt that was kept until more than a year ago. */
const entryOfLongAgo = (bucket: Built) =>
  formatEntry({
    keptUntil: toDay(bucket.now() - 400 * DAY_MS),
    hash: hashOfReceipt('long ago'),
    recording: hashOfReceipt('a recording'),
    generation: 0,
    leadSeconds: 0,
  });
/** What only the key signs: for an old one, it was kept. */
async function putSubmission(bucket: Built, signer: Signer, entries: readonly string[]): Promise<void> {
  const jws = await signer.sign('submission', toBody({ version: 1, tenantId: 'acme', entries }));
  await bucket.put('log-queue/acme/submitted', jws);
}

const LOGS: Corruption[] = [
  {
    name: 'a recording that was played is destroyed, and has a receipt without a signature, with an index',
    found: ['receipt-unsigned'],
    async plant(bucket) {
      const { played } = bucket;
      await bucket.remove(...(await everythingOf(bucket, played)));
      const at = toIso(bucket.now());
      const run = `sweep-${toKeyTime(bucket.now())}-forged`;
      const { jws: _, keptUntil: __, ...receipt } = await bucket.json<Receipt>(receiptKey(bucket.erased));
      const body = toBody({
        ...receipt,
        attemptId: played.attempt,
        recordingId: played.recording,
        reason: 'retention',
        deadline: toIso(bucket.now() + 20 * DAY_MS),
        deletedAt: at,
        verifiedAt: at,
        chain: { run, sequence: 1, previous: null },
      });
      await bucket.put(receiptKey(played), body);
      const index = { version: 1, run, first: 1, previous: null, last: hashOf(body), keys: [receiptKey(played)] };
      await bucket.put(dueReceiptsKey(bucket.now() + 365 * DAY_MS, 'forged'), toBody(index));
    },
  },
  {
    name: 'a log is reset to an earlier head, and the later receipts are removed with their indexes',
    found: { undetectable: 'The service signed that head too. Only a checkpoint kept elsewhere shows it.' },
    async plant(bucket) {
      const receipt = receiptKey(bucket.unseen);
      await bucket.remove((await indexOf(bucket, receipt)).key, receipt);
      await bucket.remove(...(await bucket.keys(/^log(-queue)?\/beta\//, 'log')));
      for (const [key, body] of bucket.earlierLog) await bucket.put(key, body);
    },
  },
  {
    name: 'a log has a receipt again that had expired',
    found: ['log-entry-expired'],
    async plant(bucket) {
      const { entries } = await bucket.json<{ entries: string[] }>(await headOf(bucket, 'beta'));
      await putHead(bucket, 'beta', [...entries, entryOfLongAgo(bucket)]);
    },
  },
  {
    name: 'a head of another history of a log is put beside its own',
    found: ['log-changed'],
    plant: (bucket) => putHead(bucket, 'beta', [entryOfLongAgo(bucket)]),
  },
  ...[
    'heads/999999999990',
    'heads/999999999999',
    'entries/000000000777',
    'tile/0/000000000001',
    'tile/9/000000000000',
  ].map(
    (name): Corruption => ({
      name: `media are hidden in ${name} of a log`,
      found: ['unknown-key'],
      plant: async (bucket) => bucket.put(`log/acme/${name}`, await mediaOf(bucket, bucket.played)),
    }),
  ),
  {
    name: 'receipts that have expired are submitted to a log again',
    found: ['log-submission-expired'],
    plant: (bucket) => putSubmission(bucket, testSigner, [entryOfLongAgo(bucket)]),
  },
  {
    name: 'something that somebody else has signed is submitted to a log',
    found: ['log-key-unknown'],
    plant: (bucket) => putSubmission(bucket, stranger, [entryOfLongAgo(bucket)]),
  },
  {
    name: 'the signature of a receipt is removed, and its index agrees',
    found: ['receipt-missing'],
    plant: (bucket) => rewrite(bucket, bucket.erased, { jws: undefined }),
  },
  {
    name: 'a receipt is signed by somebody else, and its index agrees',
    found: ['log-key-unknown'],
    async plant(bucket) {
      const { jws: _, ...claims } = await bucket.json<Receipt>(receiptKey(bucket.erased));
      const forged = { ...claims, participantId: 'p9' };
      await rewrite(bucket, bucket.erased, { ...forged, jws: await stranger.sign('receipt', toBody(forged)) });
    },
  },
  {
    name: 'a receipt has the signature of another, and its index agrees',
    found: ['receipt-forged'],
    async plant(bucket, random) {
      const { jws } = await bucket.json<Receipt>(receiptKey(random.pick(bucket.swept)));
      await rewrite(bucket, bucket.erased, { jws });
    },
  },
  {
    name: 'the head of a log is torn',
    found: ['log-head-unreadable'],
    plant: async (bucket, random) => spoil(bucket, await headOf(bucket, random.pick(['acme', 'beta'])), random),
  },
  {
    name: 'the head of a log leaves out an entry',
    found: ['log-head-unreadable'],
    async plant(bucket) {
      const head = await headOf(bucket, 'acme');
      const { entries } = await bucket.json<{ entries: string[] }>(head);
      await bucket.edit(head, { entries: entries.slice(1) });
    },
  },
  {
    name: 'the head of a log has its entries in another order',
    found: ['log-head-unreadable'],
    async plant(bucket) {
      const head = await headOf(bucket, 'acme');
      const { entries } = await bucket.json<{ entries: string[] }>(head);
      await bucket.edit(head, { entries: entries.toReversed() });
    },
  },
  {
    name: 'the head of a log is signed by somebody else',
    found: ['log-key-unknown'],
    async plant(bucket) {
      const head = await headOf(bucket, 'beta');
      const { entries } = await bucket.json<{ entries: string[] }>(head);
      const root = new GrowingTree(entries.length, [entries.map(leafOf)]).root;
      const checkpoint = await stranger.signCheckpoint({ origin: originOf('beta'), size: entries.length, root });
      await bucket.edit(head, { checkpoint });
    },
  },
  {
    name: 'a log has the head of another tenant',
    found: ['log-head-unreadable'],
    plant: async (bucket) => bucket.put(await headOf(bucket, 'acme'), await bucket.body(await headOf(bucket, 'beta'))),
  },
  {
    name: 'a longer log is made up',
    found: ['log-head-unreadable'],
    async plant(bucket) {
      await bucket.put('log/acme/heads/999999990000', await bucket.body(await headOf(bucket, 'acme')));
    },
  },
  {
    name: 'the heads of a long log are removed',
    found: ['log-head-unreadable'],
    plant: async (bucket) => bucket.remove(...(await bucket.keys(/./, 'log/acme/heads/'))),
  },
  {
    name: 'a short log is removed',
    found: ['receipt-not-in-log'],
    plant: async (bucket) => bucket.remove(...(await bucket.keys(/./, 'log/beta/'))),
  },
  ...(['tile/0', 'entries'] as const).flatMap((folder): Corruption[] => [
    {
      name: `${folder} of a log is removed`,
      found: ['log-changed'],
      plant: async (bucket) => bucket.remove(...(await bucket.keys(/./, `log/acme/${folder}/`))),
    },
    {
      name: `${folder} of a log is changed`,
      found: ['log-changed'],
      async plant(bucket, random) {
        const [key = ''] = await bucket.keys(/./, `log/acme/${folder}/`);
        await spoil(bucket, key, random);
      },
    },
  ]),
  {
    name: 'something that no key has signed is submitted to a log',
    found: ['log-submission-forged'],
    plant: (bucket) => bucket.put('log-queue/acme/made-up', 'eyJhbGciOiJub25lIn0.e30.'),
  },
  {
    name: 'something else is put among the logs',
    found: ['unknown-key'],
    plant: (bucket, random) =>
      bucket.put(random.pick(['log/acme/heads/1', 'log/acme/x', 'log-queue/acme', 'log/x/y/z']), 'x'),
  },
];

const LINKS = /-link-issued-/;
/** The events of some days, each with its key. */
async function placedOn(bucket: Built, days: readonly number[], pattern: string) {
  const keys = await eventsOn(bucket, days, pattern);
  return Promise.all(keys.map(async (key) => ({ key, ...(await bucket.json<AuditEventDocument>(key)) })));
}

/** An event in the middle of a run: of acme on a day on which it had several, neither the first nor the last of them. */
async function middleOf(bucket: Built, random: Random): Promise<string> {
  const placed = await placedOn(bucket, [1, 2, 3, 4], '/acme/');
  return random.pick(placed.filter(({ chain }) => chain?.sequence === 2)).key;
}

async function lastOf(bucket: Built, day: number): Promise<string> {
  const placed = await placedOn(bucket, [day], '/acme/');
  const last = placed.toSorted((a, b) => (b.chain?.sequence ?? 0) - (a.chain?.sequence ?? 0))[0];
  assert(last);
  return last.key;
}

const auditBody = (bucket: Built, ref: RecordingRef, change: object = {}) =>
  toBody({
    at: toIso(bucket.now()),
    tenantId: ref.tenant,
    examId: ref.exam,
    attemptId: ref.attempt,
    recordingId: ref.recording,
    event: 'link-issued',
    actor: 'nobody',
    requestId: 'x',
    ...change,
  });

const TRAIL: Corruption[] = [
  {
    name: 'an audit event is removed from the middle of its run',
    found: ['audit-missing'],
    plant: async (bucket, random) => bucket.remove(await middleOf(bucket, random)),
  },
  {
    name: 'the first audit event of a run is removed',
    found: ['audit-missing'],
    async plant(bucket, random) {
      const all = await eventsOn(bucket, [random.between(1, 4)], '/acme/');
      for (const key of all) {
        if ((await bucket.json<AuditEventDocument>(key)).chain?.sequence === 1) await bucket.remove(key);
      }
    },
  },
  {
    name: 'the last audit event of a day is removed, and its process went on',
    found: ['audit-missing'],
    plant: async (bucket, random) => bucket.remove(await lastOf(bucket, random.between(0, 4))),
  },
  {
    name: 'all audit events of a day are removed, and their process went on',
    found: ['audit-missing'],
    plant: async (bucket, random) => bucket.remove(...(await eventsOn(bucket, [random.between(1, 4)], '/acme/'))),
  },
  {
    name: 'the last audit event of a process is removed',
    found: { undetectable: NOTHING_FOLLOWS },
    plant: async (bucket) => bucket.remove(await lastOf(bucket, 5)),
  },
  {
    name: 'the last audit event of a process is changed',
    found: { undetectable: NOTHING_FOLLOWS },
    plant: async (bucket) => bucket.edit(await lastOf(bucket, 5), { actor: 'other' }),
  },
  {
    name: 'the last audit event of a process is changed to say that others were lost, and those are removed',
    found: { undetectable: NOTHING_FOLLOWS },
    async plant(bucket) {
      const placed = await placedOn(bucket, [5], '/acme/');
      const lost = [2, 3];
      await bucket.remove(...placed.flatMap(({ key, chain }) => (lost.includes(chain?.sequence ?? 0) ? key : [])));
      const last = await lastOf(bucket, 5);
      const { chain } = await bucket.json<AuditEventDocument>(last);
      await bucket.edit(last, { chain: { ...chain, lost } });
    },
  },
  {
    name: 'the audit event of an erasure is removed',
    found: ['deletion-unproven', 'audit-missing'],
    plant: async (bucket) => bucket.remove(...(await eventsOn(bucket, [5], '/.*-erased-'))),
  },
  {
    name: 'the audit event of an assessment is removed',
    found: ['audit-missing'],
    plant: async (bucket) => bucket.remove(...(await events(bucket, /-assessed-/))),
  },
  ...(
    [
      ['the actor', { actor: 'other' }],
      ['the request', { requestId: 'other' }],
      ['the detail', { detail: 'other' }],
    ] as const
  ).map(
    ([what, change]): Corruption => ({
      name: `${what} of an audit event is changed`,
      found: ['audit-changed'],
      plant: async (bucket, random) =>
        bucket.edit(random.pick(await eventsOn(bucket, [0, 1, 2, 3, 4], '/acme.*-link-issued-')), change),
    }),
  ),
  {
    name: 'the time of an audit event is changed',
    found: ['audit-changed'],
    plant: async (bucket, random) =>
      bucket.edit(random.pick(await events(bucket, LINKS)), { at: `${bucket.day(2)}T00:00:00.000Z` }),
  },
  {
    name: 'an audit event tells of another act',
    found: ['audit-changed'],
    plant: async (bucket, random) => bucket.edit(random.pick(await events(bucket, LINKS)), { event: 'exported' }),
  },
  {
    name: 'an audit event is torn',
    found: ['unreadable'],
    plant: async (bucket, random) => bucket.put(random.pick(await events(bucket, LINKS)), '{'),
  },
  {
    name: 'an audit event is emptied',
    found: ['unreadable'],
    plant: async (bucket, random) => bucket.put(random.pick(await events(bucket, LINKS))),
  },
  {
    name: 'an audit event is replaced by something large',
    found: ['unreadable'],
    plant: async (bucket, random) =>
      bucket.put(random.pick(await events(bucket, LINKS)), Buffer.alloc(MAX_SMALL_OBJECT_BYTES + 1)),
  },
  {
    name: 'an audit event is filed with another recording',
    found: ['audit-changed'],
    async plant(bucket, random) {
      const key = random.pick(await events(bucket, new RegExp(bucket.played.recording)));
      await bucket.move(key, key.replace(bucket.played.recording, bucket.second.recording));
    },
  },
  {
    name: 'an audit event is filed with another recording, and names it',
    found: ['audit-changed'],
    async plant(bucket, random) {
      const days = await eventsOn(bucket, [1, 2, 3, 4], `/.*${bucket.played.recording}`);
      const key = random.pick(days);
      const to = key.replace(bucket.played.recording, bucket.second.recording);
      await bucket.move(key, to);
      await bucket.edit(to, { recordingId: bucket.second.recording });
    },
  },
  {
    name: 'an audit event is filed with another attempt',
    found: ['audit-changed'],
    async plant(bucket) {
      const [key = ''] = await events(bucket, /-assessed-/);
      await bucket.move(key, key.replace('/math/assessed/', '/math/silent/'));
    },
  },
  {
    name: 'an audit event is filed on another day',
    found: ['audit-changed'],
    async plant(bucket, random) {
      const from = random.pick([1, 3]);
      const key = random.pick(await eventsOn(bucket, [from], '/acme'));
      const [is, was] = [bucket.day(2), bucket.day(from)];
      const moved = key.replace(was, is).replace(was.replaceAll('-', ''), is.replaceAll('-', ''));
      await bucket.move(key, moved);
      const { at } = await bucket.json<AuditEventDocument>(moved);
      await bucket.edit(moved, { at: at.replace(was, is) });
    },
  },
  {
    name: 'an audit event is written without a place in a chain',
    found: ['audit-unchained'],
    plant: (bucket, random) =>
      bucket.put(
        auditKey(bucket.now(), random.pick(bucket.stored), 'link-issued', 'forged'),
        auditBody(bucket, random.pick(bucket.stored)),
      ),
  },
  {
    name: 'an audit event is written with the place of another',
    found: ['audit-changed'],
    async plant(bucket, random) {
      const ref = random.pick(bucket.stored);
      const { chain } = await bucket.json<AuditEventDocument>(random.pick(await eventsOn(bucket, [5], '/acme')));
      await bucket.put(auditKey(bucket.now(), ref, 'link-issued', 'forged'), auditBody(bucket, ref, { chain }));
    },
  },
  {
    name: 'the order of two audit events is changed',
    found: ['audit-changed'],
    async plant(bucket, random) {
      const [a = '', b = ''] = await eventsOn(bucket, [random.between(1, 4)], '/acme/math/played/');
      const [one, other] = [await bucket.json<AuditEventDocument>(a), await bucket.json<AuditEventDocument>(b)];
      await bucket.edit(a, { chain: other.chain });
      await bucket.edit(b, { chain: one.chain });
    },
  },
  {
    name: 'an audit event is removed, and the next one says that it was lost',
    found: ['audit-changed'],
    async plant(bucket) {
      const placed = await placedOn(bucket, [2], '/acme/');
      const [, second, third] = placed.toSorted((a, b) => (a.chain?.sequence ?? 0) - (b.chain?.sequence ?? 0));
      assert(second && third);
      await bucket.remove(second.key);
      await bucket.edit(third.key, { chain: { ...third.chain, lost: [2] } });
    },
  },
  {
    name: 'an audit event is of a time to come',
    found: ['from-future'],
    async plant(bucket, random) {
      const atMs = bucket.now() + random.between(5, 99) * HOUR_MS;
      await bucket.put(
        auditKey(atMs, bucket.silent, 'link-issued', 'forged'),
        auditBody(bucket, bucket.silent, { at: toIso(atMs) }),
      );
    },
  },
  {
    name: 'an audit event was written before its time',
    found: ['impossible-time'],
    async plant(bucket) {
      const atMs = bucket.now() + HOUR_MS;
      await bucket.put(
        auditKey(atMs, bucket.silent, 'link-issued', 'forged'),
        auditBody(bucket, bucket.silent, { at: toIso(atMs) }),
      );
    },
  },
  {
    name: 'an audit event is kept past its time',
    found: ['log-overdue'],
    plant: (bucket) => bucket.put(auditKey(bucket.now() - 400 * DAY_MS, bucket.silent, 'link-issued', 'x'), '{}'),
  },
  {
    name: 'the audit trail says that a recording was erased, and it is there',
    found: ['erasure-unfinished'],
    async plant(bucket) {
      const key = auditKey(bucket.now(), bucket.silent, 'erased', 'x');
      await bucket.put(key, auditBody(bucket, bucket.silent, { event: 'erased', reason: 'erasure' }));
    },
  },
  {
    name: 'all audit events of a process are rewritten with another actor',
    found: { undetectable: NO_ANCHOR },
    async plant(bucket) {
      const placed = await placedOn(bucket, [5], '/beta/');
      let previous: string | null = null;
      for (const { key, chain, ...event } of placed.toSorted(
        (a, b) => (a.chain?.sequence ?? 0) - (b.chain?.sequence ?? 0),
      )) {
        const body = toBody({ ...event, actor: 'other', chain: { ...chain, previous } });
        previous = hashOf(body);
        await bucket.put(key, body);
      }
    },
  },
  {
    name: 'an invented audit event is added as the first of a new process',
    found: { undetectable: NO_ANCHOR },
    plant: (bucket) =>
      createAuditTrail(bucket.store, bucket.now, randomBytes, undefined, new AuditChains()).record({
        event: 'exported',
        ref: bucket.played,
        actor: 'somebody',
        requestId: 'q',
      }),
  },
];

const OUTBOX: Corruption[] = [
  {
    name: 'an event for a webhook tells of a deletion that never was',
    found: ['event-unproven'],
    async plant(bucket) {
      const ref = freshRef(bucket, 'never');
      const receipt = await bucket.json<Receipt>(receiptKey(bucket.erased));
      const event = deletionEvent({ ...receipt, attemptId: 'never', recordingId: ref.recording });
      await bucket.put(outboxKey('acme', bucket.now(), 'forged'), toOutboxBody([event]));
    },
  },
  {
    name: 'an event for a webhook tells of a deletion at another time',
    found: ['event-unproven'],
    async plant(bucket) {
      const receipt = await bucket.json<Receipt>(receiptKey(bucket.erased));
      const event = deletionEvent({ ...receipt, deletedAt: toIso(bucket.now() - HOUR_MS) });
      await bucket.put(outboxKey('acme', bucket.now(), 'forged'), toOutboxBody([event]));
    },
  },
  {
    name: 'an event for a webhook is torn',
    found: ['unreadable'],
    plant: async (bucket, random) => bucket.put(random.pick((await bucket.keys(/./, 'outbox/')).slice(0, -1)), '{'),
  },
  {
    name: 'an event for a webhook is with another tenant',
    found: ['unreadable'],
    async plant(bucket, random) {
      const key = random.pick((await bucket.keys(/./, 'outbox/')).slice(0, -1));
      await bucket.move(key, key.replace('/acme/', '/beta/'));
    },
  },
  {
    name: 'an event for a webhook is kept past its time',
    found: ['event-overdue'],
    async plant(bucket, random) {
      const body = await bucket.body(random.pick(await bucket.keys(/./, 'outbox/')));
      await bucket.put(outboxKey('acme', bucket.now() - 9 * DAY_MS, 'old'), body);
    },
  },
  {
    name: 'an event for a webhook is of a time to come',
    found: ['from-future'],
    async plant(bucket, random) {
      const body = await bucket.body(random.pick(await bucket.keys(/./, 'outbox/')));
      await bucket.put(outboxKey('acme', bucket.now() + 9 * DAY_MS, 'ahead'), body);
    },
  },
  {
    name: 'an event for a webhook is removed',
    found: { undetectable: 'The service also removes an event that was delivered.' },
    plant: async (bucket, random) => bucket.remove(random.pick(await bucket.keys(/./, 'outbox/'))),
  },
];

export const CORRUPTIONS: readonly Corruption[] = [
  ...MEDIA,
  ...MANIFESTS,
  ...DEADLINES,
  ...DELETIONS,
  ...OTHER_OBJECTS,
  ...RECEIPTS,
  ...LOGS,
  ...TRAIL,
  ...OUTBOX,
];
