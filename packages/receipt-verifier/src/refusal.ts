// The error of whatever is not signed, or not readable: it says why in every language.
import { DETAILS, type Detail, inWords } from './details.ts';

export class Refusal extends Error {
  readonly detail: Detail;

  constructor(detail: Detail) {
    super(inWords([detail], DETAILS));
    this.detail = detail;
  }
}
