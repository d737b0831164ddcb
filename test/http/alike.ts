// Whether an example of the documentation looks like what is answered: same members, same kinds of values.

/** Where the example differs in kind from the real value; nothing can be said where one of them is null or empty. */
export function differences(example: unknown, real: unknown, path = ''): string[] {
  if (example === null || real === null || example === undefined) return [];
  if (Array.isArray(example) && Array.isArray(real)) {
    return example.length > 0 && real.length > 0 ? differences(example[0], real[0], `${path}[0]`) : [];
  }
  if (isObject(example) && isObject(real)) {
    const names = [...new Set([...Object.keys(example), ...Object.keys(real)])];
    return names.flatMap((name) =>
      name in example && name in real
        ? differences(example[name], real[name], `${path}.${name}`)
        : [`${path}.${name} is ${name in example ? 'only in the example' : 'missing in the example'}`],
    );
  }
  const kinds = [kindOf(example), kindOf(real)];
  return kinds[0] === kinds[1] ? [] : [`${path}: ${kinds.join(' is not ')}`];
}

const KINDS: readonly [string, RegExp][] = [
  ['time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/],
  ['recording id', /^[0-9a-v]{36}$/],
  ['request id', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  ['run', /^request-\d{8}T\d{9}Z-[0-9a-v]{16}$/],
  ['etag', /^"[\w-]+"$/],
];

function kindOf(value: unknown): string {
  if (typeof value !== 'string') return typeof value;
  if (value.startsWith('http')) return `URL with ${[...new URL(value).searchParams.keys()].sort().join(', ')}`;
  return KINDS.find(([, pattern]) => pattern.test(value))?.[0] ?? 'text';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
