// The API reference at /docs: Scalar, which reads openapi.json, served by this service alone, without any other host.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { memoize } from '../model/memoize.ts';
import type { Handler, Handlers } from './request.ts';
import { sendTagged } from './response.ts';

const SCRIPT = '/docs/scalar.js';
/** Written by `npm run build`. It does not exist when the service runs from sources. */
const BUILT_SCRIPT = new URL('../docs/scalar.js.gz', import.meta.url);

/** By path, then by method. */
export function referenceRoutes(): Readonly<Record<string, Handlers>> {
  return { '/docs': { get: sendPage }, [SCRIPT]: { get: scriptHandler() } };
}

const DOCUMENT = '/openapi.json';

/** https://scalar.com/products/api-references/configuration: nothing that calls another host. */
const CONFIGURATION = {
  url: DOCUMENT,
  theme: 'none',
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
  hideClientButton: true,
  hideTestRequestButton: true,
  documentDownloadType: 'direct',
  defaultOpenAllTags: true,
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
};

/** The `type` of a problem leads to /docs#problem-<code>. A browser does not send the fragment, so the page itself redirects. */
const REDIRECT = "if (/^#problems?(-|$)/.test(location.hash)) location.replace('/docs/problems' + location.hash);";

const START = `Scalar.createApiReference('#reference', {
  ...${JSON.stringify(CONFIGURATION)},
  servers: [{ url: location.origin, description: 'This service' }],
  authentication: { preferredSecurityScheme: 'bearer' },
});`;

/**
 * Corrects attributes for which Scalar has no setting, and which axe reports. The search does not say that its results are shown,
 * and shows an alert inside the list if there are none. The example responses of all calls are landmarks with one name. A list
 * that opens above the page is outside every landmark.
 */
const CORRECT = `new MutationObserver(() => {
  const correct = (selector, attributes) => {
    for (const element of document.querySelectorAll(selector))
      for (const [name, value] of Object.entries(attributes))
        value === null ? element.removeAttribute(name) : element.setAttribute(name, value);
  };
  correct('[role=combobox]:not([aria-expanded])', { 'aria-expanded': 'true' });
  correct('[role=listbox] [role=alert]', { role: 'option', 'aria-selected': 'false', 'aria-disabled': 'true' });
  correct('.response-card[role=region]', { role: null, 'aria-label': null, 'aria-labelledby': null });
  correct('body > .scalar-app:not([id], [role]):has([role=listbox])', { role: 'region', 'aria-label': 'Choices' });
  correct('body > .scalar-app[role]:not(:has([role=listbox]))', { role: null, 'aria-label': null });
}).observe(document.body, { childList: true, subtree: true });`;

/**
 * Gives small text enough contrast (WCAG 2.2, 1.4.3) on the page and on the curl command, which is dark in both schemes. Hides
 * the choice of other languages: curl runs as it is, and there is an SDK. Keeps the examples of a property within its width on
 * a phone.
 */
const STYLE = `
body { margin: 0; }
body.light-mode, body .light-mode {
  --scalar-color-2: #4a4a4a; --scalar-color-3: #636363; --scalar-color-accent: #0b5cad;
  --scalar-color-green: #00704a; --scalar-color-red: #c0152a; --scalar-color-yellow: #7a5a00;
  --scalar-color-blue: #0064a8; --scalar-color-orange: #a83a00; --scalar-color-purple: #6a3fc8;
}
body.dark-mode, body .dark-mode {
  --scalar-color-2: #c4c4c4; --scalar-color-3: #a6a6a6; --scalar-color-accent: #7db8ff;
  --scalar-color-green: #3fd69b; --scalar-color-red: #ff7b7b; --scalar-color-yellow: #f0c75e;
  --scalar-color-blue: #6cb8ff; --scalar-color-orange: #ff9d5c; --scalar-color-purple: #c0a2ff;
}
body .scalar-reference-intro-clients, body [data-testid=client-picker] { display: none !important; }
body > .scalar-app > .z-context:empty { display: none; }
body .property-example { position: static !important; }
body .property-example-value-list { left: 0 !important; transform: none !important; translate: none !important; max-width: 100% !important; }
`;

const PAGE = [
  '<!doctype html><html lang="en"><head><meta charset="utf-8">',
  '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">',
  `<title>Proctoring recordings: API reference</title><style>${STYLE}</style></head><body>`,
  `<script>${REDIRECT}</script><div id="reference"></div>`,
  '<noscript><main><h1>Proctoring recordings: API reference</h1><p>This page needs JavaScript. ',
  `Without it, read <a href="${DOCUMENT}">the OpenAPI document</a> and <a href="/docs/problems">the problems</a>.`,
  '</p></main></noscript>',
  `<script>${CORRECT}</script><script src="${SCRIPT}"></script><script>${START}</script></body></html>`,
].join('\n');

const hashOf = (script: string) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`;

/** Scalar writes style elements and attributes while it runs, without a nonce. These are the only scripts. */
const POLICY = [
  "default-src 'none'",
  `script-src 'self' ${[REDIRECT, CORRECT, START].map(hashOf).join(' ')}`,
  "style-src 'unsafe-inline'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const sendPage: Handler = (req, res) => {
  res.setHeader('Content-Security-Policy', POLICY);
  res.setHeader('Cache-Control', 'no-cache');
  sendTagged(req, res.type('html'), PAGE);
};

/** Holds each form in memory once, however many clients read it slowly. */
function scriptHandler(): Handler {
  const compressed = memoize(loadScript);
  const plain = memoize(async () => promisify(gunzip)(await compressed()));
  return async (req, res) => {
    const isCompressed = req.acceptsEncodings('gzip') !== false;
    const script = await (isCompressed ? compressed() : plain());
    res.setHeader('Cache-Control', 'no-cache');
    res.vary('Accept-Encoding').type('text/javascript');
    if (isCompressed) res.setHeader('Content-Encoding', 'gzip');
    sendTagged(req, res, script);
  };
}

async function loadScript(): Promise<Buffer> {
  return existsSync(BUILT_SCRIPT) ? readFile(BUILT_SCRIPT) : scriptOfPackage();
}

/**
 * The whole script, compressed. It is taken from the route of the plugin for Fastify, because that package has 13 dependencies,
 * and `@scalar/api-reference` has 260.
 */
async function scriptOfPackage(): Promise<Buffer> {
  const { default: plugin } = await import('@scalar/fastify-api-reference');
  let script = '';
  const reply = {
    header: () => reply,
    send(body: string) {
      script = body;
    },
  };
  const route = ({ url, handler }: { url: string; handler: (request: object, response: typeof reply) => void }) => {
    if (url.endsWith('.js')) handler({}, reply);
  };
  await plugin({ route } as never, { configuration: { url: DOCUMENT } }, () => {});
  return promisify(gzip)(script, { level: 9 });
}

// `npm run build` keeps it beside the compiled code: the package is not there in production.
if (import.meta.main) {
  await mkdir(new URL('.', BUILT_SCRIPT), { recursive: true });
  await writeFile(BUILT_SCRIPT, await scriptOfPackage());
}
