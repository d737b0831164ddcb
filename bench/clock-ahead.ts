// Preloaded into a process (`node --import`): its clocks go ahead of the machine's. CLOCK_AHEAD_MS says how far when it starts,
// and its parent sends how far from then on; it answers when it has set them.
let aheadMs = Number(process.env.CLOCK_AHEAD_MS ?? 0);

const { now } = Date;
Date.now = () => now() + aheadMs;
globalThis.Date = new Proxy(Date, {
  construct: (date, given, newTarget) => Reflect.construct(date, given.length > 0 ? given : [Date.now()], newTarget),
});
const monotonicMs = performance.now.bind(performance);
performance.now = () => monotonicMs() + aheadMs;

process.on('message', (ms: number) => {
  aheadMs = ms;
  process.send?.('set');
});
// The process ends when its own work is done.
process.channel?.unref();
