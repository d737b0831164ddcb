// Uses an unpacked image as an operator would, in containers that crun runs: read-only, not as root, without capabilities.
// node ci/image-life.ts can-run ROOTFS | live ROOTFS IMAGE_JSON; see ci/image
import { strict as assert } from 'node:assert';
import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { signToken } from '../src/runtime/token.ts';
import { type Container, crun, type ImageConfig, run, start } from './container.ts';

const BARE: ImageConfig = {
  Entrypoint: ['node'],
  Cmd: [],
  Env: ['PATH=/usr/local/bin'],
  User: '10001:10001',
  WorkingDir: '/',
};
const READY_WITHIN_MS = 240_000;
const DUE_WITHIN_MS = 240_000;
/** An idle service has nothing to drain. */
const STOPS_WITHIN_MS = 20_000;
const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const TENANT = 'image-school';

const [mode, rootfs = '', imageJson = ''] = process.argv.slice(2);
if (mode === 'can-run') await canRun();
else await live(JSON.parse(await readFile(imageJson, 'utf8')).Docker.config);

async function canRun(): Promise<void> {
  const { code, stdout } = await run(rootfs, BARE, ['-e', 'console.log(process.pid)']);
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '1\n' });
}

async function live(image: ImageConfig): Promise<void> {
  assert.match(image.User, /^[1-9]\d*:[1-9]\d*$/, 'the image names a numeric user that is not root');
  assert.equal(image.Labels?.['org.opencontainers.image.licenses'], 'Apache-2.0');
  const settings = settingsOfRun();
  const command = (...args: string[]) => run(rootfs, image, args, settings);

  const probe = `try { fs.writeFileSync('/data/x', '') } catch ({ code }) { console.log(process.pid, process.getuid(), code) }`;
  const { stdout: who } = await run(rootfs, { ...image, Entrypoint: ['node'] }, ['-e', probe]);
  assert.equal(who, `1 ${image.User.split(':')[0]} EROFS\n`);
  say('container', `process id, user and what a write is answered: ${who.trim()}`);
  assert.match((await command('--help')).stdout, /^Usage: proctoring-recordings <command>/);

  const service = start(rootfs, image, image.Cmd, settings);
  await isReady(service.child);
  say('serve', `ready, on ${process.env.S3_ENDPOINT}`);
  assert.ok(image.Healthcheck, 'the image has a health check');
  crun('exec', service.id, ...image.Healthcheck.Test.slice(1));
  say('health', 'the image’s own check says 0');

  for (const path of ['/docs', '/docs/scalar.js', '/docs/problems', '/openapi.json']) {
    assert.equal((await fetch(base() + path)).status, 200, path);
  }
  say('docs', 'the reference, its script, the problems and the OpenAPI document are served');

  const recordings = await record();
  const swept = await sweepUntilDeleted(command, recordings.length);
  say('sweep', `${swept.deleted.recordings} recordings deleted, ${swept.failed} failed`);
  const verified = await command('verify', '--json');
  assert.equal(verified.code, 0, verified.stdout);
  say('verify', 'nothing is wrong');
  const reviewer = await token('recordings:review');
  for (const path of recordings) await call('GET', path, reviewer, 410);
  say('gone', '410 for each');

  say('stopped', `exit 0, ${await stop(service)} ms after SIGTERM`);

  const { HOST, PORT, SHUTDOWN_DELAY } = settings;
  const alone = start(rootfs, image, image.Cmd, { HOST, PORT, SHUTDOWN_DELAY, LOCAL_S3_PORT: '0' }, ['/data']);
  await isReady(alone.child);
  say('embedded', `ready without a store, on a volume; exit 0, ${await stop(alone)} ms after SIGTERM`);
}

