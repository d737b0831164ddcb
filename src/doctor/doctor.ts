// The doctor: runs every check in order, on throw-away keys, and removes all of them.
import { toIso } from '../model/times.ts';
import type { CapabilityId } from '../objectstore/needs.ts';
import { ACCESS_CHECKS, checkReach, cors, REACHABLE } from './access-checks.ts';
import { BUCKET_CHECKS, checkObjectLock } from './bucket-checks.ts';
import { type CheckResult, info, resultOf, type Verdict } from './check.ts';
import type { CheckContext, DoctorCheck, DoctorDependencies } from './context.ts';
import { FEATURE_CHECKS } from './feature-checks.ts';
import { openRawHttp } from './raw-http.ts';
import { type DoctorReport, profileOf } from './report.ts';
import { ALL_ATTACKS, PART_URL_IDS, runAttacks } from './run-attacks.ts';
import { Scratch } from './scratch.ts';
import { clock, NEEDED_TRIALS, OPTIONAL_TRIALS } from './trials.ts';

const CHECKS: readonly DoctorCheck[] = [
  // The clock was checked together with reachability.
  ...NEEDED_TRIALS.filter(({ id }) => id !== clock.id),
  ...ACCESS_CHECKS,
  ...BUCKET_CHECKS,
  cors,
  ...OPTIONAL_TRIALS,
  ...FEATURE_CHECKS,
];

/**
 * Never throws for a failure of the store. With `fix` it sets CORS (not in the embedded store) and the rule for stray
 * uploads, and nothing else; all other changes are throw-away keys, which are removed again, also after a check threw.
 */
export async function examine(deps: DoctorDependencies, { fix = false } = {}): Promise<DoctorReport> {
  const startedAt = toIso(deps.now());
  const checks = await examineAll(deps, fix);
  const isReached = checks.every(({ id, status }) => id !== REACHABLE || status === 'ok');
  const determined = isReached && !deps.signal?.aborted;
  return {
    startedAt,
    finishedAt: toIso(deps.now()),
    endpoint: deps.place.endpoint,
    bucket: deps.place.bucket,
    determined,
    fit: determined && checks.every(({ status }) => status !== 'failed'),
    checks,
    profile: profileOf(checks),
  };
}

/** Without these, written keys could not be removed again. */
const UNDOING: ReadonlySet<string> = new Set<CapabilityId>(['delete', 'abort']);
const NOT_REMOVABLE = 'what it writes could not be deleted again';

async function examineAll(deps: DoctorDependencies, fix: boolean): Promise<CheckResult[]> {
  const reach = await checkReach(deps);
  if (reach.some(({ id, status }) => id !== clock.id && status !== 'ok')) return reach;

  const lock = await checkObjectLock(deps.inspection);
  let mayWrite = lock.status !== 'failed';
  const scratch = new Scratch(deps.store, deps.randomBytes);
  const http = await openRawHttp(deps.presigner, deps.place.endpoint);
  const results = [...reach, lock];
  for (const check of CHECKS) {
    const result = await runOne(check, { ...deps, scratch, http, fix }, mayWrite);
    if (result.status === 'failed' && UNDOING.has(result.id)) mayWrite = false;
    results.push(result);
  }
  results.push(...(await scratch.cleanUp('clean-up')));
  if (!mayWrite) return [...results, ...ALL_ATTACKS.map(({ id, name }) => ({ id, name, ...skipped(NOT_REMOVABLE) }))];
  const attacks = await runAttacks(deps);
  return [...results, ...(deps.settings.uploads === 'proxy' ? attacks.map(asProxied) : attacks)];
}

async function runOne(check: DoctorCheck, context: CheckContext, mayWrite: boolean): Promise<CheckResult> {
  const { id, name } = check;
  if (context.signal?.aborted) return { id, name, ...skipped('the doctor was stopped') };
  if (check.writes && !mayWrite) return { id, name, ...skipped(NOT_REMOVABLE) };
  return resultOf(check, () => check.run(context));
}

function skipped(why: string): Verdict {
  return info(`Skipped: ${why}.`);
}

/** With `UPLOADS=proxy` no part URL is handed out, so a successful attack on one is only a warning. */
function asProxied(result: CheckResult): CheckResult {
  if (result.status !== 'failed' || !PART_URL_IDS.has(result.id)) return result;
  const reason = `${result.reason} UPLOADS=proxy hands out no part URL, so no one can do it.`;
  return { ...result, status: 'warning', reason, remedy: 'Leave UPLOADS=proxy set.' };
}
