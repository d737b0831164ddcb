// What must be true of every session once it has ended. Each rule names what it found against it.
import type { Recording as ServiceRecording } from '../../../../src/model/recording.ts';
import { type Overview, readOverview } from '../../src/overview.ts';
import type { Recording } from '../../src/recording.ts';
import type { Gap } from '../../src/timeline.ts';
import { ID, readHeader } from '../../src/webm/ebml.ts';
import { readWebmHead } from '../../src/webm/head.ts';
import type { Block, Film, Hole } from './film.ts';
import type { FaultKind } from './plan.ts';
import type { Kept, Outcome } from './session.ts';
import type { Visit } from './visit.ts';

/** What must hold, by the name of what breaks it. */
export const RULES = {
  'bytes lost': bytesLost,
  'other bytes stored': otherBytesStored,
  ghost: ghosts,
  'silent end': silentEnds,
  'needless failure': needlessFailures,
  'false gap': falseGaps,
  'missing gap': missingGaps,
  'wrong start': wrongStarts,
  'wrong end': wrongEnds,
  'wrong duration': wrongDurations,
  'not told': notTold,
  'disturbed for nothing': disturbedForNothing,
  'kept after withdrawal': keptAfterWithdrawal,
  'told the console': toldTheConsole,
  'wrong overview': wrongOverviews,
  'pictures left': picturesLeft,
} as const;
export type Rule = keyof typeof RULES;

export interface Finding {
  readonly rule: Rule;
  readonly what: string;
}

/** By how much a time of a timeline may differ from the true one, and a duration from that of the media. */
const TOLERATED_MS = 1_500;
/** Shorter holes need no gap. */
const HOLE_MS = 10_000;
/** What a gap may be longer or shorter than its hole: recorders deliver every second. */
const GAP_SLACK_MS = 3_000;
/** How soon the candidate has to be told that nothing is recorded. */
const TOLD_WITHIN_MS = 30_000;
/** What a crash, or a loss of power, may take: the recorder's last second, or the disk's. */
const LAST_MOMENT_MS = 1_100;

const PICTURE_EVERY_MS = 10_000;
const HANGS_UNTOLD_MS = 12_000;

export function judge(outcome: Outcome): Finding[] {
  const scene = newScene(outcome);
  return (Object.keys(RULES) as Rule[]).flatMap((rule) => RULES[rule](scene).map((what) => ({ rule, what })));
}

/** A stored file, and which piece of which film it has. */
interface Copy extends Kept {
  readonly film: Film | undefined;
  readonly from: number;
  readonly to: number;
  /** Those of which it has bytes. */
  readonly blocks: readonly Block[];
  readonly durationMs: number | undefined;
}

interface Scene extends Outcome {
  readonly copies: readonly Copy[];
}

function newScene(outcome: Outcome): Scene {
  const films = outcome.films.map((film) => ({ film, media: film.media }));
  const copies = outcome.kept.flatMap((kept): Copy[] => {
    const { media } = kept;
    if (!media) return [];
    const bytes = new Uint8Array(media);
    const head = readWebmHead(bytes);
    const rest = typeof head === 'string' ? media : media.subarray(head.sizeBytes);
    const place = placeOf(rest, films);
    if (!place) return [{ ...kept, film: undefined, from: 0, to: 0, blocks: [], durationMs: undefined }];
    const to = place.from + rest.length;
    const blocks = place.film.blocks.filter(({ offset, sizeBytes }) => offset < to && offset + sizeBytes > place.from);
    return [{ ...kept, film: place.film, from: place.from, to, blocks, durationMs: durationOf(bytes) }];
  });
  return { ...outcome, copies };
}

/** Enough to tell one cluster from all others. */
const MARK_BYTES = 64;

function placeOf(rest: Buffer, films: readonly { film: Film; media: Buffer }[]) {
  for (const { film, media } of films) {
    const from = rest.length === 0 ? -1 : media.indexOf(rest.subarray(0, MARK_BYTES));
    if (from >= 0 && Buffer.compare(media.subarray(from, from + rest.length), rest) === 0) return { film, from };
  }
  return undefined;
}

/** The Duration of a WebM in its head, in milliseconds; undefined where there is none. */
function durationOf(file: Uint8Array): number | undefined {
  for (let at = 0; at < file.length; ) {
    const header = readHeader(file, at);
    if (typeof header === 'string' || header.id === ID.cluster) return undefined;
    if (header.id === ID.duration) return new DataView(file.buffer, header.payload).getFloat64(0);
    const isEntered = header.id === ID.segment || header.id === ID.info;
    at = header.payload + (isEntered ? 0 : (header.sizeBytes ?? 0));
  }
  return undefined;
}

