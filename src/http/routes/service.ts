// What needs no token: probes, metrics and the documentation.
import { createHash } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import type { Registry } from 'prom-client';
import { DOCS_STYLE, renderDocs } from '../docs.ts';
import { sendTagged } from '../etag.ts';
import { describeApi } from '../openapi.ts';
import { OPERATIONS } from './index.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string | undefined;
}

export interface ServiceDependencies {
  readonly metrics: Registry;
  isReady(): Promise<Readiness>;
}

/** By path; each answers GET alone. */
export function serviceRoutes(deps: ServiceDependencies): ReadonlyMap<string, RequestHandler> {
  const api = describeApi(OPERATIONS);
  const json = JSON.stringify(api);
  const page = renderDocs(api);
  return new Map<string, RequestHandler>([
    ['/livez', (_req, res) => void res.json({ status: 'ok' })],
    ['/readyz', async (_req, res) => answerReadiness(res, await readinessOf(deps))],
    ['/metrics', async (_req, res) => void res.type(deps.metrics.contentType).send(await deps.metrics.metrics())],
    ['/openapi.json', (req, res) => sendTagged(req, mayBeKept(res).type('application/json'), json)],
    [
      '/docs',
      (req, res) => {
        res.setHeader('Content-Security-Policy', DOCS_POLICY);
        sendTagged(req, mayBeKept(res).type('html'), page);
      },
    ],
  ]);
}

/** The same for everybody, until the service is another version: a browser asks whether it still is. */
function mayBeKept(res: Response): Response {
  res.setHeader('Cache-Control', 'no-cache');
  return res;
}

/** The page has one style sheet, in the page itself, and nothing else that a browser would load or run. */
const DOCS_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(DOCS_STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

async function readinessOf(deps: ServiceDependencies): Promise<Readiness> {
  try {
    return await deps.isReady();
  } catch {
    return { ready: false, reason: 'the check itself failed' };
  }
}

function answerReadiness(res: Response, { ready, reason }: Readiness): void {
  res.status(ready ? 200 : 503).json({ ready, reason });
}
