// Listening with the option `signal`, without what Node keeps for it: its registry holds such listeners for ever when another
// listener of the same signal knows their target, and with them the page, the service and the store of a session.

type Added = Parameters<EventTarget['addEventListener']>;

/** The same target; a listener's signal removes it by a listener without that option. */
export function forgetful<Target extends EventTarget>(target: Target): Target {
  const add = (...[name, listener, options]: Added): void => {
    const { signal, ...others } = typeof options === 'object' ? options : { capture: options === true };
    if (signal?.aborted) return;
    EventTarget.prototype.addEventListener.call(target, name, listener, others);
    const remove = () => target.removeEventListener(name, listener, others);
    if (signal) EventTarget.prototype.addEventListener.call(signal, 'abort', remove, { once: true });
  };
  return Object.defineProperty(target, 'addEventListener', { value: add });
}

/** The class of a page. */
export class ForgetfulAbortController extends AbortController {
  constructor() {
    super();
    forgetful(this.signal);
  }
}
