// Checks what a controller took away, without the service: all receipts of a tenant against its log.
import type { JSONWebKeySet } from 'jose';
import { type Checkpoint, CheckpointError, openCheckpoint, originOf } from './checkpoint.ts';
import { hashOfReceipt, type LogEntry, parseEntry } from './entry.ts';
import type { PublicKeys } from './keys.ts';
import { openReceipt, type ReceiptClaims, ReceiptError } from './receipt.ts';
import { GrowingTree } from './tiles.ts';
import { isSameHash, leafHash } from './tree.ts';

/** The file that `GET /v1/proof` and the command `proof` write. */
export interface ProofFile {
  readonly version: 1;
  readonly tenant: string;
  readonly exportedAt: string;
  /** The latest signed checkpoint; null where the log has no entry yet. */
  readonly checkpoint: string | null;
  /** Every entry of the log, in order. */
  readonly entries: readonly string[];
  /** Every signed receipt that is still kept. */
  readonly receipts: readonly string[];
  /** Receipts without a signature, by the id of their recording: written before the service had a key. */
  readonly unsigned: readonly string[];
  /** Receipts that cannot be read, by their key. */
  readonly unreadable: readonly string[];
  /** What the service says its keys are: worth something only where they agree with a copy of one's own. */
  readonly keys: JSONWebKeySet;
}

export const PROOF_PROBLEMS = {
  'checkpoint-missing': 'the file has entries or receipts of the log, and no checkpoint',
  'checkpoint-not-valid': 'the checkpoint is not one that the service has signed for this log',
  'held-checkpoint-not-valid': 'a checkpoint that you hold is not one that the service has signed for this log',
  'log-cut-off': 'the log is shorter than a checkpoint that you hold',
  'log-rewritten': 'the log does not begin as a checkpoint that you hold says',
  'entries-changed': 'the entries are not those of the checkpoint',
  'entry-unreadable': 'an entry of the log cannot be read',
  'receipt-missing': 'an entry of the log has no receipt, though it must still be kept',
  'receipt-not-valid': 'a receipt is not one that the service has signed',
  'receipt-of-another-tenant': 'a receipt is of another tenant',
  'receipt-not-in-log': 'a receipt is not in the log',
  'receipt-contradicts-entry': 'a receipt and its entry disagree',
  'receipts-disagree': 'a recording has two receipts, and neither replaces the other',
  'receipt-kept-too-long': 'a receipt is there though its time has passed',
  'receipt-not-signed': 'a receipt has no signature: it proves nothing',
  'receipt-unreadable': 'a receipt cannot be read',
  late: 'a recording was deleted after its deadline',
} as const;
export type ProofProblem = keyof typeof PROOF_PROBLEMS;

export interface ProofFinding {
  readonly problem: ProofProblem;
  /** The recording, the place in the log, or the reason. */
  readonly detail: string;
}

export interface ProofReport {
  readonly tenant: string;
  readonly exportedAt: string;
  /** What the log was when the file was made; null: it has no checkpoint that can be believed. */
  readonly checkpoint: { readonly size: number; readonly root: Uint8Array } | null;
  /** How many checkpoints of one's own the log was compared with. */
  readonly heldCheckpoints: number;
  /** Receipts whose signature was checked and holds. */
  readonly receipts: number;
  /** Of these, those too young to be in the log. */
  readonly notYetLogged: number;
  /** Entries whose receipts are no longer kept, so that only their place in the log can be checked. */
  readonly expired: number;
  /** The receipt that came closest to its deadline, or went furthest past it. */
  readonly latest: ReceiptClaims | null;
  readonly findings: readonly ProofFinding[];
}

export interface ProofOptions {
  /** Obtained elsewhere than with the file. */
  readonly keys: PublicKeys;
  /** Notes that were handed out earlier, with reports and webhooks. */
  readonly heldCheckpoints?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Default: `openReceipt`. */
  readonly open?: typeof openReceipt;
}

const DAY_MS = 86_400_000;
/** A receipt comes into the log with the first sweep after the grace period; sweeps may be a day apart. */
const LOGGED_WITHIN_MS = 2 * DAY_MS;
/** Receipts expire with the first sweep after their time. */
const EXPIRED_WITHIN_MS = 3 * DAY_MS;

/** Needs no network, and trusts nothing in the file. Never throws because of what the file says. */
export async function checkProof(file: ProofFile, options: ProofOptions): Promise<ProofReport> {
  return new ProofCheck(file, options).run();
}

class ProofCheck {
  readonly #file: ProofFile;
  readonly #options: ProofOptions;
  readonly #findings: ProofFinding[] = [];
  #notYetLogged = 0;
  #expired = 0;

  constructor(file: ProofFile, options: ProofOptions) {
    this.#file = file;
    this.#options = options;
  }

  async run(): Promise<ProofReport> {
    const { tenant, exportedAt, unsigned, unreadable } = this.#file;
    const checkpoint = await this.#openOwn();
    const held = await this.#openHeld();
    this.#compareLog(checkpoint, held);
    const receipts = await this.#openReceipts();
    this.#compareReceipts(receipts);
    for (const recording of unsigned) this.#find('receipt-not-signed', recording);
    for (const key of unreadable) this.#find('receipt-unreadable', key);
    const claims = [...receipts.values()];
    for (const receipt of claims) {
      if (leadOf(receipt) < 0) this.#find('late', `${receipt.recordingId}, by ${Math.ceil(-leadOf(receipt) / 1000)} s`);
    }
    return {
      tenant,
      exportedAt,
      checkpoint: checkpoint ?? null,
      heldCheckpoints: held.length,
      receipts: claims.length,
      notYetLogged: this.#notYetLogged,
      expired: this.#expired,
      latest: claims.reduce<ReceiptClaims | null>(
        (last, one) => (last && leadOf(last) <= leadOf(one) ? last : one),
        null,
      ),
      findings: this.#findings,
    };
  }

