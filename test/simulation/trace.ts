// What happened in a history, line by line: a digest of all of it always, the lines themselves when somebody will read them.
import { DAY_MS } from '../../src/domain/durations.ts';

/** FNV-1a, 32 bits (draft-eastlake-fnv). */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export class Trace {
  readonly #startMs: number;
  readonly #lines: string[] | undefined;
  #hash = FNV_OFFSET;

  constructor(startMs: number, options: { readonly keepsLines: boolean }) {
    this.#startMs = startMs;
    this.#lines = options.keepsLines ? [] : undefined;
  }

  add(timeMs: number, who: string, what: string): void {
    const line = `${timeMs} ${who} ${what}`;
    let hash = this.#hash;
    for (let index = 0; index < line.length; index += 1) {
      hash = Math.imul(hash ^ line.charCodeAt(index), FNV_PRIME);
    }
    this.#hash = hash;
    if (!this.#lines) return;
    const sinceMs = timeMs - this.#startMs;
    const days = Math.floor(sinceMs / DAY_MS);
    const time = new Date(sinceMs - days * DAY_MS).toISOString().slice(11, 23);
    this.#lines.push(`day ${String(days).padStart(2)} ${time}  ${who.padEnd(22)} ${what}`);
  }

  get digest(): number {
    return this.#hash >>> 0;
  }

  /** With short names: `r1` for the first recording that is named, and no unique names of index entries. */
  lines(): string[] {
    const names = new Map<string, string>();
    return (this.#lines ?? []).map((line) =>
      line
        .replaceAll(/\b[0-9a-v]{36}\b/g, (id) => {
          if (!names.has(id)) names.set(id, `r${names.size + 1}`);
          return names.get(id) ?? id;
        })
        .replaceAll(/\/[0-9a-v]{16}\b(?!\.)/g, '')
        .replaceAll(/\b(attempts|participants|receipts)\//g, (root) => (root === 'attempts/' ? '' : root)),
    );
  }
}
