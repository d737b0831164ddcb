// npm run simulate:year -- --recordings 100000 --seed 1: a year of the service; exits with 1 where a promise was broken.
import { parseArgs } from 'node:util';
import { HOUR_MS } from '../../../src/model/durations.ts';
import { troubles, withOutage } from './calendar.ts';
import { simulateYear, type Year } from './year.ts';

const { values } = parseArgs({
  options: {
    recordings: { type: 'string', default: '100000' },
    days: { type: 'string', default: '365' },
    seed: { type: 'string', default: '1' },
    /** One more outage, of so many hours, in the middle. The deletion margin is 24. */
    outage: { type: 'string', default: '0' },
  },
});
const [seed, days, outage] = [Number(values.seed), Number(values.days), Number(values.outage)];
const planned = troubles(seed, days);
const beganMs = performance.now();
const year = await simulateYear({
  seed,
  days,
  recordings: Number(values.recordings),
  troubles: outage > 0 ? withOutage(planned, days, outage) : planned,
  onDay: (day) => process.stderr.write(day % 30 === 0 ? `day ${day}, ${secondsSince(beganMs)} s\n` : ''),
});
tell(year);
process.exitCode = year.broken.length > 0 ? 1 : 0;

function secondsSince(thenMs: number): number {
  return Math.round((performance.now() - thenMs) / 1000);
}

function tell({ figures, worstLatenessSeconds, verifiedAfterwards, left, log, remarks, broken, digest }: Year): void {
  const { swept, counts } = figures;
  const of = (what: string) => counts[what] ?? 0;
  const hours = (what: string) => Math.round(of(what) / HOUR_MS);
  const before = (ms: number) => `${(ms / HOUR_MS).toFixed(2)} h before its deadline`;
  console.log(`worst lateness                ${worstLatenessSeconds} s (${figures.late} recordings late)
told by sweeps, receipts       ${swept.greatestLatenessSeconds} s, ${verifiedAfterwards.greatestLatenessSeconds} s
deleted early, unasked         ${figures.early}; the earliest came ${before(figures.earliestMs)}
the closest                    ${before(figures.closestMs)}
recordings                     ${figures.created}; ${figures.deleted} with content deleted, of these ${figures.onRequest} on request
assessments, erasures          ${of('assessments')}, ${of('erased')}; ${of('participants erased')} participants erased, ${of('restricted')} restricted
sweeps                         ${swept.runs}; ${swept.refused} refused for a wrong clock, ${swept.failed} failed
entries of the logs            ${log.entries}
requests of the sweeps         ${swept.requests}: ${(swept.requests / figures.deleted).toFixed(1)} a deletion, those that found nothing included
outages of the store           ${of('outage')}, ${hours('outage-ms')} h
suspensions of a machine       ${of('suspend')}, ${hours('suspend-ms')} h
clocks set wrong, off a little ${of('step')}, ${of('drift')}
crashes, restarts, deploys     ${of('crash')}, ${of('restart')}, ${of('deploy')}
left at the end but proofs     ${left.length}
digest                         ${digest}
${days} days, and those until all is due, took ${secondsSince(beganMs)} s`);
  for (const line of [...remarks, ...left.slice(0, 20), ...broken.map((promise) => `BROKEN: ${promise}`)])
    console.log(line);
}
