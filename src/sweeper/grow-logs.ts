// Lets the logs of receipts grow by what was submitted, so that two sweeps at once never make two logs of one (ADR 20).
import { GrowingTree, originOf, TILE_WIDTH } from '@proctoring-recordings/receipt-verifier';
import { pMapIterable } from 'p-map';
import { LOG_PREFIX } from '../bucket/layout.ts';
import { actOnEach } from '../bucket/listing.ts';
import { edgeOf, type Head, leafOf, listSubmissions, ReceiptLog, type Submission } from '../bucket/receipt-log.ts';
import type { Signer } from '../bucket/signer.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { SweepRun } from './run.ts';

/**
 * The order of a log is that of the store's dates of its submissions, then of their keys; and only what is past the grace
 * period is taken, when no earlier one can appear any more. So every sweep makes the same log, or a beginning of it. A LIST
 * where nothing was submitted.
 */
export async function growLogs(run: SweepRun): Promise<void> {
  const { context, options, tally } = run;
  const { signer, store } = context;
  if (options.dryRun) return;
  if (!signer) return run.guard('log', () => requireNoLog(run));
  await run.guard('log', async () => {
    const unknown = (key: string) => tally.problem({ code: 'unknown-key' }, key);
    for await (const { tenant, submissions, storeTimeMs } of listSubmissions(store, unknown)) {
      if (run.isStopped) return;
      const log = new ReceiptLog(store, tenant, signer);
      await run.guard(log.name, () => new LogGrowth(run, signer, tenant, log).grow(submissions, storeTimeMs));
    }
  });
}

/** Where there is a log, a service without a key would leave it as it is, and write receipts that prove nothing. A LIST. */
async function requireNoLog({ context: { store }, tally }: SweepRun): Promise<void> {
  const { objects } = await store.list(LOG_PREFIX, { limit: 1 });
  if (objects.length > 0) tally.problem({ code: 'signing-key-missing' }, LOG_PREFIX);
}

/** Submissions, and entries, that one head adds, about; the next sweep takes the rest. */
const MAX_TAKEN = 5_000;
const MAX_ENTRIES = 50_000;
/** Submissions that a head names. */
const MAX_INCLUDED = 20_000;

interface Taken {
  readonly submission: Submission;
  readonly entries: readonly string[];
}

class LogGrowth {
  readonly #run: SweepRun;
  readonly #signer: Signer;
  readonly #tenant: string;
  readonly #log: ReceiptLog;

  constructor(run: SweepRun, signer: Signer, tenant: string, log: ReceiptLog) {
    this.#run = run;
    this.#signer = signer;
    this.#tenant = tenant;
    this.#log = log;
  }

