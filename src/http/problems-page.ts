// The page of problems, /docs/problems, where the `type` of every problem leads: rendered once, without scripts.
import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { ERROR_CODES, type ErrorCode, PROBLEMS } from '../model/errors.ts';

const STYLE = `
:root { color-scheme: light dark; --text: #1b1b1b; --quiet: #5a5a5a; --line: #d9d9d9; --soft: #f3f3f3; --accent: #0b5cad; --page: #fff; --marked: #fff3c4; }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececec; --quiet: #a9a9a9; --line: #3a3a3a; --soft: #222; --accent: #7db8ff; --page: #0f0f0f; --marked: #3d3413; }
}
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 6rem; }
h1 { margin: .5rem 0; line-height: 1.2; } h2 { margin: 3rem 0 0; font-size: 1.1rem; }
a { color: var(--accent); }
code { font: .875em/1.5 ui-monospace, monospace; background: var(--soft); padding: .1em .3em; border-radius: 4px; overflow-wrap: anywhere; }
article { border-top: 1px solid var(--line); margin-top: 1rem; padding: 1rem 0 0; scroll-margin-top: 1rem; }
article:target { background: var(--marked); outline: .75rem solid var(--marked); }
h3 { margin: 0; font-size: 1rem; } h3 a { text-decoration: none; } h3 a:hover { text-decoration: underline; }
h3 code { background: none; padding: 0; font-weight: 600; font-size: 1rem; }
article p { margin: .25rem 0 0; } .title { font-weight: 600; } .quiet { color: var(--quiet); }
`;

/** The one style sheet, in the page itself, is all that a browser loads or runs. */
export const PROBLEMS_PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function renderProblemsPage(): string {
  const byStatus = [...Map.groupBy(ERROR_CODES, (code) => PROBLEMS[code].status)].sort(([a], [b]) => a - b);
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">',
    `<title>Problems: proctoring recordings</title><style>${STYLE}</style></head><body><main id="problems">`,
    '<p><a href="/docs">API reference</a></p><h1>Problems</h1>',
    `<p>${prose(
      'The service refuses a request with a problem document, `application/problem+json` (RFC 9457). Programs decide by ' +
        '`code`, which is stable. Show `detail` to people, and give `requestId` to the operator. `type` links to the code ' +
        'on this page.',
    )}</p>`,
    ...byStatus.flatMap(([status, codes]) => [
      `<h2>${status} ${STATUS_CODES[status] ?? ''}</h2>`,
      ...codes.map(renderProblem),
    ]),
    '</main></body></html>',
  ].join('\n');
}

function renderProblem(code: ErrorCode): string {
  const { title, advice, retryAfterSeconds, members = [] } = PROBLEMS[code];
  const facts = [
    members.length > 0 ? `Additional members: ${members.map((name) => `\`${name}\``).join(', ')}.` : '',
    retryAfterSeconds === undefined ? '' : `\`Retry-After\`: ${retryAfterSeconds} seconds.`,
  ].filter((fact) => fact !== '');
  return [
    `<article id="problem-${code}"><h3><a href="#problem-${code}"><code>${code}</code></a></h3>`,
    `<p class="title">${text(title)}</p><p>${prose(advice)}</p>`,
    facts.length === 0 ? '' : `<p class="quiet">${prose(facts.join(' '))}</p>`,
    '</article>',
  ].join('');
}

function text(value: string): string {
  return value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Escaped text with `code` as in Markdown; the code of a problem links to it. */
function prose(value: string): string {
  return text(value).replace(/`([^`]+)`/g, (_, code: string) => {
    const shown = `<code>${code}</code>`;
    return Object.hasOwn(PROBLEMS, code) ? `<a href="#problem-${code}">${shown}</a>` : shown;
  });
}
