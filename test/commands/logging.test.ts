// Whatever text reaches the log: what looks like a secret is taken out of it.
import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLogger } from '../../src/commands/logging.ts';

function logged(detail: string): string {
  let line = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      line += String(chunk);
      done();
    },
  });
  createLogger({ level: 'info', now: () => 0, stream }).info('said', { detail });
  return line;
}

test.each([
  ['a token after its scheme, in any case', 'got BEARER s3cret-text', 's3cret'],
  ['a JWT alone', 'got eyJhbGciOi.eyJzdWIi.s3cret', 's3cret'],
  ['a signature', 'x-amz-signature=s3cret&b=1', 's3cret'],
  ['a credential', 'X-Amz-Credential: s3cret', 's3cret'],
  ['the password of a URL', 'at https://user:s3cret@host/path', 's3cret'],
  ['the query of a URL', 'at https://host/path?key=s3cret', 's3cret'],
  ['an e-mail address', 'from s3cret@example.org', 's3cret'],
])('%s', (_, text, secret) => {
  const line = logged(text);
  expect(line).toContain('[redacted]');
  expect(line).not.toContain(secret);
});

test('a text without any is left as it is', () => {
  expect(logged('the store is away')).toContain('"the store is away"');
});
