// The doctor: every check in order, on throw-away keys, and a bucket left as it was found.
import { toIso } from '../model/times.ts';
import type { CapabilityId } from '../objectstore/needs.ts';
import { ALL_ATTACKS, PART_URL_IDS, runAttacks } from './attacks/run-attacks.ts';
import { type CheckResult, info, judged, type Verdict } from './check.ts';
import { cors } from './checks/cors.ts';
import type { DoctorCheck } from './checks/doctor-check.ts';
import { FEATURE_CHECKS } from './checks/features.ts';
import { LIFECYCLE_CHECKS } from './checks/lifecycle.ts';
import { checkObjectLock, OBJECT_LOCK } from './checks/object-lock.ts';
import { PART_CHECKS } from './checks/parts.ts';
import { PRIVACY_CHECKS } from './checks/privacy.ts';
import { checkReach, transport } from './checks/reach.ts';
import { SETUP_CHECKS } from './checks/setup.ts';
import type { CheckContext, DoctorDependencies } from './context.ts';
import { type Profile, profileOf } from './profile.ts';
import { clock } from './trials/clock.ts';
import { NEEDED_TRIALS } from './trials/run-trials.ts';
import { openWire, type Wire } from './wire.ts';
import { cleanUp, Workspace } from './workspace.ts';

export interface DoctorReport {
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Undefined: the provider's own for the region. */
  readonly endpoint: string | undefined;
  readonly bucket: string;
  /** False when any check failed: something that is needed is not there, or not proven. */
  readonly fit: boolean;
  readonly checks: readonly CheckResult[];
  /** What the store was found to do. */
  readonly profile: Profile;
}

const publicEndpoint: DoctorCheck = {
  id: 'public-endpoint',
  name: 'public endpoint',
  async run({ wire }) {
    if (!wire.isDetour) return { status: 'ok', reason: 'URLs for browsers can be reached from here.', remedy: null };
    return {
      status: 'warning',
      reason:
        'The host of the URLs for browsers is not reachable from here; S3_ENDPOINT was asked under its name instead.',
      remedy: 'See that S3_PUBLIC_ENDPOINT is right, and run the doctor once from where browsers are.',
    };
  },
};

const CHECKS: readonly DoctorCheck[] = [
  // The clock was read already.
  ...NEEDED_TRIALS.filter(({ id }) => id !== clock.id),
  transport,
  publicEndpoint,
  ...PRIVACY_CHECKS,
  ...SETUP_CHECKS,
  ...LIFECYCLE_CHECKS,
  cors,
  ...FEATURE_CHECKS,
  ...PART_CHECKS,
];

/**
 * Never throws for what the store does. With `fix` it sets CORS and the rule for stray uploads, and nothing else; all
 * other changes are throw-away keys that are removed again, also after a check threw.
 */
export async function examine(deps: DoctorDependencies, { fix = false } = {}): Promise<DoctorReport> {
  const startedAt = toIso(deps.now());
  const checks = await examineAll(deps, fix);
  return {
    startedAt,
    finishedAt: toIso(deps.now()),
    endpoint: deps.place.endpoint,
    bucket: deps.place.bucket,
    fit: checks.every(({ status }) => status !== 'failed'),
    checks,
    profile: profileOf(checks),
  };
}

async function examineAll(deps: DoctorDependencies, fix: boolean): Promise<CheckResult[]> {
  const reach = await checkReach(deps);
  const isReached = reach.every(({ id, status }) => id === 'clock' || status === 'ok');
  if (!isReached) return [...reach, ...skip([OBJECT_LOCK, ...CHECKS, ...ALL_ATTACKS], 'the store has to answer first')];

  const lock = await checkObjectLock(deps.inspection);
  let mayWrite = lock.status !== 'failed';
  const workspace = new Workspace(deps.store, deps.randomBytes);
  const wire = await wireOf(deps);
  const results = [...reach, lock];
  for (const check of CHECKS) {
    const result = await runOne(check, { ...deps, workspace, wire, fix }, mayWrite);
    if (result.status === 'failed' && UNDOING.has(result.id)) mayWrite = false;
    results.push(result);
  }
  results.push(...(await cleanUp(workspace, 'clean-up')));
  if (!mayWrite) return [...results, ...skip(ALL_ATTACKS, LOCKED)];
  const attacks = await runAttacks(deps);
  return [...results, ...(deps.settings.uploads === 'proxy' ? attacks.map(asProxied) : attacks)];
}

/** Without these nothing that is written could be taken away again. */
const UNDOING: ReadonlySet<string> = new Set<CapabilityId>(['delete', 'abort']);
const LOCKED = 'what it writes could not be deleted again';

async function runOne(check: DoctorCheck, context: CheckContext, mayWrite: boolean): Promise<CheckResult> {
  const { id, name } = check;
  if (context.signal?.aborted) return { id, name, ...skipped('the doctor was stopped') };
  if (check.writes && !mayWrite) return { id, name, ...skipped(LOCKED) };
  return judged(id, name, () => check.run(context));
}

async function wireOf({ presigner, place }: DoctorDependencies): Promise<Wire> {
  return openWire(await presigner.presignPlayback('doctor', { contentType: 'text/plain' }, 1), place.endpoint);
}

function skipped(why: string): Verdict {
  return info(`Skipped: ${why}.`);
}

function skip(checks: readonly { id: string; name: string }[], why: string): CheckResult[] {
  return checks.map(({ id, name }) => ({ id, name, ...skipped(why) }));
}

/** With `UPLOADS=proxy` nobody is given a part URL, so what one could do is only worth knowing. */
function asProxied(result: CheckResult): CheckResult {
  if (result.status !== 'failed' || !PART_URL_IDS.has(result.id)) return result;
  const reason = `${result.reason} UPLOADS=proxy hands out no part URL, so nobody can do it.`;
  return { ...result, status: 'warning', reason, remedy: 'Leave UPLOADS=proxy set.' };
}
