// Receives the one file of a form and passes it on as it arrives: nothing is kept in memory or on a disk.
import { AsyncResource } from 'node:async_hooks';
import type { Readable, Writable } from 'node:stream';
import { format, parse } from 'content-type';
import type { Request, Response } from 'express';
import multer, { MulterError, type StorageEngine } from 'multer';
import { ServiceError } from '../model/errors.ts';
import type { UploadSettings } from '../recordings/context.ts';
import type { UploadTurn } from '../recordings/proxied-uploads.ts';
import { type Every, watchUpload } from './pace.ts';

const FILE_FIELD = 'file';
/** Boundaries, the headers of the parts and a few short fields. */
const FORM_OVERHEAD_BYTES = 64 * 1024;
const MAX_FIELDS = 5;
/** Events of the parser, with which multer refuses a form once it has read the rest of it. */
const TOO_MANY = [
  ['partsLimit', 'LIMIT_PART_COUNT'],
  ['filesLimit', 'LIMIT_FILE_COUNT'],
  ['fieldsLimit', 'LIMIT_FIELD_COUNT'],
] as const;
/** Values of Content-Transfer-Encoding that change no byte (RFC 2045, 6.2); forms have no other (RFC 7578, 4.7). */
const IDENTITY_ENCODINGS: ReadonlySet<string> = new Set(['7bit', '8bit', 'binary']);
/** Longer ones are cut off in a message. */
const MAX_SHOWN_LENGTH = 40;

export type FileLimits = Pick<UploadSettings, 'maxRecordingBytes' | 'maxContentBytes' | 'partSizeBytes'>;

/**
 * Resolves when the whole form has arrived and `write` has taken all of its file; throws when `write` has ended too.
 * @throws ServiceError `file-missing`, `recording-too-large`, `content-too-large`, `invalid-request`, `malformed-form`,
 * `request-aborted`, `request-idle`, `uploads-busy`, `unsupported-media-type` for a file that is encoded, or what `write`
 * threw
 */
export async function receiveFile(
  req: Request,
  res: Response,
  limits: FileLimits,
  { every, turn }: { readonly every: Every; readonly turn: UploadTurn },
  write: (file: Readable) => Promise<void>,
): Promise<void> {
  requireRoom(Number(req.headers['content-length'] ?? 0), limits);
  // multer waits for events of the request; one that has ended already sends none.
  if (req.destroyed) throw aborted();
  simplifyType(req);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let file: Readable | undefined;
  let written: Promise<void> | undefined;
  /** A failure of the service, not of the form. */
  let failure: unknown;

  /** Ends the request at once; multer would read the form to its end first. */
  function giveUp(reason: Error): void {
    failure ??= reason;
    file?.destroy(reason);
    reject(reason);
  }

  function streamHandler(_req: Request, parser: Writable): void {
    for (const [event, code] of TOO_MANY) {
      parser.once(event, () => giveUp(refusalOfForm(new MulterError(code))));
    }
    req.pipe(parser);
  }

  // Bound to the request, because events of the connection deliver the file: its trace would be lost.
  const writeTraced = AsyncResource.bind(write);
  const storage: StorageEngine = {
    _handleFile(_req, { stream, encoding }, done) {
      file = stream;
      if (!IDENTITY_ENCODINGS.has(encoding.toLowerCase())) {
        const refusal = encoded(encoding);
        giveUp(refusal);
        done(refusal);
        return;
      }
      stream.once('limit', () => giveUp(sizeRefusal(limits)));
      written = writeTraced(stream).then(
        () => done(),
        (error: Error) => {
          giveUp(error);
          done(error);
        },
      );
    },
    // Nothing to remove: what was written is a part of an open upload, which is completed or swept.
    _removeFile: (_req, _file, done) => done(null),
  };
  const formLimits = {
    files: 1,
    fields: MAX_FIELDS,
    parts: MAX_FIELDS + 1,
    fieldNameSize: 100,
    fieldSize: 1024,
    fieldNestingDepth: 1,
    fieldArrayIndexLimit: 0,
    headerPairs: 20,
    fileSize: Math.min(limits.maxRecordingBytes, limits.maxContentBytes),
  };
  const stopWatching = watchUpload(req, every, turn, giveUp);
  // Its types do not know `streamHandler` yet.
  const options: multer.Options & { streamHandler: typeof streamHandler } = {
    storage,
    limits: formLimits,
    streamHandler,
  };
  multer(options).single(FILE_FIELD)(req, res, (error?: unknown) => (error ? reject(error) : resolve()));
  try {
    await promise;
  } catch (error) {
    // When the client disconnects, the file's stream fails too, and so does the write.
    if (req.destroyed && !req.complete) throw aborted(error);
    const isOfForm = error instanceof MulterError || error !== failure;
    throw isOfForm ? refusalOfForm(error) : error;
  } finally {
    stopWatching();
    // multer does not wait for the write when the client disconnects.
    await written;
  }
  if (!file) {
    throw new ServiceError('file-missing', `Send the recording in the field "${FILE_FIELD}", with a file name.`);
  }
}

/** multer takes a tab before a parameter for a mistake (RFC 9110, 5.6.6, allows it), and needs the boundary alone. */
function simplifyType({ headers }: Request): void {
  const { type, parameters } = parse(headers['content-type'] ?? '');
  const { boundary } = parameters;
  if (boundary) headers['content-type'] = format({ type, parameters: { boundary } });
}

function refusalOfForm(cause: unknown): ServiceError {
  if (!(cause instanceof MulterError)) {
    return new ServiceError('malformed-form', 'The form ended early or could not be parsed.', {}, { cause });
  }
  const message = `The form may have one file, in the field "${FILE_FIELD}", and at most ${MAX_FIELDS} short fields.`;
  const errors = [{ path: (cause.field ?? '').slice(0, 64), message: cause.message }];
  return new ServiceError('invalid-request', message, { errors }, { cause });
}

/** Before any byte is read; a body of unknown length is counted while it arrives. */
function requireRoom(bodyBytes: number, limits: FileLimits): void {
  const { maxRecordingBytes, maxContentBytes } = limits;
  if (bodyBytes > maxRecordingBytes + FORM_OVERHEAD_BYTES) throw recordingTooLarge(limits);
  if (bodyBytes > maxContentBytes) throw contentTooLarge(limits);
}

/** Of a file that turns out to be larger than announced. */
function sizeRefusal(limits: FileLimits): ServiceError {
  return (limits.maxRecordingBytes <= limits.maxContentBytes ? recordingTooLarge : contentTooLarge)(limits);
}

function recordingTooLarge({ maxRecordingBytes }: FileLimits): ServiceError {
  const message = `A recording may have at most ${maxRecordingBytes} bytes.`;
  return new ServiceError('recording-too-large', message, { maxRecordingBytes });
}

function contentTooLarge({ maxContentBytes, partSizeBytes }: FileLimits): ServiceError {
  const message = `One request may have at most ${maxContentBytes} bytes: PUT the file in parts to …/parts/{partNumber}.`;
  return new ServiceError('content-too-large', message, { maxContentBytes, partSizeBytes });
}

function encoded(encoding: string): ServiceError {
  const shown = encoding.replace(/[^\w-]/g, '').slice(0, MAX_SHOWN_LENGTH);
  const message = `Send the bytes of the file as they are, without Content-Transfer-Encoding: ${shown}. Nothing was changed.`;
  return new ServiceError('unsupported-media-type', message);
}

function aborted(cause?: unknown): ServiceError {
  return new ServiceError('request-aborted', 'The connection was closed before the file was complete.', {}, { cause });
}
