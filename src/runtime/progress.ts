// How far a sweep has come, on one line of a terminal; nothing where there is none.

interface Terminal {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface Progress {
  readonly show: (counts: { due: number; deleted: number; failed: number }) => void;
  /** Leaves an empty line for what is printed next. Safe to repeat. */
  readonly clear: () => void;
}

/** ECMA-48: to the first column, and erase to the end of the line. */
const FRESH_LINE = '\r\u001b[K';

export function createProgress(terminal: Terminal): Progress {
  const write = (text: string) => {
    if (terminal.isTTY) terminal.write(FRESH_LINE + text);
  };
  return {
    show: ({ due, deleted, failed }) => write(`${deleted} of ${due} deleted, ${failed} failed`),
    clear: () => write(''),
  };
}