const happened = ({ happened: all }: Scene, ...kinds: FaultKind[]) =>
  all.some(({ fault }) => kinds.includes(fault.kind));
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const visitOf = ({ visits }: Scene, film: Film) => visits.find(({ films }) => films.includes(film));

function bytesLost(scene: Scene): string[] {
  return scene.films.flatMap((film) => {
    const copies = scene.copies.filter((copy) => copy.film === film).sort((a, b) => a.from - b.from);
    const lost = film.blocks.filter((block) => !isCovered(block, copies) && !isExcused(scene, film, block));
    if (lost.length === 0) return [];
    const bytes = lost.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return [`${film.name}: ${bytes} bytes in ${lost.length} of ${film.blocks.length} blocks`];
  });
}

function isCovered({ offset, sizeBytes }: Block, copies: readonly Copy[]): boolean {
  let at = offset;
  for (const { from, to } of copies) if (from <= at && to > at) at = to;
  return at >= offset + sizeBytes;
}

/** Whether it was announced that it is lost, or the candidate or the exam system wanted it so. */
function isExcused(scene: Scene, film: Film, { handedAtMs }: Block): boolean {
  const visit = visitOf(scene, film);
  const closedAtMs = visit?.page.closedAtMs ?? Number.POSITIVE_INFINITY;
  if (scene.withdrawnAtMs !== undefined) return true;
  if (handedAtMs > closedAtMs - LAST_MOMENT_MS) return true;
  if (isGone(scene, film) || hasFailed(scene, film)) return true;
  // What is in memory alone is lost with its page: that was told.
  const warned = visit?.told.some(({ name, what }) => name === 'warning' && what.startsWith('storage-')) === true;
  if (warned) return true;
  // So long the client waits for a disk before it warns: a page that dies meanwhile is like a machine that does.
  const isHung = scene.happened.some(
    ({ fault, atMs }) => fault.kind === 'disk hangs' && atMs <= handedAtMs && closedAtMs - atMs < HANGS_UNTOLD_MS,
  );
  if (isHung) return true;
  const clearedAtMs = scene.happened.find(({ fault }) => fault.kind === 'site data cleared')?.atMs ?? 0;
  return handedAtMs <= clearedAtMs;
}

/** Its recording was erased, or the attempt is assessed and that was told. */
function isGone(scene: Scene, film: Film): boolean {
  const failures = scene.visits.flatMap(({ told }) => told.filter(({ name }) => name === 'failed'));
  const isTold = (codes: readonly string[]) => failures.some(({ what }) => codes.includes(what));
  if (happened(scene, 'attempt assessed') && isTold(['attempt-assessed'])) return true;
  if (scene.erasedIds.includes(recordingOf(scene, film)?.recordingId ?? '')) return true;
  const isErased = scene.erasedIds.length > 0 && isTold(['recording-deleted', 'recording-expired']);
  return isErased && !scene.copies.some((copy) => copy.film === film);
}

/** The recording on the service that a film was last recorded to, and what was told of it. */
function recordingOf(scene: Scene, film: Film): Recording | undefined {
  const visit = visitOf(scene, film);
  return visit?.recordings.filter(({ isLeftover }) => !isLeftover)[visit.films.indexOf(film)];
}

/** Its failure was told: in its own visit, or when a later one could not bring it to an end. */
function hasFailed(scene: Scene, film: Film): boolean {
  const own = recordingOf(scene, film);
  const failures = scene.visits.flatMap(({ told }) =>
    told.filter(({ name, what }) => name === 'failed' && what !== 'nothing-recorded'),
  );
  return failures.some(({ recording }) => {
    if (recording === undefined || recording === own) return recording === own;
    const isSame = own?.recordingId === undefined || recording.recordingId === own.recordingId;
    return recording.isLeftover && recording.kind === film.kind && isSame;
  });
}

function otherBytesStored({ copies }: Scene): string[] {
  return copies.flatMap(({ film, recording, media }) =>
    film ? [] : [`${recording.recordingId} (${media?.length} bytes) is no piece of what was recorded`],
  );
}

