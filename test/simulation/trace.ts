// What happened in a history, line by line: a digest of all of it, and the lines themselves for somebody who reads them.
import { DAY_MS } from '../../src/model/durations.ts';
import { START_MS } from './plan.ts';

/** FNV-1a, 32 bits (draft-eastlake-fnv). */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const RECORDING_ID = /\b[0-9a-v]{36}\b/g;

export class Trace {
  readonly #events: { readonly timeMs: number; readonly who: string; readonly what: string }[] = [];
  #hash = FNV_OFFSET;

  add(timeMs: number, who: string, what: string): void {
    for (const byte of Buffer.from(`${timeMs} ${who} ${what}`)) this.#hash = Math.imul(this.#hash ^ byte, FNV_PRIME);
    this.#events.push({ timeMs, who, what });
  }

  get digest(): number {
    return this.#hash >>> 0;
  }

  /** With short names: `r1` for the first recording that is named, and no unique names of index entries. */
  lines(): string[] {
    const ids = [...new Set(this.#events.flatMap(({ what }) => what.match(RECORDING_ID) ?? []))];
    return this.#events.map(({ timeMs, who, what }) => {
      const days = Math.floor((timeMs - START_MS) / DAY_MS);
      const time = new Date(timeMs).toISOString().slice(11, 23);
      const short = what
        .replaceAll(RECORDING_ID, (id) => `r${ids.indexOf(id) + 1}`)
        .replaceAll(/\/[0-9a-v]{16}\b(?!\.)/g, '')
        .replaceAll(/\battempts\//g, '');
      return `day ${String(days).padStart(2)} ${time}  ${who.padEnd(22)} ${short}`;
    });
  }
}
