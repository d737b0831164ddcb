// One table of the problems of all requests, and the error class with a code of it.

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What the caller should do: sentences, with `code` between backticks. Shown at /docs#problems, where `type` leads. */
  readonly advice: string;
  readonly retryAfterSeconds?: number;
  /** Beside those that each problem has; `http/schemas.ts` has their schemas and examples. */
  readonly members?: readonly string[];
  /** Examples of members whose schema has a misleading one. */
  readonly example?: Readonly<Record<string, unknown>>;
}

const SEND_AGAIN = 'Send the request again, with its whole body.';
const RETRY_LATER = 'No data is lost. Send the same request again after `Retry-After`.';

const TABLE = {
  'malformed-request': {
    status: 400,
    title: 'The request is not HTTP',
    advice: 'The service received bytes that are not HTTP. Check what builds the request, or a proxy in between.',
  },
  'malformed-path': {
    status: 400,
    title: 'The path is not properly encoded',
    advice: 'Percent-encode the values in the path, as UTF-8.',
  },
  'malformed-json': {
    status: 400,
    title: 'The body is not JSON',
    advice: 'Send one JSON value in UTF-8, with nothing before or after it.',
  },
  'malformed-form': {
    status: 400,
    title: 'The form is malformed',
    advice: 'The form was cut off or has no boundary. Let an HTTP library build it, and send the file again.',
  },
  'request-aborted': { status: 400, title: 'The body ended too early', advice: SEND_AGAIN },
  'token-missing': {
    status: 401,
    title: 'An access token is required',
    advice: 'Send `Authorization: Bearer <JWT>`. A token anywhere else is ignored.',
  },
  'token-invalid': {
    status: 401,
    title: 'The access token is not valid',
    advice:
      '`detail` names the claim, if a claim is wrong. Otherwise the token was signed with another key, is for another ' +
      'issuer or audience, or is not a JWT. Repeating the request does not help: get a new token from your issuer.',
  },
  'token-expired': {
    status: 401,
    title: 'The access token has expired',
    advice: 'Get a new token from your issuer, and send the request again.',
  },
  'scope-missing': {
    status: 403,
    title: 'The access token lacks the scope for this call',
    advice: 'Any one of `scopes` is enough. Get a token with it from your issuer.',
    members: ['scopes'],
  },
  'wrong-attempt': {
    status: 403,
    title: 'The access token is bound to another exam or attempt',
    advice:
      'The claims `exam` and `attempt` of the token name another attempt, or the call is about more than one attempt. ' +
      'Use a token for this attempt, or one that is not bound.',
  },
  'wrong-participant': {
    status: 403,
    title: 'The access token is bound to another participant',
    advice:
      'The claim `participant` of the token names another participant, or the call is about all participants of an ' +
      'attempt. Use a token for this participant, or one that is not bound.',
  },
  'cross-origin': {
    status: 403,
    title: 'Only a page of this service may do this',
    advice: 'Open the page at the address in `detail`, on the machine where the service runs.',
  },
  'reason-not-allowed': {
    status: 403,
    title: 'The access token does not allow this reason for a deletion',
    advice: 'The scope `recordings:upload` allows only `consent-withdrawn`. Other reasons require `privacy:manage`.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such path',
    advice: 'Paths are case-sensitive and have no trailing slash. See the API reference at /docs for all calls.',
  },
  'recording-not-found': {
    status: 404,
    title: 'There is no such recording',
    advice:
      'It never existed, belongs to another tenant, exam or attempt, or was deleted so long ago that its receipt has ' +
      'been deleted too.',
  },
  'assessment-not-found': {
    status: 404,
    title: 'The attempt is not assessed',
    advice: 'No assessment of this attempt has been reported yet.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The path does not have this method',
    advice: '`Allow` lists the methods of this path.',
  },
  'request-idle': {
    status: 408,
    title: 'The body stopped arriving',
    advice: 'No data arrived for too long. Send the file or the part again: it replaces what had arrived.',
  },
  'attempt-assessed': {
    status: 409,
    title: 'The attempt is already assessed',
    advice: 'An assessment ends an attempt: nothing more can be recorded for it.',
  },
  'attempt-of-another-participant': {
    status: 409,
    title: 'The attempt belongs to another participant',
    advice:
      'The token is bound to the attempt but not to a participant, so all its recordings must have the participant of the ' +
      'first one. Check `participantId`, or use a token with the claim `participant`.',
  },
  'attempt-full': {
    status: 409,
    title: 'The attempt has too many recordings',
    advice: 'Check whether a client starts recordings in a loop. Delete or abort some, or use another attempt.',
  },
  'recording-being-created': {
    status: 409,
    title: 'The recording is still being created',
    advice:
      'Another request is creating it. Send the same request, with the same `Idempotency-Key`, after `Retry-After`.',
    retryAfterSeconds: 5,
  },
  'recording-stored': {
    status: 409,
    title: 'The recording is already complete',
    advice: 'The upload is finished. Call `…/complete` to get the recording. To remove it, delete it with a reason.',
  },
  'recording-not-stored': {
    status: 409,
    title: 'The recording is not complete yet',
    advice: 'It is still being uploaded. Complete it, or wait until the client does.',
  },
  'parts-missing': {
    status: 409,
    title: 'Parts are missing',
    advice: 'Send the parts in `partNumbers`, then complete the recording again. `GET …/parts` lists the stored parts.',
    members: ['partNumbers'],
  },
  'parts-mismatch': {
    status: 409,
    title: 'The parts do not match the stored parts',
    advice:
      'The stored parts in `partNumbers` have a different ETag or size. Send them again, then complete the recording again.',
    members: ['partNumbers'],
  },
  'parts-left-over': {
    status: 409,
    title: 'The store has parts of a longer file',
    advice:
      'An earlier request uploaded more parts, and parts cannot be removed. Abort this recording, start a new one, and send the file to it.',
  },
  'parts-changed': {
    status: 409,
    title: 'The parts changed while they were being completed',
    advice: 'Do not send parts while another request completes the recording. Complete it again.',
  },
  'upload-gone': {
    status: 409,
    title: 'The upload is no longer open',
    advice: 'Nothing more can be added to the recording. Start a new one.',
  },
  'uploads-proxied': {
    status: 409,
    title: 'Recordings are uploaded through this service',
    advice:
      'Clients cannot reach the store: send each part with `PUT …/parts/{partNumber}`, or a small file with ' +
      '`POST …/content`.',
  },
  'assessment-ends-recordings': {
    status: 409,
    title: 'The assessment would end recordings early',
    advice:
      'Nothing was changed. `recordings` would be deleted early: the deadline `deleteBy` has passed, or they began more ' +
      'than five minutes after `completedAt`. Check the time and the attempt. If both are right, send the assessment again ' +
      'with the ids of these recordings in `confirm`.',
    members: ['deleteBy', 'recordings'],
  },
  'assessment-later': {
    status: 409,
    title: 'An earlier assessment counts',
    advice:
      'The assessment at `completedAt` counts. A deadline never moves to a later time, so nothing needs to be done.',
    members: ['completedAt'],
  },
  'recording-deleted': {
    status: 410,
    title: 'The recording was deleted',
    advice:
      '`receipt` says when, why and at whose request; it is absent while the deletion is in progress. A deletion cannot ' +
      'be undone.',
    members: ['receipt'],
  },
  'recording-expired': {
    status: 410,
    title: 'The deadline of the recording has passed',
    advice: 'It is no longer accessible, and the next sweep deletes it. This cannot be undone.',
    members: ['deadline'],
  },
  'length-required': {
    status: 411,
    title: 'The length of the body is required',
    advice: 'Send `Content-Length`, without chunked encoding. HTTP libraries do so if you pass the whole part.',
  },
  'body-too-large': { status: 413, title: 'The body is too large', advice: 'Send fewer parts in one call.' },
  'content-too-large': {
    status: 413,
    title: 'The file is too large for one request',
    advice:
      'A request to `…/content` may have at most `maxContentBytes` bytes. Send the file in parts of `partSizeBytes` bytes ' +
      'with `PUT …/parts/{partNumber}` (the last part may be smaller), then call `…/complete`. The operator sets the limit ' +
      '(`MAX_CONTENT_BYTES`).',
    members: ['maxContentBytes', 'partSizeBytes'],
  },
  'overview-too-large': {
    status: 413,
    title: 'The overview is too large',
    advice:
      'It may have at most `maxOverviewBytes` bytes. Use fewer or smaller pictures, or complete the recording without an ' +
      'overview.',
    members: ['maxOverviewBytes'],
  },
  'recording-too-large': {
    status: 413,
    title: 'The recording is too large',
    advice:
      'It may have at most `maxRecordingBytes` bytes. Record at a lower bit rate, or make several recordings. The operator sets ' +
      'the limit (`MAX_RECORDING_BYTES`).',
    members: ['maxRecordingBytes'],
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The call does not accept this media type',
    advice:
      'Send JSON as `application/json` in UTF-8, a file as `multipart/form-data`, and a part or an overview as ' +
      '`application/octet-stream` or without a `Content-Type`. Do not compress the body.',
  },
  'invalid-request': {
    status: 422,
    title: 'The request is not valid',
    advice: '`errors` lists every mistake with its path. Unknown members and parameters are mistakes too.',
    members: ['errors'],
  },
  'invalid-id': {
    status: 422,
    title: 'An id is not valid',
    advice:
      'An id has 1 to 64 letters, digits, `-` or `_`, and begins with a letter or a digit. Never use a name or an e-mail ' +
      'address.',
    members: ['errors'],
    example: { errors: [{ path: 'attempt', message: 'looks like an e-mail address; only opaque ids may be stored' }] },
  },
  'content-type-not-allowed': {
    status: 422,
    title: 'This type of recording is not allowed',
    advice: '`allowed` lists the accepted types, in any case; each may have `;codecs=…`.',
    members: ['allowed'],
  },
  'consent-missing': {
    status: 422,
    title: 'No consent was recorded',
    advice:
      'Ask the participant for consent, then send when they agreed and to which policy version. Do not record without consent.',
    members: ['errors'],
    example: { errors: [{ path: 'consent', message: 'Must say when consent was given and to which policy version' }] },
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    advice: 'A key belongs to one recording. Use a new key for a different request.',
  },
  'part-too-large': {
    status: 422,
    title: 'A part is too large',
    advice: 'The parts in `partNumbers` are larger than `partSizeBytes` bytes. Split the file into parts of that size.',
    members: ['partNumbers', 'partSizeBytes'],
  },
  'part-number-too-large': {
    status: 422,
    title: 'A part number is too large',
    advice: 'A recording has at most `maxParts` parts. This one needs more, so it is too large.',
    members: ['partNumbers', 'maxParts'],
    example: { partNumbers: [2049] },
  },
  'not-a-recording': {
    status: 422,
    title: 'The upload is not a recording',
    advice:
      'It is empty, a picture, or a recording header without a single frame; `detail` says which. Nothing was kept. Start a ' +
      'new recording. Content that is merely not recognised is kept, with the `container` `unrecognized`.',
  },
  'file-missing': {
    status: 422,
    title: 'The form has no file',
    advice: 'The form needs a field `file` with a file name and at least one byte.',
  },
  'assessment-too-old': {
    status: 422,
    title: 'The assessment is too old',
    advice:
      'Recordings of an attempt assessed so long ago must already be deleted. Check `completedAt`: an unset date is often ' +
      'in 1970 or in the year 1.',
  },
  'assessment-in-future': {
    status: 422,
    title: 'The assessment is in the future',
    advice: '`completedAt` is more than five minutes ahead of the clock of the service. Check the time zone offset.',
  },
  'assessment-before-recording': {
    status: 422,
    title: 'The assessment is before the first recording',
    advice: 'An attempt cannot be assessed before it begins. Check the attempt and the time zone offset.',
  },
  'recording-restricted': {
    status: 423,
    title: 'The recording is restricted',
    advice:
      'The privacy desk restricted it. It can be played once the restriction is lifted. Only the privacy desk can delete ' +
      'it. A refused withdrawal of consent is recorded in the access log.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    advice: 'Wait for the seconds in `Retry-After`. The header `RateLimit` says how many requests remain.',
  },
  'daily-limit': {
    status: 429,
    title: 'The daily limit is reached',
    advice:
      'Since midnight UTC this caller has made this call `limit` times for the same recording, attempt or participant. Check ' +
      'whether a client calls in a loop. `Retry-After` is the time until the next day.',
    members: ['limit'],
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are too large',
    advice:
      'The path, the query and all headers together may have at most 16 KiB. Send fewer cookies or a shorter token.',
  },
  internal: {
    status: 500,
    title: 'The service failed',
    advice: 'This is a fault of the service. Give the `requestId` to the operator.',
  },
  'store-refused': {
    status: 502,
    title: 'The store refused a request of the service',
    advice: 'The store is not set up correctly. Give the `requestId` to the operator.',
  },
  'erasure-incomplete': {
    status: 503,
    title: 'Not everything could be deleted yet',
    advice:
      '`failed` lists what is left, `receipts` has the receipts of the rest. Repeat the call until it succeeds. A recording ' +
      'that is still being created (`recording-being-created`) can be deleted once it exists, or after an hour.',
    retryAfterSeconds: 5,
    members: ['failed', 'receipts'],
  },
  'recording-unreadable': {
    status: 503,
    title: 'The stored description of the recording cannot be read',
    advice:
      'The description, or the receipt of the deletion, is damaged. The recording is still deleted on time. Report this to ' +
      'the operator.',
  },
  'store-unavailable': {
    status: 503,
    title: 'The store cannot be reached',
    advice: RETRY_LATER,
    retryAfterSeconds: 5,
  },
  'store-not-proven': {
    status: 503,
    title: 'The store is not proven to be safe',
    advice:
      'The service has just started and is testing its store, or the store failed a test: `detail` says which. Send the ' +
      'same request again after `Retry-After`; if it keeps failing, the operator has to act. Until then stored ' +
      'recordings can be described, exported as an archive, and deleted.',
    retryAfterSeconds: 5,
  },
  'clock-skew': {
    status: 503,
    title: 'The clocks of the service and its store differ',
    advice: `${RETRY_LATER} If it keeps failing, the operator has to correct a clock.`,
    retryAfterSeconds: 60,
  },
  'uploads-busy': {
    status: 503,
    title: 'The service accepts no more uploads at the moment',
    advice: RETRY_LATER,
    retryAfterSeconds: 10,
  },
  'log-unreadable': {
    status: 503,
    title: 'The log of receipts cannot be read',
    advice:
      'Report this to the operator; the command `verify` says what is wrong. Each signed receipt is valid without the log.',
    retryAfterSeconds: 60,
  },
  'receipt-not-signed': {
    status: 409,
    title: 'The receipt is not signed',
    advice:
      'Read it at the path of the recording. An unsigned receipt proves nothing to those who do not trust the operator.',
  },
  'exports-busy': {
    status: 503,
    title: 'The service accepts no more exports at the moment',
    advice: 'Finish or close the exports that are open, then send the same request again after `Retry-After`.',
    retryAfterSeconds: 10,
  },
  'auth-unavailable': {
    status: 503,
    title: 'The keys of the token issuer cannot be reached',
    advice: RETRY_LATER,
    retryAfterSeconds: 5,
  },
} as const satisfies Record<string, ProblemKind>;

/** Stable: callers decide by it. */
export type ErrorCode = keyof typeof TABLE;

/** A member that some problem has beside those that each has. */
export type ProblemMember = Extract<(typeof TABLE)[ErrorCode], { members: unknown }>['members'][number];

export const PROBLEMS: Readonly<Record<ErrorCode, ProblemKind>> = TABLE;
export const ERROR_CODES = Object.keys(PROBLEMS) as ErrorCode[];

/** `http/problems.ts` turns it into an HTTP response. `message` and `data` are shown to the caller. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, data: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.data = data;
  }
}
