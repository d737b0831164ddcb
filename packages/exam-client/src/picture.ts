// Makes a small picture of a keyframe, with the decoder and the encoder of the browser.
import type { Bytes } from './bytes.ts';
import type { Decoding } from './container.ts';
import type { Picture } from './local-bytes.ts';

/** In pixels. */
const LONGEST_SIDE = 96;
/** Three hours of pictures have less than 1.5 MB: a picture that is larger makes the next ones coarser. */
const WANTED_BYTES = { from: 1_000, to: 1_300 };
const QUALITY = { lowest: 0.1, first: 0.4, highest: 0.5, step: 0.1 };
/** A decoder that takes longer does not respond any more. */
const WITHIN_MS = 5_000;

export function makesPictures(): boolean {
  return typeof VideoDecoder === 'function' && typeof OffscreenCanvas === 'function';
}

/** All pictures of one maker have the same type and the same size. */
export class PictureMaker {
  #canvas: OffscreenCanvas | undefined;
  #type: Picture['type'] | undefined;
  #quality: number = QUALITY.first;

  /** @throws when the browser cannot decode or encode it, or does not respond in time */
  async make(decoding: Decoding, data: Bytes): Promise<Omit<Picture, 'atMs'>> {
    const over = new AbortController();
    const tooLate = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(new Error('The decoder does not respond.')), WITHIN_MS);
      over.signal.addEventListener('abort', () => clearTimeout(timer));
    });
    try {
      return await Promise.race([this.#make(decoding, data, over.signal), tooLate]);
    } finally {
      over.abort();
    }
  }

  async #make(decoding: Decoding, data: Bytes, signal: AbortSignal): Promise<Omit<Picture, 'atMs'>> {
    const frame = await decode(decoding, data, signal);
    try {
      this.#canvas ??= canvasFor(frame);
      draw(frame, this.#canvas);
    } finally {
      frame.close();
    }
    const { width, height } = this.#canvas;
    const blob = await this.#encode(this.#canvas);
    return { type: blob.type as Picture['type'], width, height, bytes: new Uint8Array(await blob.arrayBuffer()) };
  }

  /** Browsers that do not write a type answer with another one. */
  async #encode(canvas: OffscreenCanvas): Promise<Blob> {
    for (const type of this.#type ? [this.#type] : (['image/webp', 'image/jpeg'] as const)) {
      const blob = await canvas.convertToBlob({ type, quality: this.#quality });
      if (blob.type !== type) continue;
      this.#type = type;
      this.#aimAtSize(blob.size);
      return blob;
    }
    throw new Error('The browser writes no small pictures.');
  }

  #aimAtSize(sizeBytes: number): void {
    const { lowest, highest, step } = QUALITY;
    if (sizeBytes > WANTED_BYTES.to) this.#quality = Math.max(lowest, this.#quality - step);
    if (sizeBytes < WANTED_BYTES.from) this.#quality = Math.min(highest, this.#quality + step);
  }
}

/** The signal closes the decoder, in the middle of its work too. */
function decode(decoding: Decoding, data: Bytes, signal: AbortSignal): Promise<VideoFrame> {
  return new Promise((resolve, reject) => {
    let isDecoded = false;
    const decoder = new VideoDecoder({
      output: (frame) => {
        if (isDecoded || signal.aborted) return frame.close();
        isDecoded = true;
        resolve(frame);
      },
      error: reject,
    });
    signal.addEventListener('abort', () => {
      if (decoder.state !== 'closed') decoder.close();
    });
    decoder.configure({ ...decoding, optimizeForLatency: true, hardwareAcceleration: 'prefer-software' });
    decoder.decode(new EncodedVideoChunk({ type: 'key', timestamp: 0, data }));
    decoder.flush().then(() => reject(new Error('The decoder gave no picture.')), reject);
  });
}

function canvasFor({ displayWidth, displayHeight }: VideoFrame): OffscreenCanvas {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(displayWidth, displayHeight));
  const even = (side: number) => Math.max(2, 2 * Math.round((side * scale) / 2));
  return new OffscreenCanvas(even(displayWidth), even(displayHeight));
}

/** A picture of another shape than the first one is in the middle of it. */
function draw(frame: VideoFrame, canvas: OffscreenCanvas): void {
  // In memory: a picture a few times a minute is not worth a part of the graphics card.
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  if (!context) throw new Error('The browser draws nothing.');
  const { width, height } = canvas;
  const scale = Math.min(width / frame.displayWidth, height / frame.displayHeight);
  // The size of the picture was rounded.
  const drawn = (side: number, room: number) => (room - side * scale < 2 ? room : side * scale);
  const drawnWidth = drawn(frame.displayWidth, width);
  const drawnHeight = drawn(frame.displayHeight, height);
  context.imageSmoothingQuality = 'medium';
  context.clearRect(0, 0, width, height);
  context.drawImage(frame, (width - drawnWidth) / 2, (height - drawnHeight) / 2, drawnWidth, drawnHeight);
}
