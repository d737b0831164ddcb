// The clock in the picture of a film: blocks of black and white that say which stream a frame is of, and when it was taken.

/** A frame as it is drawn and read: each pixel of it is a square of 8 × 8 in the film. */
export const FRAME = { width: 40, height: 30 } as const;
/** In the film: squares of 32 × 32. */
const BLOCK = 4;
const COLUMNS = 8;
const ROWS = 4;
const MARGIN = 4;

const TIME_VALUES = 2 ** 24;
const STREAM_VALUES = 2 ** 3;
const CHECK_VALUES = 2 ** 5;
const [BLACK, WHITE] = [16, 235];
const THRESHOLD = 126;

export interface Shown {
  /** From 0. */
  readonly stream: number;
  /** Since the beginning of the attempt. */
  readonly ms: number;
}

/** Draws into the luma of a frame. @throws RangeError when it has no room for that time or stream */
export function burnClock(luma: Uint8Array, { stream, ms }: Shown): void {
  if (!(ms >= 0 && ms < TIME_VALUES && stream >= 0 && stream < STREAM_VALUES)) throw new RangeError(`${stream}: ${ms}`);
  for (let block = 0; block < COLUMNS * ROWS; block += 1) {
    const { x, y } = placeOf(block);
    const value = bitOf({ stream, ms }, block) ? WHITE : BLACK;
    for (let row = 0; row < BLOCK; row += 1) {
      const from = (y + row) * FRAME.width + x;
      luma.fill(value, from, from + BLOCK);
    }
  }
}

/** `lightness` of a pixel of a frame, from 0 to 255. Undefined where no clock can be read. */
export function readClock(lightness: (x: number, y: number) => number): Shown | undefined {
  const bits = Array.from({ length: COLUMNS * ROWS }, (_, block) => {
    const { x, y } = placeOf(block);
    // Its border may be blurred.
    const inner = [1, 2].flatMap((row) => [1, 2].map((column) => lightness(x + column, y + row)));
    return inner.reduce((sum, value) => sum + value, 0) / inner.length > THRESHOLD;
  });
  const number = (from: number, values: number) =>
    bits.slice(from, from + Math.log2(values)).reduce((sum, bit) => 2 * sum + Number(bit), 0);
  const ms = number(0, TIME_VALUES);
  const stream = number(24, STREAM_VALUES);
  return number(27, CHECK_VALUES) === checkOf({ stream, ms }) ? { stream, ms } : undefined;
}

function placeOf(block: number): { x: number; y: number } {
  return { x: MARGIN + (block % COLUMNS) * BLOCK, y: MARGIN + Math.floor(block / COLUMNS) * BLOCK };
}

function bitOf(shown: Shown, block: number): boolean {
  if (block < 24) return ((shown.ms >> (23 - block)) & 1) === 1;
  if (block < 27) return ((shown.stream >> (26 - block)) & 1) === 1;
  return ((checkOf(shown) >> (31 - block)) & 1) === 1;
}

/** Of a picture all black or all white it is wrong. */
function checkOf({ stream, ms }: Shown): number {
  return (((ms % 29) + 7 * stream) % 29) + 1;
}
