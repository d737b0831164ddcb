// An HTTP request lasts at most an hour: what is later than that is not written, whatever held the request up.
import { expect, it } from '@jest/globals';
import { HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { requireTimeLeft } from '../../src/objectstore/request-deadline.ts';
import { webm } from '../kit/fixtures.ts';
import { intercepting, type StoreCall } from '../kit/interventions.ts';
import { startApi } from './api.ts';
import { bodyOf, CALLS, formWith, isOfRecording, pathOf } from './calls.ts';
import { expectProblem } from './expectations.ts';

/** A service that stands still for some time during the first store call of a request. */
async function startSlowApi() {
  let standsStillMs = 0;
  let seen: StoreCall[] = [];
  const api = await startApi({
    wrap: (store) =>
      intercepting(store, (call, _args, go) => {
        // As the S3 adapter does before each attempt.
        requireTimeLeft(call);
        seen.push(call);
        api.service.clock.advance(standsStillMs);
        standsStillMs = 0;
        return go();
      }),
  });
  const during = async <T>(ms: number, act: () => Promise<T>): Promise<{ answer: T; seen: StoreCall[] }> => {
    standsStillMs = ms;
    seen = [];
    return { answer: await act(), seen };
  };
  return { api, during };
}

// A file has all of the hour.
const limitOf = ({ takesFile }: { takesFile?: boolean }) => (takesFile ? HOUR_MS : HOUR_MS - 5 * MINUTE_MS);

/** Files that are written as they are read last as long as their caller reads. */
const FILES = ['export', 'proof'];

it.each(CALLS.filter(({ name }) => !FILES.includes(name)))(
  '$name: the store is called in time, or not any more',
  async (call) => {
    const { api, during } = await startSlowApi();
    const isStored = ['playback link', 'restrict', 'erase', 'assess'].includes(call.name);
    const sitting = { exam: 'math', attempt: 'slow' };
    const begun = async () => {
      const made = await (isStored ? api.store(sitting) : api.create(sitting));
      if (call.name === 'receipt proof') await api.call('delete', `${made.path}?reason=erasure`);
      return made;
    };
    const send = (recording: string) =>
      api.raw(
        call.method.toUpperCase(),
        pathOf(call, { ...sitting, recording }),
        call.takesFile ? formWith(webm) : bodyOf(call),
      );
    /** So that a part URL needs store calls too. */
    const forget = () => {
      api.service.context.manifestCache.clear();
      api.service.context.openUploadCache.clear();
    };
    const { ref } = await begun();
    forget();
    const late = await during(limitOf(call), () => send(ref.recording));
    expect(late.seen.length).toBeLessThanOrEqual(1);
    if (late.answer.status >= 500) {
      expectProblem(late.answer, 503);
      expect(['store-unavailable', 'erasure-incomplete']).toContain(late.answer.body.code);
      expect(late.answer.headers['retry-after']).toBe('5');
    }
    if (!isOfRecording(call) || call.name === 'complete') return;
    const next = await begun();
    forget();
    expect((await during(limitOf(call) - 1, () => send(next.ref.recording))).answer.status).toBeLessThan(300);
  },
);

it('an export lasts as long as its caller reads', async () => {
  const { api, during } = await startSlowApi();
  await api.store({}, webm, { participantId: 'p-1' });
  for (const format of ['json', 'zip']) {
    const url = `${api.url}/v1/participants/p-1/export?format=${format}`;
    const headers = { authorization: await api.authorization() };
    const { answer, seen } = await during(2 * HOUR_MS, async () => (await fetch(url, { headers })).bytes());
    expect(answer.length).toBeGreaterThan(500);
    expect(seen).toContain('put');
  }
});
