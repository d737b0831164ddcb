// What every attack shares: the stage it plays on, and how an answer and what is in the store afterwards become a verdict.

import type { Verdict } from '../check.ts';
import type { AttackDependencies } from '../context.ts';
import { type Answer, describe, type Wire } from '../wire.ts';
import type { Workspace } from '../workspace.ts';

export interface Attack {
  readonly id: string;
  readonly name: string;
  run(stage: Stage): Promise<Verdict>;
}

/** What a browser would upload, and somebody else's recording of the same length. */
const LENGTH = 64;
export const BODY = Buffer.from('a part that the doctor uploads'.padEnd(LENGTH));
export const VICTIM = Buffer.from("somebody else's recording".padEnd(LENGTH));

/** Longer than the attacks take; they are thrown away at once. */
const LIFETIME_SECONDS = 120;
const MEDIA = { contentType: 'video/webm' };

export interface Target {
  readonly key: string;
  readonly uploadId: string;
  /** Signed for part 1, of exactly `BODY`'s length. */
  readonly url: string;
}

export class Stage {
  readonly deps: AttackDependencies;
  readonly workspace: Workspace;
  readonly wire: Wire;

  constructor(deps: AttackDependencies, workspace: Workspace, wire: Wire) {
    this.deps = deps;
    this.workspace = workspace;
    this.wire = wire;
  }

  /** An upload that waits for its first part. */
  async upload(name: string, expiresInSeconds = LIFETIME_SECONDS): Promise<Target> {
    const key = this.workspace.key(name);
    const uploadId = await this.workspace.openUpload(key);
    const part = { uploadId, partNumber: 1, sizeBytes: BODY.length };
    return { key, uploadId, url: await this.deps.presigner.presignPart(key, part, expiresInSeconds) };
  }

  /** An object, and a URL that plays it. */
  async stored(
    name: string,
    body: Uint8Array,
    expiresInSeconds = LIFETIME_SECONDS,
  ): Promise<{ key: string; url: string }> {
    const key = this.workspace.key(name);
    await this.deps.store.put(key, body, MEDIA);
    return { key, url: await this.deps.presigner.presignPlayback(key, MEDIA, expiresInSeconds) };
  }

  put(url: string, body: Uint8Array | string = BODY, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.wire.send(url, { method: 'PUT', body, headers });
  }

  /** What an upload has, as text that can be compared; '' when it has no part or is no more. */
  async parts({ key, uploadId }: Pick<Target, 'key' | 'uploadId'>): Promise<string> {
    const parts = (await this.deps.store.listParts(key, uploadId)) ?? [];
    return parts.map(({ partNumber, sizeBytes, etag }) => `${partNumber}:${sizeBytes}:${etag}`).join(' ');
  }

  /** Completes the upload with the parts it has. False when it has none. */
  async complete({ key, uploadId }: Target): Promise<boolean> {
    const parts = (await this.deps.store.listParts(key, uploadId)) ?? [];
    return parts.length > 0 && this.deps.store.completeMultipartUpload(key, uploadId, parts);
  }

  async holds(key: string, body: Uint8Array): Promise<boolean> {
    const found = await this.deps.store.get(key);
    return found !== undefined && Buffer.from(found).equals(body);
  }

  /** The object's address without a signature. */
  async plainUrl(key: string): Promise<string> {
    const url = new URL(await this.deps.presigner.presignPlayback(key, MEDIA, LIFETIME_SECONDS));
    url.search = '';
    return url.href;
  }
}

/** A refusal is a 4xx or "I do not know this" (501); being asked to slow down proves nothing. */
export function isRefusal({ status }: Answer): boolean {
  return (status >= 400 && status < 500 && status !== 429) || status === 501;
}

export function isUnproven(answer: Answer): boolean {
  return !isRefusal(answer) && (answer.status < 200 || answer.status >= 400);
}

export interface Observed {
  readonly answers: readonly Answer[];
  /** What the attack did, as seen in the store; undefined: nothing. */
  readonly harm: string | undefined;
  /** The request without the attack's header is a good one: an answer of 200 is harmless when the header did nothing. */
  readonly mayBeIgnored?: boolean;
  readonly remedy: string;
}

/** The only way to a good verdict: every answer is a refusal, and nothing happened in the store. */
export function verdictOn({ answers, harm, mayBeIgnored = false, remedy }: Observed): Verdict {
  const answered = [...new Set(answers.map(describe))].join(', ');
  if (harm !== undefined) {
    return { status: 'failed', outcome: 'succeeded', reason: `It succeeded: ${harm} (answered ${answered}).`, remedy };
  }
  if (answers.every(isRefusal)) {
    return { status: 'ok', outcome: 'refused', reason: `Refused: ${answered}; nothing changed.`, remedy: null };
  }
  if (answers.some(isUnproven)) return unproven(`answered ${answered}`);
  if (mayBeIgnored) {
    const reason = `Without effect: answered ${answered}, and the store took no notice of the header.`;
    return { status: 'ok', outcome: 'no-effect', reason, remedy: null };
  }
  const reason = `It was not refused (answered ${answered}), though nothing was seen to change.`;
  return { status: 'failed', outcome: 'succeeded', reason, remedy };
}

export function unproven(why: string): Verdict {
  const remedy = 'See that the store is up and reachable from here, then run it again.';
  return { status: 'failed', outcome: 'unproven', reason: `Nothing is proven: ${why}.`, remedy };
}

/** The URL with one parameter changed. */
export function changed(url: string, name: string, value: string): string {
  const altered = new URL(url);
  altered.searchParams.set(name, value);
  return altered.href.replaceAll('+', '%20');
}
