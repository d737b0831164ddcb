// The load: autocannon in a process of its own, so that it and the server do not share an event loop.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Options, Request, Result } from 'autocannon';

/** What takes longer is broken, and not slow. */
const PATIENCE_SECONDS = 120;

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** So many requests instead, however long they take. */
  readonly requestCount?: number | undefined;
  /** Each connection sends them in turn, over and over. */
  readonly requests: readonly Request[];
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Drives a server. @throws Error when any answer is not 2xx, or none comes: what is refused is not measured */
export async function drive(load: Load): Promise<LoadResult> {
  const worker = fork(new URL('load-worker.ts', import.meta.url), {
    execArgv: ['--conditions=source', '--no-warnings'],
  });
  const { url, connections, seconds, requestCount, requests } = load;
  const size = requestCount === undefined ? { duration: seconds } : { amount: requestCount };
  const options: Options = { url, connections, ...size, timeout: PATIENCE_SECONDS, requests: [...requests] };
  worker.send(options);
  const [result] = (await once(worker, 'message')) as [Result];
  worker.disconnect();
  const { non2xx, errors, timeouts } = result;
  if (non2xx + errors + timeouts > 0 || result['2xx'] === 0) {
    throw new Error(`${url}: ${result['2xx']} answers, ${non2xx} not 2xx, ${errors} errors, ${timeouts} time-outs`);
  }
  return {
    requestsPerSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}
