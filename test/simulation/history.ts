// One history from its seed: the steps of its plan, then quiet, and what must be true at the end.

import { ATTEMPTS_PREFIX, LOG_QUEUE_PREFIX, parseKey } from '../../src/bucket/layout.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { Finding, FindingKind } from '../../src/verifier/findings.ts';
import { verify } from '../../src/verifier/verify.ts';
import { attemptPrefix, recordingKey, recordingPrefix } from '../kit/keys.ts';
import { ACTORS } from './actors.ts';
import { tagsTellTheDeadline } from './invariants.ts';
import { checkLogProof, Logs, type Proof } from './logs.ts';
import type { Model } from './model.ts';
import { sweepBy } from './operators.ts';
import type { Step } from './plan.ts';
import { newRandom } from './random.ts';
import { type HistoryOptions, newSimulation, runCommand, type Simulation, type Taking } from './service.ts';
import { must, Violation } from './violation.ts';

export type History = Awaited<ReturnType<typeof runHistory>>;

/** The same seed and the same omissions give the same history, to the byte. */
export async function runHistory(seed: number, options: HistoryOptions = {}) {
  const simulation = newSimulation(seed, options);
  const { world, trace } = simulation;
  await simulation.model.logs?.begin('acme', simulation.logs?.begunWith ?? 0, seed);
  const steps = simulation.steps.filter(({ number }) => !options.without?.has(stepName(number)));
  for (const step of steps) {
    world.at(step.atMs, () => {
      trace.add(world.nowMs, `${step.number}`, `begins: ${step.kind}`);
      run(simulation, step, ACTORS[step.kind]);
    });
  }
  await world.run();
  const proofs: Proof[] = [];
  run(simulation, { number: 0, kind: 'sweep', atMs: 0 }, (taking) => conclude(taking, proofs));
  await world.run();
  // Here, where the order of events does not depend on it: whoever checks proofs has other threads verify signatures.
  if (!world.violation)
    for (const proof of proofs) await checkLogProof(proof).catch((error: Error) => world.fail(error));
  const { violation } = world;
  if (violation && !(violation instanceof Violation)) throw new Error(`seed ${seed}`, { cause: violation });
  return {
    seed,
    violation,
    digest: trace.digest,
    counts: world.counts,
    /** The names of all steps, faults and delays that could be left out. */
    happened: [...steps.map(({ number }) => stepName(number)), ...world.happened],
    trace,
  };
}

const stepName = (number: number) => `step ${number}`;

function run(simulation: Simulation, step: Step, act: (taking: Taking) => Promise<void>): void {
  const random = newRandom(simulation.seed, step.number, 0);
  act({ simulation, step, random, requests: 0 }).catch((error: Error) => simulation.world.fail(error));
}

/** Faults stop and clocks are right: within two sweeps everything due is gone, whatever is poisoned; the rest is whole. */
async function conclude(taking: Taking, proofs: Proof[]): Promise<void> {
  const { simulation } = taking;
  const { world, model, rules, replicas, sweepers } = simulation;
  world.isQuiet = true;
  for (const process of [...replicas, ...sweepers]) process.skewMs = 0;
  await world.sleep(2 * HOUR_MS);
  for (const { ref } of model.recordings.values()) tagsTellTheDeadline(simulation, ref);
  await twoSweeps(taking);
  const { hadEndlessSweep } = model;
  const isLeftOver = (finding: Finding) => isOfSecondPurge(model, finding) || isOfOverwritten(model, finding);
  await nothingIsWrong(taking, (finding) => {
    const { kind, key } = finding;
    if (NOT_YET.has(kind) || isLeftOver(finding) || (hadEndlessSweep && kind === 'receipt-but-objects')) return true;
    return LEAVINGS.has(kind) && isLeftUntilItsDeadline(model, key);
  });
  await world.sleep(Math.max(rules.unassessedMs, rules.afterAssessmentMs));
  await twoSweeps(taking);
  proofs.push(...(await settleLogs(taking)));
  onlyProofsAreLeft(model);
  await nothingIsWrong(taking, isLeftOver);
  await world.sleep(rules.logRetentionMs + 2 * DAY_MS);
  await twoSweeps(taking);
  proofs.push(...(await settleLogs(taking)));
  onlyWhatIsPoisonedIsLeft(model);
}

/** Submitted, in a head that is past the grace period, and removed: three sweeps; as many again for what was signed again. */
const MOST_LOG_SWEEPS = 8;

/** After enough sweeps every submission is in the log. */
async function settleLogs(taking: Taking): Promise<readonly Proof[]> {
  const { sweepers, model, world } = taking.simulation;
  const { logs, store } = model;
  if (!logs) return [];
  for (let sweeps = 0; sweeps < MOST_LOG_SWEEPS && !logs.isSettled(); sweeps += 1) {
    await sweepBy(taking, sweepers[0]);
    await world.sleep(2 * HOUR_MS);
  }
  // Where a manifest cannot be deleted, each sweep proves the deletion once more.
  must(logs.isSettled() || store.refusedKeys.size > 0, 'what is submitted comes into the log', '');
  return logs.proofs();
}

