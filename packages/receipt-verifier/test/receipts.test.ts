// What a receipt, a set of keys, an entry and a checkpoint must be, and that nothing else is taken for one.
import { describe, expect, test } from '@jest/globals';
import {
  CheckpointError,
  checkpointText,
  fromBase64,
  hasEd25519,
  hashOfReceipt,
  openCheckpoint,
  openReceipt,
  originOf,
  parseEntry,
  ReceiptError,
  readPublicKeys,
} from '@proctoring-recordings/receipt-verifier';
import { checkpointOf, claimsOf, makeKey, NOW_MS, signReceipt, TENANT, treeOf } from './service.ts';

const key = makeKey();
const keys = await readPublicKeys({ keys: [key.jwk] });
const CLAIMS = claimsOf(1, NOW_MS);
const HASH = hashOfReceipt('anything');

const refusal = async (work: Promise<unknown>) =>
  work.then(
    () => 'taken',
    (error) => error.code ?? error,
  );

describe('a receipt', () => {
  test('that a key of the set has signed says what was signed', async () => {
    expect(await openReceipt(signReceipt(CLAIMS, key), keys)).toEqual(CLAIMS);
    const again = { ...CLAIMS, supersedes: [HASH], participantId: null };
    expect(await openReceipt(signReceipt(again, key), keys)).toEqual(again);
  });

  test.each<[string, Record<string, unknown>]>([
    ['a member is missing', { salt: undefined }],
    ['a member is of another type', { actor: 7 }],
    ['a time is of no day', { deadline: '2026-02-31T00:00:00.000Z' }],
    ['a time is in another zone', { deletedAt: '2026-02-01T00:00:00.000+01:00' }],
    ['a day is none', { keptUntil: '2026-13-01' }],
    ['a number is none', { bytes: -1 }],
    ['a number is a text', { objects: '2' }],
    ['a participant is neither named nor absent', { participantId: undefined }],
    ['it replaces something that is no receipt', { supersedes: ['x'] }],
    ['it replaces no list', { supersedes: 'x' }],
  ])('is malformed when %s', async (_name, wrong) => {
    expect(await refusal(openReceipt(signReceipt({ ...CLAIMS, ...wrong }, key), keys))).toBe('malformed');
  });

  test.each([null, 'text', 7, [], true])('is malformed when its payload is %j', async (payload) => {
    expect(await refusal(openReceipt(signReceipt(payload, key), keys))).toBe('malformed');
  });

  test('of another key, or changed, is refused', async () => {
    const jws = signReceipt(CLAIMS, key);
    const stranger = makeKey();
    expect(await refusal(openReceipt(signReceipt(CLAIMS, stranger), keys))).toBe('unknown-key');
    expect(await refusal(openReceipt(signReceipt(CLAIMS, { ...stranger, kid: key.kid }), keys))).toBe('not-signed');
    expect(await refusal(openReceipt(signReceipt(CLAIMS, key, { alg: 'none' }), keys))).toBe('not-signed');
    expect(await refusal(openReceipt(signReceipt(CLAIMS, key, { crit: ['x'], x: 1 }), keys))).toBe('not-signed');
    expect(await refusal(openReceipt(signReceipt(CLAIMS, key, { typ: 'JWT' }), keys))).toBe('malformed');
    const parts = jws.split('.');
    for (const [place, part] of parts.entries()) {
      const changed = parts.with(place, part.slice(0, 10) + (part[10] === 'A' ? 'B' : 'A') + part.slice(11));
      expect(await refusal(openReceipt(changed.join('.'), keys))).toMatch(/malformed|not-signed/);
    }
  });

  test('has one text: the log has the hash of it', async () => {
    const jws = signReceipt(CLAIMS, key);
    const others = [
      `${jws}=`,
      ` ${jws}`,
      `${jws}\n`,
      `${jws}.`,
      jws.replace('.', '=.'),
      jws.replace(/-(?=[^.]*$)/, '+'),
    ];
    for (const other of others.filter((text) => text !== jws)) {
      expect(await refusal(openReceipt(other, keys))).toBe('malformed');
    }
  });

  test('of any other kind of value is refused', async () => {
    for (const wrong of [undefined, null, 7, {}, [], '', '.', '..', '...', 'a.b.c', 'é.é.é', 'A'.repeat(1e6)]) {
      expect(await openReceipt(wrong as string, keys).catch((error) => error)).toBeInstanceOf(ReceiptError);
    }
  });
});

describe('a set of keys', () => {
  test('is known by thumbprints, and keys of other kinds are left out', async () => {
    const others = [{ kty: 'RSA', n: 'x', e: 'AQAB' }, { ...key.jwk, crv: 'X25519' }, null, 7, 'x', []];
    const read = await readPublicKeys({ keys: [...others, { ...key.jwk, kid: 'its own name', use: 'sig' }] });
    expect([...read.keys()]).toEqual([key.kid]);
    expect(await hasEd25519()).toBe(true);
  });

  test.each([
    [undefined],
    [null],
    [7],
    ['x'],
    [[]],
    [{}],
    [{ keys: {} }],
    [{ keys: [] }],
    [{ keys: [{ kty: 'RSA' }] }],
    [{ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'AAAA' }] }],
    [{ keys: [{ ...key.jwk, x: `${key.jwk.x}=` }] }],
    [{ keys: Array(2_000).fill(key.jwk) }],
  ])('is refused with a reason: %j', async (wrong) => {
    expect(await readPublicKeys(wrong).catch(({ message }) => message)).toMatch(/^(this is|the set has|a key of)/);
  });
});

