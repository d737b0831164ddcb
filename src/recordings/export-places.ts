// How many exports are read at once: each holds memory, and a connection to the store, for as long as its caller reads.
import { ServiceError } from '../model/errors.ts';
import { Places } from './places.ts';

/** A privacy desk exports one participant after another; two of them may. */
const MAX_OF_TENANT = 2;
/** They take 1.4 MB each, and a connection of 256. */
const MAX_OF_PROCESS = 8;

/** One for each process. */
export class ExportPlaces {
  readonly #places = new Places();

  /**
   * The same chunks; they take a place from the first of them until the last, or until the iterator is closed.
   * @throws ServiceError `exports-busy` instead of the first
   */
  async *during<Chunk>(tenant: string, chunks: AsyncIterable<Chunk>): AsyncGenerator<Chunk, void, undefined> {
    const giveBack = this.#take(tenant);
    try {
      yield* chunks;
    } finally {
      giveBack();
    }
  }

  /** The same result; it takes a place until then. @throws ServiceError `exports-busy` */
  async whileMaking<Result>(tenant: string, make: () => Promise<Result>): Promise<Result> {
    const giveBack = this.#take(tenant);
    try {
      return await make();
    } finally {
      giveBack();
    }
  }

  #take(tenant: string): () => void {
    const shares = [
      { name: 'process', max: MAX_OF_PROCESS },
      { name: `tenant ${tenant}`, max: MAX_OF_TENANT },
    ];
    const full = this.#places.fullOf(shares);
    if (full) {
      const whose = full.name === 'process' ? '' : ' of your tenant';
      throw new ServiceError('exports-busy', `${full.max} exports${whose} are being read already; try again soon.`);
    }
    this.#places.take(shares);
    return () => this.#places.give(shares);
  }
}
