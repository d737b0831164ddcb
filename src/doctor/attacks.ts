// The attacks on presigned URLs: each uses one for what it was not signed for, or after its expiry.
import {
  type Attack,
  type AttackFixture,
  type AttackGroup,
  attack,
  BODY,
  changed,
  isRefusal,
  type TargetUpload,
  unproven,
  untilExpired,
  VICTIM,
} from './attack-fixture.ts';
import { info, ok, warning } from './check.ts';
import { writingCheck } from './context.ts';
import { describe, isSuccess, type RawRequest, type RawResponse, unsignedUrl } from './raw-http.ts';

const PROXY = 'Set UPLOADS=proxy at once';
const REMEDY = `${PROXY}: this store, or the proxy before it, does not hold URLs to what they were signed for.`;
const LENGTH_REMEDY = `${PROXY}: the length of a part is not signed, or not checked; look for a proxy that rewrites requests.`;
const HEADER_REMEDY =
  `${PROXY}. Then see whether a later version of the store refuses it (Ceph: 19.2.6 or 20.2.4), and ` +
  'set S3_UPLOAD_ACCESS_KEY_ID to a key that may only s3:PutObject.';

// Unsigned `x-amz-*` headers (CVE-2026-54330)

type Headers = NonNullable<RawRequest['headers']>;

/** The forms in which a store may take the source: with and without a slash, a range of the signed length, a length of 0. */
async function copySources(fixture: AttackFixture): Promise<Headers[]> {
  const { bucket, keyPrefix } = fixture.place;
  const { key } = await fixture.stored('victim');
  const path = `${bucket}/${keyPrefix}${key}`;
  return [
    { 'x-amz-copy-source': `/${path}` },
    { 'x-amz-copy-source': path, 'x-amz-copy-source-range': `bytes=0-${BODY.length - 1}` },
    { 'x-amz-copy-source': `/${path}`, 'x-amz-decoded-content-length': '0' },
  ];
}

async function stolen({ scratch }: AttackFixture, key: string): Promise<string | undefined> {
  if (await scratch.holds(key, BODY)) return undefined;
  return (await scratch.holds(key, VICTIM))
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
      // After a refusal the service uploads the part itself, so that there is an object to inspect.
      const { key, uploadId } = target;
      if ((await fixture.parts(target)).length === 0) await fixture.store.uploadPart(key, uploadId, 1, BODY);
      await fixture.store.completeMultipartUpload(key, uploadId, await fixture.parts(target));
      harm ??= await inspect(fixture, key);
    }
    return { responses, harm, mayBeIgnored: body.length === BODY.length };
  });
}

// Requests that were not signed

type Requests = (target: TargetUpload, other: TargetUpload) => readonly (readonly [url: string, request: RawRequest])[];

/** Sends each request, then checks that neither upload has parts or was ended, and that the key has no object. */
function misuse(id: string, name: string, requests: Requests, remedy = REMEDY): Attack {
  return attack(id, name, remedy, async (fixture) => {
    const target = await fixture.upload('mine');
    const other = await fixture.upload('other');
    const responses: RawResponse[] = [];
    for (const [url, request] of requests(target, other)) responses.push(await fixture.send(url, request));
    const isOpen = (await fixture.store.listParts(target.key, target.uploadId)) !== undefined;
    const harm = (await harmTo(fixture, target, other)) ?? (isOpen ? undefined : 'the upload was ended');
    return { responses, harm };
  });
}

async function harmTo(fixture: AttackFixture, ...targets: readonly TargetUpload[]): Promise<string | undefined> {
  for (const target of targets) {
    if ((await fixture.parts(target)).length > 0) return 'a part was stored';
    if ((await fixture.store.getStart(target.key, 1)) !== undefined) return 'an object was stored';
  }
  return undefined;
}

const put = (body: Buffer, headers = {}): RawRequest => ({ method: 'PUT', body, headers });

