// The operator's cron: sweepers and verify, and what must hold after them.
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/model/durations.ts';
import { MAX_CLOCK_SKEW_MS } from '../../src/model/times.ts';
import type { SweepReport } from '../../src/sweeper/report.ts';
import { sweep } from '../../src/sweeper/sweep.ts';
import { verify } from '../../src/verifier/verify.ts';
import { aSweepLeavesNothingDue } from './invariants.ts';
import { CLOCK_TOLERANCE_MS } from './model.ts';
import { runCommand, type Taking } from './service.ts';
import { must } from './violation.ts';
import type { Process } from './world.ts';

/** A run of one of the two sweepers; both may be at work. */
export async function sweepBy(taking: Taking, process: Process): Promise<SweepReport | undefined> {
  const { world, model, rules } = taking.simulation;
  const { skewMs } = process;
  const isWrong = Math.abs(skewMs) > MAX_CLOCK_SKEW_MS + SECOND_MS;
  const dueMs = world.nowMs + rules.leadMs - CLOCK_TOLERANCE_MS;
  const createdMs = world.nowMs - rules.settleMs - CLOCK_TOLERANCE_MS;
  const due = [...model.recordings.values()]
    .filter(({ ref, bornMs }) => bornMs <= createdMs && model.deadlineMs(ref) <= dueMs && model.isLive(ref))
    .map(({ ref }) => ref);
  const beganMs = world.nowMs;
  model.hadSweepsAtOnce ||= taking.simulation.sweepers.some((sweeper) => world.isBusy(sweeper));
  const answer = await runCommand(taking, process, 'sweep', (context) => sweep(context));
  model.hadEndlessSweep ||= world.nowMs - beganMs > 12 * HOUR_MS;
  if (!('value' in answer)) return undefined;
  must(!isWrong || process.skewMs !== skewMs, 'a sweeper with a wrong clock refuses', process.name);
  world.count('sweeps');
  world.count('deleted', answer.value.deleted.recordings);
  world.count('salvaged', answer.value.salvaged);
  // One that began by a clock that was behind, and was set right before the guard, leaves what it took for not due.
  if (!isWrong) aSweepLeavesNothingDue(model, due, beganMs, answer.value);
  return answer.value;
}

export async function verifyOnce(taking: Taking): Promise<void> {
  const { random, simulation } = taking;
  const process = random.pick(simulation.sweepers);
  const fix = random.chance(0.6) && Math.abs(process.skewMs) < DAY_MS;
  const answer = await runCommand(taking, process, 'verify', (context) => verify(context, { fix }));
  if ('value' in answer) simulation.world.count(fix ? 'repairs' : 'verifies');
  else simulation.model.leaveRepairs();
}
