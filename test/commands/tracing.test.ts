// Traces of the commands, as a collector receives them.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../src/commands/settings.ts';
import { until } from '../http/expectations.ts';
import { type CollectedSpan, type Collector, startCollector } from './collector.ts';
import { problemsOf } from './problems.ts';
import { DUE_ONCE_ASSESSED, type Installation, install } from './process.ts';

const RECORDINGS = '/v1/exams/{exam}/attempts/{attempt}/recordings';
const SERVER = 2;
const CLIENT = 3;
let collector: Collector;
let installation: Installation;
beforeEach(async () => {
  collector = await startCollector();
  installation = await install(DUE_ONCE_ASSESSED);
});
afterEach(async () => {
  await installation.remove();
  await collector.close();
});

function trace(settings: Record<string, string> = {}): void {
  Object.assign(installation.env, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    ...settings,
  });
}

function find(name: string): CollectedSpan {
  const found = collector.spans.find((span) => span.name === name);
  if (!found) throw new Error(`no span ${name}: ${collector.spans.map((span) => span.name).join(', ')}`);
  return found;
}

function namesUnder({ spanId, traceId }: CollectedSpan): string[] {
  const under = collector.spans.filter((span) => span.parentSpanId === spanId);
  expect(under.every((span) => span.traceId === traceId && span.kind === CLIENT)).toBe(true);
  return under.map((span) => span.name);
}

