// How traces are sent: which are, as what, and what becomes of those that nobody takes. What is in them: serve.test.ts.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startOtlpTracing } from '../../src/commands/otlp-tracing.ts';
import type { TracesProtocol } from '../../src/commands/settings.ts';
import { type Collector, startCollector } from './collector.ts';
import { SILENT, startReplica } from './replica.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const untouched = { ...process.env };
let collector: Collector;
const warned: string[] = [];
beforeEach(async () => {
  collector = await startCollector();
  warned.length = 0;
});
afterEach(async () => {
  process.env = { ...untouched };
  await collector.close();
});

function start(protocol: TracesProtocol, settings: Record<string, string> = {}) {
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...settings });
  return startOtlpTracing(protocol, { ...SILENT, warn: (message) => warned.push(message) });
}

test('the sampler of the environment decides, and with it whoever began the trace', async () => {
  const tracing = await start('http/json', { OTEL_TRACES_SAMPLER: 'parentbased_always_off' });
  const { create, call } = await startReplica({ trace: tracing.middleware });
  await create();
  const path = await create({ traceparent: `00-${TRACE}-00f067aa0ba902b7-01` });
  expect((await call('GET', path)).status).toBe(200);
  await tracing.close();
  expect(collector.spans.map(({ traceId }) => traceId)).toEqual([TRACE]);
});

test('as protobuf they hold what they hold as JSON: routes, and nothing that names anybody', async () => {
  const tracing = await start('http/protobuf');
  const { record } = await startReplica({ trace: tracing.middleware });
  await record();
  await tracing.close();
  expect([...collector.contentTypes]).toEqual(['application/x-protobuf']);
  const all = Buffer.concat(collector.bodies).toString('latin1');
  expect(all).toContain('POST /v1/exams/{exam}/attempts/{attempt}/recordings');
  expect(all).not.toMatch(/secret|eyJ|X-Amz/);
});

test('a collector that never answers holds up neither what is traced nor the end', async () => {
  const tracing = await start('http/json');
  collector.status = undefined;
  await expect(tracing.inSpan('run', () => Promise.reject(new RangeError('secret')))).rejects.toThrow(RangeError);
  await tracing.close();
  expect(collector.spans).toMatchObject([{ name: 'run', failed: true, attributes: { 'error.type': 'RangeError' } }]);
  expect(String(collector.bodies)).not.toContain('secret');
});

test('one that refuses them is said once', async () => {
  const tracing = await start('http/json', { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1' });
  collector.status = 400;
  for (const name of ['a', 'b']) await tracing.inSpan(name, async () => {});
  await tracing.close();
  expect(collector.bodies).toHaveLength(2);
  expect(warned).toEqual([expect.stringContaining('traces cannot be delivered')]);
});