/** Of one that has failed, or whose page could keep nothing on the disk and said so, the sweep completes what is in the store. */
function ghosts(scene: Scene): string[] {
  const { kept, visits } = scene;
  const failed = visits.flatMap(({ told }) =>
    told.filter(({ name }) => name === 'failed').map(({ recording }) => recording?.recordingId),
  );
  const warned = visits.filter(({ told }) => told.some(({ name }) => name === 'warning'));
  const unkept = warned.flatMap(({ recordings }) => recordings.map(({ recordingId }) => recordingId));
  const open = kept.filter(({ recording }) => recording.state === 'uploading' && !isForgotten(scene, recording));
  const left = open.filter(({ recording }) => ![...failed, ...unkept].includes(recording.recordingId));
  return left.map(({ recording }) => `${recording.recordingId} is still ${recording.state}`);
}

/** Created in the last moment of a machine, or before the data were cleared: its disk does not know of it. */
function isForgotten(scene: Scene, { createdAt }: ServiceRecording): boolean {
  if (happened(scene, 'site data cleared')) return true;
  return scene.happened.some(({ fault, atMs }) => {
    const beforeMs = atMs - Date.parse(createdAt);
    return fault.kind === 'machine killed' && beforeMs >= 0 && beforeMs <= LAST_MOMENT_MS;
  });
}

/** Of pages that were open when all was quiet, everything has ended, and was told. */
function silentEnds({ visits }: Scene): string[] {
  return visits.flatMap((visit) => {
    const { page, recordings, promises, told } = visit;
    const wasOpen = page.isAlive || isClosedAtTheEnd(visits, visit);
    const states = recordings.flatMap((recording, place) => {
      const { state } = recording;
      const isTold = (name: string) => told.some((event) => event.name === name && event.recording === recording);
      if (state === 'stored' || state === 'failed') {
        const isSaid = isTold(state) || !wasOpen;
        return isSaid ? [] : [`${page.name}: recording ${place + 1} is ${state}, without an event`];
      }
      return wasOpen && state !== 'withdrawn' ? [`${page.name}: recording ${place + 1} is ${state} for ever`] : [];
    });
    const pending = promises.filter(({ state }) => state === 'pending' && wasOpen);
    return [...states, ...pending.map(({ name }) => `${page.name}: ${name}() never ends`)];
  });
}

/** Pages that are open when all is quiet get the time to end; they are closed before the last visit. */
function isClosedAtTheEnd(visits: readonly Visit[], visit: Visit): boolean {
  const last = visits.at(-1);
  const closedAtMs = visit.page.closedAtMs ?? 0;
  return last !== undefined && last !== visit && closedAtMs >= last.page.openedAtMs - 10_000;
}

/** Which faults explain a failure. */
const EXPLAINED: Readonly<Record<string, readonly FaultKind[]>> = {
  'attempt-assessed': ['attempt assessed'],
  'recording-deleted': ['recording erased', 'withdraw'],
  'recording-expired': ['recording erased'],
  'parts-lost': ['site data cleared'],
  aborted: ['withdraw'],
  // All that was recorded was in the memory of a page that is gone.
  'nothing-recorded': [
    'disk full',
    'disk refuses',
    'disk hangs',
    'crash',
    'reload',
    'machine killed',
    'site data cleared',
  ],
};

function needlessFailures(scene: Scene): string[] {
  return scene.visits.flatMap(({ page, told, films }) =>
    told
      .filter(({ name, what, atMs }) => {
        if (name !== 'failed') return false;
        // Of what ended before its first bytes.
        if (what === 'nothing-recorded' && films.some(({ blocks }) => blocks.length === 0)) return false;
        return !happened(scene, ...(EXPLAINED[what] ?? [])) && atMs > 0;
      })
      .map(({ what }) => `${page.name}: ${what}`),
  );
}

interface Timed {
  readonly copy: Copy;
  readonly film: Film;
  readonly gaps: readonly Gap[];
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly first: Block;
  readonly last: Block;
}

/** The stored recordings that have a timeline. */
function timed({ copies }: Scene): Timed[] {
  return copies.flatMap((copy): Timed[] => {
    const { film, recording, blocks } = copy;
    const { timeline } = recording;
    const [first, last] = [blocks[0], blocks.at(-1)];
    if (!film || !timeline || !first || !last) return [];
    const { startedAt, endedAt, gaps } = timeline;
    const times = { startedAtMs: Date.parse(startedAt), endedAtMs: Date.parse(endedAt) };
    return [{ copy, film, gaps, ...times, first, last }];
  });
}

const overlapMs = (a: readonly [number, number], b: readonly [number, number]) =>
  Math.max(0, Math.min(a[1], b[1]) - Math.max(a[0], b[0]));
const spanOf = ({ from, to }: Gap): [number, number] => [Date.parse(from), Date.parse(to)];

