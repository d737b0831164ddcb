// Programs that use each package as others would; `packages/packages.test.ts` and `ci/package-consumers` compile and run them.

export const SCOPE = '@proctoring-recordings';

/** Compiled with the types of browsers, and without those of Node. */
export const isOfBrowsers = (name: string): boolean =>
  ['exam-client', 'review', 'uppy', 'receipt-verifier'].includes(name);

/** Of each package: a program, which prints `works`. */
export const CONSUMERS: Readonly<Record<string, string>> = {
  'exam-client': `
    import { ClientError, mediaSeconds, type SessionOptions, startSession, type Timeline } from '${SCOPE}/exam-client';
    const timeline: Timeline = { startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:01:00Z', gaps: [] };
    export const start = (options: SessionOptions): Promise<readonly { sizeBytes: number }[]> => startSession(options).finish();
    // @ts-expect-error there is no such kind
    export const wrong = (options: SessionOptions) => startSession(options).record('smell', new MediaStream());
    if (mediaSeconds(timeline, new Date('2026-01-01T00:00:09Z')) === 9 && ClientError) console.log('works');`,
  sdk: `
    import { ApiError, type ErrorCode, ProctoringRecordings, type Recording } from '${SCOPE}/sdk';
    const keys: (string | null)[] = [];
    const recordings = new ProctoringRecordings({
      baseUrl: 'http://service.test', token: 't', maxAttempts: 1,
      fetch: async (_, init) => {
        keys.push(new Headers(init?.headers).get('idempotency-key'));
        return new Response(JSON.stringify({ code: 'attempt-assessed' }), { status: 409 });
      },
    });
    const consent = { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' };
    export const size = (recording: Recording): number | null => recording.sizeBytes;
    // @ts-expect-error there is no such code
    export const wrong: ErrorCode = 'no-such-code';
    recordings.create({ exam: 'e', attempt: 'a' }, { participantId: 'p', kind: 'webcam', contentType: 'video/webm', consent })
      .catch((error) => {
        if (error instanceof ApiError && error.code === 'attempt-assessed' && keys[0]) console.log('works');
      });`,
  uppy: `
    import { type AwsS3Options, awsS3Options, RecordingError, type RecordingOptions } from '${SCOPE}/uppy';
    export const open = (options: RecordingOptions): Promise<AwsS3Options> => awsS3Options(options);
    // @ts-expect-error there is no such kind
    export const wrong = (options: RecordingOptions) => awsS3Options({ ...options, kind: 'smell' });
    globalThis.fetch = async () => Response.json({ partSizeBytes: 5, maxRecordingBytes: 9 });
    const consent = { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' };
    const ids = { exam: 'e', attempt: 'a', participantId: 'p', kind: 'webcam', consent } as const;
    const options = await open({ service: 'http://service.test', ...ids, getToken: async () => 't' });
    if (options.getChunkSize() === 5 && RecordingError) console.log('works');`,
  review: `
    import { openReview, type ProctoringReview, type Review, ReviewError, type ReviewOptions } from '${SCOPE}/review';
    export const open = (options: ReviewOptions): Review => openReview(options);
    export const listen = (player: ProctoringReview) =>
      player.addEventListener('ready', ({ detail }) => detail.review.seek(detail.review.line.fromMs));
    export const element = (): ProctoringReview => document.createElement('proctoring-review');
    // @ts-expect-error there is no such speed
    export const wrong = (review: Review) => { review.speed = 'fast'; };
    // On a server the elements of a page are not there, and the module can be imported all the same.
    if (new ReviewError('unreachable', '').code === 'unreachable' && !('customElements' in globalThis)) console.log('works');`,
  'receipt-verifier': `
    import { checkProof, type ProofReport, readPublicKeys } from '${SCOPE}/receipt-verifier';
    const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
    const keys = await readPublicKeys({ keys: [{ kty: 'OKP', crv: 'Ed25519', x }] });
    const report: ProofReport = await checkProof({}, { keys, nowMs: 0 });
    // @ts-expect-error there is no check without keys
    export const wrong = () => checkProof({}, { nowMs: 0 });
    if (keys.has('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k') && report.findings.length === 1) console.log('works');`,
  'embedded-s3': `
    import { type EmbeddedS3, startEmbeddedS3 } from '${SCOPE}/embedded-s3';
    const credentials = [{ accessKeyId: 'id', secretAccessKey: 'secret' }];
    const server: EmbeddedS3 = await startEmbeddedS3({ dataDir: 'data', bucket: 'recordings', credentials });
    // @ts-expect-error a bucket has a name
    export const wrong = () => startEmbeddedS3({ dataDir: 'data', credentials });
    const { status } = await fetch(server.endpoint);
    await server.close();
    if (status === 403) console.log('works');`,
};
