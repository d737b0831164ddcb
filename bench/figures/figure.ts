// What a figure is: its measurements on each store, and how they are drawn.
import type { Store, StoreName } from '../stores.ts';

export interface Measurement {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer?: { readonly name: string; readonly value: number } | undefined;
  /** Of ours to the peer's: the median of the rounds' own ratios. */
  readonly ratio?: number | undefined;
  readonly goal?: Goal | undefined;
  /** What the value is made of, in words. */
  readonly details?: string | undefined;
}

export interface Goal {
  readonly text: string;
  readonly holds: boolean;
}

export interface FigureContext {
  readonly store: Store;
  /** About ten seconds instead of minutes: it shows that the bench works, and its numbers say nothing. */
  readonly short: boolean;
  /** Of figure 5: the folder of an earlier version, built. */
  readonly baseline: string | undefined;
  /** Of figure 6: how many recordings are stored beside those that are due. */
  readonly stored: readonly number[];
  /** Of figure 7: how large each of the fifty files is, in MiB. */
  readonly fileMib: number;
  /** Tells what is going on. */
  readonly say: (line: string) => void;
}

export interface Figure {
  readonly number: number;
  readonly title: string;
  readonly stores: readonly StoreName[];
  /** It is left out unless this option is given. */
  readonly needs?: 'baseline';
  readonly measure: (context: FigureContext) => Promise<Measured>;
}

export interface Measured {
  readonly measurements: readonly Measurement[];
  /** How things grow, drawn as lines. */
  readonly growth?: Growth | undefined;
  /** What a reader has to know: what was left out, scaled down, or not as it would be. */
  readonly notes: readonly string[];
}

export interface Growth {
  readonly x: string;
  readonly y: string;
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

export function atLeast(ratio: number, of: number): Goal {
  return { text: `ratio ≥ ${of}`, holds: ratio >= of };
}

export function atMost(ratio: number, of: number): Goal {
  return { text: `ratio ≤ ${of}`, holds: ratio <= of };
}

export function noMore(value: number, most: number, unit = ''): Goal {
  return { text: `value ≤ ${most} ${unit}`.trimEnd(), holds: value <= most };
}

export function below(value: number, limit: number, unit: string): Goal {
  return { text: `value < ${limit} ${unit}`, holds: value < limit };
}
