// How urgent the store requests of each call are, for whom they are made, and that those of one call belong together.
import { expect, it } from '@jest/globals';
import { currentWork, type Work } from '../../src/objectstore/work.ts';
import { webm } from '../kit/fixtures.ts';
import { intercepting } from '../kit/interventions.ts';
import { startApi } from './api.ts';
import { bodyOf, CALLS, formWith, pathOf } from './calls.ts';

const UPLOADS = [
  'create',
  'presign parts',
  'put a part',
  'list parts',
  'put an overview',
  'complete',
  'abort',
  'upload content',
];
/** It makes no request to the store. */
const OF_NOTHING = 'upload settings';

it.each(CALLS.filter(({ name }) => name !== OF_NOTHING))('$name', async (call) => {
  const seen: Work[] = [];
  const api = await startApi({
    wrap: (store) =>
      intercepting(store, (_call, _args, go) => {
        seen.push(currentWork());
        return go();
      }),
  });
  const attempt = { exam: 'math', attempt: 'a1' };
  const { recording } = await api.create(attempt);
  api.service.context.manifestCache.clear();
  api.service.context.openUploadCache.clear();
  const orderBefore = seen.at(-1)?.order ?? Number.NaN;
  seen.splice(0);
  const body = call.takesFile ? formWith(webm) : bodyOf(call);
  await api.raw(call.method.toUpperCase(), pathOf(call, { ...attempt, recording: recording.recordingId }), body);
  const urgency = UPLOADS.includes(call.name) ? 'upload' : 'read';
  const [{ order } = { order: Number.NaN }] = seen;
  expect(order).toBeGreaterThan(orderBefore);
  expect(seen).toEqual(seen.map(() => ({ urgency, tenant: 'acme', order })));
});
