// What was there until when, by true time: told from the effects on the store alone, and not from what anybody reports.
import { createHash } from 'node:crypto';
import { parseDocument } from '../../../src/bucket/documents.ts';
import { parseKey } from '../../../src/bucket/layout.ts';
import { latenessOf } from '../../../src/bucket/receipts.ts';
import { type AttemptRef, attemptId, type RecordingRef } from '../../../src/model/ids.ts';
import type { RetentionPolicy } from '../../../src/model/retention.ts';
import { CLOCKS_AGREE_WITHIN_MS } from '../../../src/model/times.ts';
import type { DeleteTarget } from '../../../src/objectstore/object-store.ts';
import type { StoreCall } from '../../kit/interventions.ts';
import type { MemoryStore } from '../../kit/memory-store.ts';

/** Events by which a recording ends before its deadline. */
const ENDS = new Set(['erased', 'aborted', 'content-refused']);
/** What is lost with one of these is the recording. */
const CONTENT = new Set(['media', 'manifest']);

interface Kept {
  readonly ref: RecordingRef;
  readonly bornMs: number;
  /** Objects, index entries and open uploads. */
  things: number;
  deadlineMs: number;
  /** A part of it arrived: before that there is nothing to delete. */
  hasPart: boolean;
  /** Its end was asked for, and is in the audit trail. */
  isEnded: boolean;
  /** An upload with parts was aborted so long before the deletion margin: its end has to be in the audit trail in the end. */
  abortedBeforeMs: number;
  isCounted: boolean;
  /** As its receipt has it. */
  provenDeadline: string | undefined;
}

interface KeptAttempt {
  readonly recordings: Kept[];
  assessedAtMs: number;
}

export type Ledger = ReturnType<typeof openLedger>;

