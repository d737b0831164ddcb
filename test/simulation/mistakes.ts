// Deliberate mistakes, each a small change of the product's source that the simulator has to catch.
import { type LoadFnOutput, registerHooks } from 'node:module';

export interface Mistake {
  readonly name: string;
  /** Under src. */
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
  /** The first history that catches it, from seed 1 or as far as was looked. Undefined: none of the first 12,000 does. */
  readonly caughtBy?: number;
  /** Taken away as well: what `wrong` has in another place. */
  readonly without?: string;
}

const DUE_OF_CREATE =
  '  await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(context.randomBytes)), new Uint8Array());\n';
const MANIFEST = "  await store.put(recordingKey(ref, 'manifest'), toBody(manifest));\n";
const MARKER = '  await store.put(participantKey(input.participantId, ref), new Uint8Array());\n';
const DUE_OF_ASSESS =
  '  await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(context.randomBytes)), new Uint8Array());\n';
const FACT = '  await store.put(assessedKey(ref, completedAtMs), new Uint8Array());\n';
const DUE_OF_ERASE =
  '  await store.put(dueAttemptKey(nowMs, ref, newUniqueName(context.randomBytes)), new Uint8Array());\n';
const DELETING = `  const deletion: Deletion = { version: 1, reason, actor, requestedAt: toIso(nowMs) };
  if (!deleting) {
    await requireStill?.();
    await store.put(recordingKey(ref, 'deleting'), toBody(deletion));
  }
`;
const CONTENTS = '  await deleteContents(context, all, versioned);\n';
const RECEIPTS = '  await writeReceipts(context, all, chain);\n';
const MANIFESTS = `  await deleteAcross(context.store, all, async ({ state }) =>
    state.items.filter(({ object }) => object !== 'deleting'),
  );
`;

const MARKER_TAKEN_BACK = '  await store.delete(await targetsOf(store, key, await store.isVersioned()));\n';