/** Every attack on a part URL, in the order of the report. */
export const PART_URL_GROUP: AttackGroup = [
  // The positive control: without it, a store that refuses everything would pass.
  writingCheck('part-url', 'part URL stores its part', async (fixture) => {
    const target = await fixture.upload('control');
    const response = await fixture.put(target.url);
    const [stored] = await fixture.parts(target);
    if (response.status === 200 && stored?.partNumber === 1 && stored.sizeBytes === BODY.length) {
      return ok('An ordinary part was stored, as a browser uploads it.');
    }
    const { bucket, keyPrefix } = fixture.place;
    const remedy =
      `Let the upload key s3:PutObject on ${bucket}/${keyPrefix}*, doctor/ included; ` +
      'see that the public endpoint can be reached from here and that no proxy rewrites the Host header.';
    return { ...unproven(`an ordinary part was not stored (response: ${describe(response)})`), remedy };
  }),
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
    async ({ presigner, send }, key) => {
      const response = await send((await unsignedUrl(presigner, key)).href);
      return isSuccess(response) ? 'anyone can read the recording' : undefined;
    },
  ),
  unsignedHeaders(
    'tagging',
    'part URL + x-amz-tagging',
    async () => [{ 'x-amz-tagging': 'doctor=was-here' }],
    async ({ store }, key) => {
      const tags = Object.keys((await store.tags(key)) ?? {});
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
    return untilExpired(fixture, url, () => fixture.put(url), REMEDY);
  }),
  attack('after-complete', 'part URL after complete', REMEDY, async (fixture) => {
    const target = await fixture.upload('complete');
    const { key, uploadId, url } = target;
    await fixture.store.uploadPart(key, uploadId, 1, BODY);
    await fixture.store.completeMultipartUpload(key, uploadId, await fixture.parts(target));
    const responses = [await fixture.put(url, Buffer.alloc(BODY.length, 'x'))];
    if (!(await fixture.scratch.holds(key, BODY))) return { responses, harm: 'the completed recording changed' };
    return { responses, harm: (await fixture.parts(target)).length > 0 ? 'a part was stored' : undefined };
  }),
  attack('after-abort', 'part URL after abort', REMEDY, async (fixture) => {
    const target = await fixture.upload('abort');
    await fixture.store.abortMultipartUpload(target.key, target.uploadId);
    return { responses: [await fixture.put(target.url)], harm: await harmTo(fixture, target) };
  }),
];

// Playback URLs: for another object, with other response headers, or to write

const PLAYBACK_REMEDY =
  'Do not use this store: a link for a reviewer can be turned into another. Look for a proxy that rewrites requests.';

/** Every attack on a playback URL, in the order of the report. */
export const PLAYBACK_GROUP: AttackGroup = [
  // The positive control. It also checks that the response forbids caches to keep anything (policy 6.1).
  writingCheck('playback-url', 'playback URL plays its object', async (fixture) => {
    const { url } = await fixture.stored('playback');
    const response = await fixture.send(url, { headers: { range: 'bytes=0-' } });
    if (![200, 206].includes(response.status) || !response.body.equals(VICTIM)) {
      return unproven(`a playback URL did not play (response: ${describe(response)})`);
    }
    if (response.headers['cache-control'] !== 'private, no-store') {
      return warning(
        'It plays, but the store does not send the signed Cache-Control.',
        'See that there is no cache before the store: it could keep recordings after their deadline.',
      );
    }
    return response.status === 206
      ? ok('It plays in ranges, and forbids caches to keep anything.')
      : warning('It plays, but the store ignores Range.', 'A reviewer cannot seek; use a store that supports ranges.');
  }),
  attack('playback-another-key', 'playback URL for another key', PLAYBACK_REMEDY, async (fixture) => {
    const mine = await fixture.stored('mine', Buffer.from('mine'));
    const victim = await fixture.stored('victim');
    return leaked([await fixture.send(mine.url.replace(mine.key, victim.key))]);
  }),
  attack('playback-tampered', 'playback URL, changed headers or time', PLAYBACK_REMEDY, async (fixture) => {
    const { url } = await fixture.stored('victim');
    const unsigned = new URL(url);
    unsigned.searchParams.delete('X-Amz-Signature');
    const responses: RawResponse[] = [];
    for (const each of [
      changed(url, 'response-content-type', 'text/html'),
      changed(url, 'response-cache-control', 'public'),
      changed(url, 'X-Amz-Expires', '600000'),
      unsigned.href,
    ]) {
      responses.push(await fixture.send(each));
    }
    return leaked(responses);
  }),
  attack('playback-write', 'playback URL to write or delete', PLAYBACK_REMEDY, async (fixture) => {
    const { key, url } = await fixture.stored('victim');
    const responses = [
      await fixture.put(url, 'mine'),
      await fixture.send(url, { method: 'POST', body: 'mine' }),
      await fixture.send(url, { method: 'DELETE' }),
    ];
    const isWhole = await fixture.scratch.holds(key, VICTIM);
    return { responses, harm: isWhole ? undefined : 'the recording was changed or deleted' };
  }),
  writingCheck('playback-expired', 'playback URL that has expired', async (fixture) => {
    const { url } = await fixture.stored('victim', VICTIM, 1);
    return untilExpired(fixture, url, () => fixture.send(url), PLAYBACK_REMEDY);
  }),
  writingCheck('playback-head', 'playback URL with HEAD', async (fixture) => {
    const { url } = await fixture.stored('victim');
    const response = await fixture.send(url, { method: 'HEAD' });
    return isRefusal(response)
      ? info(`HEAD is refused (${describe(response)}); a player must begin with GET.`)
      : info(`HEAD is allowed (${describe(response)}); it reveals no more than GET.`);
  }),
];

function leaked(responses: readonly RawResponse[]) {
  return { responses, harm: responses.some(isSuccess) ? 'the object was read' : undefined };
}
