// WebCodecs and OffscreenCanvas of a browser that is none: a picture is the first bytes of its keyframe.
import type { Bytes } from '../src/bytes.ts';

/** How the decoder behaves: `hangs` never gives a frame, and never says so. */
export type DecoderState = 'works' | 'fails' | 'hangs';

export interface CodecOptions {
  /** Asked at each keyframe. */
  readonly state: () => DecoderState;
  /** How long it takes to decode one, by the timers of the page. */
  readonly later: (act: () => void) => void;
  /** What the canvas writes. Default: WebP. */
  readonly writes?: readonly string[];
  readonly size?: { readonly width: number; readonly height: number };
  /** Of each picture, of which the rest is zeros. Default: `PICTURE_BYTES`. */
  readonly pictureBytes?: number;
  /** Gets the quality that was asked for. */
  readonly onEncode?: (quality: number) => void;
}

export const PICTURE_BYTES = 24;

interface Chunk {
  readonly type: string;
  readonly data: Bytes;
}

/** The globals. */
export function fakeCodecs({
  state,
  later,
  writes = ['image/webp'],
  size,
  pictureBytes = PICTURE_BYTES,
  onEncode = () => {},
}: CodecOptions) {
  const { width: displayWidth, height: displayHeight } = size ?? { width: 640, height: 480 };
  interface Frame {
    readonly data: Bytes;
    close(): void;
  }
  return {
    EncodedVideoChunk: class {
      readonly type: string;
      readonly data: Bytes;
      constructor({ type, data }: Chunk) {
        this.type = type;
        this.data = data;
      }
    },
    VideoDecoder: class {
      state = 'unconfigured';
      readonly #init: { output(frame: object): void; error(error: unknown): void };
      constructor(init: { output(frame: object): void; error(error: unknown): void }) {
        this.#init = init;
      }
      configure({ codec }: { codec: string }) {
        if (codec !== 'vp8') throw new TypeError('Only VP8 is decoded.');
        this.state = 'configured';
      }
      decode({ type, data }: Chunk) {
        if (type !== 'key') throw new TypeError('It has to begin with a keyframe.');
        const how = state();
        if (how === 'hangs') return;
        later(() => {
          if (this.state === 'closed') return;
          if (how === 'works') return this.#init.output({ displayWidth, displayHeight, data, close() {} });
          this.close();
          this.#init.error(new DOMException('It cannot be decoded.', 'EncodingError'));
        });
      }
      flush = () => new Promise(() => {});
      close() {
        this.state = 'closed';
      }
    },
    OffscreenCanvas: class {
      readonly width: number;
      readonly height: number;
      #drawn: Bytes = new Uint8Array();
      constructor(width: number, height: number) {
        this.width = width;
        this.height = height;
      }
      getContext = () => ({
        clearRect() {},
        drawImage: ({ data }: Frame) => {
          this.#drawn = new Uint8Array(pictureBytes);
          this.#drawn.set(data.subarray(0, Math.min(PICTURE_BYTES, pictureBytes)));
        },
      });
      convertToBlob = async ({ type, quality }: { type: string; quality: number }) => {
        const bytes = this.#drawn;
        onEncode(quality);
        const written = writes.includes(type) ? type : 'image/png';
        return { type: written, size: bytes.length, arrayBuffer: async () => bytes.slice().buffer };
      };
    },
  };
}
