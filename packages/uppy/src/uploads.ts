// The uploads of an attempt: a file becomes a recording, which is known by its id.
import { callerOf, RecordingError } from './service.ts';

export interface RecordingOptions {
  /** The URL of the service, such as `https://recordings.example`. */
  readonly service: string;
  readonly exam: string;
  readonly attempt: string;
  readonly participantId: string;
  readonly kind: 'webcam' | 'screen' | 'audio';
  /** When the participant agreed (ISO 8601), and to which policy. */
  readonly consent: { readonly givenAt: string; readonly policyVersion: string };
  /** Returns a token with the scope `recordings:upload`; called again when one has expired. */
  getToken(): Promise<string>;
}

interface SomeFile {
  /** The same for the same file. */
  readonly id: string;
  readonly type?: string;
  readonly size: number | null;
}

interface Part {
  readonly partNumber: number;
  readonly etag: string;
}

export interface Uploads {
  /** Of every part but the last. */
  readonly partSizeBytes: number;
  /** The id of the recording of a file: after a lost reply or a reload it is the same. */
  readonly create: (file: SomeFile) => Promise<string>;
  /** Where a part is PUT. */
  readonly sign: (id: string, partNumber: number, sizeBytes: number) => Promise<string>;
  /** What the store has. */
  readonly list: (id: string, file: SomeFile) => Promise<readonly Part[]>;
  readonly complete: (id: string, file: SomeFile) => Promise<{ location: string; key: string }>;
  /** Deletes the parts that have arrived. */
  readonly abort: (id: string) => Promise<void>;
}

// Of the service's answers, what is read.
type Settings = { readonly partSizeBytes: number; readonly maxRecordingBytes: number };
type Created = {
  readonly recording: { readonly recordingId: string; readonly state: string };
  readonly upload: { readonly partSizeBytes: number };
};
type Stored = { readonly recordingId: string; readonly sizeBytes: number };

/** Each function throws RecordingError. */
export async function uploadsOf(options: RecordingOptions): Promise<Uploads> {
  const { exam, attempt, participantId, kind, consent } = options;
  const call = callerOf(() => options.getToken());
  const v1 = `${options.service.replace(/\/+$/, '')}/v1`;
  const settings = (): Promise<Settings> => call('GET', `${v1}/upload-settings`);
  const { partSizeBytes, maxRecordingBytes } = await settings();
  const recordings = `${v1}/exams/${exam}/attempts/${attempt}/recordings`;
  /** What is uploaded instead of a recording that ended before it had all bytes. */
  const successors = new Map<string, string>();
  /** Of these Uppy does not send again what it has sent since the page was loaded. */
  const underWay = new Set<string>();
  const current = (id: string): string => successors.get(id) ?? id;
  const pathOf = (id: string): string => `${recordings}/${current(id)}`;
  let aborting: Promise<unknown> = Promise.resolve();

  /** The first that can take the parts of this file, and is not `ended`. */
  async function create({ id, type, size }: SomeFile, ended?: string): Promise<string> {
    if (!size) throw new RecordingError('file-missing', 'The file is empty.');
    if (size > maxRecordingBytes) {
      throw new RecordingError('recording-too-large', `A recording has at most ${maxRecordingBytes} bytes.`);
    }
    await aborting;
    const body = { participantId, kind, contentType: type, consent, parts: 0 };
    for (let count = 1; ; count += 1) {
      const key = `${kind}-${count}-${consent.givenAt}-${encodeURIComponent(id).slice(-180)}`;
      const { recording, upload } = await call<Created>('POST', recordings, body, key);
      if (recording.state !== 'uploading' || recording.recordingId === ended) continue;
      if (upload.partSizeBytes === partSizeBytes) {
        underWay.add(recording.recordingId);
        return recording.recordingId;
      }
      if ((await settings()).partSizeBytes === partSizeBytes) continue;
      throw new RecordingError('part-size-changed', 'The part size of the service has changed: reload the page.');
    }
  }

  async function list(id: string, file: SomeFile): Promise<readonly Part[]> {
    const listed = current(id);
    try {
      const { parts } = await call<{ readonly parts: readonly Part[] }>('GET', `${recordings}/${listed}/parts`);
      underWay.add(listed);
      return parts;
    } catch (error) {
      const code = error instanceof RecordingError ? error.code : '';
      if (code === 'recording-stored') {
        const { sizeBytes } = await call<Stored>('POST', `${recordings}/${listed}/complete`);
        // The reply of its completion was lost: no part is missing.
        if (sizeBytes === file.size) return allParts(Math.ceil(sizeBytes / partSizeBytes));
      } else if (code !== 'upload-gone') throw error;
      // The service completed it without the rest, or the store dropped it: the whole file becomes another recording.
      successors.set(id, await create(file, listed));
      if (!underWay.has(listed)) return list(id, file);
      throw new RecordingError(
        code,
        'The service has ended the recording. Try again: the whole file becomes another one.',
      );
    }
  }

  return {
    partSizeBytes,
    create: (file) => create(file),
    list,
    async sign(id, partNumber, sizeBytes) {
      type Signed = { readonly parts: readonly [{ readonly url: string }] };
      const body = { parts: [{ partNumber, sizeBytes }] };
      return (await call<Signed>('POST', `${pathOf(id)}/parts`, body)).parts[0].url;
    },
    async complete(id, { size }) {
      const { recordingId, sizeBytes } = await call<Stored>('POST', `${pathOf(id)}/complete`);
      if (sizeBytes === size) return { location: `${recordings}/${recordingId}`, key: recordingId };
      throw new RecordingError('recording-stored', 'The service completed it before all parts had arrived. Try again.');
    },
    abort(id) {
      const aborted = call<void>('POST', `${pathOf(id)}/abort`);
      // A file that is sent again must not be taken for this one.
      aborting = aborted.catch(() => {});
      return aborted;
    },
  };
}

function allParts(count: number): Part[] {
  return Array.from({ length: count }, (_, index) => ({ partNumber: index + 1, etag: 'stored' }));
}
