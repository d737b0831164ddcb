// Traces of the commands, as a collector receives them.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../src/commands/settings.ts';
import { until } from '../http/expectations.ts';
import { webm } from '../kit/fixtures.ts';
import { type CollectedSpan, type Collector, startCollector } from './collector.ts';
import { DUE_SOON, type Installation, install, pause } from './process.ts';

const RECORDINGS = '/v1/exams/{exam}/attempts/{attempt}/recordings';
const SERVER = 2;
const CLIENT = 3;
const BODY = {
  participantId: 'secret-person',
  kind: 'webcam',
  contentType: 'video/webm',
  consent: { givenAt: '2026-01-02T09:55:00Z', policyVersion: '1' },
};

let collector: Collector;
let installation: Installation;
beforeEach(async () => {
  collector = await startCollector();
  installation = await install(DUE_SOON);
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

async function call(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const token = await installation.token('recordings:upload recordings:review');
  const headers = { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) };
  return fetch(installation.url + path, { ...init, method, headers });
}

/** Its path. */
async function create(headers: Record<string, string> = {}): Promise<string> {
  const path = '/v1/exams/secret-exam/attempts/secret-attempt/recordings';
  const sent = { 'content-type': 'application/json', ...headers };
  const answer = await call('POST', path, { headers: sent, body: JSON.stringify(BODY) });
  expect(answer.status).toBe(201);
  return `${path}/${((await answer.json()) as { recording: { recordingId: string } }).recording.recordingId}`;
}

/** The form comes later than the head of the request, as from a browser. */
async function record(headers?: Record<string, string>): Promise<string> {
  const path = await create(headers);
  async function* form(): AsyncGenerator<Uint8Array> {
    await pause();
    yield Buffer.from('--edge\r\nContent-Disposition: form-data; name="file"; filename="secret.webm"\r\n\r\n');
    await pause();
    yield webm;
    yield Buffer.from('\r\n--edge--\r\n');
  }
  const init = { headers: { 'content-type': 'multipart/form-data; boundary=edge' }, body: form(), duplex: 'half' };
  expect((await call('POST', `${path}/content`, init as unknown as RequestInit)).status).toBe(200);
  return path;
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
    const path = await record({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    expect((await call('POST', `${path}/playback-links`)).status).toBe(201);
    await call('GET', '/v1/exams/secret-exam/recordings?cursor=secret-cursor&limit=5');
    await call('GET', '/secret-path?token=secret-token');
    await call('PROPFIND', '/secret-path');
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

  test('an answer of the kind 5xx and a refused store call are errors', async () => {
    trace();
    const service = await installation.start();
    const path = await create();
    expect(
      (
        await call(
          'GET',
          path.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
        )
      ).status,
    ).toBe(404);
    expect(await service.stop('SIGTERM')).toBe(0);
    const notFound = find(`GET ${RECORDINGS}/{recording}`);
    expect(notFound).toMatchObject({ failed: false, attributes: { 'http.response.status_code': 404 } });
    const missing = collector.spans.find(({ attributes }) => attributes['error.type'] === 'NoSuchKey');
    expect(missing).toMatchObject({ failed: true, kind: CLIENT });
    expect(missing?.parentSpanId).toBe(notFound.spanId);
  });

  test('the sampler of the environment decides', async () => {
    trace({ OTEL_TRACES_SAMPLER: 'parentbased_always_off' });
    const service = await installation.start();
    await create();
    const path = await create({ traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' });
    expect((await call('GET', path)).status).toBe(200);
    await service.stop('SIGTERM');
    expect(collector.spans.filter(({ kind }) => kind === SERVER).map(({ traceId }) => traceId)).toEqual([
      '4bf92f3577b34da6a3ce929d0e0e4736',
    ]);
  });

  test('by default it sends protobuf, and what nobody takes holds up nothing', async () => {
    trace();
    delete installation.env.OTEL_EXPORTER_OTLP_PROTOCOL;
    const service = await installation.start();
    await record();
    await service.stop('SIGTERM');
    expect([...collector.contentTypes]).toEqual(['application/x-protobuf']);
    const all = Buffer.concat(collector.bodies).toString('latin1');
    expect(all).toContain(`POST ${RECORDINGS}`);
    expect(all).not.toMatch(/secret|eyJ|X-Amz/);

    await collector.close();
    const untraced = await installation.start();
    await create();
    const stoppedAt = performance.now();
    expect(await untraced.stop('SIGTERM')).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(25_000);
    expect(untraced.output().split('traces cannot be delivered').length).toBeLessThanOrEqual(2);
    collector = await startCollector();
  });
});

test.each(['sweep', 'verify'])('%s is one trace: the run, and under it its store calls', async (command) => {
  const service = await installation.start();
  const { deleteBy } = (await (await call('GET', await record())).json()) as { deleteBy: string };
  await until(() => Date.now() > Date.parse(deleteBy));
  trace();
  await until(async () => {
    collector.spans.length = 0;
    const { stdout } = await installation.run(command, '--json');
    return stdout.includes('"recordings":1');
  });
  await service.stop('SIGTERM');
  const [root] = collector.spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  expect(root).toMatchObject({ name: command, kind: 1, failed: false });
  const names = namesUnder(root as CollectedSpan);
  expect(names).toHaveLength(collector.spans.length - 1);
  expect(names).toContain('S3/ListObjectsV2');
  if (command === 'sweep') expect(names).toContain('S3/DeleteObjects');
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
    await create();
    await service.stop('SIGTERM');
    return service.output();
  }

  test.each([
    [{}],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [{ OTEL_SERVICE_NAME: 'recordings', OTEL_TRACES_SAMPLER: 'always_on' }],
  ])('%j: nothing of the SDK', async (settings: Record<string, string>) => {
    expect(readSettings(settings).traces).toBeUndefined();
    Object.assign(installation.env, settings);
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
])('%s=%s stops the start with one line', async (name, value) => {
  trace({ [name]: value });
  const { code, stderr } = await installation.run('serve');
  expect(code).toBe(2);
  expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(name)]);
  expect(stderr).not.toContain('password');
});
