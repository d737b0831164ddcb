// All calls of the API, in the order in which the documentation shows them.
import type { Operation } from '../operation.ts';
import { assess, readAssessed } from './assessment.ts';
import { content } from './content.ts';
import { create } from './create.ts';
import { erase } from './erase.ts';
import { abort, complete } from './finish.ts';
import { listUploaded, presign } from './parts.ts';
import { playback } from './playback.ts';
import { listOfAttempt, listOfExam, readOne } from './read.ts';

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
];
