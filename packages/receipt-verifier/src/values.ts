// JSON as people keep it: one value, a list of values, or one in each line.
import { MalformedError } from './shape.ts';

/** @throws MalformedError */
export function valuesIn(text: string): unknown[] {
  try {
    return [JSON.parse(text)].flat();
  } catch {
    // Perhaps each line is a value.
  }
  try {
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  } catch {
    throw new MalformedError(['notJson']);
  }
}

/** Of an object; none of anything else. */
export function membersIn(value: unknown): Record<string, unknown> {
  return (typeof value === 'object' ? (value ?? {}) : {}) as Record<string, unknown>;
}
