// All calls of the API, in the order in which the documentation shows them.
import type { Operation } from '../operation.ts';
import { assess, readAssessed } from './assessment.ts';
import { eraseAll, eraseAllRecordings, exportOne, listOfParticipant } from './participants.ts';
import { checkpointOfLog, consistencyOfLog, proofOfRecording, proofOfTenant } from './proof.ts';
import { receiptsOfExam, receiptsOfParticipant } from './receipts.ts';
import {
  accessLog,
  erase,
  explain,
  lift,
  listOfAttempt,
  listOfExam,
  playback,
  readOne,
  restrict,
} from './recordings.ts';
import { reportOfTenant } from './report.ts';
import { abort, complete, content, create, listUploaded, presign, putOverview, putPart, settings } from './uploads.ts';

export const OPERATIONS: readonly Operation[] = [
  settings,
  create,
  presign,
  putPart,
  listUploaded,
  putOverview,
  complete,
  abort,
  content,
  listOfAttempt,
  listOfExam,
  readOne,
  playback,
  assess,
  readAssessed,
  erase,
  restrict,
  lift,
  accessLog,
  explain,
  receiptsOfExam,
  listOfParticipant,
  receiptsOfParticipant,
  exportOne,
  eraseAll,
  eraseAllRecordings,
  reportOfTenant,
  proofOfRecording,
  proofOfTenant,
  checkpointOfLog,
  consistencyOfLog,
];
