// The wall clock of this page, which a test can set: Date, and what the browser says of when the page was opened.

const RealDate = Date;
const openedAtMs = performance.timeOrigin;
let offsetMs = 0;

const now = () => RealDate.now() + offsetMs;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length > 0 ? args : [now()], newTarget),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

/** `when`: `before` the page was opened, or `while` it is open; the monotonic clock goes on as it does. */
export function stepClock(ms: number, when: 'before' | 'while'): void {
  offsetMs += ms;
  if (when === 'before') Object.defineProperty(performance, 'timeOrigin', { value: openedAtMs + offsetMs });
}
