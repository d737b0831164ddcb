// Bodies that no client of ours would send, to every call that takes one.
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { pathOf, WITH_JSON } from './calls.ts';
import { expectProblem } from './expectations.ts';

const MEBIBYTE = 1024 * 1024;
let api: Api;
let created: CreatedRecording;
let keysBefore: string[];

beforeAll(async () => {
  api = await startApi();
  created = await api.create();
  keysBefore = await api.service.keys();
});

afterEach(async () => {
  expect(await api.service.keys()).toEqual(keysBefore);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect({}).not.toHaveProperty('polluted');
});

describe.each(WITH_JSON)('$name', (call) => {
  const send = (body: string, headers: Record<string, string> = {}) =>
    api.raw(call.method.toUpperCase(), pathOf(call, created.ref), {
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  /** The valid body and one member more. */
  const withMember = (member: string) =>
    `${JSON.stringify(call.body).slice(0, -1)}${Object.keys(call.body ?? {}).length > 0 ? ',' : ''}${member}}`;

  it.each(['{"completedAt":', '{', '{"a":1,}', "{'a':1}", '{"a":NaN}', '{"a":"\\x"}', '{}{}', '<a/>'])(
    'refuses %s as JSON',
    async (body) => {
      expectProblem(await send(body), 400, 'malformed-json');
    },
  );

  it('refuses bytes that are no UTF-8 text, or takes them for characters that no schema allows', async () => {
    const answer = await send(withMember('"\u00ff\ufffe":1'));
    expectProblem(answer, 422, 'invalid-request');
  });

  it('refuses 1 MB of JSON', async () => {
    for (const body of [withMember(`"x":"${'x'.repeat(MEBIBYTE)}"`), '['.repeat(MEBIBYTE + 1)]) {
      expectProblem(await send(body), 413, 'body-too-large');
    }
  });

  it('refuses 1 MB of JSON whose length is not announced', async () => {
    const body = withMember(`"x":"${'x'.repeat(MEBIBYTE)}"`);
    expectProblem(await send(body, { 'transfer-encoding': 'chunked' }), 413, 'body-too-large');
  });

  it('refuses other content types', async () => {
    const text = JSON.stringify(call.body);
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      expectProblem(await send(text, { 'content-type': type }), 415, 'unsupported-media-type');
    }
    expectProblem(await send(text, { 'content-encoding': 'gzip' }), 415, 'unsupported-media-type');
    for (const charset of ['utf-7', 'utf-16le', '"utf-32"', 'latin1', '']) {
      const answer = await send(text, { 'content-type': `application/json; charset=${charset}` });
      expectProblem(answer, 415, 'unsupported-media-type');
    }
  });

  it.each(['[]', '[{}]', '"text"', 'null', 'true', '0', '-1e400'])('refuses %s', async (body) => {
    expectProblem(await send(body), 422, 'invalid-request');
  });

  it.each([
    ['"__proto__":{"polluted":true}', '__proto__'],
    ['"constructor":{"prototype":{"polluted":true}}', 'constructor'],
    ['"prototype":{"polluted":true}', 'prototype'],
    ['"toString":"x"', 'toString'],
    ['"unknown":1', 'unknown'],
    ['"tenant":"other"', 'tenant'],
    ['"deleteBy":"2099-01-01T00:00:00Z"', 'deleteBy'],
  ])('refuses the member %s, and names it', async (member, name) => {
    const answer = await send(withMember(member));
    expectProblem(answer, 422, 'invalid-request');
    expect(answer.body.errors).toContainEqual({ path: name, message: expect.any(String) });
  });

  it('refuses depth without falling over', async () => {
    const depth = 10_000;
    const answer = await send(withMember(`"x":${'{"x":'.repeat(depth)}1${'}'.repeat(depth)}`));
    expectProblem(answer, answer.status, 'invalid-request', 'body-too-large');
  });
});

describe('members within members', () => {
  it.each([
    ['"consent":{"givenAt":"2026-01-02T09:55:00Z","policyVersion":"1","__proto__":{"polluted":true}}', 'recordings'],
    ['"consent":{"__proto__":{"givenAt":"2026-01-02T09:55:00Z","policyVersion":"1"}}', 'recordings'],
    ['"consent":[]', 'recordings'],
    ['"consent":"yes"', 'recordings'],
    ['"consent":true', 'recordings'],
  ])('of a new recording: %s is refused', async (consent, suffix) => {
    const body = `{"participantId":"p-1","kind":"webcam","contentType":"video/webm",${consent}}`;
    expectProblem(await api.call('post', `${created.attemptPath}/${suffix}`, { body }), 422, 'invalid-request');
  });

  it.each([
    ['parts', '{"parts":[{"partNumber":1,"sizeBytes":1,"__proto__":{"polluted":true}}]}'],
    ['parts', '{"parts":{"0":{"partNumber":1,"sizeBytes":1},"length":1}}'],
    ['complete', '{"parts":[{"partNumber":1,"etag":"x","constructor":{}}]}'],
    ['complete', '{"timeline":{"startedAt":"2026-01-02T10:00:00Z","endedAt":"2026-01-02T10:00:00Z","gaps":[[]]}}'],
    ['complete', '{"timeline":null}'],
    ['playback-links', '{"reason":null}'],
    ['playback-links', '{"reason":""}'],
    ['playback-links', `{"reason":"${'x'.repeat(201)}"}`],
  ])('of …/%s: %s is refused', async (suffix, body) => {
    expectProblem(await api.call('post', `${created.path}/${suffix}`, { body }), 422, 'invalid-request');
  });
});
