// Checks what a controller took away, without the service: all receipts of a tenant against its log.
import { type Checkpoint, CheckpointError, openCheckpoint, originOf } from './checkpoint.ts';
import type { DetailPart } from './details.ts';
import { utf8 } from './encoding.ts';
import { entryOfReceipt, formatEntry, hashOfReceipt, type LogEntry, parseEntry } from './entry.ts';
import type { HeldReceipt } from './kept.ts';
import type { PublicKeys } from './keys.ts';
import { findingOf, type ProofFinding, type ProofProblem, refusalOf } from './problems.ts';
import { readProofFile } from './proof-file.ts';
import { openReceipt, type ReceiptClaims, ReceiptError } from './receipt.ts';
import { MalformedError } from './shape.ts';
import { GrowingTree } from './tiles.ts';
import { isSameHash, leafHash } from './tree.ts';

export interface ProofReport {
  /** Empty, as `exportedAt`, where the file is not a proof. */
  readonly tenant: string;
  /** As the file says. What has to be there by a time is judged by this time. */
  readonly exportedAt: string;
  /** What the log was when the file was made; null: it has no checkpoint that can be believed. */
  readonly checkpoint: { readonly size: number; readonly root: Uint8Array } | null;
  /** How many checkpoints of one's own the log was compared with. */
  readonly heldCheckpoints: number;
  /** The size of the newest of them; null without one. What came into the log later is not held to any. */
  readonly heldSize: number | null;
  /** How many receipts that one holds, or holds the hash of, were looked for. */
  readonly heldReceipts: number;
  /** How many could not be looked for, because they have no signature. */
  readonly heldUnsigned: number;
  readonly entries: number;
  /** Receipts whose signature was checked and holds. */
  readonly receipts: number;
  /** Of these, those too young to be in the log. */
  readonly notYetLogged: number;
  /** Entries whose receipts are no longer kept, so that only their place in the log can be checked. */
  readonly expired: number;
  /** Entries for whose receipts another one of the same recording stands. */
  readonly replaced: number;
  /** The receipt that came closest to its deadline, or went furthest past it. */
  readonly latest: ReceiptClaims | null;
  readonly findings: readonly ProofFinding[];
}

export interface ProofOptions {
  /** Obtained elsewhere than with the file. */
  readonly keys: PublicKeys;
  /** Whose proof it should be. Without it any tenant's is taken, and the report names it. */
  readonly tenant?: string;
  /** Notes that were handed out earlier, with reports and webhooks. */
  readonly heldCheckpoints?: readonly string[];
  /** Receipts that were handed out earlier with responses, or their hashes, with webhooks. */
  readonly heldReceipts?: readonly HeldReceipt[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Default: `openReceipt`. */
  readonly open?: typeof openReceipt;
  /** How many of all steps are done; awaited, so that a page can be drawn. */
  readonly onProgress?: (done: number, steps: number) => void | Promise<void>;
}

const DAY_MS = 86_400_000;
/** A receipt comes into the log with the first sweep after the grace period; sweeps may be a day apart. */
const LOGGED_WITHIN_MS = 2 * DAY_MS;
/** Receipts expire with the first sweep after their time. */
const EXPIRED_WITHIN_MS = 3 * DAY_MS;
/** The file takes time to be made, and clocks differ. */
const MADE_WITHIN_MS = DAY_MS;
/** Receipts of one recording by purges at once are kept until days that are no further apart. */
const AT_ONCE_DAYS = [-2, -1, 0, 1, 2];
const ENTRIES_AT_ONCE = 1_000;
const RECEIPTS_AT_ONCE = 100;

/** Needs no network, and trusts nothing in the file. Never throws because of what the file says. */
export async function checkProof(file: unknown, options: ProofOptions): Promise<ProofReport> {
  const check = new ProofCheck(options);
  try {
    return await check.run(readProofFile(file));
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return notAProof(error);
  }
}

function notAProof({ detail }: MalformedError): ProofReport {
  const held = { heldCheckpoints: 0, heldSize: null, heldReceipts: 0, heldUnsigned: 0 };
  const counts = { entries: 0, receipts: 0, notYetLogged: 0, expired: 0 };
  const findings = [findingOf('file-malformed', detail)];
  return { tenant: '', exportedAt: '', checkpoint: null, ...held, ...counts, replaced: 0, latest: null, findings };
}

type Proof = ReturnType<typeof readProofFile>;
type PlacedEntry = LogEntry & { readonly place: number };
/** By the hashes of their texts. */
type Entries = ReadonlyMap<string, PlacedEntry>;
type Receipts = ReadonlyMap<string, { readonly claims: ReceiptClaims; readonly entry: LogEntry }>;

class ProofCheck {
  readonly #options: ProofOptions;
  readonly #findings: ProofFinding[] = [];
  #done = 0;
  #steps = 0;