/** One recording straight to the store and one through the service, their attempt assessed. Their paths. */
async function record(): Promise<string[]> {
  const attempt = `/v1/exams/math-101/attempts/attempt-${Date.now().toString(36)}`;
  const examClient = await token('recordings:upload');
  const webm = await readFile(new URL('../demo/fixtures/webcam.webm', import.meta.url));
  const file = new Blob([new Uint8Array(webm)], { type: 'video/webm' });
  const create = async (kind: string): Promise<string> => {
    const consent = { givenAt: new Date().toISOString(), policyVersion: '1' };
    const body = { participantId: 'participant-7', kind, contentType: 'video/webm', consent };
    const { recording } = await call('POST', `${attempt}/recordings`, examClient, 201, body);
    return `${attempt}/recordings/${recording.recordingId}`;
  };

  const direct = await create('webcam');
  const { parts } = await call('POST', `${direct}/parts`, examClient, 200, {
    parts: [{ partNumber: 1, sizeBytes: file.size }],
  });
  const put = await fetch(parts[0].url, { method: 'PUT', headers: parts[0].headers, body: new Uint8Array(webm) });
  assert.equal(put.status, 200);
  await call('POST', `${direct}/complete`, examClient, 200);

  const posted = await create('screen');
  const form = new FormData();
  form.set('file', file, 'screen.webm');
  await call('POST', `${posted}/content`, examClient, 200, form);
  say('upload', `two recordings of ${file.size} bytes, one through the service`);

  const completedAt = new Date().toISOString();
  await call('PUT', `${attempt}/assessment`, await token('assessments:write'), 200, { completedAt });
  return [direct, posted];
}

/** Unchecked: answers are read as a client in JavaScript reads them. */
type Answer = ReturnType<typeof JSON.parse>;

async function sweepUntilDeleted(
  command: (...args: string[]) => ReturnType<typeof run>,
  count: number,
): Promise<Answer> {
  for (const endMs = Date.now() + DUE_WITHIN_MS; ; await wait(500)) {
    const { code, stdout } = await command('sweep', '--json');
    assert.equal(code, 0, stdout);
    const report = JSON.parse(stdout);
    if (report.deleted.recordings === count) return report;
    assert.ok(Date.now() < endMs, `not deleted in time: ${stdout}`);
  }
}

/** The store's settings as given, and retentions of seconds. */
function settingsOfRun() {
  const given = Object.entries(process.env).filter(([name, value]) => name.startsWith('S3_') && value !== undefined);
  return {
    ...(Object.fromEntries(given) as Record<string, string>),
    HOST: '127.0.0.1',
    PORT: process.env.PORT ?? '8080',
    AUTH_SHARED_SECRET: SECRET,
    SWEEP_SCHEDULE: 'off',
    SHUTDOWN_DELAY: '0s',
    LOG_LEVEL: 'warn',
    RETENTION_AFTER_ASSESSMENT: '2s',
    DELETE_LEAD: '0s',
    SETTLE_TIME: '1s',
  };
}

/** How long it took, in milliseconds. */
async function stop(service: Container): Promise<number> {
  const startedAtMs = performance.now();
  crun('kill', service.id, 'TERM');
  assert.equal(await service.exited, 0, 'serve ends with 0 after SIGTERM');
  const tookMs = Math.round(performance.now() - startedAtMs);
  assert.ok(tookMs < STOPS_WITHIN_MS, `serve took ${tookMs} ms to stop`);
  return tookMs;
}

async function isReady(service: ChildProcess): Promise<void> {
  for (const endMs = Date.now() + READY_WITHIN_MS; Date.now() < endMs; await wait(50)) {
    assert.equal(service.exitCode, null, 'the service stopped; see the lines above');
    const answer = await fetch(`${base()}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
  }
  throw new Error('the service was not ready in time');
}

async function call(method: string, path: string, bearer: string, expected: number, body?: object): Promise<Answer> {
  const isForm = body instanceof FormData;
  const answer = await fetch(base() + path, {
    method,
    headers: { authorization: `Bearer ${bearer}`, ...(isForm ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  assert.equal(answer.status, expected, `${method} ${path} was answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}

function base(): string {
  return `http://127.0.0.1:${process.env.PORT}`;
}

function token(scope: string): Promise<string> {
  return signToken(SECRET, { tenant: TENANT, scope, sub: 'image' }, 600_000, Date.now());
}

function say(step: string, line: string): void {
  process.stdout.write(`  ${step.padEnd(9)} ${line}\n`);
}
