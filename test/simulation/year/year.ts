// A simulated year of the service: what it keeps, what it deletes and when, by true time (docs/simulation.md).
import { install } from '@sinonjs/fake-timers';
import { inSeconds } from '../../../src/bucket/receipts.ts';
import { type Env, readSettings } from '../../../src/config.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/model/durations.ts';
import { type ContextSettings, sweepContext } from '../../../src/runtime/contexts.ts';
import { verify } from '../../../src/verifier/verify.ts';
import { MemoryStore } from '../../kit/memory-store.ts';
import { checkLogProof, Logs } from '../logs.ts';
import { PART_SIZE_BYTES } from '../plan.ts';
import { newRandom } from '../random.ts';
import { exams, RETENTION_BY_TENANT, START_MS, TENANTS, type Trouble, troubles } from './calendar.ts';
import { openLedger } from './ledger.ts';
import { Machine } from './machine.ts';
import { holdExam } from './people.ts';
import { connect, type Mistake, type Replica, type Surroundings, startReplica } from './replica.ts';
import { Timeline } from './timeline.ts';

export interface YearOptions {
  readonly seed: number;
  /** How many are begun; some candidates give up, and some begin twice. */
  readonly recordings: number;
  readonly days: number;
  /** Default: those of the seed. */
  readonly troubles?: readonly Trouble[] | undefined;
  readonly mistake?: Mistake | undefined;
  /** The service's. Default: what tenants order, and the defaults. */
  readonly env?: Env;
  /** Told at the end of each day. */
  readonly onDay?: (day: number) => void;
}

export type Year = Awaited<ReturnType<typeof simulateYear>>;

/** After the longest retention, so that everything that was recorded is due. */
const AFTERWARDS_MS = 2 * DAY_MS;
/** From the end of a process to the start of the next one. */
const DOWN_MS = 20 * SECOND_MS;

export async function simulateYear(options: YearOptions) {
  const { seed, days, mistake, env = { RETENTION_BY_TENANT } } = options;
  const defaults = readSettings(env);
  const settings: ContextSettings = {
    ...defaults,
    uploads: { ...defaults.uploads, partSizeBytes: PART_SIZE_BYTES, contentTypes: new Set(['video/mp4']) },
    webhooks: new Map(),
    ...mistake?.settings,
  };
  const { policy } = settings;
  const timeline = new Timeline(START_MS);
  const now = () => timeline.nowMs;
  const memory = new MemoryStore({ now, minPartSizeBytes: PART_SIZE_BYTES, wholeSeconds: true });
  const ledger = openLedger(memory, now, policy, defaults.deleteLeadMs);
  const counts = new Map<string, number>();
  const count = (what: string, by = 1) => void counts.set(what, (counts.get(what) ?? 0) + by);
  const swept = {
    runs: 0,
    refused: 0,
    failed: 0,
    late: 0,
    greatestLatenessSeconds: 0,
    requests: 0,
  };
  const endMs = START_MS + days * DAY_MS;

  const date = install({ now: START_MS, toFake: ['Date'] });
  const logs = new Logs(memory);
  const all: Surroundings = {
    timeline,
    memory,
    random: newRandom(seed, 3),
    settings,
    cron: defaults.sweepSchedule ?? '',
    mistake,
    signer: logs.signer,
    outageSinceMs: undefined,
    observe: ledger.observe,
    setDate: (timeMs) => date.setSystemTime(timeMs),
    onSwept(result) {
      if (typeof result === 'string') {
        swept[result] += 1;
        return;
      }
      swept.runs += 1;
      swept.late += result.late;
      swept.greatestLatenessSeconds = Math.max(swept.greatestLatenessSeconds, result.greatestLatenessSeconds);
      swept.requests += result.requests;
    },
  };

  const machines = [new Machine(timeline, 'machine-1'), new Machine(timeline, 'machine-2')] as const;
  const { bytes: randomBytes } = newRandom(seed, 4);
  const start = (machine: Machine) => startReplica(all, machine, randomBytes);
  const replicas = machines.map(start);

  async function restart(at: number, end: (replica: Replica) => Promise<void>): Promise<void> {
    const [replica, machine] = [replicas[at], machines[at]];
    if (!replica || !machine) return;
    await end(replica);
    replica.kill();
    await timeline.sleep(DOWN_MS);
    replicas[at] = start(machine);
  }

  function happen(trouble: Trouble): void {
    const { kind, untilMs } = trouble;
    const machine = 'machine' in trouble ? machines[trouble.machine] : undefined;
    count(kind);
    switch (kind) {
      case 'outage':
        count('outage-ms', untilMs - now());
        all.outageSinceMs = now();
        timeline.at(untilMs, () => {
          all.outageSinceMs = undefined;
        });
        return;
      case 'suspend':
        count('suspend-ms', untilMs - now());
        machine?.suspend();
        timeline.at(now() + MINUTE_MS, () => replicas[trouble.machine]?.hangUp());
        timeline.at(untilMs, () => machine?.resume());
        return;
      case 'step':
      case 'drift':
        if (machine) machine.skewMs = trouble.byMs;
        timeline.at(untilMs, () => {
          if (machine) machine.skewMs = 0;
        });
        return;
      case 'crash':
        void restart(trouble.machine, async () => {});
        return;
      case 'restart':
        void restart(trouble.machine, (replica) => replica.stop());
        return;
      default:
        void (async () => {
          for (const at of replicas.keys()) await restart(at, (replica) => replica.stop());
        })();
    }
  }

  for (const trouble of options.troubles ?? troubles(seed, days)) timeline.at(trouble.fromMs, () => happen(trouble));

  let failure: Error | undefined;
  const direct = connect(all, { machine: undefined, isOver: false, requests: 0 });
  const service = {
    seed,
    timeline,
    ready: () => replicas.filter(({ isReady }) => isReady),
    direct,
    retentionMs: (tenant: string) =>
      Math.min(policy.byTenantMs.get(tenant) ?? policy.unassessedMs, policy.unassessedMs),
    endMs: endMs - HOUR_MS,
    count,
  };
  for (const exam of exams(seed, days, options.recordings)) {
    holdExam(service, exam).catch((error: Error) => {
      failure ??= error;
    });
  }

  async function runUntil(untilMs: number): Promise<void> {
    for (let dayMs = now() + DAY_MS; now() < untilMs; dayMs += DAY_MS) {
      await timeline.run(Math.min(dayMs, untilMs));
      if (failure) throw failure;
      options.onDay?.(Math.round((now() - START_MS) / DAY_MS));
    }
  }

  const judge = sweepContext(
    { ...settings, policy },
    { store: memory, now, randomBytes, requestCount: () => 0, signer: logs.signer },
  );
  try {
    await runUntil(endMs);
    date.setSystemTime(now());
    const verified = await verify(judge);
    await runUntil(endMs + Math.max(policy.unassessedMs, policy.afterAssessmentMs) + AFTERWARDS_MS);
    ledger.close();
    date.setSystemTime(now());
    const verifiedAfterwards = await verify(judge);
    const log = await judgeLogs(logs, Object.keys(TENANTS));
    const left = memory.keysUnder('').filter((key) => !isProof(key) && !Logs.isOfLog(key));
    const uploads = memory.openUploads('').map(({ key }) => key);
    const figures = { ...ledger.figures, swept, counts: Object.fromEntries(counts) };
    const kept = promises({ ...figures, verified, verifiedAfterwards, log, left: left.length + uploads.length });
    return {
      figures,
      worstLatenessSeconds: inSeconds(figures.worstLatenessMs),
      verified,
      verifiedAfterwards,
      left: [...left, ...uploads],
      log,
      remarks: [...ledger.remarks, ...log.remarks],
      /** Over every write, in order and with its time: two runs of one seed have the same. */
      digest: ledger.digest(),
      broken: Object.entries(kept).flatMap(([promise, isKept]) => (isKept ? [] : [promise])),
    };
  } finally {
    for (const replica of replicas) replica.kill();
    date.uninstall();
  }
}

