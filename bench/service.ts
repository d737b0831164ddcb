// The service as it is deployed (dist/), on a store of the bench, with the default settings but for what a load needs.

import { readFile } from 'node:fs/promises';
import { type AttemptPath, type CallOptions, ProctoringRecordings } from '@proctoring-recordings/sdk';
import { HOUR_MS } from '../src/model/durations.ts';
import { signToken } from '../src/runtime/token.ts';
import { type Server, startServer } from './processes.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { Store } from './stores.ts';

export const MAIN = new URL('../dist/main.js', import.meta.url).pathname;
const SECRET = 'a secret of at least thirty-two bytes, for this bench';
export const TENANT = 'acme';
/** A recording of a second. */
export const WEBM = new Uint8Array(await readFile(new URL('../demo/fixtures/webcam.webm', import.meta.url)));
export const CONSENT = { givenAt: '2026-01-01T00:00:00Z', policyVersion: '1' };

/** What the token is bound to, another tenant, another caller. */
export type Claims = Partial<AttemptPath> & { readonly tenant?: string; readonly sub?: string };

export interface Service extends Server {
  token(scope: string, claims?: Claims): Promise<string>;
  clientWith(token: string, options?: CallOptions): ProctoringRecordings;
  /** The sum of a metric over all its labels. */
  metric(name: string): Promise<number>;
}

export interface ServiceOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeFlags?: readonly string[];
  /** Default: the machine's own. */
  readonly clock?: SimulatedClock | undefined;
  /** Default: the build of this repository. */
  readonly main?: string | undefined;
}

/** As the image starts it. */
const NODE_FLAGS = ['--max-semi-space-size=2'];

export async function startService(store: Pick<Store, 'env'>, options: ServiceOptions = {}): Promise<Service> {
  const env = {
    ...process.env,
    // The rate is counted, and never exceeded.
    RATE_LIMIT: '1000000',
    SWEEP_SCHEDULE: 'off',
    SHUTDOWN_DELAY: '0s',
    AUTH_SHARED_SECRET: SECRET,
    ...store.env,
    ...options.env,
  };
  const { clock, main = MAIN } = options;
  const nowMs = () => clock?.nowMs() ?? Date.now();
  const server = await startServer(main, ['serve'], {
    env,
    path: '/readyz',
    clock,
    nodeFlags: [...NODE_FLAGS, ...(options.nodeFlags ?? [])],
  });
  return {
    ...server,
    token: (scope, claims = {}) =>
      signToken(SECRET, { tenant: TENANT, scope, sub: 'bench', ...claims }, HOUR_MS, nowMs()),
    clientWith: (withToken, options) => new ProctoringRecordings({ ...options, baseUrl: server.url, token: withToken }),
    async metric(name) {
      const lines = (await (await fetch(`${server.url}/metrics`)).text()).split('\n');
      const values = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
  };
}
