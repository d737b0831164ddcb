// The logs of receipts as the store has them: what must be true of them after every effect, and what a tenant could prove.
import {
  checkProof,
  GrowingTree,
  originOf,
  type ProofFile,
  type ProofFinding,
  parseEntry,
  toBase64,
} from '@proctoring-recordings/receipt-verifier';
import { parseDocument, type Receipt } from '../../src/bucket/documents.ts';
import { LOG_QUEUE_PREFIX, parseKey } from '../../src/bucket/layout.ts';
import { entryOf, leafOf, ReceiptLog, submitReceipts } from '../../src/bucket/receipt-log.ts';
import type { Signer } from '../../src/bucket/signer.ts';
import { newRecordingId } from '../../src/model/ids.ts';
import type { MemoryStore } from '../kit/memory-store.ts';
import { createSyncSigner, privateJwk, testSigner } from '../kit/signer.ts';
import { newRandom } from './random.ts';
import { must } from './violation.ts';

const SIGNER = createSyncSigner(testSigner, privateJwk('test'));
const LONG_AGO_MS = Date.UTC(2025, 0, 1);
const HEADS = /^log\/[^/]+\/heads\//;

/** What a tenant holds at one time. */
export interface Proof {
  readonly file: ProofFile;
  readonly held: readonly string[];
  /** Hashes of receipts that may be missing. */
  readonly overwritten: ReadonlySet<string>;
  /** Ids of recordings with a receipt that supersedes another. */
  readonly second: ReadonlySet<string>;
  readonly nowMs: number;
}

/** The log of one tenant, as the largest head has it that was ever written. */
interface Known {
  entries: readonly string[];
  /** By the size of the log. */
  readonly roots: Map<number, string>;
  /** Every checkpoint that was ever signed. */
  readonly checkpoints: string[];
}

export class Logs {
  readonly #store: MemoryStore;
  readonly #known = new Map<string, Known>();
  /** What a key of the logs must say for ever: its first content. */
  readonly #written = new Map<string, string>();
  /** Hashes of all receipts that were ever written. */
  readonly #receipts = new Set<string>();
  /** Of each receipt that stands its hash, and those of the receipts that it replaces. */
  readonly #standing = new Map<string, readonly string[]>();
  /** Hashes of receipts that a process overwrote which was suspended for longer than the grace period. */
  readonly #overwritten = new Set<string>();
  /** Recordings with a receipt that supersedes another: nothing but it may be left to lead a sweep there. */
  readonly #second = new Set<string>();

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  /** Remembers what it signs. */
  readonly signer: Signer = {
    ...SIGNER,
    signCheckpoint: async (checkpoint) => {
      const note = await SIGNER.signCheckpoint(checkpoint);
      this.#log(checkpoint.origin).checkpoints.push(note);
      return note;
    },
  };