describe('serve', () => {
  test('a span for each request, and under it one for each call of the store; nothing that names anybody', async () => {
    trace({ OTEL_SERVICE_NAME: 'exams-recordings' });
    const service = await installation.start();
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const path = await installation.record({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    expect((await installation.call('POST', `${path}/playback-links`)).status).toBe(201);
    await installation.call('GET', '/v1/exams/secret-exam/recordings?cursor=secret-cursor&limit=5');
    await installation.call('GET', '/secret-path?token=secret-token');
    await installation.call('PROPFIND', '/secret-path');
    const unknown = path.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    expect((await installation.call('GET', unknown)).status).toBe(404);
    expect(await service.stop('SIGTERM')).toBe(0);

    const created = find(`POST ${RECORDINGS}`);
    expect(created).toMatchObject({ traceId, parentSpanId: '00f067aa0ba902b7', kind: SERVER, failed: false });
    expect(created.attributes).toEqual({
      'http.request.method': 'POST',
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'http.route': RECORDINGS,
      'http.response.status_code': 201,
    });
    expect(namesUnder(created)).toEqual([
      'S3/ListObjectsV2',
      'S3/PutObject',
      'S3/CreateMultipartUpload',
      'S3/PutObject',
      'S3/PutObject',
    ]);
    const put = find('S3/PutObject');
    expect(put.attributes).toEqual({ 'rpc.system': 'aws-api', 'rpc.service': 'S3', 'rpc.method': 'PutObject' });
    expect(put.durationMs).toBeGreaterThan(0);
    expect(put.durationMs).toBeLessThan(created.durationMs);

    // What reads a form is called by events of the connection: its calls belong to the request all the same.
    const content = find(`POST ${RECORDINGS}/{recording}/content`);
    expect(content.parentSpanId).toBeUndefined();
    expect(namesUnder(content)).toEqual(expect.arrayContaining(['S3/UploadPart', 'S3/CompleteMultipartUpload']));
    expect(namesUnder(find(`POST ${RECORDINGS}/{recording}/playback-links`))).toContain('S3/PutObject');
    expect(find('GET').attributes).toMatchObject({ 'http.response.status_code': 404 });
    expect(find('_OTHER').attributes).toMatchObject({ 'http.request.method': '_OTHER' });

    // A refused call of the store is an error; an answer of the kind 4xx is none.
    const notFound = find(`GET ${RECORDINGS}/{recording}`);
    expect(notFound).toMatchObject({ failed: false, attributes: { 'http.response.status_code': 404 } });
    const missing = collector.spans.find(({ attributes }) => attributes['error.type'] === 'NoSuchKey');
    expect(missing).toMatchObject({ failed: true, kind: CLIENT, parentSpanId: notFound.spanId });

    // Neither the self-test nor a probe is anybody's request.
    const ids = new Set(collector.spans.map(({ spanId }) => spanId));
    const orphans = collector.spans.filter(({ kind, parentSpanId = '' }) => kind === CLIENT && !ids.has(parentSpanId));
    expect(orphans).toEqual([]);
    expect(collector.spans.filter(({ name }) => /livez|readyz|metrics/.test(name))).toEqual([]);

    expect([...collector.services]).toEqual(['exams-recordings']);
    const all = Buffer.concat(collector.bodies).toString();
    expect(all).not.toMatch(/secret|eyJ|X-Amz|Bearer|acme|\?|[0-9a-v]{36}/);
    const logged = service
      .output()
      .split('\n')
      .find((line) => line.includes(traceId));
    expect(JSON.parse(logged ?? '{}')).toMatchObject({ message: 'request', traceId, status: 201 });
  });

  test('the sampler of the environment decides', async () => {
    trace({ OTEL_TRACES_SAMPLER: 'parentbased_always_off' });
    const service = await installation.start();
    await installation.create();
    const path = await installation.create({ traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' });
    expect((await installation.call('GET', path)).status).toBe(200);
    await service.stop('SIGTERM');
    expect(collector.spans.filter(({ kind }) => kind === SERVER).map(({ traceId }) => traceId)).toEqual([
      '4bf92f3577b34da6a3ce929d0e0e4736',
    ]);
  });

  test('by default it sends protobuf, and what nobody takes holds up nothing', async () => {
    trace();
    delete installation.env.OTEL_EXPORTER_OTLP_PROTOCOL;
    const service = await installation.start();
    await installation.record();
    await service.stop('SIGTERM');
    expect([...collector.contentTypes]).toEqual(['application/x-protobuf']);
    const all = Buffer.concat(collector.bodies).toString('latin1');
    expect(all).toContain(`POST ${RECORDINGS}`);
    expect(all).not.toMatch(/secret|eyJ|X-Amz/);
  });

  test('a collector that never answers holds up neither requests nor the end, and is said once at most', async () => {
    trace();
    collector.isSilent = true;
    const service = await installation.start();
    await installation.create();
    expect(await service.stop('SIGTERM')).toBe(0);
    expect(service.output().split('traces cannot be delivered').length).toBeLessThanOrEqual(2);
  });
});

test('a run of sweep and one of verify are a trace each: the run, and under it its store calls', async () => {
  const service = await installation.start();
  await installation.record();
  await installation.makeDue();
  trace();
  await until(async () => {
    collector.spans.length = 0;
    return (await installation.run('sweep', '--json')).stdout.includes('"recordings":1');
  });
  await installation.run('verify', '--json');
  await service.stop('SIGTERM');
  const roots = collector.spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  expect(roots).toMatchObject(['sweep', 'verify'].map((name) => ({ name, kind: 1, failed: false })));
  const names = roots.map(namesUnder);
  expect(names.flat()).toHaveLength(collector.spans.length - 2);
  for (const under of names) expect(under).toContain('S3/ListObjectsV2');
  expect(names[0]).toContain('S3/DeleteObjects');
  expect([...collector.services]).toEqual(['proctoring-recordings']);
  expect(Buffer.concat(collector.bodies).toString()).not.toMatch(/secret|acme/);
});

describe('what is loaded', () => {
  /** Tells of every module of OpenTelemetry but its API, which the metrics library loads. */
  const WATCH = `import { registerHooks } from 'node:module';
    registerHooks({ load(url, context, next) {
      if (/opentelemetry.(?!api)/.test(url)) process.stderr.write('loaded ' + url + '\\n');
      return next(url, context);
    } });`;

  async function served(): Promise<string> {
    installation.env.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(WATCH)}`;
    const service = await installation.start();
    await installation.create();
    await service.stop('SIGTERM');
    return service.output();
  }

  test.each([
    [{}],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [{ OTEL_SERVICE_NAME: 'recordings', OTEL_TRACES_SAMPLER: 'always_on' }],
  ])('%j: no traces', (settings: Record<string, string>) => {
    expect(readSettings(settings).traces).toBeUndefined();
  });

  test('nothing of the SDK, where there are no traces', async () => {
    const none = { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
    Object.assign(installation.env, none);
    expect(await served()).not.toContain('loaded ');
  });

  test('the SDK, where an endpoint is set', async () => {
    trace();
    expect(await served()).toMatch(/loaded .*opentelemetry.sdk-trace/);
  });
});

test.each([
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'collector:4318'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://user:password@collector'],
  ['OTEL_TRACES_SAMPLER', 'sometimes'],
  ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
])('%s=%s stops the start with one line', (name, value) => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const problems = problemsOf({ ...endpoint, [name]: value });
  expect(problems).toEqual([expect.stringContaining(name)]);
  expect(problems[0]).not.toContain('password');
});
