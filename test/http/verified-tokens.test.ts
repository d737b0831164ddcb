// How long a token is believed without being verified again.
import { describe, expect, it } from '@jest/globals';
import { rememberVerified } from '../../src/http/verified-tokens.ts';

const NOW_MS = Date.UTC(2026, 10, 2, 9);
const MINUTE_MS = 60_000;

function remembering(expiresAtMs = NOW_MS + 60 * MINUTE_MS) {
  const clock = { nowMs: NOW_MS };
  const verifications: string[] = [];
  let refusal: Error | undefined;
  const principalFor = rememberVerified(
    async (token) => {
      verifications.push(token);
      if (refusal) throw refusal;
      return { principal: `who has ${token}`, expiresAtMs };
    },
    () => clock.nowMs,
  );
  const refuse = (error: Error | undefined) => {
    refusal = error;
  };
  return { clock, verifications, principalFor, refuse };
}

describe('a token', () => {
  it('is verified once, and is its own principal each time', async () => {
    const { verifications, principalFor } = remembering();
    for (const token of ['a', 'b', 'a', 'b']) expect(await principalFor(token)).toBe(`who has ${token}`);
    expect(verifications).toEqual(['a', 'b']);
  });

  it('is verified again after a minute, and refused when its key is gone', async () => {
    const { clock, verifications, principalFor, refuse } = remembering();
    await principalFor('a');
    refuse(new Error('the issuer took its key back'));
    clock.nowMs += MINUTE_MS - 1;
    expect(await principalFor('a')).toBe('who has a');
    clock.nowMs += 1;
    await expect(principalFor('a')).rejects.toThrow('took its key back');
    expect(verifications).toEqual(['a', 'a']);
  });

  it('is verified again from its expiry on', async () => {
    const { clock, verifications, principalFor } = remembering(NOW_MS + 1000);
    await principalFor('a');
    clock.nowMs += 999;
    await principalFor('a');
    expect(verifications).toHaveLength(1);
    clock.nowMs += 1;
    await principalFor('a');
    expect(verifications).toHaveLength(2);
  });

  it('that was refused is verified the next time', async () => {
    const { verifications, principalFor, refuse } = remembering();
    refuse(new Error('the issuer is away'));
    await expect(principalFor('a')).rejects.toThrow('is away');
    refuse(undefined);
    expect(await principalFor('a')).toBe('who has a');
    expect(verifications).toEqual(['a', 'a']);
  });
});

it('a flood of valid tokens takes bounded memory: the oldest are verified again', async () => {
  const { verifications, principalFor } = remembering();
  for (let index = 0; index <= 20_000; index += 1) await principalFor(String(index));
  await principalFor('20000');
  expect(verifications).toHaveLength(20_001);
  await principalFor('0');
  expect(verifications).toHaveLength(20_002);
});