  #log(origin: string): Known {
    const known = this.#known.get(origin) ?? { entries: [], roots: new Map(), checkpoints: [] };
    this.#known.set(origin, known);
    return known;
  }

  /** A tenant of long standing: what was deleted long ago comes into its log first, and its receipts have expired. */
  async begin(tenant: string, count: number, seed: number): Promise<void> {
    const { bytes: randomBytes } = newRandom(seed, 1003);
    const ids = { tenantId: tenant, examId: 'exam', attemptId: 'a1' };
    const recordingId = newRecordingId(LONG_AGO_MS, randomBytes);
    const times = { deadline: '2025-01-31T00:00:00.000Z', deletedAt: '2025-01-30T00:00:00.000Z' };
    const receipts = Array.from(
      { length: count },
      (_, index) => ({ ...ids, ...times, recordingId, keptUntil: '2025-12-31', jws: `${index}` }) as Receipt,
    );
    for (const receipt of receipts) this.#receipts.add(entryOf(receipt)?.hash ?? '');
    await submitReceipts({ store: this.#store, signer: SIGNER, randomBytes, now: () => LONG_AGO_MS }, tenant, receipts);
  }

  /** After a PUT, which its process may have sent long before. */
  written(key: string, wasSuspended: boolean): void {
    const parsed = parseKey(key);
    switch (parsed?.type) {
      case 'receipt': {
        const receipt = parseDocument('receipt', this.#body(key), parsed.ref);
        const entry = receipt && entryOf(receipt);
        if (receipt && entry) this.#stand(key, [entry.hash, ...(receipt.supersedes ?? [])], wasSuspended);
        if (receipt?.supersedes?.length) this.#second.add(receipt.recordingId);
        break;
      }
      case 'log-queue':
        this.#submissionsNameWhatIsWritten(key);
        break;
      case 'log-tile':
      case 'log-entries':
        this.#nothingChanges(key, this.#body(key).toString('base64'));
        break;
      case 'log-head':
        this.#aLogNeverForks(key, parsed.tenant, parsed.size);
        break;
      default:
    }
  }

  #stand(key: string, hashes: readonly string[], wasSuspended: boolean): void {
    this.#receipts.add(hashes[0] ?? '');
    // docs/simulation.md, accepted leftovers.
    const lost = wasSuspended ? (this.#standing.get(key) ?? []).filter((hash) => !hashes.includes(hash)) : [];
    for (const hash of lost) this.#overwritten.add(hash);
    this.#standing.set(key, hashes);
  }

  /** Whether an entry, counted from 0, is of a receipt that may be missing. */
  isOfOverwritten(tenant: string, place: number): boolean {
    const entry = this.#log(originOf(tenant)).entries[place] ?? '';
    return this.#overwritten.has(parseEntry(entry)?.hash ?? '');
  }

  /** docs/simulation.md, accepted leftovers. */
  isOfSecondPurge(key: string): boolean {
    const parsed = parseKey(key);
    return parsed?.type === 'receipt' && this.#second.has(parsed.ref.recording);
  }

  #body(key: string): Buffer {
    return Buffer.from(this.#store.peek(key) ?? []);
  }

  /** Entries of a submission, whatever has signed it. */
  #entriesOf(key: string): string[] {
    const [, payload = ''] = this.#body(key).toString('latin1').split('.');
    must(payload !== '', 'a submission can be read', key);
    return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { entries: string[] }).entries;
  }

  #submissionsNameWhatIsWritten(key: string): void {
    const missing = this.#entriesOf(key).find((entry) => !this.#receipts.has(parseEntry(entry)?.hash ?? ''));
    must(missing === undefined, 'a log names no receipt that was never written', `${missing} in ${key}`);
  }

  #nothingChanges(key: string, content: string): void {
    const first = this.#written.get(key) ?? content;
    this.#written.set(key, first);
    must(first === content, 'what is written of a log never changes', key);
  }

  /** Each head that is ever written is a beginning of every larger one, and its root is that of its entries. */
  #aLogNeverForks(key: string, tenant: string, size: number): void {
    const head = JSON.parse(this.#body(key).toString()) as { entries: string[]; edge: unknown; checkpoint: string };
    const { entries: last, edge, checkpoint } = head;
    this.#nothingChanges(key, JSON.stringify({ last, edge, checkpoint }));
    const entries = [...this.#bundles(tenant, size - last.length), ...last];
    const known = this.#log(originOf(tenant));
    const [shorter, longer] =
      entries.length < known.entries.length ? [entries, known.entries] : [known.entries, entries];
    const isOne = entries.length === size && shorter.every((entry, at) => entry === longer[at]);
    must(isOne, 'a log never forks', `${key}, with ${entries.length} entries of ${size}`);
    known.entries = longer;
    const told = checkpoint.split('\n').slice(0, 3).join(' ');
    must(
      told === `${originOf(tenant)} ${size} ${rootOf(known, entries)}`,
      'a checkpoint tells the root of its log',
      key,
    );
  }

  /** The whole bundles of a log up to a size. */
  #bundles(tenant: string, size: number): string[] {
    const entries: string[] = [];
    for (const key of this.#store.keysUnder(`log/${tenant}/entries/`)) {
      const body = this.#body(key);
      for (let at = 0; at < body.length && entries.length < size; ) {
        const end = at + 2 + body.readUInt16BE(at);
        entries.push(body.toString('latin1', at + 2, end));
        at = end;
      }
    }
    return entries;
  }

  /** Whoever lists after that reads a head that has it. None comes too late for its place: this store shows it in time. */
  deleted(key: string): void {
    const parsed = parseKey(key);
    if (parsed?.type !== 'log-queue') return;
    const heads = this.#store.keysUnder(`log/${parsed.tenant}/heads/`);
    const isNamed = heads.some((head) => this.#body(head).includes(JSON.stringify(key)));
    must(isNamed, 'a submission stays until a head names it', key);
  }

  isSettled(): boolean {
    return this.#store.keysUnder(LOG_QUEUE_PREFIX).length === 0;
  }

  /** Of each tenant that has a log, or receipts. */
  async proofs(tenants: readonly string[] = ['acme', 'beta']): Promise<Proof[]> {
    const nowMs = this.#store.now();
    const proofs: Proof[] = [];
    for (const tenant of tenants) {
      const log = new ReceiptLog(this.#store, tenant);
      const stored = await log.head();
      must(typeof stored !== 'string', 'a log can be read', tenant);
      const head = typeof stored === 'string' ? undefined : stored?.head;
      const receipts = this.#store.keysUnder(`receipts/${tenant}/`).map((key) => {
        const parsed = parseKey(key);
        return parsed?.type === 'receipt' ? parseDocument('receipt', this.#body(key), parsed.ref) : undefined;
      });
      const file: ProofFile = {
        version: 1,
        tenant,
        exportedAt: new Date(nowMs).toISOString(),
        checkpoint: head?.checkpoint ?? null,
        entries: head ? (await Array.fromAsync(log.bundles(head))).flat() : [],
        receipts: receipts.flatMap((receipt) => receipt?.jws ?? []),
        unsigned: receipts.flatMap((receipt) => (receipt && !receipt.jws ? receipt.recordingId : [])),
        unreadable: receipts.flatMap((receipt) => (receipt ? [] : 'a receipt')),
        keys: { keys: [...SIGNER.publicJwks.keys] },
      };
      const held = [...this.#log(originOf(tenant)).checkpoints];
      proofs.push({ file, overwritten: this.#overwritten, second: this.#second, held, nowMs });
    }
    return proofs;
  }

  /** Keys of the logs themselves, which outlive what they are about. */
  static isOfLog(key: string): boolean {
    return HEADS.test(key) || /^log\/[^/]+\/(entries|tile)\//.test(key);
  }
}

function rootOf({ roots }: Known, entries: readonly string[]): string {
  const known = roots.get(entries.length);
  if (known !== undefined) return known;
  const tree = new GrowingTree();
  for (const entry of entries) tree.append(leafOf(entry));
  const root = toBase64(tree.root);
  roots.set(entries.length, root);
  return root;
}

/** In a history sweeps may be days apart: what is late is not what this is about. */
export async function checkLogProof({ file, held, overwritten, second, nowMs }: Proof): Promise<void> {
  const { findings } = await checkProof(file, { keys: SIGNER.keys, heldCheckpoints: held, nowMs });
  const isAllowed = ({ problem, detail }: ProofFinding) => {
    const entry = file.entries[Number(/^entry (\d+)/.exec(detail)?.[1])] ?? '';
    if (problem === 'receipt-not-in-log') return second.has(detail);
    return problem === 'late' || (problem === 'receipt-missing' && overwritten.has(parseEntry(entry)?.hash ?? ''));
  };
  const wrong = findings.filter((finding) => !isAllowed(finding));
  const told = wrong.map(({ problem, detail }) => `${problem} ${detail}`).join('; ');
  must(wrong.length === 0, 'the receipts and the log of a tenant prove each other', `${file.tenant}: ${told}`);
}
