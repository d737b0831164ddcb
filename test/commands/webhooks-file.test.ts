import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../src/commands/settings.ts';
import { EVENT_TYPES } from '../../src/domain/events.ts';
import { problemsOf } from './problems.ts';

const folder = mkdtempSync(join(tmpdir(), 'webhooks-'));
afterAll(() => rmSync(folder, { recursive: true }));

const KEY = Buffer.alloc(32, 3).toString('base64');
const SECRET = `whsec_${KEY}`;
const GOOD = { url: 'https://lms.example/hooks', secret: SECRET };

let files = 0;
function write(content: unknown): Record<string, string> {
  files += 1;
  const path = join(folder, `${files}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return { WEBHOOKS_FILE: path };
}

describe('WEBHOOKS_FILE', () => {
  test('names an endpoint for each tenant; all events unless some are chosen, and two secrets while one is replaced', () => {
    const file = write({
      acme: GOOD,
      beta: { url: 'http://127.0.0.1:9/x', secret: [SECRET, SECRET], events: ['recording.erased'] },
    });
    const { webhooks } = readSettings(file);
    const key = new Uint8Array(Buffer.from(KEY, 'base64'));
    expect(webhooks).toEqual(
      new Map([
        ['acme', { url: new URL('https://lms.example/hooks'), keys: [key], events: new Set(EVENT_TYPES) }],
        ['beta', { url: new URL('http://127.0.0.1:9/x'), keys: [key, key], events: new Set(['recording.erased']) }],
      ]),
    );
  });

  test.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /^WEBHOOKS_FILE: is not a file of JSON that can be read$/],
    ['a list', [GOOD], /^WEBHOOKS_FILE: the file: /],
    [
      'http elsewhere',
      { acme: { ...GOOD, url: 'http://lms.example/' } },
      /^WEBHOOKS_FILE: acme\.url: must begin with https/,
    ],
    [
      'http to a look-alike',
      { acme: { ...GOOD, url: 'http://127.0.0.1.example/' } },
      /acme\.url: must begin with https/,
    ],
    ['another scheme', { acme: { ...GOOD, url: 'file:///etc/passwd' } }, /acme\.url: must begin with https/],
    ['no URL', { acme: { ...GOOD, url: 'lms' } }, /acme\.url: is no URL$/],
    ['credentials', { acme: { ...GOOD, url: 'https://u:p4ssw0rd@lms.example/' } }, /acme\.url: holds credentials/],
    ['no prefix', { acme: { ...GOOD, secret: KEY } }, /acme\.secret: must be whsec_ and base64$/],
    ['a short secret', { acme: { ...GOOD, secret: 'whsec_c2hvcnQ=' } }, /acme\.secret: must stand for 24 to 64 bytes$/],
    ['three secrets', { acme: { ...GOOD, secret: [SECRET, SECRET, SECRET] } }, /acme\.secret: /],
    ['an unknown event', { acme: { ...GOOD, events: ['recording.played'] } }, /acme\.events\.0: /],
    ['no event', { acme: { ...GOOD, events: [] } }, /acme\.events: /],
    ['an unknown field', { acme: { ...GOOD, uri: 'x' } }, /acme: /],
    ['no id of a tenant', { 'a@b.example': GOOD }, /^WEBHOOKS_FILE: /],
  ])('%s stops the start with one line, which shows no secret', (_, content, line) => {
    const [problem = '', ...more] = problemsOf(write(content));
    expect(problem).toMatch(line);
    expect(more).toEqual([]);
    for (const hidden of [KEY, 'p4ssw0rd', 'c2hvcnQ']) expect(problem).not.toContain(hidden);
  });

  test('that is not there stops the start', () => {
    expect(problemsOf({ WEBHOOKS_FILE: join(folder, 'none.json') })).toEqual([expect.stringMatching(/can be read$/)]);
    expect(problemsOf({ WEBHOOK_FILE: '/x' })).toEqual([expect.stringMatching(/did you mean WEBHOOKS_FILE/)]);
  });
});
