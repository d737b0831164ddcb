// All calls of the API, in the order in which the documentation shows them.
import type { Operation } from '../operation.ts';
import { accessLog } from './access-log.ts';
import { assess, readAssessed } from './assessment.ts';
import { content } from './content.ts';
import { create } from './create.ts';
import { erase } from './erase.ts';
import { exportOne } from './export.ts';
import { abort, complete } from './finish.ts';
import { eraseAll, eraseAllRecordings, listOfParticipant } from './participants.ts';
import { listUploaded, presign } from './parts.ts';
import { playback } from './playback.ts';
import { listOfAttempt, listOfExam, readOne } from './read.ts';
import { lift, restrict } from './restriction.ts';

export const OPERATIONS: readonly Operation[] = [
  create,
  presign,
  listUploaded,
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
  listOfParticipant,
  exportOne,
  eraseAll,
  eraseAllRecordings,
];
