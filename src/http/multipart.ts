// Receives the one file of a form and passes it on as it arrives: nothing is kept in memory or on a disk.
import { AsyncResource } from 'node:async_hooks';
import type { Readable } from 'node:stream';
import type { Request, Response } from 'express';
import multer, { MulterError, type StorageEngine } from 'multer';
import { ServiceError } from '../model/errors.ts';
import type { Every } from '../recordings/part-buffers.ts';

export const FILE_FIELD = 'file';

/** Boundaries, the headers of the parts and a few short fields. */
const FORM_OVERHEAD_BYTES = 64 * 1024;
const MAX_FIELDS = 5;

export interface FileLimits {
  readonly maxFileBytes: number;
  /** A body that brings no byte for this long, while nothing but its client is waited for, is given up on. */
  readonly idleMs: number;
  readonly every: Every;
}

/**
 * Resolves when the whole form has arrived and `write` has taken all of its file; throws when `write` has ended too.
 * @throws ServiceError `file-missing`, `recording-too-large`, `invalid-request`, `malformed-form`, `request-aborted`,
 * `request-idle`, or what `write` threw
 */
export async function receiveFile(
  req: Request,
  res: Response,
  { maxFileBytes, idleMs, every }: FileLimits,
  write: (file: Readable) => Promise<void>,
): Promise<void> {
  refuseKnownTooLarge(req, maxFileBytes);
  // The file comes with events of the connection, which know nothing of this request: its trace would be lost.
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sink = new FileSink(AsyncResource.bind(write), (error) => {
    // multer would read to the end of a file that comes slowly, and that is why it is refused.
    if (!(error instanceof ServiceError && error.code === 'uploads-busy')) return;
    res.setHeader('Connection', 'close');
    reject(error);
  });
  const receive = multer({
    storage: sink,
    limits: {
      files: 1,
      fields: MAX_FIELDS,
      parts: MAX_FIELDS + 1,
      fieldNameSize: 100,
      fieldSize: 1024,
      fieldNestingDepth: 1,
      fieldArrayIndexLimit: 0,
      headerPairs: 20,
      fileSize: maxFileBytes,
    },
  }).single(FILE_FIELD);
  // multer waits for events of the request; one that has ended already sends none.
  if (req.destroyed) throw aborted();
  const stopWatching = watchForSilence(req, { idleMs, every }, () => {
    const silence = idle();
    res.setHeader('Connection', 'close');
    sink.giveUp(silence);
    reject(silence);
  });
  receive(req, res, (error?: unknown) => {
    if (error === undefined || error === null) resolve();
    else reject(error);
  });
  try {
    await promise;
  } catch (error) {
    throw translate(error, req, sink, maxFileBytes);
  } finally {
    stopWatching();
    // multer does not wait for what a client has left that went away.
    await sink.ended;
  }
  if (!sink.received) {
    throw new ServiceError('file-missing', `Send the recording in the field "${FILE_FIELD}", with a file name.`);
  }
}

class FileSink implements StorageEngine {
  received = false;
  failure: unknown;
  /** Resolves when nothing is written any more. */
  ended = Promise.resolve();
  #file: Readable | undefined;
  readonly #write: (file: Readable) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;

  constructor(write: (file: Readable) => Promise<void>, onFailure: (error: unknown) => void) {
    this.#write = write;
    this.#onFailure = onFailure;
  }

  _handleFile(_req: Request, file: Express.Multer.File, done: (error?: unknown) => void): void {
    this.#file = file.stream;
    this.ended = this.#write(file.stream).then(
      () => {
        this.received = true;
        done();
      },
      (error: unknown) => {
        this.failure = error;
        this.#onFailure(error);
        done(error);
      },
    );
  }

  /** Ends the writing of a file of which no more will come. */
  giveUp(reason: Error): void {
    this.#file?.destroy(reason);
  }

  /** Nothing to remove: what was written is a part of an open upload, which is completed or swept. */
  _removeFile(_req: Request, _file: Express.Multer.File, done: (error: Error | null) => void): void {
    done(null);
  }
}

/** Before any byte is read; a body of unknown length is counted while it arrives. */
function refuseKnownTooLarge(req: Request, maxFileBytes: number): void {
  if (Number(req.headers['content-length'] ?? 0) > maxFileBytes + FORM_OVERHEAD_BYTES) throw tooLarge(maxFileBytes);
}

/** Looks every `idleMs`, so it may take twice as long. While the store is slow the request is paused, and not silent. */
function watchForSilence(
  req: Request,
  { idleMs, every }: Pick<FileLimits, 'idleMs' | 'every'>,
  onSilence: () => void,
): () => void {
  let bytesRead = -1;
  return every(idleMs, () => {
    const isSilent = req.socket.bytesRead === bytesRead && req.readableFlowing === true && !req.complete;
    bytesRead = req.socket.bytesRead;
    if (isSilent) onSilence();
  });
}

function translate(error: unknown, req: Request, sink: FileSink, maxFileBytes: number): unknown {
  if (error instanceof ServiceError && error.code === 'request-idle') return error;
  // A client that went away also makes the file's stream fail, and with it the write.
  if (req.destroyed && !req.complete) return aborted(error);
  if (error instanceof MulterError) return refusalOfForm(error, maxFileBytes);
  if (error === sink.failure) return error;
  return new ServiceError('malformed-form', 'The form ended early or could not be parsed.', {}, { cause: error });
}

function refusalOfForm(error: MulterError, maxFileBytes: number): ServiceError {
  if (error.code === 'LIMIT_FILE_SIZE') return tooLarge(maxFileBytes, error);
  return new ServiceError(
    'invalid-request',
    `The form may have one file, in the field "${FILE_FIELD}", and at most ${MAX_FIELDS} short fields.`,
    { errors: [{ path: (error.field ?? '').slice(0, 64), message: error.message }] },
    { cause: error },
  );
}

function tooLarge(maxFileBytes: number, cause?: unknown): ServiceError {
  const message = `A recording may have at most ${maxFileBytes} bytes.`;
  return new ServiceError('recording-too-large', message, { maxRecordingBytes: maxFileBytes }, { cause });
}

function idle(): ServiceError {
  return new ServiceError(
    'request-idle',
    'No more of the file arrived. What has arrived is kept: send the file again.',
  );
}

function aborted(cause?: unknown): ServiceError {
  return new ServiceError('request-aborted', 'The connection was closed before the file was complete.', {}, { cause });
}
