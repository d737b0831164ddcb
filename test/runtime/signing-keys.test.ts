// Keys that sign receipts: what SIGNING_KEYS_FILE may hold, and how a key is replaced.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createSigner } from '../../src/bucket/signer.ts';
import { readOrCreateSecret } from '../../src/runtime/secret-file.ts';
import { newSigningKeys, readReplacedKeys, readSigningKeysFile } from '../../src/runtime/signing-keys.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'signing-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(content: unknown): string {
  const path = join(folder, 'keys.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('a key that replaces others signs, and what they signed can still be opened', async () => {
  const old = await newSigningKeys([]);
  const jws = await (await createSigner(old.keys)).sign('receipt', Buffer.from('old'));
  const path = fileOf(await newSigningKeys(readReplacedKeys(fileOf(old))));
  const signer = await createSigner(readSigningKeysFile(path));
  expect(Buffer.from(await signer.open('receipt', jws)).toString()).toBe('old');
  expect(signer.publicJwks.keys.map(({ x }) => x).slice(1)).toEqual(old.keys.map(({ x }) => x));
});

test('the key of the embedded store can be replaced as well, and takes its logs along', async () => {
  const d = await readOrCreateSecret(folder, 'signing-key');
  const [replaced] = readReplacedKeys(join(folder, 'signing-key'));
  expect(replaced).toMatchObject({ kty: 'OKP', crv: 'Ed25519', d });
  const { keys } = await newSigningKeys([replaced ?? {}]);
  expect(keys.map(({ d: secret }) => secret !== undefined)).toEqual([true, false]);
  expect(keys[1]?.x).toBe(replaced?.x);
});

test.each([
  ['', /is not JSON/],
  ['{', /is not JSON/],
  [{ keys: [] }, /must be a JWKS/],
  ['A'.repeat(42), /is not JSON/],
])('%j is refused by one clear line', (content, why) => {
  expect(() => readReplacedKeys(fileOf(content))).toThrow(why);
  expect(() => readSigningKeysFile(fileOf(content))).toThrow(why);
});

test('a signer needs a private key of Ed25519 first', async () => {
  const [{ d: _, ...isPublic } = {}] = (await newSigningKeys([])).keys;
  await expect(createSigner([isPublic])).rejects.toThrow(TypeError);
  await expect(createSigner([])).rejects.toThrow(TypeError);
});

test('a key that is not private, not whole, or named twice is refused', async () => {
  const { keys } = await newSigningKeys([]);
  const [own, other] = [keys[0], (await newSigningKeys([])).keys[0]];
  const { d: _, ...isPublic } = own ?? {};
  expect(() => readSigningKeysFile(fileOf({ keys: [isPublic] }))).toThrow(/first key must be a private one/);
  expect(() => readSigningKeysFile(fileOf({ keys: [{ ...own, x: other?.x }] }))).toThrow(/not the public part/);
  expect(() => readSigningKeysFile(fileOf({ keys: [own, isPublic] }))).toThrow(/names a key twice/);
});