async function twoSweeps(taking: Taking): Promise<void> {
  const { sweepers, model, world } = taking.simulation;
  for (const process of sweepers) {
    const report = await sweepBy(taking, process);
    const problems = report?.problems.filter(({ code }) => !REPORTED_TO_THE_END.has(code));
    const isWell = problems && (model.poisoned.size > 0 || problems.length === 0);
    must(isWell === true, 'a sweep without faults ends well', `${process.name} ${JSON.stringify(problems)}`);
    await world.sleep(2 * HOUR_MS);
  }
}

/** Uploads that cannot become a recording stay until their deadline, and every sweep tells of them. */
const REPORTED_TO_THE_END = new Set(['upload-has-holes', 'salvaged-is-no-recording']);

/** What a crash leaves, and the deadline or `verify --fix` puts right. */
const NOT_YET: ReadonlySet<FindingKind> = new Set([
  ...(['marker-missing', 'wrong-tags', 'stray-upload', 'stored-missing'] as const),
  // A crash between an event and the act, or between a restriction and its event; the caller repeats.
  ...(['assessment-missing', 'erasure-unfinished', 'restriction-unproven'] as const),
]);
const LEAVINGS: ReadonlySet<FindingKind> = new Set(['receipt-but-objects', 'media-without-manifest']);

/** `verify` finds nothing but what is poisoned, or allowed. */
async function nothingIsWrong(taking: Taking, isAllowed: (finding: Finding) => boolean): Promise<void> {
  const { sweepers, model } = taking.simulation;
  const answer = await runCommand(taking, sweepers[0], 'verify', (context) => verify(context));
  if (!('value' in answer)) throw new Violation('verify without faults ends well', '');
  const wrong = answer.value.findings.find((finding) => !isAllowed(finding) && !isExcused(model, finding.key));
  must(!wrong, 'verify finds nothing wrong', `${wrong?.kind} ${wrong?.key} (${wrong?.detail})`);
}

/** docs/simulation.md, accepted leftovers. */
function isOfSecondPurge({ logs }: Model, { kind, key }: Finding): boolean {
  return kind === 'receipt-not-in-log' && logs?.isOfSecondPurge(key) === true;
}

/** docs/simulation.md, accepted leftovers. */
function isOfOverwritten({ logs }: Model, { kind, key, detail }: Finding): boolean {
  const tenant = /^log\/([^/]+)\/heads\/$/.exec(key)?.[1];
  const place = /^entry (\d+)/.exec(detail)?.[1];
  return kind === 'receipt-missing' && tenant !== undefined && logs?.isOfOverwritten(tenant, Number(place)) === true;
}

/**
 * A sweep purges what was due, and what it leaves, or what is written beside it, stays until the deadline of an
 * assessment that came meanwhile: another sweep had moved the entry, or the entry went when the purge ended days later.
 * A request's mark alone, which is empty, needs neither, and a marker `stored` that came late not even a deadline:
 * docs/simulation.md, accepted leftovers.
 */
function isLeftUntilItsDeadline(model: Model, key: string): boolean {
  const known = [...model.recordings.values()].find(({ ref }) => recordingPrefix(ref) === key);
  const isAlone = (marker: string) => model.store.keysUnder(key).every((name) => name === key + marker);
  if (known?.receiptMs === undefined) return false;
  if (model.strayMarkers.has(`${key}stored`) && isAlone('stored')) return true;
  const isOvertaken = model.hadSweepsAtOnce || model.hadEndlessSweep || isAlone('restricted');
  return isOvertaken && known.wasDue;
}

function isExcused(model: Model, key: string): boolean {
  if (model.strayMarkers.has(key)) return true;
  const attempts = [...model.poisoned].map((name) => name.split('/').slice(1, 4).join('/'));
  const parsed = parseKey(key);
  const ofMarker = parsed && 'ref' in parsed ? attemptPrefix(parsed.ref).slice(ATTEMPTS_PREFIX.length) : '';
  return attempts.some((attempt) => key.includes(attempt) || ofMarker.startsWith(attempt));
}

function onlyProofsAreLeft(model: Model): void {
  const isProof = (key: string) => /^(receipts|audit)\/|^due\/[^/]+\/(receipts|orders)\//.test(key);
  const isLogged = (key: string) =>
    Logs.isOfLog(key) || (key.startsWith(LOG_QUEUE_PREFIX) && model.store.refusedKeys.size > 0);
  const keys = model.store.keysUnder('').filter((key) => !isProof(key) && !isLogged(key));
  const uploads = model.store.uploadsToEnd('').map(({ key }) => key);
  const left = [...keys, ...uploads].find((key) => !isExcused(model, key));
  must(left === undefined, 'everything due is gone within two sweeps', left ?? '');
  for (const { ref } of model.recordings.values()) {
    const media = recordingKey(ref, 'media');
    const isStuck = model.poisoned.has(media) || !model.has(ref, 'media');
    must(isStuck, 'everything due is gone within two sweeps', `${media}, though its attempt is poisoned`);
  }
}

function onlyWhatIsPoisonedIsLeft(model: Model): void {
  // What cannot be deleted is tried again by every sweep, which leaves a new receipt when the old one has gone.
  if (model.store.refusedKeys.size > 0) return;
  // The head of the queue says which retention it was made for; it names nobody, and stays.
  const isOrders = (key: string) => /^due\/[^/]+\/orders\//.test(key);
  const left = model.store
    .keysUnder('')
    .filter((key) => !isOrders(key) && !Logs.isOfLog(key) && !isExcused(model, key));
  must(left.length === 0, 'proofs go after their time', left.join(' '));
}
