// A start without settings: the welcome in the terminal, and the page at /demo. Only with the embedded store.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Settings } from '../config.ts';
import { DEMO_EXAM, DEMO_ROLES, type DemoFiles, type DemoPage, type DemoRole } from '../http/routes/demo.ts';
import { MINUTE_MS } from '../model/durations.ts';
import type { AttemptRef } from '../model/ids.ts';
import { memoize } from '../model/memoize.ts';
import { claimsOf, signToken } from './token.ts';
import { NAME, VERSION } from './version.ts';

export const DEMO_TENANT = 'demo';
const TOKEN_TTL_MS = 10 * MINUTE_MS;
const FOLDER = new URL('../demo-page/', import.meta.url);

/**
 * The origins of the page for a browser on this machine. Empty when it is not served: with another store, with tokens of
 * an identity provider, where no part URL is handed out, and on a port that is not known beforehand.
 */
export function demoOrigins({ s3, auth, uploads, port }: Settings): string[] {
  const isServed = s3 === undefined && auth.keys.mode !== 'jwks' && uploads.mode === 'direct' && port !== 0;
  return isServed ? [`http://localhost:${port}`, `http://127.0.0.1:${port}`] : [];
}

export function demoPage(settings: Settings, storeOrigin: string, sharedSecret: string): DemoPage | undefined {
  const origins = demoOrigins(settings);
  if (origins.length === 0) return undefined;
  return {
    files: memoize(loadFiles),
    origins,
    storeOrigin,
    deleteLeadMs: settings.deleteLeadMs,
    issueToken: (role, attempt) => tokenOf(settings, sharedSecret, role, TOKEN_TTL_MS, { exam: DEMO_EXAM, attempt }),
  };
}

function tokenOf(settings: Settings, secret: string, sub: DemoRole, ttlMs: number, bound?: Partial<AttemptRef>) {
  const claims = claimsOf({ tenant: DEMO_TENANT, scope: DEMO_ROLES[sub], sub, ...bound }, settings);
  return signToken(secret, claims, ttlMs, Date.now());
}

async function loadFiles(): Promise<DemoFiles> {
  const [html, css, script] = await Promise.all([
    readFile(new URL('index.html', FOLDER)),
    readFile(new URL('page.css', FOLDER)),
    loadScript(),
  ]);
  return { 'index.html': html, 'page.css': css, 'main.js': script };
}

/** The built page; when run from sources, it is built now. */
async function loadScript(): Promise<Buffer> {
  const built = new URL('main.js', FOLDER);
  if (existsSync(built)) return readFile(built);
  const { build } = await import('esbuild');
  const source = new URL('main.ts', FOLDER).pathname;
  const conditions = ['source'];
  const { outputFiles } = await build({ entryPoints: [source], bundle: true, conditions, format: 'esm', write: false });
  return Buffer.from(outputFiles[0]?.text ?? '');
}

/** What a first start prints: where to look, and how to get a token. Only with a generated secret. */
export function welcome(settings: Settings, port: number): string {
  const url = `http://localhost:${port}`;
  // From sources, npm runs the command. A built service may have no npm.
  const command = import.meta.url.endsWith('.ts') ? 'npm run --silent token --' : `${NAME} token`;
  const lines: readonly (readonly [string, string])[] = [
    ...(demoOrigins(settings).length > 0 ? [['Try it in a browser', `${url}/demo`] as const] : []),
    ['API reference', `${url}/docs`],
    ['Recordings', `${resolve(settings.dataDir)} (embedded store)`],
    ['Get a token', `${command} --tenant ${DEMO_TENANT} --scope recordings:upload`],
  ];
  const rows = lines.map(([label, value]) => `  ${label.padEnd(20)} ${value}`);
  return [`\n${NAME} ${VERSION} is ready at ${url}`, ...rows, '', ''].join('\n');
}