/** Times of gaps are compared with holes after what the whole timeline is off: that has rules of its own. */
function aligned({ gaps, startedAtMs, first }: Timed): [number, number][] {
  const offMs = startedAtMs - first.fromMs;
  return gaps.map((gap) => {
    const [from, to] = spanOf(gap);
    return [from - offMs, to - offMs];
  });
}

function holesIn({ film, first, last }: Timed): Hole[] {
  return film.holes.filter(({ fromMs, toMs }) => toMs > first.fromMs && fromMs < last.toMs);
}

function falseGaps(scene: Scene): string[] {
  return timed(scene).flatMap((one) => {
    const { holes } = one.film;
    const spans = aligned(one);
    return one.gaps.flatMap((gap, place) => {
      const [from, to] = spans[place] ?? [0, 0];
      const missingMs = holes.reduce((sum, { fromMs, toMs }) => {
        return sum + overlapMs([from, to], [fromMs - GAP_SLACK_MS, toMs + GAP_SLACK_MS]);
      }, 0);
      const tooMuchMs = to - from - missingMs;
      const isTrue = tooMuchMs <= GAP_SLACK_MS && (holes.length > 0 || to - from < TOLERATED_MS);
      return isTrue
        ? []
        : [`${one.film.name}: ${gap.reason} for ${seconds(to - from)}, ${seconds(missingMs)} are true`];
    });
  });
}

/** What was in memory alone is lost with its page, and so are its times and its gaps: that was told. */
function isLostWithPage(scene: Scene, film: Film): boolean {
  const visit = visitOf(scene, film);
  return visit !== undefined && !visit.page.isAlive && visit.told.some(({ name }) => name === 'warning');
}

function missingGaps(scene: Scene): string[] {
  return timed(scene).flatMap((one) => {
    if (isLostWithPage(scene, one.film)) return [];
    const gaps = aligned(one);
    return holesIn(one).flatMap(({ fromMs, toMs, why }) => {
      const [from, to] = [Math.max(fromMs, one.first.fromMs), Math.min(toMs, one.last.toMs)];
      const toldMs = gaps.reduce((sum, gap) => sum + overlapMs(gap, [from - GAP_SLACK_MS, to + GAP_SLACK_MS]), 0);
      const isTold = to - from <= HOLE_MS || toldMs >= to - from - GAP_SLACK_MS;
      return isTold ? [] : [`${one.film.name}: ${why} for ${seconds(to - from)}, ${seconds(toldMs)} are told`];
    });
  });
}

function wrongStarts(scene: Scene): string[] {
  return timed(scene).flatMap(({ film, startedAtMs, first }) => {
    const offMs = startedAtMs - first.fromMs;
    return Math.abs(offMs) <= TOLERATED_MS ? [] : [`${film.name}: off by ${seconds(offMs)}`];
  });
}

/** How long after its last frame a film may be said to end: until its recorder stopped, where nothing was recorded then. */
function quietEndMs({ film, last }: Timed): number {
  return film.blocks.at(-1) === last ? Math.max(0, (film.endedAtMs ?? 0) - last.toMs) : 0;
}

function wrongEnds(scene: Scene): string[] {
  return timed(scene).flatMap((one) => {
    if (isLostWithPage(scene, one.film)) return [];
    const offMs = one.endedAtMs - one.last.toMs;
    const isRight = offMs >= -TOLERATED_MS && offMs <= quietEndMs(one) + TOLERATED_MS;
    return isRight ? [] : [`${one.film.name}: off by ${seconds(offMs)}`];
  });
}

function wrongDurations(scene: Scene): string[] {
  return timed(scene).flatMap((one) => {
    const { film, first, last, copy } = one;
    if (copy.recording.truncated || copy.durationMs === undefined) return [];
    const offMs = copy.durationMs - (last.mediaMs + last.lengthMs - first.mediaMs);
    const isRight = offMs >= -TOLERATED_MS && offMs <= quietEndMs(one) + TOLERATED_MS;
    return isRight ? [] : [`${film.name}: off by ${seconds(offMs)}`];
  });
}

/** A recorder that fails or gives nothing is told of within seconds. */
function notTold(scene: Scene): string[] {
  return scene.visits.flatMap((visit) => {
    const tells = ({ name }: { name: string }) => ['problem', 'gap', 'warning', 'failed', 'continued'].includes(name);
    const { closedAtMs = Number.POSITIVE_INFINITY } = visit.page;
    const isTold = (atMs: number) =>
      visit.told.some((event) => tells(event) && event.atMs >= atMs && event.atMs <= atMs + TOLD_WITHIN_MS);
    return visit.films.flatMap(({ name, holes, failedAtMs }) => {
      const starved = holes
        .filter(({ why, fromMs, toMs }) => why === 'starved' && Math.min(toMs, closedAtMs) - fromMs > TOLD_WITHIN_MS)
        .filter(({ fromMs }) => !isTold(fromMs));
      const isSilent = failedAtMs !== undefined && !isTold(failedAtMs) && closedAtMs - failedAtMs > TOLD_WITHIN_MS;
      return [
        ...starved.map(({ fromMs, toMs }) => `${name}: no bytes for ${seconds(toMs - fromMs)}`),
        ...(isSilent ? [`${name}: the recorder has failed`] : []),
      ];
    });
  });
}

