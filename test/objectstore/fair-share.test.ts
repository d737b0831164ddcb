// Connections to the store that tenants share.
import { expect, test } from '@jest/globals';
import { FairShare, onBehalfOf } from '../../src/objectstore/fair-share.ts';
import { adapterOn } from './scripted-store.ts';

/** Of 16 connections tenants may have 14, and one tenant 10. */
const CONNECTIONS = 16;

function startSharing() {
  const share = new FairShare(CONNECTIONS);
  const started: string[] = [];
  const gives: (() => void)[] = [];
  function ask(tenant: string, times: number): void {
    for (let count = 0; count < times; count += 1) {
      void onBehalfOf(tenant, async () => {
        const give = await share.take();
        started.push(tenant);
        gives.push(give);
      });
    }
  }
  const settle = () => new Promise(setImmediate);
  return { share, started, gives, ask, settle };
}

test('one tenant never has all of them, and what it asks for beyond waits until it gives one back', async () => {
  const { started, gives, ask, settle } = startSharing();
  ask('greedy', 100);
  await settle();
  expect(started).toHaveLength(10);
  ask('other', 1);
  await settle();
  expect(started.slice(10)).toEqual(['other']);
  gives[0]?.();
  // A second time changes nothing.
  gives[0]?.();
  await settle();
  expect(started.slice(11)).toEqual(['greedy']);
});

test('when all are in use the tenants take turns, however many requests one of them has waiting', async () => {
  const { started, gives, ask, settle } = startSharing();
  ask('greedy', 100);
  ask('first', 4);
  await settle();
  expect(started).toHaveLength(14);
  ask('second', 3);
  ask('third', 3);
  for (let count = 0; count < 6; count += 1) {
    gives[count]?.();
    await settle();
  }
  expect(started.slice(14)).toEqual(['greedy', 'second', 'third', 'greedy', 'second', 'third']);
});

test('work of no tenant never waits', async () => {
  const { share, ask, settle } = startSharing();
  for (const tenant of ['one', 'two']) ask(tenant, 20);
  await settle();
  const gives = await Promise.all(Array.from({ length: 50 }, () => share.take()));
  for (const give of gives) give();
  await onBehalfOf(undefined, () => share.take());
});

test('a tenant that gave all back begins anew', async () => {
  const { started, gives, ask, settle } = startSharing();
  ask('one', 2);
  await settle();
  for (const give of gives.splice(0)) give();
  ask('one', 11);
  await settle();
  expect(started).toHaveLength(12);
});

test('a body that is streamed holds its connection until it ends, and a failure none', async () => {
  const { store } = await adapterOn(({ path }) =>
    path.endsWith('missing') ? '404 NoSuchKey' : { headers: { 'content-range': 'bytes 0-4/5' }, body: 'bytes' },
  );
  await onBehalfOf('greedy', async () => {
    // Of 256 tenants may have 224, and one tenant 168.
    const read = async () => (await store.getRange('key', 0, 5))?.[Symbol.asyncIterator]();
    for (let count = 0; count < 200; count += 1) await expect(store.get('missing')).resolves.toBeUndefined();
    const open = await Promise.all(Array.from({ length: 168 }, read));
    let isOpen = false;
    const next = read().then((chunks) => {
      isOpen = true;
      return chunks;
    });
    await onBehalfOf('other', () => store.get('key'));
    expect(isOpen).toBe(false);
    await open[0]?.next();
    await open[0]?.next();
    const last = await next;
    for (const chunks of [...open, last]) for (; !(await chunks?.next())?.done; );
  });
});
