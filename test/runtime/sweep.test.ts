// What `sweep` and `verify` write, and their exit codes; what is common to all commands, as processes.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { readSettings } from '../../src/config.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { ListOptions } from '../../src/objectstore/object-store.ts';
import { createLogger } from '../../src/runtime/logging.ts';
import { createRegistry } from '../../src/runtime/metrics.ts';
import { createProgress, logSwept, type ReportOptions, reportSweep, startSweeps } from '../../src/runtime/sweep.ts';
import { reportVerify } from '../../src/runtime/verify.ts';
import { SweepRefused } from '../../src/sweeper/sweep.ts';
import { UNKNOWN_RECORDING } from '../http/calls.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { createInterventions, intercepting } from '../kit/interventions.ts';
import { dueReceiptsKey } from '../kit/keys.ts';
import { MemoryStore } from '../kit/memory-store.ts';
import { startTestService } from '../kit/service.ts';
import { until } from '../kit/until.ts';
import { SILENT } from './process.ts';

function terminal() {
  const written: string[] = [];
  const errors: unknown[][] = [];
  const logger = { ...SILENT, error: (...line: unknown[]) => void errors.push(line) };
  return { written, errors, of: (json: boolean) => ({ json, logger, output: { write: written.push.bind(written) } }) };
}

test('the sweeps of serve read the end of a long queue in the first of an hour alone', async () => {
  const memory = new MemoryStore({ now: Date.now, pageKeys: 2 });
  for (const name of ['a', 'b', 'c']) {
    await memory.put(dueReceiptsKey(Date.now() + 300 * DAY_MS, name), new Uint8Array());
  }
  const listed: string[] = [];
  const store = intercepting(memory, (call, [prefix, options], go) => {
    const { startAfter } = (options ?? {}) as ListOptions;
    if (call === 'list' && prefix === 'due/') listed.push(startAfter === undefined ? 'head' : 'end');
    return go();
  });
  const opened = { connect: () => ({ store, requestCount: () => 0 }) };
  const settings = readSettings({ SWEEP_SCHEDULE: '* * * * * *' });
  const tracing = { inSpan: <T>(_: string, act: () => Promise<T>) => act(), close: async () => {} };
  const sweeps = startSweeps({ settings, opened, logger: SILENT, tracing }, createRegistry());
  afterThisTest(async () => sweeps?.stop());
  const heads = () => listed.filter((what) => what === 'head').length;
  await until(() => heads() >= 2);
  const atFirst = listed.lastIndexOf('end');
  expect(atFirst).toBeGreaterThan(0);
  await until(() => heads() >= 3);
  expect(listed.lastIndexOf('end')).toBe(atFirst);
});