  /** `submissions` were listed before the head is read: what was removed by then is in the log of that head, or a later one. */
  async grow(submissions: readonly Submission[], storeTimeMs: number): Promise<void> {
    const { tally } = this.#run;
    const stored = await this.#log.head();
    if (typeof stored === 'string') {
      const code = stored === 'unknown-key' ? 'log-key-unknown' : 'log-head-unreadable';
      return tally.problem({ code }, this.#log.name);
    }
    const head = stored?.head;
    const included = new Set(head?.included);
    const open = submissions.filter(({ key }) => !included.has(key));
    const isLate = (submission: Submission) =>
      head !== undefined && compare(positionOf(submission), head.position) <= 0;
    const isOver = ({ lastModifiedMs }: { lastModifiedMs: number }) => !this.#run.isYoung(storeTimeMs - lastModifiedMs);
    await actOnEach(open.filter(isLate), (submission) => this.#resubmit(submission));
    const stillListed = submissions.filter(({ key }) => included.has(key)).map(({ key }) => key);
    const ready = open
      .filter((submission) => !isLate(submission) && isOver(submission))
      .sort((a, b) => compare(positionOf(a), positionOf(b)));
    const room = Math.max(0, Math.min(MAX_TAKEN, MAX_INCLUDED - stillListed.length));
    const taken = await this.#take(ready, room);
    if (taken.length > 0) await this.#append(head, taken, stillListed);
    if (!stored) return;
    // Whoever listed a submission before it is removed reads a head that has it, and lists no head but the latest.
    const isHeadOver = isOver({ lastModifiedMs: stored.storedAtMs });
    await this.#run.remove([...(isHeadOver ? stillListed : []), ...stored.older.filter(isOver).map(({ key }) => key)]);
  }

  /** Reads submissions in order, up to the first whose key is unknown. Forged and expired ones are skipped and do not count. */
  async #take(ready: readonly Submission[], room: number): Promise<Taken[]> {
    const { tally } = this.#run;
    const taken: Taken[] = [];
    let added = 0;
    const read = async (submission: Submission) => {
      return { submission, entries: await this.#log.readSubmission(this.#signer, submission) };
    };
    for await (const { submission, entries } of pMapIterable(ready, read, { concurrency: STORE_CONCURRENCY })) {
      // Another sweep has a later head, which has it.
      if (entries === 'missing') return [];
      if (entries === 'unknown-key') {
        tally.problem({ code: 'log-key-unknown' }, submission.key);
        return taken;
      }
      if (entries === 'forged' || entries === 'expired') {
        tally.problem({ code: `log-submission-${entries}` }, submission.key);
        continue;
      }
      if (taken.length >= room || added >= MAX_ENTRIES) return taken;
      taken.push({ submission, entries });
      added += entries.length;
    }
    return taken;
  }

  /** Tiles before the head that counts them. */
  async #append(head: Head | undefined, taken: readonly Taken[], stillListed: readonly string[]): Promise<void> {
    const tree = new GrowingTree(head?.size, head && edgeOf(head));
    const log = this.#log;
    let entries = [...(head?.entries ?? [])];
    let added = 0;
    /** What fills up, as the tree grows. */
    function* writes(): Generator<() => Promise<void>, void, undefined> {
      for (const text of taken.flatMap((one) => one.entries)) {
        entries.push(text);
        added += 1;
        const tiles = tree.append(leafOf(text));
        if (tiles.length === 0) continue;
        const [index, bundle] = [tree.size / TILE_WIDTH - 1, entries];
        entries = [];
        yield () => log.putEntries(index, bundle);
        for (const tile of tiles) yield () => log.putTile(tile);
      }
    }
    await actOnEach(writes(), (write) => write());
    const last = taken.at(-1)?.submission;
    if (!last) return;
    const origin = originOf(this.#tenant);
    const checkpoint = await this.#signer.signCheckpoint({ origin, size: tree.size, root: tree.root });
    const position = positionOf(last);
    const included = [...stillListed, ...taken.map(({ submission }) => submission.key)];
    await this.#log.putHead(tree, { checkpoint, position, included, entries });
    this.#run.tally.logged(this.#tenant, added, checkpoint);
  }

  /** It came when its place was taken. Its new date gives it another one. */
  async #resubmit(submission: Submission): Promise<void> {
    const { bucket, context, tally } = this.#run;
    const { key } = submission;
    const entries = await this.#log.readSubmission(this.#signer, submission);
    if (entries === 'missing') return;
    if (entries === 'forged' || entries === 'expired') return tally.problem({ code: `log-submission-${entries}` }, key);
    if (entries === 'unknown-key') return tally.problem({ code: 'log-key-unknown' }, key);
    await this.#log.resubmit(key, context.randomBytes);
    await bucket.removeKey(key);
  }
}

interface Position {
  readonly storedAtMs: number;
  readonly key: string;
}

function positionOf({ key, lastModifiedMs }: Submission): Position {
  return { storedAtMs: lastModifiedMs, key };
}

function compare(a: Position, b: Position): number {
  return a.storedAtMs - b.storedAtMs || Number(a.key > b.key) - Number(a.key < b.key);
}
