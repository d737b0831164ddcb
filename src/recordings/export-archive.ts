// Portability (policy 9.1): the export and the recordings themselves as one ZIP, in constant memory.
import { makeZip } from 'client-zip';
import { isKept, isStored, storedAtMs } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import type { ParticipantRef, RecordingRef } from '../model/ids.ts';
import { readRecordingType } from '../model/media-type.ts';
import type { Recording } from '../model/recording.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { exportDocument, type FilesOfRecording, requireListing } from './export.ts';
import type { LiveRecording } from './read.ts';

/** Requested from the store at once, and passed on as it arrives: a slow client holds a connection for one range only. */
const RANGE_BYTES = 4 * 1024 * 1024;
const EXTENSIONS = { webm: 'webm', matroska: 'mkv', mp4: 'mp4', ogg: 'ogg' } as const;

/** What is kept of a file until it is written, and again for the directory at the end of the archive. */
interface ArchivedFile {
  readonly name: string;
  readonly key: string;
  readonly ref: RecordingRef;
  readonly sizeBytes: number;
  readonly storedAtMs: number;
  readonly deadlineMs: number;
}

/**
 * `manifest.json`, which is the export, then each file that it names, not compressed: media are already. ZIP64 where it
 * must be. A recording that was deleted or restricted since, or whose deadline came, is named in `left-out.json`; one that is deleted
 * while it is read breaks the archive off, which no reader takes for whole.
 */
export async function* exportArchive(
  context: RecordingsContext,
  caller: Caller,
  participant: ParticipantRef,
  options: { readonly includeRestricted: boolean },
): AsyncGenerator<Uint8Array, void, undefined> {
  const files: ArchivedFile[] = [];
  const filesFor = (live: LiveRecording, { contentType }: Recording): FilesOfRecording => {
    const media = mediaFile(context, live, contentType);
    const overview = overviewFile(context, live);
    files.push(media, ...(overview ? [overview] : []));
    return { file: media.name, overviewFile: overview?.name ?? null };
  };

  let open: AsyncGenerator<Uint8Array> | undefined;
  async function* entries() {
    const manifest = exportDocument(context, caller, participant, { ...options, filesFor });
    yield { name: 'manifest.json', lastModified: new Date(context.now()), input: manifest };
    const leftOut: string[] = [];
    for (const file of files) {
      if (await mayBeGiven(context, file, options)) {
        open = readFile(context, file);
        yield { name: file.name, lastModified: new Date(file.storedAtMs), input: open };
      } else leftOut.push(file.name);
    }
    if (leftOut.length > 0) {
      const why = 'Deleted or restricted between the writing of manifest.json and the turn of the file.';
      yield { name: 'left-out.json', lastModified: new Date(context.now()), input: JSON.stringify({ why, leftOut }) };
    }
  }
  // An outage fails the call before the first chunk.
  await requireListing(context, participant);
  try {
    yield* makeZip(entries());
  } finally {
    // client-zip leaves open what it was reading when the client went away.
    await open?.return(undefined);
  }
}

function mediaFile(context: RecordingsContext, live: LiveRecording, contentType: string): ArchivedFile {
  const { ref, objects } = live.state;
  const type = readRecordingType(contentType);
  const extension = type ? EXTENSIONS[type.container] : 'bin';
  const key = new Bucket(context).mediaKey(ref);
  return { ...describeFile(live, extension), key, sizeBytes: objects.media?.sizeBytes ?? 0 };
}

function overviewFile(context: RecordingsContext, live: LiveRecording): ArchivedFile | undefined {
  const { ref, objects } = live.state;
  if (!objects.overview) return undefined;
  const key = new Bucket(context).overviewKey(ref);
  return { ...describeFile(live, 'overview'), key, sizeBytes: objects.overview.sizeBytes };
}

function describeFile({ state, manifest, deadlineMs }: LiveRecording, extension: string) {
  const { ref } = state;
  return {
    name: `recordings/${ref.exam}/${ref.attempt}/${manifest.kind}-${ref.recording}.${extension}`,
    ref,
    storedAtMs: storedAtMs(state) ?? 0,
    deadlineMs,
  };
}

async function mayBeGiven(
  context: RecordingsContext,
  { ref, deadlineMs }: ArchivedFile,
  { includeRestricted }: { readonly includeRestricted: boolean },
): Promise<boolean> {
  const state = await new Bucket(context).recording(ref);
  const isHeld = state !== undefined && isKept(state) && isStored(state) && deadlineMs > context.now();
  return isHeld && (includeRestricted || !state.objects.restricted);
}

/** A connection that the store dropped, because the client was slow, is opened again where it was. */
async function* readFile(
  context: RecordingsContext,
  { key, sizeBytes }: ArchivedFile,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < sizeBytes; ) {
    const from = offset;
    const range = await context.store.getRange(key, offset, RANGE_BYTES);
    try {
      for await (const chunk of range ?? []) {
        offset += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (offset === from) throw error;
    }
    if (offset === from) throw new ServiceError('recording-deleted', 'A recording was deleted while it was exported.');
  }
}