describe('the report', () => {
  test('warns before a loss, reports what would be deleted and what stays due; the exit code is 1 while something is overdue', async () => {
    const interventions = createInterventions();
    const service = startTestService({ policy: { unassessedMs: 2 * DAY_MS }, wrap: interventions.wrap });
    await service.record();
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    const recover = interventions.failOn('delete', '');
    const { written, of } = terminal();
    expect(await reportSweep(() => service.sweep(), of(false))).toBe(0);
    expect(written.pop()).toMatch(/^Warning: 1 unassessed recording of acme will be deleted within 72 hours/m);
    await reportSweep(() => service.sweep(), of(true));
    const warning = { dueSoonUnassessed: [{ tenant: 'acme', count: 1 }], dueSoonMore: false };
    expect(JSON.parse(written.pop() ?? '')).toMatchObject(warning);

    service.clock.advance(3 * DAY_MS);
    expect(await reportSweep(() => service.sweep({ dryRun: true }), of(false))).toBe(0);
    expect(written.pop()).toMatch(/^1 of 1 due recording would be deleted[\s\S]*retention, deadline/);
    expect(await reportVerify(() => service.verify(), of(false))).toBe(1);
    expect(written.pop()).toMatch(/^1 thing is wrong, with 1 recording checked[\s\S]*overdue/);
    expect(await reportSweep(() => service.sweep(), of(false))).toBe(1);
    expect(written.pop()).toMatch(/Failed +1\n +Overdue +1\n[\s\S]*^Problem: .*TimeoutError/m);
    recover();
    expect(await reportSweep(() => service.sweep(), of(false))).toBe(0);
    expect(written.pop()).toMatch(
      /^1 of 1 due recording deleted\.\n[\s\S]*Late +1, the latest 93600 s after its deadline/,
    );
    expect(await reportVerify(() => service.verify(), of(false))).toBe(0);
    expect(written.pop()).toMatch(
      /^Nothing is wrong with the 0 recordings[\s\S]*1 was deleted after the deadline, the latest 93600 s after it/,
    );
  });

  test('says that what is due could not be read, and which uploads it completed', async () => {
    const { written, of } = terminal();
    const report = { ...(await startTestService().sweep()), failed: 300, overdue: 300, salvaged: 2 };
    expect(await reportSweep(async () => report, of(false))).toBe(1);
    expect(written.pop()).toMatch(
      /^Nothing was deleted\. What failed may have been due\.\n[\s\S]*Failed +300\n[\s\S]*\n2 abandoned uploads completed\.\n/,
    );
  });

  test('says what another run had proven, and what was empty; the log has both, and a warning for what was late', async () => {
    const report = { ...(await startTestService().sweep()), provenBefore: 2, empty: 3 };
    const { written, of } = terminal();
    await reportSweep(async () => report, of(false));
    expect(written.pop()).toMatch(
      /^No recording was due\.\n[\s\S]*Late +0\n[\s\S]*\n2 recordings had already been deleted[\s\S]*\n3 recordings had been created/,
    );

    const stream = new PassThrough();
    const logger = createLogger({ level: 'info', now: () => 0, stream });
    const late = { late: 1, greatestLatenessSeconds: 60 };
    for (const wrong of [{}, late, { ...late, failed: 1 }]) logSwept(logger, { ...report, ...wrong });
    const lines = String(stream.read()).trimEnd().split('\n');
    const counts = { message: 'swept', provenBefore: 2, empty: 3 };
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { ...counts, level: 'info', late: 0, greatestLatenessSeconds: 0 },
      { ...counts, level: 'warn', ...late },
      { ...counts, level: 'error', ...late },
    ]);
  });

  test.each<[string, (run: () => Promise<never>, options: ReportOptions) => Promise<number>]>([
    ['the sweep refused to run', reportSweep],
    ['verify refused to run', reportVerify],
  ])('%s: exit code 2, and no report', async (message, report) => {
    const { written, errors, of } = terminal();
    const refused = () => Promise.reject(new SweepRefused('clock-skew', 'the clocks differ'));
    expect(await report(refused, of(true))).toBe(2);
    expect(written).toEqual([]);
    expect(errors).toEqual([[message, { code: 'clock-skew', detail: 'the clocks differ' }]]);
    await expect(report(() => Promise.reject(new Error('away')), of(true))).rejects.toThrow('away');
  });

  test('a terminal sees one line that is written over, a file or a pipe sees nothing', () => {
    const shown = [true, undefined].map((isTTY) => {
      const written: string[] = [];
      const progress = createProgress({ isTTY, write: (text) => written.push(text) });
      progress.show({ due: 12, deleted: 3, failed: 0 });
      progress.show({ due: 12, deleted: 9, failed: 1 });
      progress.clear();
      return written;
    });
    const lines = ['\r\u001b[K3 of 12 deleted, 0 failed', '\r\u001b[K9 of 12 deleted, 1 failed', '\r\u001b[K'];
    expect(shown).toEqual([lines, []]);
  });
});

