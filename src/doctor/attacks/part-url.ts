// Attacks that use a part URL for what it was not signed for, or longer than it should live.
import type { Verdict } from '../check.ts';
import type { Answer, Sent } from '../wire.ts';
import { type Attack, BODY, changed, type Target, unproven, verdictOn } from './attack.ts';
import { untilExpired } from './expiry.ts';

const REMEDY =
  'Set UPLOADS=proxy at once: this store, or the proxy before it, does not hold URLs to what they were signed for.';
const LENGTH_REMEDY =
  'Set UPLOADS=proxy at once: the length of a part is not signed, or not checked; look for a proxy that rewrites requests.';

/** The positive control: without it, a refusal of everything would look like safety. */
export const PART_URL_WORKS: Attack = {
  id: 'part-url',
  name: 'part URL stores its part',
  async run(stage) {
    const target = await stage.upload('control');
    const answer = await stage.put(target.url);
    const parts = await stage.parts(target);
    if (answer.status === 200 && parts.startsWith(`1:${BODY.length}:`)) {
      return { status: 'ok', reason: 'An ordinary part was stored, as a browser uploads it.', remedy: null };
    }
    const {
      status,
      reason,
      outcome = 'unproven',
    } = unproven(`an ordinary part was not stored (answered ${answer.status || 'nothing'} ${answer.code})`);
    const remedy =
      `Let the upload key s3:PutObject on ${stage.deps.place.bucket}/${stage.deps.place.keyPrefix}*, doctor/ included; ` +
      'see that the public endpoint can be reached from here and that no proxy rewrites the Host header.';
    return { status, reason, outcome, remedy };
  },
};

interface Misuse {
  readonly id: string;
  readonly name: string;
  readonly remedy?: string;
  readonly requests: (target: Target, other: Target) => readonly (readonly [url: string, sent: Sent])[];
}

/** Sends each request and looks whether either upload, or the key itself, has anything afterwards. */
function misuse({ id, name, requests, remedy = REMEDY }: Misuse): Attack {
  return {
    id,
    name,
    async run(stage): Promise<Verdict> {
      const target = await stage.upload('mine');
      const other = await stage.upload('other');
      const answers: Answer[] = [];
      for (const [url, sent] of requests(target, other)) answers.push(await stage.wire.send(url, sent));
      const parts = (await stage.parts(target)) + (await stage.parts(other));
      const objects = await Promise.all([target, other].map(({ key }) => stage.deps.store.getStart(key, 1)));
      const isGone = (await stage.deps.store.listParts(target.key, target.uploadId)) === undefined;
      return verdictOn({ answers, harm: harmOf(parts, objects, isGone), remedy });
    },
  };
}

function harmOf(parts: string, objects: readonly unknown[], isGone: boolean): string | undefined {
  if (parts !== '') return 'a part was stored';
  if (objects.some((object) => object !== undefined)) return 'an object was stored';
  return isGone ? 'the upload was ended' : undefined;
}

const put = (body: Uint8Array | string, headers: Record<string, string> = {}): Sent => ({
  method: 'PUT',
  body,
  headers,
});

export const PART_URL_ATTACKS: readonly Attack[] = [
  misuse({
    id: 'another-part',
    name: 'part URL for another part number',
    requests: ({ url }) => [[changed(url, 'partNumber', '2'), put(BODY)]],
  }),
  misuse({
    id: 'another-key',
    name: 'part URL for another key',
    requests(target, other) {
      const moved = target.url.replace(target.key, other.key);
      const plain = new URL(moved);
      for (const name of ['partNumber', 'uploadId', 'x-id']) plain.searchParams.delete(name);
      return [
        [moved, put(BODY)],
        [changed(moved, 'uploadId', other.uploadId), put(BODY)],
        [changed(target.url, 'uploadId', other.uploadId), put(BODY)],
        [plain.href, put(BODY)],
      ];
    },
  }),
  misuse({
    id: 'another-length',
    name: 'part URL with another length',
    remedy: LENGTH_REMEDY,
    requests: ({ url }) => [
      [url, put(BODY.subarray(1))],
      [url, put(Buffer.concat([BODY, BODY]))],
      [url, put(BODY, { 'transfer-encoding': 'chunked' })],
    ],
  }),
  misuse({
    id: 'another-method',
    name: 'part URL with another method',
    requests: ({ url }) => [
      [url, { method: 'GET' }],
      [url, { method: 'POST', body: BODY }],
      [url, { method: 'DELETE' }],
    ],
  }),
  misuse({
    id: 'tampered-signature',
    name: 'part URL with another signature',
    requests({ url }) {
      const signature = new URL(url).searchParams.get('X-Amz-Signature') ?? '';
      const flipped = (signature.startsWith('0') ? '1' : '0') + signature.slice(1);
      return [
        [changed(url, 'X-Amz-Signature', flipped), put(BODY)],
        [changed(url, 'X-Amz-Expires', '600000'), put(BODY)],
        [changed(url, 'X-Amz-SignedHeaders', 'host;x-amz-acl'), put(BODY)],
      ];
    },
  }),
  {
    id: 'expired',
    name: 'part URL that has expired',
    async run(stage) {
      const target = await stage.upload('expired', 1);
      return untilExpired(stage.deps, target.url, () => stage.put(target.url), REMEDY);
    },
  },
  {
    id: 'after-complete',
    name: 'part URL after complete',
    async run(stage) {
      const target = await stage.upload('complete');
      await stage.deps.store.uploadPart(target.key, target.uploadId, 1, BODY);
      await stage.complete(target);
      const answers = [await stage.put(target.url, Buffer.alloc(BODY.length, 'x'))];
      let harm = (await stage.parts(target)) === '' ? undefined : 'a part was stored';
      if (!(await stage.holds(target.key, BODY))) harm = 'the completed recording changed';
      return verdictOn({ answers, harm, remedy: REMEDY });
    },
  },
  {
    id: 'after-abort',
    name: 'part URL after abort',
    async run(stage) {
      const target = await stage.upload('abort');
      await stage.deps.store.abortMultipartUpload(target.key, target.uploadId);
      const answers = [await stage.put(target.url)];
      let harm = (await stage.parts(target)) === '' ? undefined : 'a part was stored';
      if ((await stage.deps.store.getStart(target.key, 1)) !== undefined) harm = 'an object was stored';
      return verdictOn({ answers, harm, remedy: REMEDY });
    },
  },
];
