// Which way a part goes: to the store, or through the service where the store cannot be reached.
import { beforeEach, expect, test } from '@jest/globals';
import { MINUTE_MS } from '../../../src/model/durations.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { Routes } from '../src/routes.ts';

let pageMs: number;
let routes: Routes;

beforeEach(() => {
  const { performance } = globalThis;
  afterThisTest(() => Object.assign(globalThis, { performance }));
  pageMs = 0;
  Object.assign(globalThis, { performance: { timeOrigin: 0, now: () => pageMs } });
  routes = new Routes();
});

test('a store that cannot be reached is left at once, and tried again after two minutes', () => {
  expect(routes.next()).toBe('direct');
  routes.failed('direct', false);
  expect([routes.next(), routes.next()]).toEqual(['service', 'service']);
  pageMs = 2 * MINUTE_MS;
  expect([routes.next(), routes.next()]).toEqual(['direct', 'service']);
  routes.succeeded('direct');
  expect(routes.next()).toBe('direct');
});

test('a store that refuses a part keeps its parts, until it has refused three in a row', () => {
  for (let count = 0; count < 2; count += 1) routes.failed('direct', true);
  expect(routes.next()).toBe('direct');
  routes.succeeded('direct');
  for (let count = 0; count < 2; count += 1) routes.failed('direct', true);
  expect(routes.next()).toBe('direct');
  routes.failed('direct', true);
  expect(routes.next()).toBe('service');
});

test('where the service cannot be reached either, the two are tried by turns', () => {
  routes.failed('direct', false);
  routes.failed('service', false);
  expect(routes.next()).toBe('direct');
  routes.failed('direct', false);
  expect(routes.next()).toBe('service');
});

test('a service that hands out no URLs gets every part; one that takes no parts gets none for two minutes', () => {
  routes.proxiedOnly();
  routes.failed('service', false);
  expect(routes.next()).toBe('service');
  const older = new Routes();
  older.failed('direct', false);
  older.directOnly();
  expect(older.next()).toBe('direct');
  // It may be updated meanwhile.
  older.failed('direct', false);
  pageMs = 3 * MINUTE_MS;
  older.failed('direct', false);
  expect(older.next()).toBe('service');
});
