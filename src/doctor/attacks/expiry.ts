// Waits until a URL has expired by the store's own clock, and asks once more.
import { SECOND_MS } from '../../model/durations.ts';
import type { Verdict } from '../check.ts';
import type { AttackDependencies } from '../context.ts';
import type { Answer } from '../wire.ts';
import { isRefusal, unproven, verdictOn } from './attack.ts';

const POLL_MS = 200;
/** A `Date` header has whole seconds, and a store may round up. */
const TOLERANCE_MS = 3 * SECOND_MS;
/** A store whose clock is further behind than this cannot be waited for. */
const PATIENCE_MS = 60 * SECOND_MS;

/** `ask` may succeed while the URL is good; it must be refused after. */
export async function untilExpired(
  { now, wait, signal }: Pick<AttackDependencies, 'now' | 'wait' | 'signal'>,
  url: string,
  ask: () => Promise<Answer>,
  remedy: string,
): Promise<Verdict> {
  const expiresMs = expiryOf(url);
  const giveUpMs = now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    const storeMs = Date.parse(answer.headers.date ?? '');
    const timeMs = Number.isNaN(storeMs) ? now() : storeMs;
    if (isRefusal(answer)) return verdictOn({ answers: [answer], harm: undefined, remedy });
    if (answer.status !== 200 && answer.status !== 206)
      return verdictOn({ answers: [answer], harm: undefined, remedy });
    if (timeMs > expiresMs + TOLERANCE_MS) {
      return verdictOn({ answers: [answer], harm: 'the URL still works after its time', remedy });
    }
    if (now() > giveUpMs || signal?.aborted) return unproven("the store's clock did not come to the expiry");
    await wait(POLL_MS);
  }
}

/** Milliseconds since the epoch, read from the URL itself. */
function expiryOf(url: string): number {
  const { searchParams } = new URL(url);
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(searchParams.get('X-Amz-Date') ?? '') ?? [];
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return signedMs + Number(searchParams.get('X-Amz-Expires')) * SECOND_MS;
}