  constructor(options: ProofOptions) {
    this.#options = options;
  }

  async run(file: Proof): Promise<ProofReport> {
    const { tenant, exportedAt } = file;
    this.#steps = file.entries.length + file.receipts.length;
    const asOfMs = this.#asOf(file);
    const checkpoint = await this.#openOwn(file);
    const held = await this.#openHeld(tenant);
    await this.#compareLog(file, checkpoint, held);
    const placed = this.#readEntries(file.entries);
    const entries = this.#byHash(placed);
    const receipts = await this.#openReceipts(file);
    const standIns = new StandIns(receipts, entries);
    this.#requireOneOfEach(receipts, standIns);
    const looked = await this.#lookForHeld(file, receipts, entries);
    const notYetLogged = this.#compareWithEntries(receipts, entries, asOfMs);
    const without = this.#accountForEntries(entries, receipts, standIns, asOfMs);
    this.#compareTimes(receipts, placed);
    for (const recording of file.unsigned) this.#find('receipt-not-signed', recording);
    for (const key of file.unreadable) this.#find('receipt-unreadable', key);
    const claims = [...receipts.values()].map((receipt) => receipt.claims);
    return {
      tenant,
      exportedAt,
      checkpoint: checkpoint ?? null,
      heldCheckpoints: held.length,
      heldSize: held.reduce<number | null>((largest, { size }) => Math.max(largest ?? 0, size), null),
      ...looked,
      entries: file.entries.length,
      receipts: claims.length,
      notYetLogged,
      ...without,
      latest: latestOf(claims),
      findings: this.#findings,
    };
  }

  #find(problem: ProofProblem, ...detail: readonly DetailPart[]): void {
    this.#findings.push(findingOf(problem, ...detail));
  }

