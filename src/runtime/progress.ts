// The progress of a command on one line of a terminal, which is overwritten.

export interface Terminal {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** ECMA-48: move to the first column, and erase to the end of the line. */
const FRESH_LINE = '\r\u001b[K';

/** Without a terminal it writes nothing. */
export function progressLine<P>(terminal: Terminal, textOf: (progress: P) => string) {
  const write = (text: string) => {
    if (terminal.isTTY) terminal.write(FRESH_LINE + text);
  };
  return {
    show: (progress: P) => write(textOf(progress)),
    /** Clears the line. Safe to repeat. */
    clear: () => write(''),
  };
}
