// What `sweep` and `verify` write, and their exit codes; and the binary as an operator runs it.
import { afterEach, describe, expect, test } from '@jest/globals';
import { type ReportOptions, reportSweep } from '../../src/commands/sweep.ts';
import { reportVerify } from '../../src/commands/verify.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { SweepRefused } from '../../src/retention/sweep.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { until } from '../http/expectations.ts';
import { overriding } from '../kit/interventions.ts';
import { startTestService } from '../kit/service.ts';
import { DUE_ONCE_ASSESSED, type Installation, install } from './process.ts';

function terminal() {
  const written: string[] = [];
  const errors: unknown[][] = [];
  const logger = { error: (...line: unknown[]) => void errors.push(line) } as never;
  return { written, errors, of: (json: boolean) => ({ json, logger, output: { write: written.push.bind(written) } }) };
}

describe('the report', () => {
  test('a dry run tells what would go; verify exits 1 while something is overdue, and 0 once it was swept', async () => {
    const service = startTestService();
    await service.record();
    service.clock.advance(31 * DAY_MS);
    const { written, of } = terminal();
    expect(await reportSweep(() => service.sweep({ dryRun: true }), of(false))).toBe(0);
    expect(written.pop()).toMatch(/^1 of 1 due recordings would be deleted[\s\S]*retention, deadline/);
    expect(await reportVerify(() => service.verify(), of(false))).toBe(1);
    expect(written.pop()).toMatch(/^\d+ things are wrong[\s\S]*overdue/);
    expect(await reportSweep(() => service.sweep(), of(false))).toBe(0);
    expect(written.pop()).toMatch(/^1 of 1 due recordings deleted/);
    expect(await reportVerify(() => service.verify(), of(false))).toBe(0);
    expect(written.pop()).toMatch(/^Nothing is wrong\./);
  });

  test('what stays due makes the exit code 1, and is named', async () => {
    const refused = new StoreError('unavailable', 'DeleteObjects', 'SlowDown');
    const service = startTestService({
      wrap: (store) => overriding(store, { delete: () => Promise.reject(refused) }),
    });
    await service.record();
    service.clock.advance(31 * DAY_MS);
    const { written, of } = terminal();
    expect(await reportSweep(() => service.sweep(), of(false))).toBe(1);
    expect(written.pop()).toMatch(/1 failed, 1 overdue/);
  });

  test('the warning before a loss, as text and as JSON', async () => {
    const service = startTestService({ policy: { unassessedMs: 2 * DAY_MS } });
    await service.record();
    service.clock.advance(2 * HOUR_MS);
    const { written, of } = terminal();
    expect(await reportSweep(() => service.sweep(), of(false))).toBe(0);
    expect(written.pop()).toMatch(/acme loses 1 unassessed recordings within 72 hours/);
    await reportSweep(() => service.sweep(), of(true));
    expect(JSON.parse(written.pop() ?? '')).toMatchObject({
      dueSoonUnassessed: [{ tenant: 'acme', count: 1 }],
      dueSoonMore: false,
    });
  });

  test.each([
    ['sweep', 'the sweep refused to run', (run, options) => reportSweep(run, options)],
    ['verify', 'verify refused to run', (run, options) => reportVerify(run, options)],
  ] as [string, string, (run: () => Promise<never>, options: ReportOptions) => Promise<number>][])(
    '%s that refuses to run exits with 2 and writes no report',
    async (_, message, report) => {
      const { written, errors, of } = terminal();
      const refused = () => Promise.reject(new SweepRefused('clock-skew', 'the clocks differ'));
      expect(await report(refused, of(true))).toBe(2);
      expect(written).toEqual([]);
      expect(errors).toEqual([[message, { code: 'clock-skew', detail: 'the clocks differ' }]]);
      await expect(report(() => Promise.reject(new Error('away')), of(true))).rejects.toThrow('away');
    },
  );
});

describe('the binary', () => {
  let installation: Installation;
  afterEach(() => installation.remove());

  // That `sweep` deletes beside a running service is in test/docs/readme.test.ts.
  test('works beside a running service and without one, on the same data folder', async () => {
    installation = await install(DUE_ONCE_ASSESSED);
    const service = await installation.start();
    await installation.record();
    await installation.makeDue();
    await until(async () => (await installation.run('sweep', '--dry-run')).stdout.startsWith('1 of 1 due'));
    expect(await service.stop('SIGTERM')).toBe(0);
    const { code, stdout } = await installation.run('sweep', '--json');
    expect({ code, report: JSON.parse(stdout) }).toMatchObject({
      code: 0,
      report: { dryRun: false, due: 1, deleted: { recordings: 1 }, kept: 0, failed: 0, overdue: 0 },
    });
    const names = ['startedAt', 'finishedAt', 'oldestOverdueSeconds', 'requests'];
    expect(Object.keys(JSON.parse(stdout))).toEqual(expect.arrayContaining(names));
    const verified = await installation.run('verify');
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing is wrong.') });
  });

  test('an unknown flag, an unknown command, no command: exit 2 and one line', async () => {
    installation = await install();
    for (const args of [['sweep', '--force'], ['purge'], []]) {
      const { code, stderr } = await installation.run(...args);
      expect({ args, code, lines: stderr.trim().split('\n').length }).toEqual({ args, code: 2, lines: 1 });
    }
  });

  test('each command has --help', async () => {
    installation = await install();
    for (const name of ['serve', 'sweep', 'verify', 'doctor', 'token']) {
      expect(await installation.run(name, '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining(name) });
    }
  });
});
