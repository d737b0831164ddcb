// What the tests do in a page with an Uppy of either version: its files are films whose every byte is known.
import { type AwsS3Options, awsS3Options } from '@proctoring-recordings/uppy';
import { type SyntheticOptions, syntheticWebm } from '../../../packages/exam-client/test/synthetic-webm.ts';

interface File {
  readonly id: string;
  readonly error?: string | null;
  readonly response?: { readonly body?: { readonly key?: string } };
}

interface Result {
  readonly successful?: readonly File[];
  readonly failed?: readonly File[];
}

/** What is used of both versions. */
interface AnyUppy {
  addFile(file: { name: string; type: string; data: Blob }): string;
  upload(): Promise<Result | undefined>;
  retryAll(): Promise<Result | undefined>;
  pauseAll(): void;
  resumeAll(): void;
  cancelAll(): void;
  emit(event: 'restore-confirmed'): void;
  on(event: 'complete', callback: (result: Result) => void): unknown;
  on(event: 's3-multipart:part-uploaded' | 'restored', callback: () => void): unknown;
}

/** `tokens`: answers of `getToken`, the last one repeated. */
interface OpenOptions {
  readonly service: string;
  readonly attempt: string;
  readonly tokens: string[];
  /** Whether Golden Retriever keeps the files. */
  readonly isKept: boolean;
}

/** As the page of the exam client does. */
function tell(name: string, detail: object = {}): void {
  console.log(`harness ${JSON.stringify({ name, ...detail })}`);
}

/** The recordings of the files that are stored, and what was said of the others. */
function told(result: Result | undefined) {
  return {
    stored: result?.successful?.map(({ response }) => response?.body?.key) ?? [],
    failed: result?.failed?.map(({ error }) => error) ?? [],
  };
}

export function harnessOf(make: (id: string, options: AwsS3Options, isKept: boolean) => AnyUppy) {
  let uppy: AnyUppy;

  async function open({ service, attempt, tokens, isKept }: OpenOptions): Promise<void> {
    let tokensAsked = 0;
    const options = await awsS3Options({
      service,
      exam: 'math',
      attempt,
      participantId: 'p1',
      kind: 'webcam',
      consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' },
      getToken: async () => tokens[Math.min(tokensAsked++, tokens.length - 1)] ?? '',
    });
    uppy = make(attempt, options, isKept);
    uppy.on('s3-multipart:part-uploaded', () => tell('part'));
    uppy.on('restored', () => tell('restored'));
    uppy.on('complete', (result) => tell('complete', told(result)));
  }

  function add(film: SyntheticOptions): void {
    // Of one date: after a reload it is the same file.
    const data = new File([...syntheticWebm(film)], 'camera.webm', { type: 'video/webm', lastModified: 1 });
    uppy.addFile({ name: data.name, type: data.type, data });
  }

  return {
    open,
    add,
    upload: async () => told(await uppy.upload()),
    retry: async () => told(await uppy.retryAll()),
    pause: () => uppy.pauseAll(),
    resume: () => uppy.resumeAll(),
    cancel: () => uppy.cancelAll(),
    confirm: () => uppy.emit('restore-confirmed'),
  };
}
