// The gate before the store: who is sent when, and how many at once.
import { expect, test } from '@jest/globals';
import { withinTime } from '../../src/objectstore/request-deadline.ts';
import { SERVING, YIELDING } from '../../src/objectstore/window.ts';
import { onBehalfOf } from '../../src/objectstore/work.ts';
import { adapterOn } from './scripted-store.ts';
import { startVirtualGate } from './virtual-gate.ts';

const AT_ONCE = SERVING.start;
const names = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}${index}`);
const ONE_AT_ONCE = { ...SERVING, start: 1 };

async function expectOneAfter({ sent, advance }: ReturnType<typeof startVirtualGate>, pauseMs: number): Promise<void> {
  const before = sent.length;
  await advance(pauseMs - 1);
  expect(sent).toHaveLength(before);
  await advance(1);
  expect(sent).toHaveLength(before + 1);
}

test('so many requests are in flight as the window has room for, and the others wait', async () => {
  const { gate, sent, call, take, settle } = startVirtualGate();
  call(names('a', AT_ONCE + 10));
  await settle();
  expect(sent).toHaveLength(AT_ONCE);
  expect([gate.waiting('upload'), gate.waiting('read')]).toEqual([10, 0]);
  await take(4);
  expect(sent).toHaveLength(AT_ONCE + 4);
});

test('the window grows by one for a window of successes, no more often than told, and only while it is used', async () => {
  const { gate, call, take, advance } = startVirtualGate();
  call(names('a', 500));
  for (let round = 1; round <= 3; round += 1) {
    await advance(SERVING.growEveryMs);
    await take();
    expect(gate.windowSize).toBe(AT_ONCE + round);
  }
  await take();
  expect(gate.windowSize).toBe(AT_ONCE + 3);
  for (let left = 500; left > 0; left -= 1) await take();
  const before = gate.windowSize;
  for (let round = 0; round < 200; round += 1) {
    call(['alone']);
    await advance(SERVING.growEveryMs);
    await take();
  }
  expect(gate.windowSize).toBe(before);
});

test('of all that was in flight one refusal counts: the window shrinks once, and nothing is sent for a while', async () => {
  const { gate, sent, open, call, refuse, take, advance } = startVirtualGate();
  call(names('a', 100));
  await advance(0);
  await refuse();
  expect(gate.windowSize).toBe(Math.floor(AT_ONCE * 0.7));
  expect(gate.refusals('upload')).toBe(AT_ONCE);
  await advance(SERVING.pauseMs - 1);
  expect(sent).toHaveLength(AT_ONCE);
  await advance(1);
  // One goes ahead: the first of those that were never refused.
  expect(sent.slice(AT_ONCE)).toEqual([`a${AT_ONCE}`]);
  // With each success two follow, until the window is full.
  await take();
  expect(sent.slice(AT_ONCE + 1)).toEqual([`a${AT_ONCE + 1}`, `a${AT_ONCE + 2}`]);
  await take();
  expect(sent).toHaveLength(AT_ONCE + 1 + 2 + 4);
  for (let round = 0; round < 3; round += 1) await take();
  expect(open).toHaveLength(Math.floor(AT_ONCE * 0.7));
});

test('the pause doubles until the window grows, and the window shrinks no further for one that went ahead', async () => {
  const virtual = startVirtualGate();
  const { gate, call, refuse, take, advance } = virtual;
  call(names('a', 100));
  await advance(0);
  await refuse();
  for (const pauseMs of [50, 100, 200, 400, 800, 1600, 3000, 3000]) {
    await expectOneAfter(virtual, pauseMs);
    await refuse();
  }
  expect(gate.windowSize).toBe(Math.floor(AT_ONCE * 0.7));
  await advance(3000);
  await take();
  await refuse();
  await expectOneAfter(virtual, 3000);
});

test('the window has at least one place, and at most as many as there are connections', async () => {
  const { gate, call, take, refuse, advance } = startVirtualGate({ ...SERVING, start: 2, longestPauseMs: 50 });
  call(names('a', 100));
  await advance(0);
  for (let round = 0; round < 5; round += 1) {
    await refuse();
    await advance(50);
    await take();
  }
  expect(gate.windowSize).toBe(1);
  const large = startVirtualGate({ ...SERVING, start: 256 });
  for (const tenant of ['acme', 'other']) large.call(names('a', 500), { tenant });
  await large.advance(SERVING.growEveryMs);
  await large.take();
  await large.advance(SERVING.growEveryMs);
  await large.take();
  expect(large.gate.windowSize).toBe(256);
});

test('a store that refuses everything is not waited for: what waits fails, and each later request is sent once', async () => {
  const { sent, failed, call, refuse, advance } = startVirtualGate();
  call(names('a', 100));
  await advance(0);
  let elapsedMs = 0;
  for (; failed.length === 0 && elapsedMs < 60_000; elapsedMs += 50) {
    await refuse();
    await advance(50);
  }
  expect(elapsedMs).toBeLessThan(30_000);
  await advance(3_000);
  expect(failed).toHaveLength(100);
  expect(new Set(failed.map((failure) => failure.replace(/^\w+/, '')))).toEqual(
    new Set([': PutObject failed: SlowDown']),
  );
  expect(sent.length).toBeLessThan(AT_ONCE + 20);
  const before = sent.length;
  call(['later']);
  await advance(3_000);
  await refuse();
  await advance(3_000);
  expect(sent.slice(before)).toEqual(['later']);
  expect(failed.at(-1)).toBe('later: PutObject failed: SlowDown');
});

test('uploads go before reads, and reads before background work', async () => {
  const { sent, call, take, settle } = startVirtualGate(ONE_AT_ONCE);
  call(['first']);
  call(['sweep'], { urgency: 'background', tenant: undefined });
  call(['read1', 'read2'], { urgency: 'read' });
  call(['upload1', 'upload2']);
  for (let count = 0; count < 6; count += 1) {
    await settle();
    await take();
  }
  expect(sent).toEqual(['first', 'upload1', 'upload2', 'read1', 'read2', 'sweep']);
});

test('what is less urgent is never starved: one turn in 16 belongs to reads, one in 128 to background work', async () => {
  const { sent, call, take, settle } = startVirtualGate({ ...ONE_AT_ONCE, growEveryMs: 1e9 });
  call(['first']);
  call(names('sweep', 9), { urgency: 'background', tenant: undefined });
  call(names('read', 20), { urgency: 'read' });
  call(names('upload', 300));
  for (let count = 0; count < 258; count += 1) {
    await settle();
    await take();
  }
  const turnsOf = (name: string) => sent.filter((each) => each.startsWith(name)).length;
  expect([turnsOf('sweep'), turnsOf('read')]).toEqual([2, 16]);
});

test('work that said nothing is background work', async () => {
  const { sent, call, request, take, settle } = startVirtualGate(ONE_AT_ONCE);
  call(['first']);
  void request('unsaid');
  call(['read'], { urgency: 'read' });
  for (let count = 0; count < 3; count += 1) {
    await settle();
    await take();
  }
  expect(sent).toEqual(['first', 'read', 'unsaid']);
});

test('when all places are in use the tenants take turns, however many requests one of them has waiting', async () => {
  const { sent, call, take, settle } = startVirtualGate(ONE_AT_ONCE);
  call(names('greedy', 5), { tenant: 'greedy' });
  for (const tenant of ['one', 'two']) call(names(tenant, 2), { tenant });
  for (let count = 0; count < 6; count += 1) {
    await settle();
    await take();
  }
  expect(sent).toEqual(['greedy0', 'greedy1', 'one0', 'two0', 'greedy2', 'one1', 'two1']);
});

test('a call in progress goes before the calls that arrived after it', async () => {
  const { sent, call, request, take, settle } = startVirtualGate(ONE_AT_ONCE);
  onBehalfOf({ urgency: 'upload', tenant: 'acme' }, () => void request('first').then(() => request('first again')));
  call(['second', 'third']);
  for (let count = 0; count < 4; count += 1) {
    await settle();
    await take();
  }
  expect(sent).toEqual(['first', 'second', 'first again', 'third']);
});

test('one tenant never has all connections, nor have tenants together', async () => {
  const { gate, settle } = startVirtualGate({ ...SERVING, start: 10_000 });
  const started = { greedy: 0, other: 0, none: 0 };
  function hold(tenant: keyof typeof started, count: number): void {
    const work = { urgency: 'read', tenant: tenant === 'none' ? undefined : tenant } as const;
    onBehalfOf(work, () => {
      for (let index = 0; index < count; index += 1) void gate.take('GetObject').then(() => (started[tenant] += 1));
    });
  }
  hold('greedy', 300);
  await settle();
  hold('other', 300);
  await settle();
  hold('none', 300);
  await settle();
  expect(started).toEqual({ greedy: 168, other: 56, none: 32 });
});

test('a request without a response keeps no other waiting for long, nor do media that are sent', async () => {
  const { gate, sent, call, advance } = startVirtualGate(ONE_AT_ONCE);
  call(['stalled', 'next']);
  await advance(4_999);
  expect(sent).toEqual(['stalled']);
  await advance(1);
  expect(sent).toEqual(['stalled', 'next']);
  const media = startVirtualGate(ONE_AT_ONCE);
  await media.gate.take('UploadPart', { isMedia: true });
  media.call(['beside it']);
  await media.settle();
  expect(media.sent).toEqual(['beside it']);
  expect(gate.windowSize).toBe(1);
});

test('what waits fails once its time is over, as soon as the store refuses anything', async () => {
  const { failed, call, refuse, now, advance } = startVirtualGate(ONE_AT_ONCE);
  call(['first']);
  withinTime(1_000, now, () => call(['short of time', 'this too']));
  call(['patient']);
  await advance(1_000);
  await refuse();
  await advance(0);
  expect(failed).toEqual([
    'short of time: PutObject failed: RequestPastDeadline',
    'this too: PutObject failed: RequestPastDeadline',
  ]);
});

test.each([
  [700, 700],
  [3_600_000, 10_000],
])('a store that says to wait for %d ms is obeyed for %d ms', async (hintMs, obeyedMs) => {
  const { gate, advance } = startVirtualGate();
  const turn = await gate.take('PutObject');
  gate.sent(turn);
  gate.refused(turn, 'SlowDown');
  let isSentAgain = false;
  void gate.again(turn, 'SlowDown', hintMs).then(() => {
    isSentAgain = true;
  });
  await advance(obeyedMs - 1);
  expect(isSentAgain).toBe(false);
  await advance(1);
  expect(isSentAgain).toBe(true);
});

test('a request that ends while it waits to be sent again takes no place', async () => {
  const { gate, sent, call, advance } = startVirtualGate(ONE_AT_ONCE);
  const turn = await gate.take('PutObject');
  gate.sent(turn);
  gate.refused(turn, 'SlowDown');
  void gate.again(turn, 'SlowDown');
  gate.end(turn);
  call(['other']);
  await advance(SERVING.pauseMs);
  expect(sent).toEqual(['other']);
});

test('a process of background work alone leaves a busy store to others, and goes on', async () => {
  const virtual = startVirtualGate(YIELDING);
  const { gate, call, refuse, take, advance } = virtual;
  call(names('sweep', 100));
  await advance(0);
  await refuse();
  expect(gate.windowSize).toBe(8);
  for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    await expectOneAfter(virtual, pauseMs);
    await refuse();
  }
  await advance(30_000);
  await take();
  // One each second, since nothing was taken so far.
  await expectOneAfter(virtual, 1_000);
  await take();
});

test('background work that gets less than before leaves the store to others for half a minute', async () => {
  const virtual = startVirtualGate(YIELDING);
  const { call, refuse, take, advance } = virtual;
  call(names('sweep', 400));
  await advance(0);
  for (let tenths = 0; tenths < 12; tenths += 1) {
    await take();
    await advance(100);
  }
  await refuse();
  // Nothing shows yet that another uses the store.
  await expectOneAfter(virtual, 1_000);
  for (let tenths = 0; tenths < 12; tenths += 1) {
    await take(1);
    await advance(100);
  }
  await refuse();
  await expectOneAfter(virtual, 30_000);
});

test('a body that is streamed keeps its connection until it is read, and no place of the window', async () => {
  const { store } = await adapterOn(({ path }) =>
    path.endsWith('missing') ? '404 NoSuchKey' : { headers: { 'content-range': 'bytes 0-4/5' }, body: 'bytes' },
  );
  await onBehalfOf({ urgency: 'read', tenant: 'greedy' }, async () => {
    // Of 256 tenants may have 224, and one tenant 168.
    const read = async () => (await store.getRange('key', 0, 5))?.[Symbol.asyncIterator]();
    for (let count = 0; count < 200; count += 1) await expect(store.get('missing')).resolves.toBeUndefined();
    const open = await Promise.all(Array.from({ length: 168 }, read));
    let isOpen = false;
    const next = read().then((chunks) => {
      isOpen = true;
      return chunks;
    });
    await onBehalfOf({ urgency: 'read', tenant: 'other' }, () => store.get('key'));
    expect(isOpen).toBe(false);
    await open[0]?.next();
    await open[0]?.next();
    const last = await next;
    for (const chunks of [...open, last]) for (; !(await chunks?.next())?.done; );
  });
});