describe('the binary', () => {
  const folder = mkdtempSync(join(tmpdir(), 'commands-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function run(line: string, settings: Record<string, string> = {}) {
    const args = ['--conditions=source', 'src/main.ts', ...line.split(' ').filter(Boolean)];
    const env = { DATA_DIR: folder, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...settings };
    const { status: code, stdout: out, stderr: err } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    return { code, out, err };
  }

  test.each<[string, Record<string, string>, RegExp]>([
    ['', {}, /a command is missing/],
    ['__proto__', {}, /there is no command "__proto__"/],
    ['sweep --force', {}, /Unknown option '--force'/],
    ['sweep', {}, /^DATA_DIR: there is no store in /],
    ['serve', { PART_SIZE_BYTES: '1000' }, /^PART_SIZE_BYTES: /],
    ['token --scope privacy:manage', {}, /--tenant is missing/],
    ['report --tenant acme --from yesterday', {}, /^--from must be a day such as 2026-11-02/],
    ['report --tenant acme --from 2026-02-02 --to 2026-02-01', {}, /^--from must be before --to$/m],
    ['explain --tenant acme --exam math --attempt a', {}, /--recording is missing/],
    ['explain --tenant acme --exam math --attempt a --recording 17', {}, /^--recording is not a valid id$/m],
  ])('"%s" (%j) ends with 2 and one line, and makes nothing', (line, env, text) => {
    const dataDir = mkdtempSync(join(folder, 'refused-'));
    const { code, out, err } = run(line, { ...env, DATA_DIR: dataDir });
    expect({ code, out, lines: err.trimEnd().split('\n').length }).toEqual({ code: 2, out: '', lines: 1 });
    expect(err).toMatch(text);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  const DOWN = {
    S3_ENDPOINT: 'http://127.0.0.1:9',
    S3_BUCKET: 'recordings',
    S3_REGION: 'local',
    S3_ACCESS_KEY_ID: 'id',
    S3_SECRET_ACCESS_KEY: 'secret',
  };
  test.each([
    ['verify', 2],
    ['report --tenant acme', 2],
    ['proof --tenant acme', 2],
    [`explain --tenant acme --exam math --attempt a --recording ${UNKNOWN_RECORDING}`, 2],
    // What was due stays due.
    ['sweep', 1],
  ])('"%s" ends with %i and one line while the store does not answer: that is no answer', (line, code) => {
    const ended = run(line, DOWN);
    expect({ ...ended, lines: ended.err.trimEnd().split('\n').length }).toMatchObject({ code, out: '', lines: 1 });
    expect(ended.err).toMatch(/the store: \w+ failed: ECONNREFUSED/);
  });

  test('output that cannot be written is no answer either', () => {
    const full = openSync('/dev/full', 'w');
    const args = ['--conditions=source', 'src/main.ts', '--help'];
    const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
    closeSync(full);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^.*cannot be written: ENOSPC.*\n$/),
    });
  });

  test('each command has help, and all have an overview', () => {
    const commands = ['serve', 'sweep', 'verify', 'explain', 'report', 'doctor', 'token'];
    for (const name of commands) {
      expect(run(`${name} --help`)).toMatchObject({ code: 0, out: expect.stringMatching(`^Usage: .* ${name}`) });
    }
    const { code, out } = run('--help');
    expect(code).toBe(0);
    for (const name of commands) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  test.each(['--version', '-v', 'version'])('"%s" prints the name and the version', (line) => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(run(line)).toEqual({ code: 0, out: `proctoring-recordings ${version}\n`, err: '' });
  });

  test('signs a token, with a secret of its own where none is set', () => {
    const line = 'token --tenant acme --scope recordings:upload --exam e --attempt a --ttl 10m --json';
    const dataDir = join(folder, 'of-a-token');
    const { code, out, err } = run(line, { AUTH_ISSUER: 'https://id.example', DATA_DIR: dataDir });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { token, ...others } = JSON.parse(out) as { token: string };
    const { iat = 0, exp = 0, ...claims } = decodeJwt(token);
    const bound = { tenant: 'acme', scope: 'recordings:upload', exam: 'e', attempt: 'a' };
    expect(claims).toMatchObject({ ...bound, iss: 'https://id.example' });
    expect(exp - iat).toBe(600);
    expect(decodeProtectedHeader(token).alg).toBe('HS256');
    expect(Object.keys(others)).toEqual(['expiresAt']);
  });
});
