// Runs all attacks with the service's own URLs on throw-away keys: for the doctor, and for `serve` before it is ready.
import pMap from 'p-map';
import { type Attack, type AttackFixture, type AttackGroup, fixtureOf, unproven } from './attack-fixture.ts';
import { PART_URL_GROUP, PLAYBACK_GROUP } from './attacks.ts';
import { type CheckResult, verdictOf } from './check.ts';
import type { AttackDependencies } from './context.ts';
import { openRawHttp } from './raw-http.ts';
import { Scratch } from './scratch.ts';

/** Each attack has keys of its own; two of them wait for a second until a URL has expired. */
const CONCURRENCY = 4;
const REPEATS = 2;

/** The lines of a run, in order, for the report of a skipped run. */
export const ALL_ATTACKS: readonly Attack[] = [...PART_URL_GROUP, ...PLAYBACK_GROUP];
export const PART_URL_IDS: ReadonlySet<string> = new Set(PART_URL_GROUP.map(({ id }) => id));

/**
 * One line for each attack; its `outcome` is for machines. Never throws; when the store cannot be reached the lines are
 * `unproven`. All throw-away keys are removed in every case; what could not be removed is a line too.
 */
export async function runAttacks(
  deps: AttackDependencies,
  groups: readonly AttackGroup[] = [PART_URL_GROUP, PLAYBACK_GROUP],
): Promise<CheckResult[]> {
  const scratch = new Scratch(deps.store, deps.randomBytes);
  const results = await openRawHttp(deps.presigner, deps.place.endpoint).then(
    (http) => Promise.all(groups.map((group) => runGroup(fixtureOf(deps, scratch, http), group))),
    () => groups.map((group) => group.map((attack) => unprovenLine(attack, 'no URL could be signed'))),
  );
  return [...results.flat(), ...(await scratch.cleanUp('attacks-clean-up'))];
}

async function runGroup(fixture: AttackFixture, [control, ...attacks]: AttackGroup): Promise<CheckResult[]> {
  const controlled = await runOne(fixture, control);
  if (controlled.outcome !== 'unproven') {
    return [controlled, ...(await pMap(attacks, (attack) => runOne(fixture, attack), { concurrency: CONCURRENCY }))];
  }
  const why = `"${control.name}" failed, so a refusal would mean nothing`;
  return [controlled, ...attacks.map((attack) => unprovenLine(attack, why))];
}

/** Raw requests are not retried, so the attack is: on a busy store one failed request in a hundred would prove nothing. */
async function runOne(fixture: AttackFixture, attack: Attack): Promise<CheckResult> {
  for (let repeats = 0; ; repeats += 1) {
    const result = await tryOne(fixture, attack);
    if (result.outcome !== 'unproven' || repeats === REPEATS) return result;
  }
}

async function tryOne(fixture: AttackFixture, attack: Attack): Promise<CheckResult> {
  const { id, name } = attack;
  if (fixture.signal?.aborted) return unprovenLine(attack, 'it was stopped');
  try {
    return { id, name, ...(await attack.run(fixture)) };
  } catch (error) {
    return { id, name, ...verdictOf(error), status: 'failed', outcome: 'unproven' };
  }
}

function unprovenLine({ id, name }: Attack, why: string): CheckResult {
  return { id, name, ...unproven(why) };
}
