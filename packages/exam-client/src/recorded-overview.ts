// The overview of one recording while it is recorded: chooses keyframes, keeps a small picture of each, and writes all at the end.
import type { Bytes } from './bytes.ts';
import { type Decoding, everySecond, type Keyframe } from './container.ts';
import type { LocalBytes, Picture } from './local-bytes.ts';
import type { KeyframeReader, MediaIndex, Skipped } from './media-index.ts';
import { type Mp4Head, mp4Decoding } from './mp4/head.ts';
import { MAX_PICTURES, writeOverview } from './overview.ts';
import { makesPictures, PictureMaker } from './picture.ts';
import { type WebmHead, webmDecoding } from './webm/head.ts';

/** Between two pictures. A keyframe comes a little earlier or later than it should. */
const PICTURE_EVERY_MS = 10_000;
const EARLY_MS = 1_000;
const MAX_KEYFRAME_BYTES = 1024 * 1024;
/** Of all pictures with their places in the header: the rest of an overview is for the activity of a day. */
const MAX_PICTURES_BYTES = 1_900_000;
const PLACE_BYTES = 20;
/** So many in a row, and no more is attempted. */
const MAX_FAILURES = 3;

export interface RecordedOverviewOptions {
  readonly key: string;
  readonly local: LocalBytes;
  /** Whether pictures are made, or only those of an earlier visit taken. */
  readonly isLive: boolean;
}

export class RecordedOverview implements KeyframeReader {
  readonly #options: RecordedOverviewOptions;
  readonly #maker: PictureMaker | undefined;
  #pictures: readonly Picture[] = [];
  #everyMs = PICTURE_EVERY_MS;
  /** The keyframe of which the bytes are being collected. */
  #collected: { readonly keyframe: Keyframe; readonly decoding: Decoding; readonly data: Bytes } | undefined;
  #collectedBytes = 0;
  #isMaking = false;
  #making: Promise<void> = Promise.resolve();
  #failures = 0;
  #isStopped = false;

  constructor(options: RecordedOverviewOptions) {
    this.#options = options;
    this.#maker = options.isLive && makesPictures() ? new PictureMaker() : undefined;
  }

  /** Takes it, unless it is too early for another picture or one is being made. */
  found(keyframe: Keyframe, head: WebmHead | Mp4Head): void {
    if (!this.#maker || this.#isStopped || this.#isMaking || this.#collected || this.#failures >= MAX_FAILURES) return;
    if (keyframe.sizeBytes === 0 || keyframe.sizeBytes > MAX_KEYFRAME_BYTES || !this.#isDue(keyframe.timeMs)) return;
    const decoding = 'moov' in head ? mp4Decoding(head) : webmDecoding(head);
    if (!decoding) return;
    this.#collected = { keyframe, decoding, data: new Uint8Array(keyframe.sizeBytes) };
    this.#collectedBytes = 0;
  }

  read(bytes: Bytes, endOffset: number): void {
    const { keyframe, data } = this.#collected ?? {};
    if (!keyframe || !data) return;
    const from = keyframe.offset + this.#collectedBytes - (endOffset - bytes.length);
    if (from >= bytes.length) return;
    const piece = bytes.subarray(from, from + data.length - this.#collectedBytes);
    data.set(piece, this.#collectedBytes);
    this.#collectedBytes += piece.length;
    if (this.#collectedBytes === data.length) this.#begin();
  }

  /** No picture is kept any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** What is in the file; undefined when that is nothing. Afterwards no more pictures are made. */
  async write(index: MediaIndex, skipped: Skipped): Promise<Bytes | undefined> {
    await this.#making;
    this.stop();
    const span = index.span(skipped);
    if (!span) return undefined;
    const { fromMs, durationMs } = span;
    // Of bytes that were in memory alone there may be pictures without them.
    const pictures = (await this.#all()).filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + durationMs);
    const items = pictures.map(({ atMs, bytes }) => ({ atSeconds: Math.round(atMs - fromMs) / 1000, bytes }));
    const [first] = pictures;
    const activity = index.activity(span);
    if (!first && !activity) return undefined;
    const { type, width, height } = first ?? {};
    return writeOverview({ pictures: type && width && height ? { type, width, height, items } : null, activity });
  }

  /** With the distance between them doubled, there are as many in twice the time. */
  #isDue(timeMs: number): boolean {
    const turn = (ms: number) => Math.floor((ms + EARLY_MS) / this.#everyMs);
    const last = this.#pictures.at(-1);
    return !last || turn(timeMs) > turn(last.atMs);
  }

  #begin(): void {
    const collected = this.#collected;
    this.#collected = undefined;
    if (!collected || this.#isStopped) return;
    this.#isMaking = true;
    this.#making = this.#make(collected.keyframe.timeMs, collected.decoding, collected.data).finally(() => {
      this.#isMaking = false;
    });
  }

  async #make(atMs: number, decoding: Decoding, data: Bytes): Promise<void> {
    const { key, local } = this.#options;
    const picture = await this.#maker?.make(decoding, data).catch(() => undefined);
    this.#failures = picture ? 0 : this.#failures + 1;
    if (!picture || this.#isStopped) return;
    const all = [...this.#pictures, { atMs, ...picture }];
    await local.putPicture(key, { atMs, ...picture });
    this.#pictures = thatFit(all);
    const dropped = all.filter((one) => !this.#pictures.includes(one));
    if (dropped.length === 0) return;
    this.#everyMs *= 2;
    await local.dropPictures(key, dropped);
  }

  async #all(): Promise<readonly Picture[]> {
    const { key, local, isLive } = this.#options;
    return isLive ? this.#pictures : thatFit(await local.pictures(key).catch(() => []));
  }
}

/** All, or every second one, or every fourth, … */
function thatFit(pictures: readonly Picture[]): readonly Picture[] {
  const sizeBytes = pictures.reduce((sum, { bytes }) => sum + bytes.length + PLACE_BYTES, 0);
  const isTooMuch = pictures.length > MAX_PICTURES || (pictures.length > 1 && sizeBytes > MAX_PICTURES_BYTES);
  return isTooMuch ? thatFit(everySecond(pictures)) : pictures;
}