  async #advance(steps: number): Promise<void> {
    this.#done += steps;
    await this.#options.onProgress?.(this.#done, this.#steps);
  }

  /** The file is judged by the time when it was made: later no receipt in it would be missing, and each kept too long. */
  #asOf({ tenant, exportedAt }: Proof): number {
    const { nowMs, tenant: expected = tenant } = this.#options;
    const exportedMs = Date.parse(exportedAt);
    if (tenant !== expected) this.#find('file-of-another-tenant', tenant);
    if (exportedMs > nowMs + MADE_WITHIN_MS) this.#find('file-from-future', exportedAt);
    return Math.min(exportedMs, nowMs);
  }

  async #openOwn({ tenant, checkpoint, entries }: Proof): Promise<Checkpoint | undefined> {
    if (checkpoint !== null) return this.#open(checkpoint, tenant, 'checkpoint');
    if (entries.length > 0) this.#find('checkpoint-missing', ['entries', entries.length]);
    return undefined;
  }

  async #openHeld(tenant: string): Promise<Checkpoint[]> {
    const { heldCheckpoints = [] } = this.#options;
    const opening = heldCheckpoints.map((note) => this.#open(note, tenant, 'held-checkpoint'));
    return (await Promise.all(opening)).filter((checkpoint) => checkpoint !== undefined);
  }

  async #open(note: string, tenant: string, whose: 'checkpoint' | 'held-checkpoint'): Promise<Checkpoint | undefined> {
    try {
      return await openCheckpoint(note, originOf(tenant), this.#options.keys);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      this.#findings.push(refusalOf(whose, error));
      return undefined;
    }
  }

  /** Grows the tree once, and looks at it at each size that a checkpoint names. */
  async #compareLog(
    { entries, exportedAt }: Proof,
    checkpoint: Checkpoint | undefined,
    held: readonly Checkpoint[],
  ): Promise<void> {
    const sizes = new Set(held.map(({ size }) => size));
    const roots = new Map<number, Uint8Array>();
    const tree = new GrowingTree();
    if (sizes.has(0)) roots.set(0, tree.root);
    for (let from = 0; from < entries.length; from += ENTRIES_AT_ONCE) {
      const some = entries.slice(from, from + ENTRIES_AT_ONCE);
      for (const entry of some) {
        tree.append(leafHash(utf8(entry)));
        if (sizes.has(tree.size)) roots.set(tree.size, tree.root);
      }
      await this.#advance(some.length);
    }
    for (const { size, root } of held) {
      const found = roots.get(size);
      if (!found) this.#find('log-cut-off', ['sizes', entries.length, size], ['ifNewer', exportedAt]);
      else if (!isSameHash(root, found)) this.#find('log-rewritten', ['checkpointOf', size]);
    }
    if (!checkpoint) return;
    const isSameSize = checkpoint.size === entries.length;
    if (isSameSize && isSameHash(checkpoint.root, tree.root)) return;
    this.#find(
      'entries-changed',
      isSameSize ? ['otherHash', entries.length] : ['sizes', entries.length, checkpoint.size],
    );
  }

  #readEntries(texts: readonly string[]): PlacedEntry[] {
    const read: PlacedEntry[] = [];
    for (const [place, text] of texts.entries()) {
      const entry = parseEntry(text);
      if (entry) read.push({ ...entry, place });
      else this.#find('entry-unreadable', ['entry', place]);
    }
    return read;
  }

  /** A receipt that was submitted twice has two entries, which say the same. */
  #byHash(entries: readonly PlacedEntry[]): Map<string, PlacedEntry> {
    const byHash = new Map<string, PlacedEntry>();
    for (const entry of entries) {
      const first = byHash.get(entry.hash);
      if (!first) byHash.set(entry.hash, entry);
      else if (formatEntry(first) !== formatEntry(entry)) {
        this.#find('receipt-contradicts-entry', ['twoEntries', first.place, entry.place]);
      }
    }
    return byHash;
  }

  /** By their hashes, those that are what they should be. */
  async #openReceipts({ receipts, tenant }: Proof): Promise<Receipts> {
    const opened = new Map<string, { claims: ReceiptClaims; entry: LogEntry }>();
    for (let from = 0; from < receipts.length; from += RECEIPTS_AT_ONCE) {
      const some = receipts.slice(from, from + RECEIPTS_AT_ONCE);
      const read = await Promise.all(some.map((jws, at) => this.#openReceipt(jws, from + at)));
      for (const [at, claims] of read.entries()) {
        if (!claims) continue;
        const entry = entryOfReceipt(some[at] as string, claims);
        if (claims.tenantId !== tenant) this.#find('receipt-of-another-tenant', claims.recordingId);
        else if (opened.has(entry.hash)) this.#find('receipt-twice', claims.recordingId);
        else opened.set(entry.hash, { claims, entry });
      }
      await this.#advance(some.length);
    }
    return opened;
  }

  async #openReceipt(jws: string, place: number): Promise<ReceiptClaims | undefined> {
    const { keys, open = openReceipt } = this.#options;
    try {
      return await open(jws, keys);
    } catch (error) {
      if (!(error instanceof ReceiptError)) throw error;
      this.#findings.push(refusalOf('receipt', error, ['receiptAt', place + 1]));
      return undefined;
    }
  }

  /**
   * A webhook may name a receipt before it is in the log. That another receipt says that it replaces it counts for nothing:
   * whoever can write to the store could have caused that.
   */
  async #lookForHeld(
    file: Proof,
    receipts: Receipts,
    entries: Entries,
  ): Promise<{ heldReceipts: number; heldUnsigned: number }> {
    const hashes = new Set<string>();
    let heldUnsigned = 0;
    for (const held of this.#options.heldReceipts ?? []) {
      const hash = hashOfHeld(held);
      if (hash === undefined) heldUnsigned += 1;
      if (hash === undefined || hashes.has(hash)) continue;
      hashes.add(hash);
      if (!receipts.has(hash) && !entries.has(hash)) await this.#findMissing(file, held, hash);
    }
    return { heldReceipts: hashes.size, heldUnsigned };
  }

  /** One that the service has not signed need not be there. */
  async #findMissing({ tenant, exportedAt }: Proof, held: HeldReceipt, hash: string): Promise<void> {
    if ('hash' in held) {
      this.#find('held-receipt-missing', hash, ...whetherNewer(held.deletedAt, exportedAt));
      return;
    }
    const { keys, open = openReceipt } = this.#options;
    try {
      const { tenantId, recordingId, deletedAt } = await open(held.jws ?? '', keys);
      if (tenantId !== tenant) this.#find('held-receipt-not-valid', ['ofOther', tenantId]);
      else this.#find('held-receipt-missing', recordingId, ...whetherNewer(deletedAt, exportedAt));
    } catch (error) {
      if (!(error instanceof ReceiptError)) throw error;
      this.#findings.push(refusalOf('held-receipt', error, hash));
    }
  }

  #requireOneOfEach(receipts: Receipts, standIns: StandIns): void {
    const seen = new Set<string>();
    for (const { claims, entry } of receipts.values()) {
      const recording = `${claims.examId}/${claims.attemptId}/${claims.recordingId}`;
      if (standIns.supersede(entry)) this.#find('receipt-replaced', recording);
      else if (seen.has(recording)) this.#find('receipts-disagree', recording);
      else seen.add(recording);
    }
  }

  /** Returns how many are too young to be in the log. */
  #compareWithEntries(receipts: Receipts, entries: Entries, asOfMs: number): number {
    const expiredBy = dayOf(asOfMs - EXPIRED_WITHIN_MS);
    // Of two purges at once one may bring its receipt into the log, and the other's may be the one that stays.
    const twins = new AtOnce(entries.values());
    let notYetLogged = 0;
    for (const { claims, entry } of receipts.values()) {
      const { recordingId, keptUntil } = claims;
      const logged = entries.get(entry.hash);
      if (logged && formatEntry(logged) !== formatEntry(entry)) this.#find('receipt-contradicts-entry', recordingId);
      const isLogged = logged !== undefined || twins.hasNear(entry);
      if (!isLogged && isTimeToBeLogged(claims, asOfMs)) this.#find('receipt-not-in-log', recordingId);
      else if (!isLogged) notYetLogged += 1;
      if (Date.parse(claims.verifiedAt) > asOfMs + MADE_WITHIN_MS) this.#find('receipt-from-future', recordingId);
      if (keptUntil < expiredBy) this.#find('receipt-kept-too-long', recordingId);
      if (entry.leadSeconds < 0) this.#find('late', ['late', recordingId, -entry.leadSeconds]);
    }
    return notYetLogged;
  }

  #accountForEntries(
    entries: Entries,
    receipts: Receipts,
    standIns: StandIns,
    asOfMs: number,
  ): { expired: number; replaced: number } {
    const today = dayOf(asOfMs);
    let [expired, replaced] = [0, 0];
    for (const entry of entries.values()) {
      if (receipts.has(entry.hash)) continue;
      if (entry.leadSeconds < 0) this.#find('late', ['lateEntry', entry.place, -entry.leadSeconds]);
      if (standIns.stand(entry)) replaced += 1;
      else if (entry.keptUntil < today) expired += 1;
      else this.#find('receipt-missing', ['keptUntil', entry.place, entry.keptUntil]);
    }
    return { expired, replaced };
  }

  /** An entry comes into the log while its receipt is kept: after receipts that are younger than that it cannot. */
  #compareTimes(receipts: Receipts, entries: readonly PlacedEntry[]): void {
    let loggedMs = 0;
    for (const { hash, keptUntil, place } of entries) {
      const receipt = receipts.get(hash);
      if (receipt) loggedMs = Math.max(loggedMs, Date.parse(receipt.claims.verifiedAt));
      else if (Date.parse(keptUntil) + DAY_MS < loggedMs - LOGGED_WITHIN_MS) {
        this.#find('entry-out-of-time', ['entry', place]);
      }
    }
  }
}

