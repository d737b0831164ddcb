// Attacks that use a playback URL for another object, with other response headers, or to write.
import { type Attack, attack, changed, isRefusal, unproven, untilExpired, VICTIM } from './attack-fixture.ts';
import { info, ok, warning } from './check.ts';
import { writingCheck } from './context.ts';
import { describe, isSuccess, type RawResponse } from './raw-http.ts';

const REMEDY =
  'Do not use this store: a link for a reviewer can be turned into another. Look for a proxy that rewrites requests.';

/** The positive control, and whether the store tells caches to keep nothing (policy 6.1). */
export const PLAYBACK_URL_WORKS: Attack = writingCheck(
  'playback-url',
  'playback URL plays its object',
  async (fixture) => {
    const { url } = await fixture.stored('playback');
    const response = await fixture.send(url, { headers: { range: 'bytes=0-' } });
    if (![200, 206].includes(response.status) || !response.body.equals(VICTIM)) {
      return unproven(`a playback URL did not play (answered ${describe(response)})`);
    }
    if (response.headers['cache-control'] !== 'private, no-store') {
      return warning(
        'It plays, but the store does not send the signed Cache-Control.',
        'See that there is no cache before the store: it could keep recordings after their deadline.',
      );
    }
    return response.status === 206
      ? ok('It plays in ranges, and tells every cache to keep nothing.')
      : warning('It plays, but the store ignores Range.', 'A reviewer cannot seek; use a store that answers ranges.');
  },
);

/** Every attack on a playback URL, in the order of the report. */
export const PLAYBACK_URL_ATTACKS: readonly Attack[] = [
  attack('playback-another-key', 'playback URL for another key', REMEDY, async (fixture) => {
    const mine = await fixture.stored('mine', Buffer.from('mine'));
    const victim = await fixture.stored('victim');
    return leaked([await fixture.send(mine.url.replace(mine.key, victim.key))]);
  }),
  attack('playback-tampered', 'playback URL, changed answer or time', REMEDY, async (fixture) => {
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
  attack('playback-write', 'playback URL to write or delete', REMEDY, async (fixture) => {
    const { key, url } = await fixture.stored('victim');
    const responses = [
      await fixture.put(url, 'mine'),
      await fixture.send(url, { method: 'POST', body: 'mine' }),
      await fixture.send(url, { method: 'DELETE' }),
    ];
    const isWhole = await fixture.holds(key, VICTIM);
    return { responses, harm: isWhole ? undefined : 'the recording was changed or deleted' };
  }),
  writingCheck('playback-expired', 'playback URL that has expired', async (fixture) => {
    const { url } = await fixture.stored('victim', VICTIM, 1);
    return untilExpired(fixture.deps, url, () => fixture.send(url), REMEDY);
  }),
  writingCheck('playback-head', 'playback URL with HEAD', async (fixture) => {
    const { url } = await fixture.stored('victim');
    const response = await fixture.send(url, { method: 'HEAD' });
    return isRefusal(response)
      ? info(`HEAD is refused (${describe(response)}); a player must begin with GET.`)
      : info(`HEAD is answered (${describe(response)}); it tells no more than GET would.`);
  }),
];

function leaked(responses: readonly RawResponse[]) {
  return { responses, harm: responses.some(isSuccess) ? 'the object was read' : undefined };
}
