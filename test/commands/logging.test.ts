// The log: JSON lines with named fields, and whatever looks like a secret taken out of them.
import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLogger } from '../../src/commands/logging.ts';
import type { LogLevel } from '../../src/commands/settings.ts';
import type { LogFields, Logger } from '../../src/http/logger.ts';

function logged(level: LogLevel, act: (logger: Logger) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  act(createLogger({ level, now: () => Date.UTC(2026, 10, 2), stream }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line is one JSON document, with the time of the clock it was given, and no field that is not named', () => {
  const unnamed = { url: 'https://x', authorization: 'y', level: 'error', message: 'z' };
  const fields = { status: 200, causes: ['A b'], ...unnamed } as LogFields;
  expect(logged('info', (log) => log.info('the store is away', fields))).toEqual([
    { time: '2026-11-02T00:00:00.000Z', level: 'info', message: 'the store is away', status: 200, causes: ['A b'] },
  ]);
});

test('it has lines from its level on, and audit events at every level', () => {
  const lines = logged('error', (log) => {
    log.warn('no');
    log.debug('no');
    log.error('yes');
    log.audit('link issued', { actor: 'a' });
  });
  expect(lines).toEqual([
    expect.objectContaining({ level: 'error', message: 'yes' }),
    expect.objectContaining({ level: 'info', channel: 'audit', message: 'link issued', actor: 'a' }),
  ]);
});

test.each([
  ['a token after its scheme, in any case', 'got BEARER s3cret-text'],
  ['a JWT alone', 'got eyJhbGciOi.eyJzdWIi.s3cret'],
  ['a signature', 'x-amz-signature=s3cret&b=1'],
  ['a credential', 'X-Amz-Credential: s3cret'],
  ['a token of a session', 'x-amz-security-token: s3cret'],
  ['the password of a URL', 'at https://user:s3cret@host/path'],
  ['the query of a URL', 'at https://host/path?key=s3cret'],
  ['an e-mail address', 'from s3cret@example.org'],
])('%s is taken out of every field', (_, text) => {
  const [line = {}] = logged('info', (log) => log.info(text, { detail: text, causes: [text] }));
  for (const field of [line.message, line.detail, line.causes]) {
    expect(String(field)).toContain('[redacted]');
    expect(String(field)).not.toContain('s3cret');
  }
});

test('long and strange text is shortened', () => {
  const detail = `${'://a'.repeat(100_000)}\n\u0000`;
  const [line] = logged('info', (log) => log.info('a@'.repeat(1_000_000), { detail }));
  expect(JSON.stringify(line).length).toBeLessThan(5_000);
});
