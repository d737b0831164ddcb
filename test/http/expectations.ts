// What every answer of the service promises, whatever the call: how it fails, and what it leaves in the bucket.
import { expect } from '@jest/globals';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { recordingPrefix } from '../../src/domain/keys.ts';
import { PROBLEMS, type ProblemCode } from '../../src/http/problem-codes.ts';
import { listAll, listAllMultipartUploads, type ObjectStore } from '../../src/storage/object-store.ts';
import type { Answer } from './api.ts';

/** RFC 9457, with this service's members; never kept by a cache. */
export function expectProblem(answer: Answer<unknown>, status: number, ...codes: readonly ProblemCode[]): void {
  const body = answer.body as { code: ProblemCode };
  expect({ status: answer.status, code: body.code }).toEqual({ status, code: expect.any(String) });
  if (codes.length > 0) expect(codes).toContain(body.code);
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

/** Neither objects nor open uploads of a recording are left. */
export async function expectNothingLeft(store: ObjectStore, ref: RecordingRef): Promise<void> {
  const prefix = recordingPrefix(ref);
  const objects = await Array.fromAsync(listAll(store, prefix));
  const uploads = await Array.fromAsync(listAllMultipartUploads(store, prefix));
  expect({ keys: objects.map(({ key }) => key), uploads }).toEqual({ keys: [], uploads: [] });
}
