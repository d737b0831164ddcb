// Attacks that use a part URL for what it was not signed for, or longer than it should live.
import {
  type Attack,
  type AttackFixture,
  attack,
  BODY,
  changed,
  type TargetUpload,
  unproven,
  untilExpired,
  VICTIM,
} from './attack-fixture.ts';
import { ok } from './check.ts';
import { writingCheck } from './context.ts';
import { describe, type RawRequest, type RawResponse } from './raw-http.ts';

const PROXY = 'Set UPLOADS=proxy at once';
const REMEDY = `${PROXY}: this store, or the proxy before it, does not hold URLs to what they were signed for.`;
const LENGTH_REMEDY = `${PROXY}: the length of a part is not signed, or not checked; look for a proxy that rewrites requests.`;
const HEADER_REMEDY =
  `${PROXY}. Then see whether a later version of the store refuses it (Ceph: 19.2.6 or 20.2.4), and ` +
  'set S3_UPLOAD_ACCESS_KEY_ID to a key that may only s3:PutObject.';

/** The positive control: without it, a refusal of everything would look like safety. */
export const PART_URL_WORKS: Attack = writingCheck('part-url', 'part URL stores its part', async (fixture) => {
  const target = await fixture.upload('control');
  const response = await fixture.put(target.url);
  if (response.status === 200 && (await fixture.parts(target)).startsWith(`1:${BODY.length}:`)) {
    return ok('An ordinary part was stored, as a browser uploads it.');
  }
  const { bucket, keyPrefix } = fixture.deps.place;
  const remedy =
    `Let the upload key s3:PutObject on ${bucket}/${keyPrefix}*, doctor/ included; ` +
    'see that the public endpoint can be reached from here and that no proxy rewrites the Host header.';
  return { ...unproven(`an ordinary part was not stored (answered ${describe(response)})`), remedy };
});

// Unsigned `x-amz-*` headers (CVE-2026-54330)

type Headers = Readonly<Record<string, string>>;

/** The forms in which a store may take the source: with and without a slash, a range of the signed length, a length of 0. */
async function copySources(fixture: AttackFixture): Promise<Headers[]> {
  const { bucket, keyPrefix } = fixture.deps.place;
  const { key } = await fixture.stored('victim');
  const path = `${bucket}/${keyPrefix}${key}`;
  return [
    { 'x-amz-copy-source': `/${path}` },
    { 'x-amz-copy-source': path, 'x-amz-copy-source-range': `bytes=0-${BODY.length - 1}` },
    { 'x-amz-copy-source': `/${path}`, 'x-amz-decoded-content-length': '0' },
  ];
}

async function stolen(fixture: AttackFixture, key: string): Promise<string | undefined> {
  if (await fixture.holds(key, BODY)) return undefined;
  return (await fixture.holds(key, VICTIM))
    ? "another object's bytes became a part of this upload"
    : 'a part was stored that was not sent';
}

/** Sends a part with each of the headers, and inspects the object that the upload becomes. */
function unsignedHeaders(
  id: string,
  name: string,
  headersFor: (fixture: AttackFixture) => Promise<readonly Headers[]>,
  inspect: (fixture: AttackFixture, key: string) => Promise<string | undefined>,
  body: Uint8Array = BODY,
): Attack {
  return attack(id, name, HEADER_REMEDY, async (fixture) => {
    const responses: RawResponse[] = [];
    let harm: string | undefined;
    for (const headers of await headersFor(fixture)) {
      const target = await fixture.upload('header');
      responses.push(await fixture.put(target.url, body, headers));
      // Where it was refused the service uploads the part, so that there is an object to inspect.
      if ((await fixture.parts(target)) === '') {
        await fixture.deps.store.uploadPart(target.key, target.uploadId, 1, BODY);
      }
      await fixture.complete(target);
      harm ??= await inspect(fixture, target.key);
    }
    return { responses, harm, mayBeIgnored: body.length === BODY.length };
  });
}

// Requests that were not signed

type Requests = (target: TargetUpload, other: TargetUpload) => readonly (readonly [url: string, request: RawRequest])[];

/** Sends each request and checks whether either upload, or the key itself, has anything afterwards, or was ended. */
function misuse(id: string, name: string, requests: Requests, remedy = REMEDY): Attack {
  return attack(id, name, remedy, async (fixture) => {
    const target = await fixture.upload('mine');
    const other = await fixture.upload('other');
    const responses: RawResponse[] = [];
    for (const [url, request] of requests(target, other)) responses.push(await fixture.send(url, request));
    const isOpen = (await fixture.deps.store.listParts(target.key, target.uploadId)) !== undefined;
    const harm = (await harmTo(fixture, target, other)) ?? (isOpen ? undefined : 'the upload was ended');
    return { responses, harm };
  });
}

