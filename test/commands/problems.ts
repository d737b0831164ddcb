// Why a start with given settings is refused, as tests ask for it.
import { readSettings } from '../../src/commands/settings.ts';
import { SettingsError } from '../../src/commands/settings-error.ts';

/** Why a start with these settings is refused: lines of the error, for which `main.ts` exits with 2. */
export function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}