  #find(problem: ProofProblem, detail: string): void {
    this.#findings.push({ problem, detail });
  }

  async #openOwn(): Promise<Checkpoint | undefined> {
    const { checkpoint, entries, receipts } = this.#file;
    if (checkpoint !== null) return this.#open(checkpoint, 'checkpoint-not-valid');
    if (entries.length + receipts.length > 0) this.#find('checkpoint-missing', `${entries.length} entries`);
    return undefined;
  }

  async #openHeld(): Promise<Checkpoint[]> {
    const { heldCheckpoints = [] } = this.#options;
    const opened = await Promise.all(heldCheckpoints.map((note) => this.#open(note, 'held-checkpoint-not-valid')));
    return opened.filter((checkpoint) => checkpoint !== undefined);
  }

  async #open(note: string, problem: ProofProblem): Promise<Checkpoint | undefined> {
    try {
      return await openCheckpoint(note, originOf(this.#file.tenant), this.#options.keys);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      this.#find(problem, error.message);
      return undefined;
    }
  }

  /** Grows the tree once, and looks at it at each size that a checkpoint names. */
  #compareLog(checkpoint: Checkpoint | undefined, held: readonly Checkpoint[]): void {
    const { entries } = this.#file;
    const bySize = Map.groupBy(held, ({ size }) => size);
    const tree = new GrowingTree();
    const encoder = new TextEncoder();
    const compareHeld = () => {
      for (const { root } of bySize.get(tree.size) ?? []) {
        if (!isSameHash(root, tree.root)) this.#find('log-rewritten', `a checkpoint of ${tree.size} entries`);
      }
    };
    compareHeld();
    for (const entry of entries) {
      tree.append(leafHash(encoder.encode(entry)));
      compareHeld();
    }
    for (const { size } of held) {
      if (size > entries.length) this.#find('log-cut-off', `${entries.length} entries, and the checkpoint has ${size}`);
    }
    if (!checkpoint) return;
    if (checkpoint.size !== entries.length || !isSameHash(checkpoint.root, tree.root)) {
      this.#find('entries-changed', `${entries.length} entries, and the checkpoint has ${checkpoint.size}`);
    }
  }

  /** By their hashes, those that are what they should be. */
  async #openReceipts(): Promise<Map<string, ReceiptClaims>> {
    const { receipts, tenant } = this.#file;
    const { keys, open = openReceipt } = this.#options;
    const opened = new Map<string, ReceiptClaims>();
    for (const [place, jws] of receipts.entries()) {
      try {
        const claims = await open(jws, keys);
        if (claims.tenantId === tenant) opened.set(hashOfReceipt(jws), claims);
        else this.#find('receipt-of-another-tenant', claims.recordingId);
      } catch (error) {
        if (!(error instanceof ReceiptError)) throw error;
        this.#find('receipt-not-valid', `receipt ${place + 1} of the file: ${error.message}`);
      }
    }
    return opened;
  }

  #compareReceipts(receipts: ReadonlyMap<string, ReceiptClaims>): void {
    const entries = this.#readEntries();
    const superseded = new Set([...receipts.values()].flatMap(({ supersedes = [] }) => supersedes));
    this.#requireOneOfEach(receipts, superseded);
    for (const [hash, claims] of receipts) this.#compareWithEntry(claims, entries.get(hash));
    const today = dayOf(this.#options.nowMs);
    for (const [hash, { keptUntil, place }] of entries) {
      if (receipts.has(hash) || superseded.has(hash)) continue;
      if (keptUntil < today) this.#expired += 1;
      else this.#find('receipt-missing', `entry ${place}, to be kept until ${keptUntil}`);
    }
  }

  #readEntries(): Map<string, LogEntry & { readonly place: number }> {
    const read = new Map<string, LogEntry & { readonly place: number }>();
    for (const [place, text] of this.#file.entries.entries()) {
      const entry = parseEntry(text);
      if (!entry) this.#find('entry-unreadable', `entry ${place}`);
      // A receipt that was submitted twice has two entries.
      else if (!read.has(entry.hash)) read.set(entry.hash, { ...entry, place });
    }
    return read;
  }

  #requireOneOfEach(receipts: ReadonlyMap<string, ReceiptClaims>, superseded: ReadonlySet<string>): void {
    const seen = new Set<string>();
    for (const [hash, { examId, attemptId, recordingId }] of receipts) {
      if (superseded.has(hash)) continue;
      const recording = `${examId}/${attemptId}/${recordingId}`;
      if (seen.has(recording)) this.#find('receipts-disagree', recording);
      seen.add(recording);
    }
  }

  #compareWithEntry(claims: ReceiptClaims, entry: LogEntry | undefined): void {
    const { recordingId, keptUntil } = claims;
    const ageMs = this.#options.nowMs - Date.parse(claims.verifiedAt);
    if (!entry && ageMs > LOGGED_WITHIN_MS) this.#find('receipt-not-in-log', recordingId);
    else if (!entry) this.#notYetLogged += 1;
    else if (entry.keptUntil !== keptUntil) this.#find('receipt-contradicts-entry', recordingId);
    if (keptUntil < dayOf(this.#options.nowMs - EXPIRED_WITHIN_MS)) this.#find('receipt-kept-too-long', recordingId);
  }
}

/** How long before its deadline a recording was deleted, in milliseconds; negative when it was late. */
export function leadOf({ deadline, deletedAt }: ReceiptClaims): number {
  return Date.parse(deadline) - Date.parse(deletedAt);
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
