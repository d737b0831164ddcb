// `verify`: proves or disproves the promise for a person, an auditor or an alarm.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type VerifyReport, verify } from '../retention/verify.ts';
import type { Env } from './environment.ts';
import { createLogger } from './logging.ts';
import { openStore } from './open-store.ts';
import { readSettings } from './settings.ts';

/** Exit code 0 only if nothing is wrong, or `--fix` put all of it right. */
export async function verifyCommand(argv: string[], env: Env): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { fix: { type: 'boolean' }, json: { type: 'boolean' } } });
  const settings = readSettings(env);
  const logger = createLogger({ level: settings.logLevel, now: Date.now });
  const opened = await openStore({ settings, logger, owner: false });
  try {
    const { policy, settleTimeMs: settleMs } = settings;
    const context = { store: opened.store, policy, settleMs, now: Date.now, randomBytes };
    const report = await verify(context, { fix: values.fix === true });
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : toText(report));
    return report.wrong > 0 ? 1 : 0;
  } finally {
    await opened.close();
  }
}

function toText(report: VerifyReport): string {
  const verdict = report.wrong === 0 ? 'Nothing is wrong.' : `${report.wrong} things are wrong.`;
  const lines = [
    `${verdict} ${report.recordings} recordings of ${report.attempts} attempts (${report.bytes} bytes) and ${report.receipts} receipts, ` +
      `read from ${report.startedAt} to ${report.finishedAt}.`,
    ...report.findings.map(
      ({ kind, key, detail, fixed }) => `  ${kind.padEnd(22)} ${key}  ${detail}${fixed ? '  (fixed)' : ''}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
