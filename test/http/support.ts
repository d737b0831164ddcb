// What the tests of the page at /demo use of `startApi`, under the names that they know.
import { createServer, type Server } from 'node:http';
import { afterEach } from '@jest/globals';
import type { DemoPage } from '../../src/http/routes/demo.ts';
import { type Api, SECRET, startApi } from './api.ts';

export { SECRET };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function afterThisTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

export interface Service extends Pick<Api, 'url' | 'log'> {
  /** Of the same application, on no port. */
  readonly server: Server;
}

export async function startService({ demo }: { readonly demo: DemoPage | undefined }): Promise<Service> {
  const api = await startApi({ demo });
  return { url: api.url, log: () => api.log(), server: createServer(api.handler) };
}
