// Runs all attacks with the service's own URLs on throw-away keys: for the doctor, and for `serve` before it is ready.
import pMap from 'p-map';
import { type Attack, AttackFixture, unproven } from './attack-fixture.ts';
import { type CheckResult, verdictOf } from './check.ts';
import type { AttackDependencies } from './context.ts';
import { PART_URL_ATTACKS, PART_URL_WORKS } from './part-url-attacks.ts';
import { PLAYBACK_URL_ATTACKS, PLAYBACK_URL_WORKS } from './playback-url-attacks.ts';
import { openRawHttp } from './raw-http.ts';
import { cleanUp, Scratch } from './scratch.ts';

/** Each attack has keys of its own; two of them wait for a second until a URL has expired. */
const CONCURRENCY = 4;
const REPEATS = 2;

export interface AttackGroup {
  /** Must succeed, or the refusals that follow prove nothing. */
  readonly control: Attack;
  readonly attacks: readonly Attack[];
}

export const PART_URL_GROUP: AttackGroup = { control: PART_URL_WORKS, attacks: PART_URL_ATTACKS };
export const PLAYBACK_GROUP: AttackGroup = { control: PLAYBACK_URL_WORKS, attacks: PLAYBACK_URL_ATTACKS };
const ALL_GROUPS = [PART_URL_GROUP, PLAYBACK_GROUP];

/** Every line that a run reports, in order, for a report of what was skipped. */
export const ALL_ATTACKS: readonly Attack[] = ALL_GROUPS.flatMap(attacksOf);
export const PART_URL_IDS: ReadonlySet<string> = new Set(attacksOf(PART_URL_GROUP).map(({ id }) => id));

function attacksOf({ control, attacks }: AttackGroup): Attack[] {
  return [control, ...attacks];
}

/**
 * One line for each attack; its `outcome` is for machines. Never throws; when the store cannot be reached the lines are
 * `unproven`. All throw-away keys are removed, however it ends; what could not be removed is a line too.
 */
export async function runAttacks(
  deps: AttackDependencies,
  groups: readonly AttackGroup[] = ALL_GROUPS,
): Promise<CheckResult[]> {
  const scratch = new Scratch(deps.store, deps.randomBytes);
  const results = await openRawHttp(deps.presigner, deps.place.endpoint).then(
    (http) => Promise.all(groups.map((group) => runGroup(new AttackFixture(deps, scratch, http), group))),
    () => groups.map((group) => attacksOf(group).map((attack) => unprovenLine(attack, 'no URL could be signed'))),
  );
  return [...results.flat(), ...(await cleanUp(scratch, 'attacks-clean-up'))];
}

async function runGroup(fixture: AttackFixture, { control, attacks }: AttackGroup): Promise<CheckResult[]> {
  const controlled = await runOne(fixture, control);
  if (controlled.outcome !== 'unproven') {
    return [controlled, ...(await pMap(attacks, (attack) => runOne(fixture, attack), { concurrency: CONCURRENCY }))];
  }
  const why = `"${control.name}" failed, so a refusal would mean nothing`;
  return [controlled, ...attacks.map((attack) => unprovenLine(attack, why))];
}

/** Raw requests are not retried, so the attack is: on a busy store one failed request in a hundred would prove nothing. */
async function runOne(fixture: AttackFixture, attack: Attack): Promise<CheckResult> {
  let result = await tryOne(fixture, attack);
  for (let repeats = 0; repeats < REPEATS && result.outcome === 'unproven'; repeats += 1) {
    result = await tryOne(fixture, attack);
  }
  return result;
}

async function tryOne(fixture: AttackFixture, attack: Attack): Promise<CheckResult> {
  const { id, name } = attack;
  if (fixture.deps.signal?.aborted) return unprovenLine(attack, 'it was stopped');
  try {
    return { id, name, ...(await attack.run(fixture)) };
  } catch (error) {
    return { id, name, ...verdictOf(error), status: 'failed', outcome: 'unproven' };
  }
}

function unprovenLine({ id, name }: Attack, why: string): CheckResult {
  return { id, name, ...unproven(why) };
}