export const MISTAKES: readonly Mistake[] = [
  { name: 'create writes no due entry', caughtBy: 1, file: 'recordings/create.ts', right: DUE_OF_CREATE, wrong: '' },
  {
    name: 'create writes its due entry after the manifest',
    caughtBy: 1,
    file: 'recordings/create.ts',
    right: MANIFEST,
    wrong: `${MANIFEST}${DUE_OF_CREATE}`,
    without: DUE_OF_CREATE,
  },
  {
    name: 'create writes the marker before the manifest',
    caughtBy: 4,
    file: 'recordings/create.ts',
    right: MANIFEST,
    wrong: MARKER + MANIFEST,
    without: MARKER,
  },
  {
    name: 'complete marks as stored before it looks at the first bytes',
    caughtBy: 13,
    file: 'storage/completion.ts',
    right: "  if (!beginsRecording(head, manifest.contentType)) return { result: 'not-a-recording' };\n",
    wrong: '',
  },
  {
    name: 'complete tags only once, whatever came meanwhile',
    caughtBy: 11_105,
    file: 'storage/completion.ts',
    right: '  if (firstAssessment(completedAtsOf(later)) !== firstAssessment(completedAtsOf(attempt))) {',
    wrong: '  if (later === attempt) {',
  },
  {
    name: 'complete believes that its own parts were completed',
    caughtBy: 3434,
    file: 'recordings/complete.ts',
    right: '      if (claimed) requireAll(state.objects.media.sizeBytes, manifest, claimed.length);\n',
    wrong: '',
  },
  {
    name: 'assess writes the fact before the due entry',
    caughtBy: 2,
    file: 'recordings/assess.ts',
    right: DUE_OF_ASSESS + FACT,
    wrong: FACT + DUE_OF_ASSESS,
  },
  {
    name: 'assess lets a later assessment count',
    caughtBy: 715,
    file: 'domain/deadlines.ts',
    right: 'completedAtsMs.reduce((a, b) => Math.min(a, b))',
    wrong: 'completedAtsMs.reduce((a, b) => Math.max(a, b))',
  },
  {
    name: 'erase writes `deleting` before the due entry',
    caughtBy: 4992,
    file: 'recordings/delete.ts',
    right: DUE_OF_ERASE + DELETING,
    wrong: DELETING + DUE_OF_ERASE,
  },
  {
    name: 'erase does not wait for a creation',
    caughtBy: 1715,
    file: 'recordings/delete.ts',
    right: '  if (!isCreator) await requireCreated(context, ref);\n',
    wrong: '',
  },
  {
    name: 'abort does not look again after the upload is ended',
    caughtBy: 506,
    file: 'recordings/delete.ts',
    right: 'uploadId);\n    await requireNotStored(context, ref);\n',
    wrong: 'uploadId);\n',
  },
  {
    name: 'purge does not end open uploads',
    caughtBy: 4,
    file: 'retention/purge.ts',
    right: '      await store.abortMultipartUpload(key, uploadId);\n',
    wrong: '',
  },
  {
    name: 'purge writes the receipt before the second listing',
    caughtBy: 1,
    file: 'retention/purge.ts',
    right: CONTENTS,
    wrong: `  await each(all, (purging) => prepareReceipt(context, purging));\n${RECEIPTS}${CONTENTS}`,
  },
  {
    name: 'purge deletes the manifest before the media',
    caughtBy: 2,
    file: 'retention/purge.ts',
    right: CONTENTS,
    wrong: `  await deleteAcross(context.store, all, async ({ ref }) => [{ key: recordingKey(ref, 'manifest') }]);\n${CONTENTS}`,
  },
  {
    name: 'purge deletes `deleting` before the manifest',
    caughtBy: 637,
    file: 'retention/purge.ts',
    right: MANIFESTS,
    wrong: `  await deleteAcross(context.store, all, async ({ state }) => state.items.filter(({ object }) => object === 'deleting'));\n${MANIFESTS}`,
  },
  {
    name: 'purge takes an unreadable manifest for none',
    caughtBy: 29,
    file: 'retention/purge.ts',
    right:
      "  if (purging.state.objects.manifest && !purging.manifest) throw new PurgeFailure('manifest-unreadable');\n",
    wrong: '',
  },
  {
    name: 'sweep deletes young due entries too',
    caughtBy: 933,
    file: 'retention/sweep.ts',
    right: '    const settled = storeTimeMs - object.lastModifiedMs > context.settleMs;',
    wrong: '    const settled = true;',
  },
  {
    name: 'sweep deletes young facts too',
    file: 'retention/sweep-attempt.ts',
    right: 'storeTimeMs - fact.lastModifiedMs > context.settleMs',
    wrong: 'storeTimeMs > fact.lastModifiedMs - context.settleMs',
  },
  {
    name: 'sweep deletes the due entries of what it could not delete',
    caughtBy: 2,
    file: 'retention/sweep-attempt.ts',
    right: '  if (failed) return { facts: [], entries: [] };\n',
    wrong: '  if (failed) return { facts: [], entries: due.entries };\n',
  },
  {
    name: 'sweep trusts the entry instead of the facts',
    caughtBy: 14,
    file: 'retention/sweep-attempt.ts',
    right: '  if (isDue || leftOver) return doomed;\n',
    wrong: '  if (deadlineMs > 0) return doomed;\n',
  },
  {
    name: 'sweep does not leave young recordings alone',
    caughtBy: 2146,
    file: 'retention/sweep-attempt.ts',
    right: '  if (isYoung(run, state.ref.recording, context.now())) return undefined;\n',
    wrong: '',
    without: ' && !isYoung(run, state.ref.recording, startedAtMs)',
  },
  {
    name: 'sweep believes its own clock',
    caughtBy: 143,
    file: 'retention/sweep.ts',
    right: '  if (clocksDiffer(nowMs, storeTimeMs)) {',
    wrong: '  if (clocksDiffer(nowMs, nowMs)) {',
  },
  {
    name: 'salvage completes an upload with a hole',
    caughtBy: 1768,
    file: 'retention/salvage.ts',
    right: "  if (!checkParts(parts, manifest.partSizeBytes).ok) return tally.note('upload-has-holes', upload.key);\n",
    wrong: '',
  },
  {
    name: 'playback does not ask whether the processing is restricted',
    caughtBy: 95,
    file: 'recordings/playback.ts',
    right: '  if (live.state.objects.restricted) {',
    wrong: '  if (live.state.objects.restricted && live.deadlineMs < 0) {',
  },
  {
    name: 'playback links live on after the deadline',
    caughtBy: 2656,
    file: 'recordings/playback.ts',
    right: 'Math.min(context.uploads.playbackUrlTtlMs, deadlineMs - signedAtMs)',
    wrong: 'Math.max(context.uploads.playbackUrlTtlMs, signedAtMs - deadlineMs)',
  },
  {
    name: 'a recording past its deadline can be read until it is swept',
    caughtBy: 22,
    file: 'recordings/read.ts',
    right: '  if (deadlineMs <= context.now()) {',
    wrong: '  if (deadlineMs <= 0) {',
  },
  // What the simulator found in the product, and what was mended (CHANGELOG): each put back.
  {
    name: 'purge of one recording reads pages that go on into another tenant',
    caughtBy: 3,
    file: 'retention/purge.ts',
    right: 'versioned || prefixes.length < 2 ?',
    wrong: 'versioned ?',
  },
  {
    name: 'purge means to leave a receipt of a creation that died before its manifest',
    caughtBy: 351,
    file: 'retention/purge-receipts.ts',
    right: '  if (purging.wasNothing) return;\n',
    wrong: '',
  },
  {
    name: 'purge deletes manifest and `deleting` in one batch',
    caughtBy: 35_214,
    file: 'retention/purge.ts',
    right: MANIFESTS,
    wrong: '  await deleteAcross(context.store, all, async (purging) => purging.state.items);\n',
  },
  {
    name: 'sweep leaves what it had all but purged to a later assessment',
    caughtBy: 1299,
    file: 'retention/sweep-attempt.ts',
    right: '(await wasPurged(run, state)) ? doomed : undefined',
    wrong: 'undefined',
  },
  {
    name: 'sweep takes what another purged for live because it knew of an upload',
    file: 'retention/sweep-attempt.ts',
    right: `{ ref, objects }: RecordingState): Promise<boolean> {
  // Its open upload says nothing: it was listed before the attempt, and a purge may have ended it since.
  if (objects.media) return false;`,
    wrong: `{ ref, objects, uploads }: RecordingState): Promise<boolean> {
  if (objects.media || uploads.length > 0) return false;`,
  },
  {
    name: 'sweep takes for young whatever was young when it began',
    caughtBy: 7312,
    file: 'retention/sweep-attempt.ts',
    right: 'state.ref.recording, context.now())',
    wrong: 'state.ref.recording, startedAtMs)',
  },
  {
    name: 'an index expires with receipts that a later run has written',
    caughtBy: 94,
    file: 'retention/expiry.ts',
    right: 'const keys = await namedByThisAlone(run, index);',
    wrong: 'const { keys } = index;',
  },
  {
    name: 'an index expires with a receipt that a later run is about to write',
    file: 'retention/expiry.ts',
    right: 'return objects.length > 0 || (await isWrittenByAnother()) === true;',
    wrong: 'return objects.length === Number.NaN;',
  },
  {
    name: 'salvage leaves its mark on what was purged meanwhile',
    caughtBy: 24_339,
    file: 'retention/salvage.ts',
    right: '    await store.delete(await targetsOf(store, mark, await run.isVersioned()));\n',
    wrong: '',
  },
  {
    name: 'a mark that a sweep overtakes has no due entry',
    file: 'storage/completion.ts',
    right: '  if (deadlineMs > now() + leadMs + WRITES_END_WITHIN_MS) return;\n',
    wrong: '  if (deadlineMs > 0) return;\n',
  },
  {
    name: 'verify repairs the marker of what is being purged',
    file: 'retention/verify-attempts.ts',
    right: '    if (await readReceipt(store, state.ref)) continue;\n',
    wrong: '',
    without: MARKER_TAKEN_BACK,
  },
  {
    name: 'verify writes a marker and does not look again',
    file: 'retention/verify-attempts.ts',
    right: MARKER_TAKEN_BACK,
    wrong: '',
  },
  {
    name: 'verify names a receipt in an index that has expired meanwhile',
    file: 'retention/verify-receipts.ts',
    right: '      if ((await store.list(key, { limit: 1 })).objects.length === 0) continue;\n',
    wrong: '',
  },
  {
    name: 'verify misses a receipt that two sweeps wrote',
    file: 'retention/verify-receipts.ts',
    right: 'parsed.timeMs > now() + OVERLAP_MS',
    wrong: 'parsed.timeMs > 0',
  },
];

/** From here on `file` is loaded with the mistake in it. @throws when the source has changed and the text is gone. */
export function plantMistake(name: string): void {
  const mistake = MISTAKES.find((known) => known.name === name);
  if (!mistake) throw new Error(`no mistake is called ${name}`);
  const url = new URL(`../../src/${mistake.file}`, import.meta.url).href;
  registerHooks({
    load(loaded, context, next) {
      const result = next(loaded, context);
      if (loaded !== url) return result;
      const { file, right, wrong, without = '' } = mistake;
      const source = replaceOnce(file, textOf(result.source), right, 'HERE');
      return { ...result, source: replaceOnce(file, source, without, '').replace('HERE', () => wrong) };
    },
  });
}

function textOf(source: LoadFnOutput['source']): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source);
}

function replaceOnce(file: string, source: string, text: string, other: string): string {
  if (text === '') return source;
  if (source.split(text).length !== 2) throw new Error(`src/${file} has changed, and has not once: ${text}`);
  return source.replace(text, () => other);
}