/**
 * Which receipts stand for others of the same recording. One names those that it supersedes: nothing that it says of another
 * recording counts, because whoever can write to the store could have caused it. And two purges of a recording at once
 * write a receipt each, of which one stays.
 */
class StandIns {
  readonly #superseded = new Set<string>();
  /** Those that are there, or superseded. */
  readonly #present = new AtOnce();

  constructor(receipts: Receipts, entries: Entries) {
    for (const { claims, entry } of receipts.values()) {
      for (const hash of claims.supersedes ?? []) this.#superseded.add(`${entry.recording} ${hash}`);
      this.#present.add(entry);
    }
    for (const entry of entries.values()) if (this.supersede(entry)) this.#present.add(entry);
  }

  supersede({ recording, hash }: LogEntry): boolean {
    return this.#superseded.has(`${recording} ${hash}`);
  }

  /** For one that is not there. */
  stand(entry: LogEntry): boolean {
    return this.supersede(entry) || this.#present.hasNear(entry);
  }
}

function hashOfHeld(held: HeldReceipt): string | undefined {
  if ('hash' in held) return held.hash;
  return held.jws === null ? undefined : hashOfReceipt(held.jws);
}

/** A file that is older than what is missing from it need not have it. It could also have been given an earlier date. */
function whetherNewer(deletedAt: string | undefined, exportedAt: string): DetailPart[] {
  if (deletedAt === undefined) return [['ifNewer', exportedAt]];
  return deletedAt > exportedAt ? [['newer', deletedAt, exportedAt]] : [];
}

