// A command that was called wrongly: one line for the person who typed it, and exit code 2.

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Also what `parseArgs` throws for an unknown or incomplete flag. */
export function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}
