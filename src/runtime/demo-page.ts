// Gives the page at /demo what it needs, where it may be served: beside the embedded store alone.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { DEMO_EXAM, DEMO_ROLES, type DemoFiles, type DemoPage } from '../http/routes/demo.ts';
import { MINUTE_MS } from '../model/durations.ts';
import type { Settings } from './settings.ts';
import { claimsOf, signToken } from './token.ts';

export const DEMO_TENANT = 'demo';
const TOKEN_TTL_MS = 10 * MINUTE_MS;
const FOLDER = new URL('../demo-page/', import.meta.url);

/**
 * Where a browser on this machine finds the page; empty when it is not served: with a store of one's own, with tokens
 * of somebody else, where no URL for uploads is handed out, and on a port that is not known beforehand.
 */
export function demoOrigins({ s3, auth, uploads, port }: Settings): string[] {
  const isServed = s3 === undefined && auth.keys.mode !== 'jwks' && uploads.mode === 'direct' && port !== 0;
  return isServed ? [`http://localhost:${port}`, `http://127.0.0.1:${port}`] : [];
}

export function demoPage(settings: Settings, storeOrigin: string, sharedSecret: string): DemoPage | undefined {
  const origins = demoOrigins(settings);
  if (origins.length === 0) return undefined;
  let files: Promise<DemoFiles> | undefined;
  return {
    files: () => (files ??= loadFiles()),
    origins,
    storeOrigin,
    deleteLeadMs: settings.deleteLeadMs,
    issueToken: (role, attempt) => {
      const claims = { tenant: DEMO_TENANT, scope: DEMO_ROLES[role], sub: role, exam: DEMO_EXAM, attempt };
      return signToken(sharedSecret, claimsOf(claims, settings), TOKEN_TTL_MS, Date.now());
    },
  };
}

async function loadFiles(): Promise<DemoFiles> {
  const [html, css, script] = await Promise.all([
    readFile(new URL('index.html', FOLDER)),
    readFile(new URL('page.css', FOLDER)),
    loadScript(),
  ]);
  return { 'index.html': html, 'page.css': css, 'main.js': script };
}

/** As `npm run build` made it; from sources, which browsers cannot run, made now. */
async function loadScript(): Promise<Buffer> {
  const built = new URL('main.js', FOLDER);
  if (existsSync(built)) return readFile(built);
  const { build } = await import('esbuild');
  const source = new URL('main.ts', FOLDER).pathname;
  const { outputFiles } = await build({ entryPoints: [source], bundle: true, format: 'esm', write: false });
  return Buffer.from(outputFiles[0]?.text ?? '');
}
