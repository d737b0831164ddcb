// A start without settings: the welcome in the terminal, and the page at /demo. Only with the embedded store.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Settings } from '../config.ts';
import { DEMO_EXAM, DEMO_ROLES, type DemoFiles, type DemoPage, type DemoRole } from '../http/routes/demo.ts';
import { HOUR_MS, MINUTE_MS } from '../model/durations.ts';
import type { AttemptRef } from '../model/ids.ts';
import { claimsOf, signToken } from './token.ts';

export const DEMO_TENANT = 'demo';
const TOKEN_TTL_MS = 10 * MINUTE_MS;
const WELCOME_TOKEN_TTL_MS = 12 * HOUR_MS;
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
  let files: Promise<DemoFiles> | undefined;
  return {
    files: () => (files ??= loadFiles()),
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

/**
 * The text of a first start: the URL, a token for each role, and four commands. Only with a generated secret. The tokens
 * are written to stdout and never logged.
 */
export async function welcome(settings: Settings, url: string, secret: string): Promise<string> {
  const roles = Object.keys(DEMO_ROLES) as DemoRole[];
  const signed = await Promise.all(roles.map((role) => tokenOf(settings, secret, role, WELCOME_TOKEN_TTL_MS)));
  const tokens = Object.fromEntries(roles.map((role, index) => [role, signed[index]])) as Record<DemoRole, string>;
  const attempt = `"${url}/v1/exams/math-101/attempts/$A`;
  const json = "-H 'Content-Type: application/json'";
  const consent = `\\"consent\\":{\\"givenAt\\":\\"$(date -u +%FT%TZ)\\",\\"policyVersion\\":\\"1\\"}`;
  const body = `"{\\"participantId\\":\\"p-1\\",\\"kind\\":\\"webcam\\",\\"contentType\\":\\"video/webm\\",${consent}}"`;
  const lines = [
    '',
    `proctoring-recordings is listening at ${url}  (API: ${url}/docs)`,
    ...(demoOrigins(settings).length > 0 ? [`See it all in a browser on this machine: ${url}/demo`] : []),
    'Recordings are kept by the embedded store, on this machine; a token per role, valid for 12 hours:',
    '',
    ...Object.entries(tokens).map(([role, token]) => `  ${role.replace('-', ' ')}:\n    ${token}`),
    '',
    'Four lines to paste into another terminal, in the folder of this project: record, upload, play back, assess.',
    '',
    `A=try-$(date +%s); R=$(curl -sS -X POST ${attempt}/recordings" -H "Authorization: Bearer ${tokens['exam-client']}" ${json} -d ${body} | sed -n 's/.*"recordingId":"\\([^"]*\\)".*/\\1/p'); echo "recording $R"`,
    '',
    `curl -sS ${attempt}/recordings/$R/content" -H "Authorization: Bearer ${tokens['exam-client']}" -F file=@demo/fixtures/webcam.webm; echo`,
    '',
    `curl -sS -X POST ${attempt}/recordings/$R/playback-links" -H "Authorization: Bearer ${tokens.reviewer}"; echo`,
    '',
    `curl -sS -X PUT ${attempt}/assessment" -H "Authorization: Bearer ${tokens['assessment-system']}" ${json} -d "{\\"completedAt\\":\\"$(date -u +%FT%TZ)\\"}"; echo`,
    '',
    '',
  ];
  return lines.join('\n');
}
