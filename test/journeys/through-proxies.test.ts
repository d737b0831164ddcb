// A recording reaches the store through a proxy that limits requests, and from a network that blocks the store.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ProctoringRecordings } from '@proctoring-recordings/sdk';
import { enlargeWebm } from '../../demo/webm.ts';
import { type Api, CREATE_BODY, newAttempt, startApi } from '../http/api.ts';
import { formWith } from '../http/calls.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { startLimitingProxy } from '../kit/limiting-proxy.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { openTestStore, type RealStore } from '../objectstore/stores.ts';

/** As 100 MB are to a recording of hours: less than any of the files, more than a part. */
const LIMIT = 6 * MIB;
const file = enlargeWebm(webm, 42 * MIB + 1);
const BODY = { ...CREATE_BODY, consent: { ...CREATE_BODY.consent } };

describe.each(['proxy', 'direct'] as const)('where uploads are %s', (mode) => {
  let store: RealStore;
  let api: Api;
  beforeAll(async () => {
    store = await openTestStore();
    api = await startApi({ service: startServiceOn(store, { uploads: { mode } }) });
  });

  async function throughProxy() {
    const proxy = await startLimitingProxy(api.url, LIMIT);
    afterThisTest(() => proxy.close());
    const blocked: string[] = [];
    /** Nothing but the proxy can be reached. */
    const onlyProxy: typeof fetch = (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      if (url.origin === proxy.url) return fetch(input, init);
      blocked.push(url.origin);
      return Promise.reject(new TypeError('fetch failed'));
    };
    const [, token = ''] = (await api.authorization()).split(' ');
    const client = new ProctoringRecordings({ baseUrl: proxy.url, token, fetch: onlyProxy, maxAttempts: 2 });
    return { proxy, client, blocked };
  }

  it('a recording of many parts comes through byte for byte, though a client reaches nothing but the proxy', async () => {
    const { proxy, client, blocked } = await throughProxy();
    const at = { exam: 'math', attempt: newAttempt() };
    const stored = await client.upload(at, new Blob([file]), BODY);
    expect(stored).toMatchObject({ state: 'stored', sizeBytes: file.length });
    const { url } = await client.playbackLink({ ...at, recording: stored.recordingId });
    const played = Buffer.from(await (await store.fetch(url)).arrayBuffer());
    expect(played.equals(file)).toBe(true);
    expect(proxy.largest()).toBe(5 * MIB);
    // The store was tried for the parts that were sent at once, and for no later one.
    expect(blocked.length).toBe(mode === 'direct' ? 2 * 3 : 0);
  });

  it('a file in one request does not, and the proxy does not say why', async () => {
    const { proxy } = await throughProxy();
    const created = await api.create();
    const { body, headers } = formWith(file);
    const answer = await fetch(`${proxy.url}${created.path}/content`, {
      method: 'POST',
      headers: { ...headers, authorization: await api.authorization() },
      body,
    }).catch(() => undefined);
    expect([413, undefined]).toContain(answer?.status);
    expect((await api.call('get', created.path)).body).toMatchObject({ state: 'uploading' });
  });
});
