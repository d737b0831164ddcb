// Who is let in, call by call: every call under /v1 against every token and every id that must not pass.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type JWTPayload, SignJWT } from 'jose';
import type { ProblemCode } from '../../src/http/problem-codes.ts';
import { ALL_SCOPES, type Api, SECRET, startApi } from './api.ts';
import { bodyOf, CALLS, type ContractCall, pathOf, SCOPES } from './calls.ts';
import { expectProblem } from './expectations.ts';

const CLAIMS = { tenant: 'acme', scope: ALL_SCOPES, sub: 'tester' };
let api: Api;
let recording: string;
let keysBefore: string[];

beforeAll(async () => {
  api = await startApi();
  const stored = await api.store({ exam: 'math', attempt: 'attempt' });
  recording = stored.ref.recording;
  keysBefore = await api.service.keys();
});

function send(call: ContractCall, options: { as?: JWTPayload | null; authorization?: string }, ids: object = {}) {
  return api.raw(call.method.toUpperCase(), pathOf(call, { recording, ...ids }), { ...bodyOf(call), ...options });
}

async function signed(alg: string, claims: JWTPayload, secret = SECRET): Promise<string> {
  const token = await new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
  return `Bearer ${token}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
const valid = () => ({ ...CLAIMS, exp: inAnHour() });

const BAD_TOKENS: readonly [string, ProblemCode, () => Promise<string> | string][] = [
  ['an empty one', 'token-missing', () => 'Bearer '],
  ['another scheme', 'token-missing', () => 'Basic dXNlcjpwYXNz'],
  ['one that is no JWT', 'token-invalid', () => 'Bearer hello'],
  ['three dots and nothing', 'token-invalid', () => 'Bearer e30.e30.e30'],
  ['one that has expired', 'token-expired', () => signed('HS256', { ...CLAIMS, exp: inAnHour() - 3601 })],
  ['one without expiry', 'token-invalid', () => signed('HS256', CLAIMS)],
  ['one of alg none', 'token-invalid', () => `Bearer ${encode({ alg: 'none' })}.${encode(valid())}.`],
  ['one of alg nOnE', 'token-invalid', () => `Bearer ${encode({ alg: 'nOnE' })}.${encode(valid())}.`],
  ['one of HS512', 'token-invalid', () => signed('HS512', valid(), SECRET.padEnd(64, 'x'))],
  ['one signed with another secret', 'token-invalid', () => signed('HS256', valid(), SECRET.replace('a', 'b'))],
  ['one whose tenant is no id', 'token-invalid', () => signed('HS256', { ...valid(), tenant: '../acme' })],
];

const BAD_IDS = [
  '..',
  '.',
  '%2e%2e',
  'a%2fb',
  '%2F',
  'a%5cb',
  '%C3%A9',
  '%00',
  'a%0ab',
  '%zz',
  '%ff',
  'a'.repeat(65),
  'a@b.nl',
  'a%40b.nl',
  '_a',
  '__proto__',
  '',
];

describe.each(CALLS)('$name', (call) => {
  it('needs a token', async () => {
    const answer = await send(call, { as: null });
    expectProblem(answer, 401, 'token-missing');
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  it.each(BAD_TOKENS)('refuses %s with %s', async (_, code, make) => {
    expectProblem(await send(call, { authorization: await make() }), 401, code);
  });

  it.each(SCOPES.filter((scope) => !call.scopes.includes(scope)))('is not for the scope %s', async (scope) => {
    const answer = await send(call, { as: { scope } });
    expectProblem(answer, 403, 'scope-missing');
    expect(answer.headers['www-authenticate']).toContain('insufficient_scope');
  });

  it('is not for a token without scopes', async () => {
    for (const scope of ['', 'recordings:*', '*', ALL_SCOPES.replaceAll(' ', ','), ALL_SCOPES.toUpperCase()]) {
      expectProblem(await send(call, { as: { scope } }), 403, 'scope-missing');
    }
  });

  it('is not for a token of another exam or attempt', async () => {
    for (const bound of [
      { exam: 'other' },
      { exam: 'math', attempt: 'other' },
      { exam: 'other', attempt: 'attempt' },
    ]) {
      const answer = await send(call, { as: bound });
      // Bound to another attempt of the same exam, or to the exam alone: both are narrower than the exam's list.
      expectProblem(answer, 403, 'wrong-attempt');
    }
  });

  it.each(BAD_IDS)('answers the id "%s" with a refusal, wherever it stands', async (id) => {
    const places = ['exam', 'attempt', 'recording', 'participant'].filter((place) => call.path.includes(`{${place}}`));
    for (const place of places) {
      const answer = await send(call, {}, { [place]: id });
      expect({ id, place, isRefused: answer.status >= 400 && answer.status < 500 }).toMatchObject({ isRefused: true });
      expectProblem(answer, answer.status, 'invalid-id', 'recording-not-found', 'malformed-path', 'not-found');
    }
  });
});

it('a path with bytes that HTTP does not allow is refused before it is a call', async () => {
  const answer = await api.raw('GET', `/v1/exams/${Buffer.from('é').toString('latin1')}/recordings`);
  expect(answer.status).toBe(400);
});

describe('the list of an exam', () => {
  it('is for a token that is bound to the exam, and not for one that is bound to an attempt of it', async () => {
    const path = '/v1/exams/math/recordings';
    expect((await api.call('get', path, { as: { exam: 'math' } })).status).toBe(200);
    expectProblem(await api.call('get', path, { as: { exam: 'math', attempt: 'attempt' } }), 403, 'wrong-attempt');
  });
});

it('nobody of all those who were refused has changed anything', async () => {
  expect(await api.service.keys()).toEqual(keysBefore);
});