async function harmTo(fixture: AttackFixture, ...targets: readonly TargetUpload[]): Promise<string | undefined> {
  for (const target of targets) {
    if ((await fixture.parts(target)) !== '') return 'a part was stored';
    if (await fixture.exists(target.key)) return 'an object was stored';
  }
  return undefined;
}

const put = (body: Uint8Array | string, headers: Record<string, string> = {}): RawRequest => {
  return { method: 'PUT', body, headers };
};

/** Every attack on a part URL, in the order of the report. */
export const PART_URL_ATTACKS: readonly Attack[] = [
  unsignedHeaders('copy-source-with-body', 'part URL + x-amz-copy-source', copySources, stolen),
  unsignedHeaders(
    'copy-source-without-body',
    'part URL + x-amz-copy-source, no body',
    copySources,
    stolen,
    new Uint8Array(),
  ),
  unsignedHeaders(
    'acl',
    'part URL + x-amz-acl',
    async () => [
      { 'x-amz-acl': 'public-read' },
      { 'x-amz-grant-read': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' },
    ],
    async (fixture, key) => ((await fixture.isPublic(key)) ? 'anyone can read the recording' : undefined),
  ),
  unsignedHeaders(
    'tagging',
    'part URL + x-amz-tagging',
    async () => [{ 'x-amz-tagging': 'doctor=was-here' }],
    async ({ deps }, key) => {
      const tags = Object.keys((await deps.store.tags(key)) ?? {});
      return tags.length > 0 ? "the recording's tags were set" : undefined;
    },
  ),
  misuse('another-part', 'part URL for another part number', ({ url }) => [
    [changed(url, 'partNumber', '2'), put(BODY)],
  ]),
  misuse('another-key', 'part URL for another key', (target, other) => {
    const moved = target.url.replace(target.key, other.key);
    const plain = new URL(moved);
    for (const name of ['partNumber', 'uploadId', 'x-id']) plain.searchParams.delete(name);
    return [
      [moved, put(BODY)],
      [changed(moved, 'uploadId', other.uploadId), put(BODY)],
      [changed(target.url, 'uploadId', other.uploadId), put(BODY)],
      [plain.href, put(BODY)],
    ];
  }),
  misuse(
    'another-length',
    'part URL with another length',
    ({ url }) => [
      [url, put(BODY.subarray(1))],
      [url, put(Buffer.concat([BODY, BODY]))],
      [url, put(BODY, { 'transfer-encoding': 'chunked' })],
    ],
    LENGTH_REMEDY,
  ),
  misuse('another-method', 'part URL with another method', ({ url }) => [
    [url, { method: 'GET' }],
    [url, { method: 'POST', body: BODY }],
    [url, { method: 'DELETE' }],
  ]),
  misuse('tampered-signature', 'part URL with another signature', ({ url }) => {
    const signature = new URL(url).searchParams.get('X-Amz-Signature') ?? '';
    const flipped = (signature.startsWith('0') ? '1' : '0') + signature.slice(1);
    return [
      [changed(url, 'X-Amz-Signature', flipped), put(BODY)],
      [changed(url, 'X-Amz-Expires', '600000'), put(BODY)],
      [changed(url, 'X-Amz-SignedHeaders', 'host;x-amz-acl'), put(BODY)],
    ];
  }),
  writingCheck('expired', 'part URL that has expired', async (fixture) => {
    const { url } = await fixture.upload('expired', 1);
    return untilExpired(fixture.deps, url, () => fixture.put(url), REMEDY);
  }),
  attack('after-complete', 'part URL after complete', REMEDY, async (fixture) => {
    const target = await fixture.upload('complete');
    await fixture.deps.store.uploadPart(target.key, target.uploadId, 1, BODY);
    await fixture.complete(target);
    const responses = [await fixture.put(target.url, Buffer.alloc(BODY.length, 'x'))];
    if (!(await fixture.holds(target.key, BODY))) return { responses, harm: 'the completed recording changed' };
    return { responses, harm: (await fixture.parts(target)) === '' ? undefined : 'a part was stored' };
  }),
  attack('after-abort', 'part URL after abort', REMEDY, async (fixture) => {
    const target = await fixture.upload('abort');
    await fixture.deps.store.abortMultipartUpload(target.key, target.uploadId);
    return { responses: [await fixture.put(target.url)], harm: await harmTo(fixture, target) };
  }),
];
