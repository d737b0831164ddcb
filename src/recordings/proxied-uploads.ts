// How many uploads pass through the service at once, and which of them have to give way to others.
import { ServiceError } from '../model/errors.ts';
import { PartBuffers } from './part-buffers.ts';
import { type Holder, keepsOut, Places, type Share, sharesOf } from './places.ts';

/** Who uploads, and what. */
export interface Uploader extends Holder {
  /** Of a whole file: one at a time for each recording, or two would mix their parts. */
  readonly file?: string;
}

/** The turn of one upload, from its beginning to its end. */
export class UploadTurn {
  readonly uploader: Uploader;
  readonly shares: readonly Share[];
  readonly #buffers: PartBuffers;
  #keptOut = false;

  constructor(uploader: Uploader, shares: readonly Share[], buffers: PartBuffers) {
    this.uploader = uploader;
    this.shares = shares;
    this.#buffers = buffers;
  }

  /** Another was refused for want of a place that this one has. */
  noteRefusal(): void {
    this.#keptOut = true;
  }

  /** Whether it has kept others out since this was asked last, or does now. */
  keptOthersOut(): boolean {
    const kept = this.#keptOut || this.#buffers.keepsOthersWaiting(this.uploader);
    this.#keptOut = false;
    return kept;
  }
}

/** One for each process. */
export class ProxiedUploads {
  /**
   * A quarter as many as uploads: 50 at once stay below 300 MiB (bench, figure 7). A single upload uses two, of which one
   * is filled while the other is sent; where all run, three wait for each that is filled.
   */
  readonly buffers: PartBuffers;
  readonly #max: number;
  readonly #places = new Places();
  readonly #turns = new Set<UploadTurn>();

  /** @param max uploads at once: files, and parts that are sent one by one */
  constructor({ max }: { readonly max: number }) {
    this.#max = max;
    this.buffers = new PartBuffers(Math.max(2, Math.ceil(max / 4)));
  }

  /**
   * Runs one upload.
   * @throws ServiceError `uploads-busy` at once when as many run as may: of all, of the tenant, of the caller, or one of
   * the same file; or what `upload` throws
   */
  async run<T>(uploader: Uploader, upload: (turn: UploadTurn) => Promise<T>): Promise<T> {
    const turn = new UploadTurn(uploader, this.#sharesOf(uploader), this.buffers);
    const full = this.#places.fullOf(turn.shares);
    if (full) {
      for (const running of this.#turns) if (keepsOut(running.shares, full)) running.noteRefusal();
      throw new ServiceError('uploads-busy', refusalOf(full));
    }
    this.#places.take(turn.shares);
    this.#turns.add(turn);
    try {
      return await upload(turn);
    } finally {
      this.#turns.delete(turn);
      this.#places.give(turn.shares);
    }
  }

  #sharesOf(uploader: Uploader): Share[] {
    const ofFile = { name: `file ${uploader.file}`, max: 1, isOwn: true };
    return [...(uploader.file === undefined ? [] : [ofFile]), ...sharesOf(uploader, this.#max)];
  }
}

function refusalOf({ name, max }: Share): string {
  if (name.startsWith('file ')) return 'Another request is sending a file for this recording; try again soon.';
  const whose = name.startsWith('tenant ') ? ' of your tenant' : name.startsWith('caller ') ? ' with this token' : '';
  return `${max} uploads${whose} pass through this service already; try again soon.`;
}