/** Receipts of one recording and generation that are kept until about the same day are of purges at once. */
class AtOnce {
  readonly #days = new Set<string>();

  constructor(entries: Iterable<LogEntry> = []) {
    for (const entry of entries) this.add(entry);
  }

  add(entry: LogEntry): void {
    this.#days.add(dayOfGeneration(entry, 0));
  }

  hasNear(entry: LogEntry): boolean {
    return AT_ONCE_DAYS.some((days) => this.#days.has(dayOfGeneration(entry, days)));
  }
}

function dayOfGeneration({ recording, generation, keptUntil }: LogEntry, daysLater: number): string {
  return `${recording} ${generation} ${Date.parse(keptUntil) + daysLater * DAY_MS}`;
}

/** How long before its deadline a recording was deleted, in milliseconds; negative when it was late. */
export function leadOf({ deadline, deletedAt }: ReceiptClaims): number {
  return Date.parse(deadline) - Date.parse(deletedAt);
}

/** Whether the log must have a receipt by that time. */
export function isTimeToBeLogged({ verifiedAt }: ReceiptClaims, nowMs: number): boolean {
  return nowMs - Date.parse(verifiedAt) > LOGGED_WITHIN_MS;
}

export function latestOf(receipts: readonly ReceiptClaims[]): ReceiptClaims | null {
  let latest: ReceiptClaims | null = null;
  let shortestMs = Number.POSITIVE_INFINITY;
  for (const receipt of receipts) {
    const leadMs = leadOf(receipt);
    if (leadMs < shortestMs) [latest, shortestMs] = [receipt, leadMs];
  }
  return latest;
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