test('an entry is a day, two hashes and two numbers, and nothing more', () => {
  const [hash, recording] = [HASH, hashOfReceipt('another')];
  const text = `1 2026-11-30 ${hash} ${recording} 12 -3`;
  expect(parseEntry(text)).toEqual({ keptUntil: '2026-11-30', hash, recording, generation: 12, leadSeconds: -3 });
  // Another text for the same bytes.
  const respelt = `${HASH.slice(0, -1)}${HASH.endsWith('A') ? 'B' : String.fromCharCode(HASH.charCodeAt(42) + 1)}`;
  const wrong = [
    '',
    text.replace('1 ', '2 '),
    text.replace('11-30', '11-31'),
    `${text} `,
    ` ${text}`,
    text.replace(' ', '  '),
    `${text}\n`,
    text.replace(HASH, respelt),
    text.replace(recording, respelt),
    text.replace(' 12', ' 012'),
    text.replace(' 12', ' 1e3'),
    text.replace(' 12', ''),
    text.replace(' -3', ' -0'),
    text.replace(' -3', ' 03'),
    text.replace(' -3', ''),
  ];
  expect(wrong.map(parseEntry)).toEqual(wrong.map(() => undefined));
});

describe('a checkpoint', () => {
  const entries = ['a', 'b', 'c'];
  const note = checkpointOf(entries, key);
  const origin = originOf(TENANT);

  test('that a key of the set has signed for this log is what it says, also beside signatures of others', async () => {
    const expected = { origin, size: 3, root: treeOf(entries).root };
    expect(await openCheckpoint(note, origin, keys)).toEqual(expected);
    expect(checkpointText(expected)).toBe(`${note.split('\n\n')[0]}\n`);
    const withWitness = `${note}— witness.example/w ${Buffer.alloc(76).toString('base64')}\n`;
    expect(await openCheckpoint(withWitness, origin, keys)).toEqual(expected);
  });

  test('of another log or another key is refused', async () => {
    expect(await refusal(openCheckpoint(note, originOf('college'), keys))).toBe('other-log');
    expect(await refusal(openCheckpoint(checkpointOf(entries, makeKey()), origin, keys))).toBe('unknown-key');
    const renamed = note.replaceAll(TENANT, 'college');
    expect(await refusal(openCheckpoint(renamed, originOf('college'), keys))).toBe('unknown-key');
  });

  test.each<[string, (note: string) => unknown]>([
    ['another size', (text) => text.replace('\n3\n', '\n4\n')],
    ['a size with a zero before it', (text) => text.replace('\n3\n', '\n03\n')],
    ['a huge size', (text) => text.replace('\n3\n', `\n${'9'.repeat(30)}\n`)],
    ['another root', (text) => text.replace(/\n[^\n]{44}\n/, `\n${Buffer.alloc(32).toString('base64')}\n`)],
    ['no root', (text) => text.replace(/\n[^\n]{44}\n/, '\nAAAA\n')],
    ['a line more', (text) => text.replace('\n\n', '\nmore\n\n')],
    ['lines of Windows', (text) => text.replaceAll('\n', '\r\n')],
    ['no end', (text) => text.slice(0, -1)],
    ['no signature', (text) => text.slice(0, text.indexOf('—'))],
    ['a signature that is cut off', (text) => `${text.slice(0, -9)}\n`],
    ['something after the signature', (text) => `${text}more\n`],
    ['a signature under another name', (text) => text.replace('— proctoring', '— other')],
    ['a mebibyte', (text) => text + '— x AAAA\n'.repeat(1e5)],
    ['no text', () => undefined],
    ['a number', () => 7],
    ['an object', () => ({})],
  ])('with %s is refused', async (_name, spoil) => {
    const error = await openCheckpoint(spoil(note) as string, origin, keys).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.code).toMatch(/malformed|not-signed/);
  });

  test('with a byte of it changed is refused, whichever', async () => {
    for (let at = 0; at < note.length; at += 1) {
      const changed = note.slice(0, at) + (note[at] === 'A' ? 'B' : 'A') + note.slice(at + 1);
      expect(await refusal(openCheckpoint(changed, origin, keys))).toMatch(
        /malformed|not-signed|other-log|unknown-key/,
      );
    }
  });
});

test('base64 has one text for the same bytes', () => {
  expect([...fromBase64('AQI=')]).toEqual([1, 2]);
  for (const wrong of ['AQI', 'AQJ=', 'AQI= ', 'A-I=', 'é']) expect(() => fromBase64(wrong)).toThrow(TypeError);
});
