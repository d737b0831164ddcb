// SIGTERM and SIGINT: the first asks to stop, the second ends the process at once.
import { constants } from 'node:os';

export interface StopSignal {
  /** Aborted by the first signal; the reason is its name. */
  readonly signal: AbortSignal;
  /** Signals are the process's own again. Safe to repeat. */
  dispose(): void;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** With `npm start`, Ctrl-C reaches the process twice: from the terminal and from npm. */
const ECHO_MS = 500;

export interface StopOptions {
  /** Milliseconds that only grow. Default: those of the process. */
  readonly now?: () => number;
  /** Default: ends the process. */
  readonly exit?: (code: number) => void;
}

export function listenForStop({
  now = () => performance.now(),
  exit = (code) => process.exit(code),
}: StopOptions = {}): StopSignal {
  const stopping = new AbortController();
  let firstAt = 0;
  const onSignal = (name: NodeJS.Signals) => {
    if (!stopping.signal.aborted) {
      firstAt = now();
      stopping.abort(name);
      // The first process of a container is not ended by a signal: it has to leave by itself.
    } else if (now() - firstAt > ECHO_MS) exit(128 + constants.signals[name]);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: stopping.signal,
    dispose() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
