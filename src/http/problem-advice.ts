// What a caller should do about each problem: shown at /docs#problems, where the `type` of a problem leads.
import type { ProblemCode } from './problem-codes.ts';

const SEND_AGAIN = 'Send the request again, with a body that arrives whole.';
const NEW_RECORDING = 'Nothing more can be added to it: begin a new recording.';
const AGAIN_LATER = 'Nothing is lost or half done. Send the same request again after `Retry-After`.';

/** Sentences; `code` between backticks. */
export const PROBLEM_ADVICE: Readonly<Record<ProblemCode, string>> = {
  'malformed-request': 'Bytes came that are no HTTP. Look at what builds the request, or at a proxy in between.',
  'headers-too-large':
    'The path with its query and all headers have at most 16 KiB together. Send fewer cookies, a shorter token.',
  'malformed-path': 'Percent-encode what is put into a path, as UTF-8.',
  'malformed-json': 'Send JSON, in UTF-8, with nothing before or after it.',
  'malformed-form': 'The form was cut off or has no boundary: let an HTTP library build it, and send the file again.',
  'request-aborted': SEND_AGAIN,
  'token-missing': 'Send `Authorization: Bearer <JWT>`; a token anywhere else is not looked at.',
  'token-invalid':
    '`detail` names the claim, if one is wrong. Otherwise the token was signed with another key, for another issuer or ' +
    'audience, or is no JWT. Sending it again does not help: ask your issuer for a new one.',
  'token-expired': 'Ask your issuer for a new token, and send the request again.',
  'scope-missing': 'Any one of `scopes` is enough. Ask your issuer for a token that has it.',
  'wrong-attempt':
    'The token has the claims `exam` and `attempt` of another sitting, or the call reaches beyond one. Use a token of ' +
    'this sitting, or one that is not bound.',
  'cross-origin': 'Open the page under the address that `detail` names, on the machine of the service.',
  'reason-not-allowed':
    'With `recordings:upload` a recording is deleted for `consent-withdrawn` alone; other reasons need `privacy:manage`.',
  'not-found': 'Paths are exact: no trailing slash, no other case. Look the call up above.',
  'recording-not-found':
    'It never was, belongs to another tenant, stands under another exam or attempt, or was deleted so long ago that its ' +
    'receipt is gone too.',
  'assessment-not-found': 'No assessment was reported for this attempt yet.',
  'method-not-allowed': '`Allow` has the methods of this path.',
  'request-idle': 'The connection stood still for too long. Send the file again: what it left is replaced.',
  'attempt-assessed': 'The assessment ends an attempt: nothing is recorded for it any more.',
  'attempt-full': 'A client that begins recordings in a loop? Delete or abort some, or use another attempt.',
  'recording-being-created':
    'Another request creates it at this moment. Send the same request, with the same `Idempotency-Key`, again after ' +
    '`Retry-After`.',
  'recording-stored':
    'Its upload is over. `…/complete` answers with the recording; to be rid of it, delete it with a reason.',
  'recording-not-stored': 'It is still uploaded: complete it, or wait until its client does.',
  'parts-missing': 'Send the parts in `partNumbers`, then complete again. `GET …/parts` tells what the store has.',
  'parts-mismatch':
    'The parts in `partNumbers` have another ETag or size than they should: send them again, then complete again.',
  'parts-left-over': 'Abort this recording, begin a new one, and send the file there.',
  'parts-changed': 'Send no part again while another request completes the recording; then complete it again.',
  'upload-gone': NEW_RECORDING,
  'uploads-proxied': 'The store cannot be reached by clients: send the file to `…/content`.',
  'assessment-later':
    'The assessment that counts is at `completedAt`. A deadline never moves later: there is nothing to do.',
  'recording-deleted':
    '`receipt` says when, why and for whom; it is not there while the deletion is under way. There is no way back.',
  'recording-expired': 'Nobody can see it any more, and the next sweep deletes it. There is no way back.',
  'body-too-large': 'Name fewer parts in one call.',
  'recording-too-large':
    'It may have `maxRecordingBytes`. Record with a lower bit rate, or in several recordings; the limit is the ' +
    "operator's (`MAX_RECORDING_BYTES`).",
  'unsupported-media-type':
    'Bodies are `application/json` in UTF-8, not compressed; a file is sent as `multipart/form-data`.',
  'invalid-request': '`errors` names every mistake by its place. Unknown members and parameters are mistakes too.',
  'invalid-id':
    '1 to 64 letters, digits, `-` or `_`, beginning with a letter or digit. Never a name or an e-mail address.',
  'content-type-not-allowed': '`allowed` has the types that this service takes, each with or without `;codecs=…`.',
  'consent-missing': 'Ask the participant first, then say when they agreed and to what. Without consent do not record.',
  'idempotency-key-reused': 'A key belongs to one recording: choose another one for another request.',
  'part-too-large': 'The parts in `partNumbers` are larger than `partSizeBytes`: cut the file at that size.',
  'part-number-too-large': 'There are at most `maxParts`: the recording is too large.',
  'not-a-recording':
    'The first bytes are not of the announced `contentType`, or there are none; nothing was kept. Begin a new recording ' +
    'with the right type.',
  'file-missing': 'The form needs a field `file` with a file name, and the file at least one byte.',
  'assessment-in-future': 'More than five minutes ahead of this clock: is it the time of completion, with its offset?',
  'assessment-before-recording':
    'An attempt cannot be assessed before it begins: is it the right attempt, and time zone?',
  'recording-restricted': 'The privacy desk restricted it. It can be played once the restriction is lifted.',
  'rate-limited': 'Wait for `Retry-After`; `RateLimit` tells beforehand how many requests remain.',
  internal: 'A mistake of the service. Give the `requestId` to the operator.',
  'store-refused': 'A mistake in the set-up of the store. Give the `requestId` to the operator.',
  'erasure-incomplete':
    '`failed` names what is left, `receipts` proves the rest. Repeat the call, or leave it to the next sweep.',
  'recording-unreadable': 'What describes it is damaged; it is deleted on time all the same. Tell the operator.',
  'store-unavailable': AGAIN_LATER,
  'store-not-proven':
    'The service has just started and tries its store out, or its store failed: `detail` says which. Send the same ' +
    'request again after `Retry-After`; when it lasts, the operator has to look. What is kept can be described, exported as an archive, and deleted.',
  'clock-skew': `${AGAIN_LATER} When it lasts, the operator has to set a clock right.`,
  'uploads-busy': AGAIN_LATER,
  'auth-unavailable': AGAIN_LATER,
};
