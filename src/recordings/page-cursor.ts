// Where a list of recordings, or of their receipts, continues: the last recording that a page has looked at.
import { ServiceError } from '../model/errors.ts';
import { isId, isRecordingId, type RecordingRef } from '../model/ids.ts';

/** The tenant is not in it, and is never taken from it. */
export function writeCursor({ exam, attempt, recording }: RecordingRef): string {
  return Buffer.from(`${exam}/${attempt}/${recording}`).toString('base64url');
}

/** @throws ServiceError `invalid-request` for what `writeCursor` has not made for this list */
export function readCursor(
  cursor: string,
  scope: { readonly tenant: string; readonly exam?: string | undefined; readonly attempt?: string | undefined },
): RecordingRef {
  const [exam = '', attempt = '', recording = '', ...rest] = Buffer.from(cursor, 'base64url').toString().split('/');
  const isOfList = exam === (scope.exam ?? exam) && attempt === (scope.attempt ?? attempt);
  if (isOfList && isId(exam) && isId(attempt) && isRecordingId(recording) && rest.length === 0) {
    return { tenant: scope.tenant, exam, attempt, recording };
  }
  const message = 'is not a cursor of this list';
  throw new ServiceError('invalid-request', `cursor ${message}.`, { errors: [{ path: 'cursor', message }] });
}
