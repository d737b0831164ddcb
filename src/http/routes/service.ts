// Paths that need no token: probes, metrics and the documentation.
import { readFileSync } from 'node:fs';
import type { Response } from 'express';
import type { Registry } from 'prom-client';
import type { RecordingsContext } from '../../recordings/context.ts';
import { publicKeys } from '../../recordings/proof.ts';
import { PROBLEMS_PAGE_POLICY, renderProblemsPage } from '../problems-page.ts';
import { referenceRoutes } from '../reference.ts';
import type { Handlers } from '../request.ts';
import { sendTagged } from '../response.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string | undefined;
}

export interface ServiceDependencies {
  /** The HTTP metrics are registered here; one application for each registry. */
  readonly metrics: Registry;
  /** Whose signer's public keys are shown. */
  readonly recordings: RecordingsContext;
  isReady(): Promise<Readiness>;
}

/** Written by `npm run openapi` from the calls; a test compares them. */
const API_DOCUMENT = new URL('../../../openapi.json', import.meta.url);

/** By path, then by method. */
export function serviceRoutes(deps: ServiceDependencies): Readonly<Record<string, Handlers>> {
  const json = Buffer.from(JSON.stringify(JSON.parse(readFileSync(API_DOCUMENT, 'utf8'))));
  const keys = Buffer.from(JSON.stringify(publicKeys(deps.recordings)));
  const problems = Buffer.from(renderProblemsPage());
  return {
    // A browser and curl alike find the documentation.
    '/': { get: (_req, res) => mayBeKept(res).redirect('/docs') },
    '/livez': { get: (_req, res) => void res.json({ status: 'ok' }) },
    '/readyz': { get: async (_req, res) => sendReadiness(res, await readinessOf(deps)) },
    '/metrics': {
      get: async (_req, res) => void res.type(deps.metrics.contentType).send(await deps.metrics.metrics()),
    },
    '/.well-known/jwks.json': { get: (req, res) => sendTagged(req, mayBeKept(res).type('application/json'), keys) },
    '/openapi.json': { get: (req, res) => sendTagged(req, mayBeKept(res).type('application/json'), json) },
    ...referenceRoutes(),
    '/docs/problems': {
      get(req, res) {
        res.setHeader('Content-Security-Policy', PROBLEMS_PAGE_POLICY);
        sendTagged(req, mayBeKept(res).type('html'), problems);
      },
    },
  };
}

/** The same for all callers of this version of the service: a browser revalidates it. */
function mayBeKept(res: Response): Response {
  res.setHeader('Cache-Control', 'no-cache');
  return res;
}

async function readinessOf(deps: ServiceDependencies): Promise<Readiness> {
  try {
    return await deps.isReady();
  } catch {
    return { ready: false, reason: 'the check itself failed' };
  }
}

function sendReadiness(res: Response, { ready, reason }: Readiness): void {
  res.status(ready ? 200 : 503).json({ ready, reason });
}
