// Deadlines are checked against the store's clock: it has to tell its time, and agree with this machine's.
import { SECOND_MS } from '../../model/durations.ts';
import { clocksDiffer } from '../../model/times.ts';
import { CAPABILITIES } from '../../objectstore/needs.ts';
import { failed, lacking, ok, type Verdict, warning } from '../check.ts';
import { trial } from './trial.ts';

const NOTABLE_SKEW_MS = 30 * SECOND_MS;

export const clock = trial('clock', async ({ store, now }) => {
  const askedMs = now();
  const { storeTimeMs } = await store.list('', { limit: 1 });
  return clockVerdict((askedMs + now()) / 2 - storeTimeMs);
});

/** `aheadMs`: of this machine; NaN: the store tells no time. */
export function clockVerdict(aheadMs: number): Verdict {
  if (Number.isNaN(aheadMs)) {
    return lacking('Date (none is sent)', 'The store sends no Date: deadlines cannot be checked.', CAPABILITIES.clock);
  }
  const seconds = Math.round(Math.abs(aheadMs) / SECOND_MS);
  const reason =
    seconds <= 1
      ? 'It agrees with the store.'
      : `This machine is ${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the store.`;
  // A clock is soon set right: the self-test looks again in seconds.
  if (clocksDiffer(aheadMs, 0))
    return { ...failed(`${reason} The sweeper refuses to run.`, 'Set both clocks by NTP.'), outcome: 'unproven' };
  return Math.abs(aheadMs) > NOTABLE_SKEW_MS ? warning(reason, 'Set both clocks by NTP.') : ok(reason);
}