export function openLedger(store: MemoryStore, now: () => number, policy: RetentionPolicy, leadMs: number) {
  const recordings = new Map<string, Kept>();
  const attempts = new Map<string, KeptAttempt>();
  /** Attempts of which an assessment is in the audit trail, with its actor. */
  const assessed = new Set<string>();
  const uploads = new Set<string>();
  const written = createHash('sha256');
  const figures = {
    created: 0,
    deleted: 0,
    /** Of the deleted, those whose end somebody had asked for. */
    onRequest: 0,
    late: 0,
    worstLatenessMs: 0,
    /** How long before its deadline the last thing was gone of the one that came closest to it; negative when that was late. */
    closestMs: Number.POSITIVE_INFINITY,
    /** Deleted before the deletion margin, and no request for it is in the audit trail. */
    early: 0,
    /** How long before their deadline the earliest of those were deleted for which nobody had asked. */
    earliestMs: 0,
    receipts: 0,
    receiptsLate: 0,
    receiptsWorstLatenessMs: 0,
    /** Receipts with another deadline than the true one, or with a time of deletion that has not come. */
    receiptsWrong: 0,
  };
  /** What is wrong, in words; at most a few of each kind. */
  const remarks: string[] = [];
  const remark = (text: string) => {
    if (remarks.length < 20) remarks.push(`${new Date(now()).toISOString()} ${text}`);
  };

  const retentionMs = (tenant: string, rule: 'afterAssessmentMs' | 'unassessedMs') =>
    Math.min(policy.byTenantMs.get(tenant) ?? Number.POSITIVE_INFINITY, policy[rule]);

  function attemptOf(ref: AttemptRef): KeptAttempt {
    const attempt = attempts.get(attemptId(ref)) ?? { recordings: [], assessedAtMs: Number.POSITIVE_INFINITY };
    attempts.set(attemptId(ref), attempt);
    return attempt;
  }

  function know(ref: RecordingRef): Kept {
    const known = recordings.get(ref.recording);
    if (known) return known;
    const deadlineMs = now() + retentionMs(ref.tenant, 'unassessedMs');
    const kept: Kept = {
      ref,
      bornMs: now(),
      things: 0,
      deadlineMs,
      hasPart: false,
      isEnded: false,
      abortedBeforeMs: 0,
      isCounted: false,
      provenDeadline: undefined,
    };
    figures.created += 1;
    recordings.set(ref.recording, kept);
    attemptOf(ref).recordings.push(kept);
    return kept;
  }

  /** Whatever is there of it is late from its deadline on. */
  function settle(kept: Kept): void {
    const latenessMs = now() - kept.deadlineMs;
    if (latenessMs <= 0) return;
    if (!kept.isCounted) figures.late += 1;
    kept.isCounted = true;
    if (latenessMs > figures.worstLatenessMs) remark(`${kept.ref.recording} is ${latenessMs / 1000} s late`);
    figures.worstLatenessMs = Math.max(figures.worstLatenessMs, latenessMs);
  }

  function appear(ref: RecordingRef): void {
    know(ref).things += 1;
  }

  function vanish(ref: RecordingRef): void {
    const kept = know(ref);
    kept.things -= 1;
    if (kept.things > 0) return;
    settle(kept);
    figures.closestMs = Math.min(figures.closestMs, kept.deadlineMs - now());
    if (!kept.hasPart) return;
    figures.deleted += 1;
    if (kept.isEnded) figures.onRequest += 1;
  }

  function loseContent(kept: Kept, beforeMs = kept.deadlineMs - now()): void {
    if (!kept.hasPart || kept.isEnded) return;
    figures.earliestMs = Math.max(figures.earliestMs, beforeMs);
    if (beforeMs <= leadMs + CLOCKS_AGREE_WITHIN_MS) return;
    // It is counted once.
    kept.isEnded = true;
    figures.early += 1;
    remark(`${kept.ref.recording} is deleted ${beforeMs / 1000} s before its deadline, and nobody asked for it`);
  }

  function assess(ref: AttemptRef, completedAtMs: number): void {
    const attempt = attemptOf(ref);
    if (!assessed.has(attemptId(ref))) {
      figures.early += 1;
      remark(`${attemptId(ref)} is assessed, and that is not in the audit trail`);
    }
    attempt.assessedAtMs = Math.min(attempt.assessedAtMs, completedAtMs);
    const deadlineMs = attempt.assessedAtMs + retentionMs(ref.tenant, 'afterAssessmentMs');
    for (const kept of attempt.recordings) {
      if (kept.things > 0) settle(kept);
      kept.deadlineMs = deadlineMs;
    }
  }

  function audit(ref: RecordingRef | AttemptRef, key: string): void {
    const event = /-([a-z-]+)-[^-]+\.json$/.exec(key)?.[1] ?? '';
    const hasActor = /"actor":"[^"]+"/.test(Buffer.from(store.peek(key) ?? []).toString());
    if (!hasActor) return;
    if (!('recording' in ref)) {
      if (event === 'assessed') assessed.add(attemptId(ref));
    } else if (ENDS.has(event)) know(ref).isEnded = true;
  }

  function prove(ref: RecordingRef, key: string): void {
    const receipt = parseDocument('receipt', store.peek(key) ?? new Uint8Array(), ref);
    const kept = know(ref);
    // One that a sweep signs again says what it said.
    if (receipt?.supersedes?.length && receipt.deadline === kept.provenDeadline) return;
    kept.provenDeadline = receipt?.deadline;
    figures.receipts += 1;
    const deadlineMs = Date.parse(receipt?.deadline ?? '');
    const isRight =
      Math.abs(deadlineMs - kept.deadlineMs) <= CLOCKS_AGREE_WITHIN_MS &&
      Date.parse(receipt?.deletedAt ?? '') <= now() + CLOCKS_AGREE_WITHIN_MS;
    if (!isRight) {
      figures.receiptsWrong += 1;
      remark(`receipt of ${ref.recording}: ${receipt?.deadline} for ${new Date(kept.deadlineMs).toISOString()}`);
    }
    const latenessMs = receipt ? latenessOf(receipt) : Number.NaN;
    if (latenessMs > 0) figures.receiptsLate += 1;
    figures.receiptsWorstLatenessMs = Math.max(figures.receiptsWorstLatenessMs, latenessMs);
  }

  function write(key: string, isNew: boolean): void {
    const parsed = parseKey(key);
    if (parsed?.type === 'recording' || parsed?.type === 'participant') {
      if (isNew) appear(parsed.ref);
    } else if (parsed?.type === 'assessed') assess(parsed.ref, parsed.completedAtMs);
    else if (parsed?.type === 'audit' || parsed?.type === 'audit-attempt') audit(parsed.ref, key);
    else if (parsed?.type === 'receipt') prove(parsed.ref, key);
  }

  function lose(key: string): void {
    const parsed = parseKey(key);
    if (parsed?.type !== 'recording' && parsed?.type !== 'participant') return;
    if (parsed.type === 'recording' && CONTENT.has(parsed.object)) loseContent(know(parsed.ref));
    vanish(parsed.ref);
  }

  function upload(key: string, uploadId: string, become: 'open' | 'closed' | 'gone'): void {
    const parsed = parseKey(key);
    if (parsed?.type !== 'recording') return;
    if (become === 'open') {
      uploads.add(uploadId);
      appear(parsed.ref);
      return;
    }
    if (!uploads.delete(uploadId)) return;
    const kept = know(parsed.ref);
    // A request that gives a recording up ends the upload first, and writes its audit event before it goes on.
    if (become === 'gone' && kept.hasPart) kept.abortedBeforeMs = kept.deadlineMs - now();
    vanish(parsed.ref);
  }

  /** Makes a call of the store, and notes what it has changed. Resolves, or rejects, as the call does. */
  function observe(method: StoreCall, args: readonly unknown[]): Promise<unknown> {
    const [first, second] = args;
    const key = typeof first === 'string' ? first : '';
    const targets = method === 'delete' ? (first as readonly DeleteTarget[]).map((target) => target.key) : [];
    const isIn = (name: string) => store.peek(name) !== undefined;
    const before = targets.filter(isIn);
    const wasIn = key !== '' && isIn(key);
    if (!/^(get|list|is|tags)/.test(method))
      written.update(`${now()} ${method} ${targets.length > 0 ? targets.join(' ') : key}\n`);
    const answer = (store[method] as (...all: unknown[]) => Promise<unknown>).apply(store, [...args]);
    const uploadId = String(second);
    if (method === 'put') write(key, !wasIn);
    if (method === 'completeMultipartUpload' && isIn(key)) {
      if (!wasIn) write(key, true);
      upload(key, uploadId, 'closed');
    }
    if (method === 'createMultipartUpload')
      answer.then(
        (id) => upload(key, String(id), 'open'),
        () => {},
      );
    if (method === 'abortMultipartUpload') upload(key, uploadId, 'gone');
    if (method === 'uploadPart' && uploads.has(uploadId)) {
      const parsed = parseKey(key);
      if (parsed?.type === 'recording') know(parsed.ref).hasPart = true;
    }
    for (const name of before) if (!isIn(name)) lose(name);
    return answer;
  }

  return {
    observe,
    figures,
    remarks,
    digest: () => written.digest('hex').slice(0, 16),
    /** Counts what is there now and should not be. */
    close(): void {
      for (const kept of recordings.values()) {
        if (kept.things > 0) settle(kept);
        loseContent(kept, kept.abortedBeforeMs);
      }
    },
  };
}
