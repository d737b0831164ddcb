// What every answer of the service promises, whatever the call.
import { expect } from '@jest/globals';
import { PROBLEMS, type ErrorCode as ProblemCode } from '../../src/model/errors.ts';
import type { Answer } from './api.ts';

/** RFC 9457, with this service's members; never kept by a cache. */
export function expectProblem(answer: Answer<unknown>, status: number, code?: ProblemCode): void {
  const body = answer.body as { code: ProblemCode };
  expect({ status: answer.status, code: body.code }).toEqual({ status, code: code ?? expect.any(String) });
  expect(body).toMatchObject({
    type: `/docs#problem-${body.code}`,
    title: PROBLEMS[body.code].title,
    status,
    detail: expect.stringMatching(/./),
    requestId: answer.headers['x-request-id'],
  });
  expect(PROBLEMS[body.code].status).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.headers['cache-control']).toBe('no-store');
  expectStrict(answer.headers);
}

/** Has the strict browser headers, and none that names the server. */
export function expectStrict(headers: Answer['headers']): void {
  expect(headers).not.toHaveProperty('x-powered-by');
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining("default-src 'none'"),
  });
}
