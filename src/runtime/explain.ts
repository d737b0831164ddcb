// `explain`: why one recording is still held, or gone, for the operator who was asked.
import { type Env, SettingsError } from '../config.ts';
import { isId, isRecordingId } from '../model/ids.ts';
import { explainRecording } from '../recordings/explain.ts';
import type { Explanation } from '../recordings/explanation.ts';
import { readingContext } from './contexts.ts';
import { onStore } from './store.ts';

export interface ExplainFlags {
  readonly tenant: string;
  readonly exam: string;
  readonly attempt: string;
  readonly recording: string;
  readonly json?: boolean | undefined;
}

/** Exit code 1: something is wrong. @throws SettingsError; ServiceError `recording-not-found`, `clock-skew`; StoreError */
export function explainCommand({ json, ...flags }: ExplainFlags, env: Env): Promise<number> {
  const { tenant, exam, attempt, recording } = flags;
  const invalid = Object.entries({ tenant, exam, attempt }).flatMap(([name, id]) => (isId(id) ? [] : `--${name}`));
  if (!isRecordingId(recording)) invalid.push('--recording');
  if (invalid.length > 0) throw new SettingsError(invalid.map((flag) => `${flag} is not a valid id`).join('\n'));
  return onStore(env, async ({ settings, opened }) => {
    const explained = await explainRecording(readingContext(settings, opened), { tenant, exam, attempt, recording });
    process.stdout.write(json ? `${JSON.stringify(explained)}\n` : toText(explained));
    return explained.wrong ? 1 : 0;
  });
}

function toText({ summary, state, rule, facts, next }: Explanation): string {
  return [
    summary,
    '',
    `State: ${state}. Rule: ${rule}.`,
    '',
    'What is known:',
    ...facts.map(({ sentence, source }) => `  ${sentence} (${source})`),
    '',
    'What happens next:',
    ...next.map(({ sentence }) => `  ${sentence}`),
    '',
  ].join('\n');
}
