// Attacks that use a playback URL for another object, another answer, or to write.
import { info, ok, warning } from '../check.ts';
import { type Answer, describe } from '../wire.ts';
import { type Attack, changed, isRefusal, unproven, VICTIM, verdictOn } from './attack.ts';
import { untilExpired } from './expiry.ts';

const REMEDY =
  'Do not use this store: a link for a reviewer can be turned into another. Look for a proxy that rewrites requests.';

/** The positive control, and whether the store tells caches to keep nothing (policy 6.1). */
export const PLAYBACK_URL_WORKS: Attack = {
  id: 'playback-url',
  name: 'playback URL plays its object',
  async run(stage) {
    const { url } = await stage.stored('playback', VICTIM);
    const answer = await stage.wire.send(url, { headers: { range: 'bytes=0-' } });
    if (![200, 206].includes(answer.status) || !answer.body.equals(VICTIM)) {
      return unproven(`a playback URL did not play (answered ${describe(answer)})`);
    }
    if (answer.headers['cache-control'] !== 'private, no-store') {
      return warning(
        'It plays, but the store does not send the signed Cache-Control.',
        'See that no cache stands before the store: it could keep recordings after their deadline.',
      );
    }
    if (answer.status !== 206) {
      return warning(
        'It plays, but the store ignores Range.',
        'A reviewer cannot seek; use a store that answers ranges.',
      );
    }
    return ok('It plays in ranges, and tells every cache to keep nothing.');
  },
};

export const PLAYBACK_URL_ATTACKS: readonly Attack[] = [
  {
    id: 'playback-another-key',
    name: 'playback URL for another key',
    async run(stage) {
      const mine = await stage.stored('mine', Buffer.from('mine'));
      const victim = await stage.stored('victim', VICTIM);
      const answers = [await stage.wire.send(mine.url.replace(mine.key, victim.key))];
      return verdictOn({ answers, harm: leak(answers), remedy: REMEDY });
    },
  },
  {
    id: 'playback-tampered',
    name: 'playback URL, changed answer or time',
    async run(stage) {
      const { url } = await stage.stored('victim', VICTIM);
      const unsigned = new URL(url);
      unsigned.searchParams.delete('X-Amz-Signature');
      const answers = [];
      for (const each of [
        changed(url, 'response-content-type', 'text/html'),
        changed(url, 'response-cache-control', 'public'),
        changed(url, 'X-Amz-Expires', '600000'),
        unsigned.href,
      ]) {
        answers.push(await stage.wire.send(each));
      }
      return verdictOn({ answers, harm: leak(answers), remedy: REMEDY });
    },
  },
  {
    id: 'playback-write',
    name: 'playback URL to write or delete',
    async run(stage) {
      const { key, url } = await stage.stored('victim', VICTIM);
      const answers = [
        await stage.put(url, 'mine'),
        await stage.wire.send(url, { method: 'POST', body: 'mine' }),
        await stage.wire.send(url, { method: 'DELETE' }),
      ];
      const harm = (await stage.holds(key, VICTIM)) ? undefined : 'the recording was changed or deleted';
      return verdictOn({ answers, harm, remedy: REMEDY });
    },
  },
  {
    id: 'playback-expired',
    name: 'playback URL that has expired',
    async run(stage) {
      const { url } = await stage.stored('victim', VICTIM, 1);
      return untilExpired(stage.deps, url, () => stage.wire.send(url), REMEDY);
    },
  },
  {
    id: 'playback-head',
    name: 'playback URL with HEAD',
    async run(stage) {
      const { url } = await stage.stored('victim', VICTIM);
      const answer = await stage.wire.send(url, { method: 'HEAD' });
      return isRefusal(answer)
        ? info(`HEAD is refused (${describe(answer)}); a player must begin with GET.`)
        : info(`HEAD is answered (${describe(answer)}); it tells no more than GET would.`);
    },
  },
];

function leak(answers: readonly Answer[]): string | undefined {
  return answers.some(({ status }) => status >= 200 && status < 400) ? 'the object was read' : undefined;
}
