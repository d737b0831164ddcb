// Runs all attacks with URLs of our own on throw-away keys: for the doctor, and for `serve` before it calls itself ready.
import pMap from 'p-map';
import { type CheckResult, verdictOf } from '../check.ts';
import type { AttackDependencies } from '../context.ts';
import { openWire } from '../wire.ts';
import { cleanUp, Workspace } from '../workspace.ts';
import { type Attack, Stage, unproven } from './attack.ts';
import { HEADER_ATTACKS } from './headers.ts';
import { PART_URL_ATTACKS, PART_URL_WORKS } from './part-url.ts';
import { PLAYBACK_URL_ATTACKS, PLAYBACK_URL_WORKS } from './playback-url.ts';

/** Each attack has keys of its own; two of them wait for a second until a URL has expired. */
const CONCURRENCY = 4;
const REPEATS = 2;

export interface Group {
  /** Must succeed, or the refusals that follow prove nothing. */
  readonly control: Attack;
  readonly attacks: readonly Attack[];
}

export const PART_URL_GROUP: Group = { control: PART_URL_WORKS, attacks: [...HEADER_ATTACKS, ...PART_URL_ATTACKS] };
export const PLAYBACK_GROUP: Group = { control: PLAYBACK_URL_WORKS, attacks: PLAYBACK_URL_ATTACKS };

export const PART_URL_IDS: ReadonlySet<string> = new Set(
  [PART_URL_GROUP.control, ...PART_URL_GROUP.attacks].map(({ id }) => id),
);

/** Every line that a run gives, in order, for a report of what was skipped. */
export const ALL_ATTACKS: readonly Attack[] = [PART_URL_GROUP, PLAYBACK_GROUP].flatMap((group) => [
  group.control,
  ...group.attacks,
]);

/**
 * One line for each attack; `outcome` tells machines how it went. Never throws; when the store cannot be reached the
 * lines are `unproven`. All throw-away keys are removed, however it ends; what could not be removed is a line too.
 */
export async function runAttacks(
  deps: AttackDependencies,
  groups: readonly Group[] = [PART_URL_GROUP, PLAYBACK_GROUP],
): Promise<CheckResult[]> {
  const workspace = new Workspace(deps.store, deps.randomBytes);
  const results = await runGroups(deps, workspace, groups);
  return [...results, ...(await cleanUp(workspace, 'attacks-clean-up'))];
}

async function runGroups(
  deps: AttackDependencies,
  workspace: Workspace,
  groups: readonly Group[],
): Promise<CheckResult[]> {
  try {
    const url = await deps.presigner.presignPlayback('doctor', { contentType: 'text/plain' }, 1);
    const stage = new Stage(deps, workspace, await openWire(url, deps.place.endpoint));
    return (await Promise.all(groups.map((group) => runGroup(stage, group)))).flat();
  } catch {
    const all = groups.flatMap(({ control, attacks }) => [control, ...attacks]);
    return all.map(({ id, name }) => ({ id, name, ...unproven('no URL could be signed') }));
  }
}

async function runGroup(stage: Stage, { control, attacks }: Group): Promise<CheckResult[]> {
  const controlled = await runOne(stage, control);
  if (controlled.outcome !== 'unproven') {
    return [controlled, ...(await pMap(attacks, (attack) => runOne(stage, attack), { concurrency: CONCURRENCY }))];
  }
  const why = `"${control.name}" failed, so a refusal would mean nothing`;
  return [controlled, ...attacks.map(({ id, name }) => ({ id, name, ...unproven(why) }))];
}

/** Nothing repeats a request of an attack: of a busy store one in a hundred would be enough to prove nothing. */
async function runOne(stage: Stage, attack: Attack): Promise<CheckResult> {
  let result = await tryOne(stage, attack);
  for (let repeats = 0; repeats < REPEATS && result.outcome === 'unproven'; repeats += 1) {
    result = await tryOne(stage, attack);
  }
  return result;
}

async function tryOne(stage: Stage, attack: Attack): Promise<CheckResult> {
  const { id, name } = attack;
  if (stage.deps.signal?.aborted) return { id, name, ...unproven('it was stopped') };
  try {
    return { id, name, ...(await attack.run(stage)) };
  } catch (error) {
    return { id, name, ...verdictOf(error), status: 'failed', outcome: 'unproven' };
  }
}