/** A session without faults has no event but those of its recordings. */
function disturbedForNothing({ plan, visits }: Scene): string[] {
  if (!plan.isClean) return [];
  return visits.flatMap(({ page, told, hasWaited }) => {
    const odd = told.filter(({ name }) => !['state', 'stored'].includes(name));
    const waits = hasWaited ? [`${page.name}: waited`] : [];
    return [...odd.map(({ name, what }) => `${page.name}: ${name} ${what}`), ...waits];
  });
}

function keptAfterWithdrawal(scene: Scene): string[] {
  if (scene.withdrawnAtMs === undefined) return [];
  const left = scene.kept.filter(({ recording }) => !isForgotten(scene, recording));
  return left.map(({ recording }) => `${recording.recordingId} is ${recording.state}`);
}

function toldTheConsole({ visits }: Scene): string[] {
  const secret = /X-Amz-|Bearer |eyJ/;
  return visits.flatMap(({ page, consoleLines }) =>
    consoleLines.filter((line) => secret.test(line)).map(() => `${page.name}: a secret`),
  );
}

/** An overview is not sent for ever, so it may be missing where there are faults. */
function wrongOverviews({ plan, copies }: Scene): string[] {
  return copies.flatMap(({ film, overview, blocks, recording }) => {
    const [first, last] = [blocks[0], blocks.at(-1)];
    if (!film || !first || !last) return [];
    if (!overview) return plan.isClean ? [`${film.name}: none`] : [];
    try {
      const lengthMs = last.mediaMs + last.lengthMs - first.mediaMs;
      return overviewFindings(readOverview(overview), { film, blocks, lengthMs, isClean: plan.isClean }).map(
        (what) => `${film.name} (${recording.recordingId}): ${what}`,
      );
    } catch (error) {
      return [`${film.name}: ${String(error)}`];
    }
  });
}

interface OverviewTruth {
  readonly film: Film;
  readonly blocks: readonly Block[];
  readonly lengthMs: number;
  readonly isClean: boolean;
}

/** A picture of a fake decoder is the beginning of its keyframe. */
function overviewFindings(
  { pictures, activity }: Overview,
  { film, blocks, lengthMs, isClean }: OverviewTruth,
): string[] {
  const items = pictures?.items ?? [];
  const beginMs = Math.round(blocks[0]?.mediaMs ?? 0);
  const strange = items.filter(({ atSeconds, bytes }) => {
    const atMs = Math.round(atSeconds * 1000) + beginMs;
    const block = blocks.find(({ mediaMs }) => Math.round(mediaMs) === atMs);
    return !block || !film.media.subarray(block.offset, block.offset + block.sizeBytes).includes(Buffer.from(bytes));
  });
  const wanted = isClean ? Math.floor(lengthMs / PICTURE_EVERY_MS) : 0;
  const still = isClean && activity?.subarray(0, -1).includes(0) === true;
  return [
    ...strange.map(({ atSeconds }) => `the picture at ${atSeconds} s is not of the film`),
    ...(items.length < wanted ? [`${items.length} pictures of ${seconds(lengthMs)}`] : []),
    ...((activity?.length ?? 0) * 1000 > lengthMs + TOLERATED_MS
      ? [`${activity?.length} values for ${seconds(lengthMs)}`]
      : []),
    ...(isClean && (!activity || activity.length * 1000 < lengthMs - TOLERATED_MS) ? ['seconds without a value'] : []),
    ...(still ? ['a second in which nothing changed'] : []),
  ];
}

/**
 * The disk has pictures only of what is still to be uploaded. Where the data were cleared, the row of a recording that went on
 * may be gone, and a crash then leaves its bytes as well.
 */
function picturesLeft(scene: Scene): string[] {
  const isForgiven = (state: string | undefined) => state === undefined && happened(scene, 'site data cleared');
  return scene.pictured
    .filter(({ state }) => state !== 'open' && !isForgiven(state))
    .map(({ key, state }) => `${key} is ${state ?? 'forgotten'}`);
}