/** What each tenant could prove at the end, to somebody who holds every checkpoint. */
async function judgeLogs(logs: Logs, tenants: readonly string[]) {
  const remarks: string[] = [];
  let entries = 0;
  for (const proof of await logs.proofs(tenants)) {
    entries += proof.file.entries.length;
    await checkLogProof(proof).catch((error: Error) => remarks.push(error.message));
  }
  return { entries, remarks, isSettled: logs.isSettled() };
}

function isProof(key: string): boolean {
  return /^(receipts|audit)\/|^due\/[^/]+\/(receipts|orders)\//.test(key);
}

type Judged = ReturnType<typeof openLedger>['figures'] & {
  readonly swept: { readonly late: number; readonly greatestLatenessSeconds: number };
  readonly verified: Awaited<ReturnType<typeof verify>>;
  readonly verifiedAfterwards: Awaited<ReturnType<typeof verify>>;
  readonly log: Awaited<ReturnType<typeof judgeLogs>>;
  readonly left: number;
};

export type Promised = keyof ReturnType<typeof promises>;

/** Which promises were kept. */
function promises(year: Judged) {
  const { verified, verifiedAfterwards } = year;
  return {
    'everything is deleted by its deadline': year.worstLatenessMs === 0 && year.late === 0,
    'nothing is deleted early but by a request in the audit trail': year.early === 0,
    'the receipts tell no lateness': year.receiptsLate === 0 && verifiedAfterwards.late === 0 && verified.late === 0,
    'the sweeps report no lateness': year.swept.late === 0 && year.swept.greatestLatenessSeconds === 0,
    'every receipt has the true deadline': year.receiptsWrong === 0,
    'verify finds nothing': verified.wrong === 0 && verifiedAfterwards.wrong === 0,
    'the receipts and the log of each tenant prove each other': year.log.remarks.length === 0 && year.log.isSettled,
    'a month later nothing but proofs is left': year.left === 0,
  };
}
