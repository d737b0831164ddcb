// The part URLs of one recording: as many as it will use before they expire, asked for in one call. They are in memory alone.

export interface Part {
  readonly partNumber: number;
  readonly sizeBytes: number;
}

/** As the service sends it. */
export interface SignedPart {
  readonly partNumber: number;
  readonly url: string;
  readonly headers?: { readonly 'content-length'?: string };
  readonly expiresAt: string;
}

interface PartUrlsOptions {
  readonly sign: (parts: readonly Part[]) => Promise<readonly SignedPart[]>;
  /** By the service's clock; NaN while that is unknown: then every URL is used once. */
  readonly nowMs: () => number;
  /** The parts that will be sent after this one within so many milliseconds. */
  readonly following: (partNumber: number, withinMs: number) => readonly Part[];
}

/** A URL is not used this long before it expires, or less by a tenth of its life if that is shorter. */
const UNUSED_BEFORE_MS = 60_000;

export class PartUrls {
  readonly #options: PartUrlsOptions;
  readonly #kept = new Map<number, { readonly part: SignedPart; readonly usedUntilMs: number }>();
  /** How long a new URL is used. */
  #lifeMs = 0;
  #asking: Promise<unknown> = Promise.resolve();

  constructor(options: PartUrlsOptions) {
    this.#options = options;
  }

  keep(signed: readonly SignedPart[]): void {
    const nowMs = this.#options.nowMs();
    for (const part of signed) {
      const validMs = Date.parse(part.expiresAt) - nowMs;
      this.#lifeMs = validMs - Math.min(UNUSED_BEFORE_MS, validMs / 10);
      this.#kept.set(part.partNumber, { part, usedUntilMs: nowMs + this.#lifeMs });
    }
  }

  /** The store has refused one. */
  drop(): void {
    this.#kept.clear();
  }

  /** `isKept`: an earlier call returned it. @throws as `sign` */
  urlOf(part: Part): Promise<{ readonly url: string; readonly isKept: boolean }> {
    // One after the other: parts that are sent at once share a call.
    const found = this.#asking.then(() => this.#find(part));
    this.#asking = found.catch(() => {});
    return found;
  }

  async #find(part: Part): Promise<{ url: string; isKept: boolean }> {
    const { sign, nowMs, following } = this.#options;
    const kept = this.#kept.get(part.partNumber);
    const isOfSize = kept?.part.headers?.['content-length'] === String(part.sizeBytes);
    if (kept && isOfSize && nowMs() < kept.usedUntilMs) return { url: kept.part.url, isKept: true };
    const signed = await sign([part, ...following(part.partNumber, this.#lifeMs)]);
    this.keep(signed);
    return { url: signed[0]?.url ?? '', isKept: false };
  }
}
