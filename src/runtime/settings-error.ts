// Settings that cannot be: exit code 2. A file of its own, so that a command's start loads no reader of settings for it.

/** The message has one line for each bad setting. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}
