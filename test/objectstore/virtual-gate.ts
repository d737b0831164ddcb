// A gate on a virtual clock, and a store that a test scripts: no timers, no network.
import { Gate, type GateTimers, type Turn } from '../../src/objectstore/gate.ts';
import type { Manner } from '../../src/objectstore/window.ts';
import { onBehalfOf, type Urgency } from '../../src/objectstore/work.ts';

/** By default the longest pause that a gate may choose is the one that it chooses. */
export function startVirtualTimers(random = () => 1) {
  let nowMs = 0;
  let started = 0;
  const waiting = new Map<number, { readonly atMs: number; readonly act: () => void }>();
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const timers: GateTimers = {
    now: () => nowMs,
    after(milliseconds, act) {
      started += 1;
      const id = started;
      waiting.set(id, { atMs: nowMs + milliseconds, act });
      return () => void waiting.delete(id);
    },
    random,
  };
  function next() {
    let first: { readonly id: number; readonly atMs: number; readonly act: () => void } | undefined;
    for (const [id, timer] of waiting) if (!first || timer.atMs < first.atMs) first = { id, ...timer };
    return first;
  }
  /** Lets all happen that happens until then. */
  async function advance(milliseconds: number): Promise<void> {
    const endMs = nowMs + milliseconds;
    await settle();
    for (let first = next(); first && first.atMs <= endMs; first = next()) {
      waiting.delete(first.id);
      nowMs = Math.max(nowMs, first.atMs);
      first.act();
      await settle();
    }
    nowMs = endMs;
  }
  return { timers, now: () => nowMs, settle, advance };
}

export interface Asked {
  readonly urgency?: Urgency;
  readonly tenant?: string | undefined;
}

/** Requests wait until the test responds to them. */
export function startVirtualGate(manner?: Manner) {
  const clock = startVirtualTimers();
  const gate = new Gate(manner, clock.timers);
  /** Names of requests that were sent, in that order, each once more when it is sent again. */
  const sent: string[] = [];
  const failed: string[] = [];
  const open: { readonly name: string; readonly turn: Turn; readonly settleWith: (isTaken: boolean) => void }[] = [];

  async function request(name: string): Promise<void> {
    const turn = await gate.take('PutObject');
    for (;;) {
      gate.sent(turn);
      sent.push(name);
      const isTaken = await new Promise<boolean>((settleWith) => open.push({ name, turn, settleWith }));
      if (isTaken) break;
      gate.refused(turn, 'SlowDown');
      await gate.again(turn, 'SlowDown').catch((error: unknown) => {
        gate.end(turn);
        throw error;
      });
    }
    gate.answered(turn);
    gate.end(turn);
  }

  /** All requests of one call. */
  function call(names: readonly string[], { urgency = 'upload', tenant = 'acme' }: Asked = {}): void {
    onBehalfOf({ urgency, tenant }, () => {
      for (const name of names) void request(name).catch((error: Error) => failed.push(`${name}: ${error.message}`));
    });
  }

  /** The store responds to the first `count` open requests; default: all. */
  async function respond(isTaken: boolean, count = open.length): Promise<void> {
    for (const { settleWith } of open.splice(0, count)) settleWith(isTaken);
    await clock.settle();
  }

  return {
    ...clock,
    gate,
    sent,
    failed,
    open,
    call,
    request,
    take: (count?: number) => respond(true, count),
    refuse: (count?: number) => respond(false, count),
  };
}
