// `serve` and the commands beside it as processes: a service in use, killed, stopped, refused, and without a store.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ProctoringRecordings } from '@proctoring-recordings/sdk';
import { freePort } from '../../demo/free-port.ts';
import { enlargeWebm } from '../../demo/webm.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { until } from '../kit/until.ts';
import { isSignedBy, type Receiver, startReceiver } from '../webhooks/receiver.ts';
import { type CollectedSpan, type Collector, startCollector } from './collector.ts';
import { DUE_ONCE_ASSESSED, formOf, type Installation, install, isRefused, probe, scrape } from './process.ts';

/** Each process writes what it loads of OpenTelemetry but the API, which the metrics library loads. */
const OBSERVER = `import { registerHooks } from 'node:module';
  registerHooks({ load(url, context, next) {
    if (/opentelemetry.(?!api)/.test(url)) console.error('loaded', url);
    return next(url, context);
  } });`;
const OBSERVED = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(OBSERVER)}` };
const RECORDINGS = '/v1/exams/{exam}/attempts/{attempt}/recordings';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const [INTERNAL, SERVER, CLIENT] = [1, 2, 3];

let installation: Installation;
let collector: Collector;
let receiver: Receiver;
async function installWith(settings: Record<string, string>): Promise<void> {
  receiver = await startReceiver();
  collector = await startCollector();
  const traces = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
  installation = await install({ ...OBSERVED, ...traces, ...settings });
  const file = join(installation.dataDir, 'webhooks.json');
  await writeFile(file, JSON.stringify({ acme: { url: `${receiver.url}/t0ken-in-a-path`, secret: receiver.secret } }));
  installation.env.WEBHOOKS_FILE = file;
}
async function remove(): Promise<void> {
  await installation.remove();
  await Promise.all([receiver.close(), collector.close()]);
}

/** The first span with this name, and with this status if one is given. */
function find(name: string, status?: number): CollectedSpan {
  const all = collector.spans.filter((span) => span.name === name);
  const found = all.find(({ attributes }) => !status || attributes['http.response.status_code'] === status);
  if (!found) throw new Error(`no span ${name}: ${collector.spans.map((span) => span.name).join(', ')}`);
  return found;
}

function namesUnder({ spanId, traceId }: CollectedSpan): string[] {
  const under = collector.spans.filter((span) => span.parentSpanId === spanId);
  expect(under.every((span) => span.traceId === traceId && span.kind === CLIENT)).toBe(true);
  return under.map(({ name }) => name);
}

describe('a service in use, with traces, webhooks and a schedule', () => {
  let counted: ReadonlyMap<string, number>;
  let swept: ReadonlyMap<string, number>;
  let output: string;
  let afterDeletion: Response;
  let end: unknown[];

  beforeAll(async () => {
    const schedule = { ...DUE_ONCE_ASSESSED, SWEEP_SCHEDULE: '* * * * * *' };
    await installWith({ ...schedule, LOG_LEVEL: 'debug', OTEL_SERVICE_NAME: 'exams-recordings' });
    receiver.answer = ({ type }) => (type === 'recording.stored' ? 500 : 204);
    const service = await installation.start();
    const path = await installation.record({ traceparent: `00-${TRACE}-00f067aa0ba902b7-01` });
    const open = await installation.create();
    for (const [method, called, status] of [
      ['POST', `${path}/complete`, 200],
      ['POST', `${path}/playback-links`, 201],
      ['POST', `${path}/playback-links`, 201],
      ['POST', `${open}/playback-links`, 409],
      ['GET', '/v1/exams/secret-exam/recordings?cursor=secret-cursor&limit=5', 422],
      ['GET', '/secret-path?token=secret-token', 404],
      ['PROPFIND', '/secret-path', 404],
      ['GET', path.replace(/.$/, (last) => (last === '0' ? '1' : '0')), 404],
      ['GET', path, 200],
    ] as const) {
      expect([method, called, (await installation.call(method, called)).status]).toEqual([method, called, status]);
    }
    counted = await scrape(installation);

    await installation.makeDue();
    await until(async () => {
      afterDeletion = await installation.call('GET', path);
      return afterDeletion.status !== 200;
    });
    await until(() => receiver.received.some(({ type }) => type === 'recording.deleted'));
    await until(() => service.output().includes('a webhook was not delivered'));
    await until(async () => {
      swept = await scrape(installation);
      const isRead = swept.get('proctoring_deletion_sweepable_attempts') === 0;
      return isRead && (swept.get('proctoring_sweep_runs_total{result="ok"}') ?? 0) > 0;
    });

    const uploaded = await installation.create({}, 'another-secret-attempt');
    const { promise: rest, resolve: goOn } = Promise.withResolvers<void>();
    const answered = installation.send(uploaded, formOf(enlargeWebm(webm, 6 * MIB), 5 * MIB + 1, rest));
    const partsOf = () => installation.ask<{ parts: unknown[] }>('GET', `${uploaded}/parts`);
    await until(async () => (await partsOf()).parts.length === 1);
    const exitCode = service.stop('SIGTERM');
    await until(() => isRefused(installation.url));
    const isRunning = service.process.exitCode === null;
    goOn();
    const response = await answered;
    const connection = response.headers.get('connection');
    end = [isRunning, response.status, connection, await response.json(), await exitCode];
    output = service.output();
  });
  afterAll(remove);

  test('deletes what is assessed when it is due, by its schedule, and has a receipt for it', async () => {
    const receipt = { reason: 'retention', deadline: expect.any(String) };
    expect({ status: afterDeletion.status, body: await afterDeletion.json() }).toMatchObject({
      status: 410,
      body: { receipt },
    });
    const runs = (result: string) => swept.get(`proctoring_sweep_runs_total{result="${result}"}`);
    expect([runs('failed'), runs('refused')]).toEqual([0, 0]);
    expect(swept.get('proctoring_sweep_last_success_timestamp_seconds')).toBeGreaterThan(0);
  });

  test('finishes an upload that is under way when it is asked to end, and ends with 0', () => {
    const stored: unknown = expect.objectContaining({ state: 'stored', sizeBytes: 6 * MIB });
    expect(end).toEqual([true, 200, 'close', stored, 0]);
  });

  test('counts what happened, and calls by their route', () => {
    const links = `route="${RECORDINGS}/{recording}/playback-links"`;
    const exact = {
      proctoring_ready: 1,
      proctoring_recordings_created_total: 2,
      proctoring_recordings_stored_total: 1,
      proctoring_part_urls_total: 6,
      'proctoring_playback_links_total{outcome="issued"}': 2,
      'proctoring_playback_links_total{outcome="refused"}': 1,
      proctoring_deletion_lead_seconds: 61 * 60,
      [`http_requests_total{method="POST",${links},status="201"}`]: 2,
      [`http_requests_total{method="POST",${links},status="409"}`]: 1,
      [`http_request_duration_seconds_count{method="POST",${links}}`]: 3,
    };
    expect(Object.fromEntries(counted)).toMatchObject(exact);
    // They include those of the self-test.
    const ofStore = (name: string) => counted.get(`proctoring_store_request${name}`);
    expect(ofStore('s_total{operation="CreateMultipartUpload",outcome="ok"}')).toBeGreaterThanOrEqual(2);
    expect(ofStore('_duration_seconds_count{operation="PutObject"}')).toBeGreaterThanOrEqual(6);
  });

  test('has a span for each request, and under it one for each call of the store', () => {
    const created = find(`POST ${RECORDINGS}`);
    const remote = { traceId: TRACE, parentSpanId: '00f067aa0ba902b7' };
    expect(created).toMatchObject({ ...remote, service: 'exams-recordings', kind: SERVER, failed: false });
    expect(created.attributes).toEqual({
      'http.request.method': 'POST',
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'http.route': RECORDINGS,
      'http.response.status_code': 201,
    });
    const calls = ['CreateMultipartUpload', 'List', 'List', 'Put', 'Put', 'Put'].map((call) =>
      call.replace('List', 'ListObjectsV2').replace('Put', 'PutObject'),
    );
    // Some of them at the same time.
    expect(namesUnder(created).toSorted()).toEqual(calls.map((name) => `S3/${name}`));
    const put = collector.spans.find(({ name, traceId }) => name === 'S3/PutObject' && traceId === TRACE);
    expect(put?.attributes).toEqual({ 'rpc.system': 'aws-api', 'rpc.service': 'S3', 'rpc.method': 'PutObject' });
    // Nanoseconds as text; all of the same length, so they sort as numbers do.
    const { startTimeUnixNano: begin, endTimeUnixNano: end } = created;
    const times = [begin, put?.startTimeUnixNano, put?.endTimeUnixNano, end];
    expect(times).toEqual(times.map(String).toSorted());

    // The form parser runs in connection events; its store calls must still belong to the request's trace.
    const content = find(`POST ${RECORDINGS}/{recording}/content`);
    expect(content.parentSpanId).toBeUndefined();
    expect(namesUnder(content)).toEqual(expect.arrayContaining(['S3/UploadPart', 'S3/CompleteMultipartUpload']));
    expect(find('GET', 404).attributes).not.toHaveProperty(['http.route']);
    expect(find('_OTHER').attributes).toMatchObject({ 'http.request.method': '_OTHER' });
    expect(namesUnder(find('sweep'))).toContain('S3/ListObjectsV2');

    // A refused call of the store is an error; an answer of the kind 4xx is none.
    const notFound = find(`GET ${RECORDINGS}/{recording}`, 404);
    expect(notFound.failed).toBe(false);
    const refused = collector.spans.filter(({ parentSpanId, failed }) => parentSpanId === notFound.spanId && failed);
    // Neither a manifest nor a receipt.
    const missing = { kind: CLIENT, attributes: { 'error.type': 'NoSuchKey' } };
    expect(refused).toMatchObject([missing, missing]);

    // The self-test and probes are not part of any request.
    const ids = new Set(collector.spans.map(({ spanId }) => spanId));
    const orphans = collector.spans.filter(({ kind, parentSpanId = '' }) => kind === CLIENT && !ids.has(parentSpanId));
    expect(orphans).toEqual([]);
    expect(collector.spans.filter(({ name }) => /livez|readyz|metrics/.test(name))).toEqual([]);
    const line = output.split('\n').find((logged) => logged.includes(TRACE));
    expect(JSON.parse(line ?? '')).toMatchObject({ message: 'request', traceId: TRACE, status: 201 });
    expect(output).toMatch(/^loaded .*opentelemetry.sdk-trace/m);
  });

  test('has no secret in its log, and no name, id or path in its traces and metrics', () => {
    expect(output).not.toMatch(/whsec_|t0ken-in-a-path|\/hook|eyJ|X-Amz-Signature|Bearer/);
    const reported = [...collector.bodies, ...counted.keys(), ...swept.keys()].join('\n');
    expect(reported).toContain(`${RECORDINGS}/{recording}/content`);
    expect(reported).not.toMatch(/secret|tester|eyJ|X-Amz|Bearer|acme|\?|[0-9a-v]{36}/);
  });
});

describe('a service', () => {
  afterEach(remove);

  test('killed during an upload and after an erasure loses no acknowledged part, no recording and no event; the client resumes', async () => {
    await installWith({ OTEL_TRACES_SAMPLER: 'parentbased_always_off', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' });
    receiver.answer = () => new Promise(() => {});
    const file = enlargeWebm(webm, 40 * MIB + 4321);
    let service = await installation.start();
    const token = () => installation.token('recordings:upload recordings:review');
    const sdk = new ProctoringRecordings({ baseUrl: installation.url, token, maxAttempts: 1 });
    const recording = (await installation.create()).slice(-36);
    const place = { exam: 'secret-exam', attempt: 'secret-attempt', recording };
    const bytesOf = (part: number) => new Uint8Array(file.subarray((part - 1) * 5 * MIB, part * 5 * MIB));
    const all = Array.from({ length: 9 }, (_, at) => ({ partNumber: at + 1, sizeBytes: bytesOf(at + 1).length }));
    /** The parts that were acknowledged, in this order; the service may be killed under the others. */
    async function put(parts: typeof all, onAcknowledged = async () => {}): Promise<number[]> {
      const acknowledged: number[] = [];
      const signed = await sdk.signParts(place, parts);
      const sent = signed.map(async ({ partNumber, url, headers }) => {
        const sending = fetch(url, { method: 'PUT', headers, body: bytesOf(partNumber) });
        const answer = await sending.catch(() => undefined);
        if (answer?.ok && acknowledged.push(partNumber) === 1) await onAcknowledged();
      });
      await Promise.all(sent);
      return acknowledged;
    }
    const acknowledged = await put(all, async () => void (await service.stop('SIGKILL')));
    service = await installation.start();
    const there = new Map((await sdk.uploadedParts(place)).map(({ partNumber, sizeBytes }) => [partNumber, sizeBytes]));
    expect([...there.keys()]).toEqual(expect.arrayContaining(acknowledged));
    const missing = all.filter(({ partNumber, sizeBytes }) => there.get(partNumber) !== sizeBytes);
    expect(missing).toHaveLength(all.length - there.size);
    // Else the service was killed too late to lose anything.
    expect(missing).not.toEqual([]);
    expect(await put(missing)).toHaveLength(missing.length);
    expect(await sdk.complete(place)).toMatchObject({ state: 'stored', sizeBytes: file.length });
    // Its endpoint is dead, and the erasure is answered all the same.
    await installation.ask('DELETE', `${await installation.record()}?reason=erasure`);
    await service.stop('SIGKILL');

    receiver.answer = () => 204;
    receiver.received.length = 0;
    service = await installation.start();
    const { url } = await sdk.playbackLink(place, 'assessment');
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(file)).toBe(true);
    const delivered = 'proctoring_webhook_deliveries_total{result="delivered"}';
    await until(async () => (await scrape(installation)).get(delivered) === 3);
    expect((await scrape(installation)).has('proctoring_webhook_backlog')).toBe(true);
    const types = receiver.received.map(({ type }) => type).toSorted();
    expect(types).toEqual(['recording.erased', 'recording.stored', 'recording.stored']);
    expect(receiver.received.every((received) => isSignedBy(receiver.secret, received))).toBe(true);
    expect((await installation.run('verify', '--json')).code).toBe(0);
    await installation.create({ traceparent: `00-${TRACE}-00f067aa0ba902b7-01` });
    expect(await service.stop('SIGTERM')).toBe(0);

    // The sampler and the caller's trace context decide. Protobuf holds no more than JSON.
    expect([...collector.contentTypes]).toEqual(['application/x-protobuf']);
    const traced = Buffer.concat(collector.bodies).toString('latin1');
    expect(traced.match(/(GET|POST) \/v1\/[a-z/{}]+/g)).toEqual([`POST ${RECORDINGS}`]);
    expect(traced).not.toMatch(/secret|eyJ|X-Amz/);
  });

  test('has commands that work beside it and after it, each with a trace of its own', async () => {
    await installWith({ ...DUE_ONCE_ASSESSED, RETENTION_UNASSESSED: '2d', SHUTDOWN_DELAY: '30s' });
    installation.env.OTEL_TRACES_EXPORTER = 'none';
    const service = await installation.start();
    await installation.record();
    await installation.makeDue();
    await installation.record({}, 'unassessed');

    // A second service on the same folder.
    Object.assign(installation.env, { PORT: '0', LOCAL_S3_PORT: '0' });
    const second = await installation.run('serve');
    expect(second).toMatchObject({ code: 1, stderr: expect.stringMatching(/in use already/) });

    await until(async () => (await installation.run('sweep', '--dry-run')).stdout.startsWith('1 of 1 due'));
    delete installation.env.OTEL_TRACES_EXPORTER;
    const swept = await installation.run('sweep', '--json');
    const report = JSON.parse(swept.stdout);
    expect([swept.code, report.startedAt, report.finishedAt]).toEqual([0, expect.any(String), expect.any(String)]);
    const counts = { due: 1, deleted: { recordings: 1 }, kept: 0, failed: 0, overdue: 0, oldestOverdueSeconds: 0 };
    expect(report).toMatchObject({ dryRun: false, requests: expect.any(Number), ...counts });
    // Recordings that will be deleted unassessed: the sweep wrote an event, and a scrape makes the service look.
    const dueSoon = 'proctoring_due_soon_unassessed';
    installation.env.OTEL_TRACES_EXPORTER = 'none';
    // The first sweep after the grace period moves the entry of a new recording to its deadline.
    await until(
      async () => JSON.parse((await installation.run('sweep', '--json')).stdout).dueSoonUnassessed.length === 1,
    );
    delete installation.env.OTEL_TRACES_EXPORTER;
    // The service looks at the first scrape, and then once an hour.
    await until(async () => (await scrape(installation)).get(dueSoon) === 1);
    expect([...(await scrape(installation)).keys()].filter((name) => name.startsWith('proctoring_sweep_'))).toEqual([]);
    await until(() => receiver.received.some(({ type }) => type === 'recording.due-soon'));

    // Not ready from SIGTERM on, it serves on for SHUTDOWN_DELAY; a second signal ends it at once.
    const exitCode = service.stop('SIGTERM');
    await until(() => service.output().includes('"stopping"'));
    expect(await probe(`${installation.url}/readyz`)).toMatchObject({
      status: 503,
      body: expect.stringContaining('stopping'),
    });
    expect(await probe(`${installation.url}/livez`)).toMatchObject({ status: 200, connection: 'close' });
    await installation.create({}, 'unassessed');
    await until(() => {
      service.process.kill('SIGTERM');
      return service.process.exitCode !== null;
    });
    expect(await exitCode).toBe(143);

    const verified = await installation.run('verify');
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Nothing is wrong/) });
    const roots = collector.spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    const root = { service: 'proctoring-recordings', kind: INTERNAL, failed: false };
    expect(roots).toMatchObject(['sweep', 'verify'].map((name) => ({ ...root, name })));
    const under = roots.map(namesUnder);
    expect(under.flat()).toHaveLength(collector.spans.length - 2);
    for (const calls of under) expect(calls).toContain('S3/ListObjectsV2');
    expect(under[0]).toContain('S3/DeleteObjects');
    expect(collector.bodies.join('\n')).not.toMatch(/secret|acme/);
    expect(service.output() + second.stderr).not.toContain('loaded ');
  });

  test('is alive, not ready and measured while there is no store, and ends with 0', async () => {
    const S3_ENDPOINT = `http://127.0.0.1:${await freePort()}`;
    const keys = { S3_ACCESS_KEY_ID: 'KEY', S3_SECRET_ACCESS_KEY: 'secret' };
    const bucket = { S3_ENDPOINT, S3_REGION: 'us-east-1', S3_BUCKET: 'recordings', ...keys };
    const issuer = { AUTH_SHARED_SECRET: '', AUTH_JWKS_URL: 'https://id.invalid/jwks', AUTH_ISSUER: 'i' };
    await installWith({ ...bucket, ...issuer, OTEL_SDK_DISABLED: 'true' });
    const service = installation.launch();
    await until(() => service.output().includes('the self-test is waiting for the store'));
    expect(service.output()).toMatch(
      /tokens that were issued for other services are accepted.*AUTH_AUDIENCE is not set/,
    );
    expect(service.output()).not.toContain('AUTH_ISSUER is not set');
    const body: unknown = expect.stringContaining('the store does not respond');
    expect(await probe(`${installation.url}/readyz`)).toMatchObject({ status: 503, body });
    expect(await probe(`${installation.url}/livez`)).toMatchObject({ status: 200 });
    expect(await probe(`${installation.url}/v1/exams/math/attempts/a1/recordings`)).toMatchObject({ status: 401 });
    const samples = await scrape(installation);
    expect(samples.get('proctoring_ready')).toBe(0);
    const refused = /^proctoring_store_requests_total\{.*outcome="ECONNREFUSED"/;
    expect([...samples.keys()].some((name) => refused.test(name))).toBe(true);
    expect(await service.stop('SIGTERM')).toBe(0);
  });
});
