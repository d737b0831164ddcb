// How large pictures are that share a place.

export interface Size {
  readonly widthPx: number;
  readonly heightPx: number;
}

export interface Tiles extends Size {
  readonly count: number;
  /** Between two of them, in both directions. */
  readonly gapPx: number;
  /** What each has below its picture. */
  readonly captionPx: number;
}

/** Width to height of a picture. */
export const RATIO: number = 16 / 9;

/** The width of the largest pictures, in pixels, of which `count` fit beside and below each other. */
export function tileWidth({ count, widthPx, heightPx, gapPx, captionPx }: Tiles): number {
  const widths = Array.from({ length: count }, (_, index) => {
    const columns = index + 1;
    const rows = Math.ceil(count / columns);
    const byWidth = (widthPx - gapPx * (columns - 1)) / columns;
    const byHeight = RATIO * ((heightPx - gapPx * (rows - 1)) / rows - captionPx);
    return Math.min(byWidth, byHeight);
  });
  return Math.max(0, Math.floor(Math.max(0, ...widths)));
}
