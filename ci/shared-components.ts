// Moves what several calls of an OpenAPI document have in common, parameters and responses, into its components.
import type { DescribedOperation, Json, JsonObject } from './write-openapi.ts';

type Paths = Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;

interface Use {
  readonly operationId: string;
  /** The name of a parameter, or the status of a response. */
  readonly name: string;
  readonly value: JsonObject;
}

/**
 * The same paths, with references in place of every parameter and response that occurs more than once, and of every error.
 * Resolving the references gives back what was passed in.
 */
export function shareComponents(paths: Paths): {
  readonly paths: Paths;
  readonly components: { readonly parameters: JsonObject; readonly responses: JsonObject };
} {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  const parameters = shared(
    operations.flatMap(({ operationId, parameters }) =>
      parameters
        .filter((value) => !isUnion(value))
        .map((value) => ({ operationId, name: typeof value.name === 'string' ? value.name : '', value })),
    ),
    { isAlwaysShared: () => false, kind: 'Parameter', plainNameOf: pascalCase },
  );
  const responses = shared(
    operations.flatMap(({ operationId, responses }) =>
      Object.entries(responses).map(([name, value]) => ({ operationId, name, value })),
    ),
    { isAlwaysShared: isError, kind: '', plainNameOf: (status) => (isError(status) ? 'Problem' : 'Response') + status },
  );
  const described = (operation: DescribedOperation): DescribedOperation => ({
    ...operation,
    parameters: operation.parameters.map((value) => refTo('parameters', parameters, value)),
    responses: mapValues(operation.responses, (value) => refTo('responses', responses, value)),
  });
  return {
    paths: mapValues(paths, (methods) => mapValues(methods, described)),
    components: { parameters: byName(parameters), responses: byName(responses) },
  };
}

/** Some generators cannot name the alternatives of a shared parameter, so a parameter with `anyOf` stays with its call. */
function isUnion({ schema }: JsonObject): boolean {
  return typeof schema === 'object' && schema !== null && 'anyOf' in schema;
}

function isError(status: string): boolean {
  return Number(status) >= 400;
}

/** Maps each value to share, as JSON, to its name. Of several values with one name, the most used one gets the plain name. */
function shared(
  uses: readonly Use[],
  {
    isAlwaysShared,
    kind,
    plainNameOf,
  }: {
    isAlwaysShared: (name: string) => boolean;
    /** Ends each name. Some generators demand that no schema has the name of a parameter. */
    kind: string;
    plainNameOf: (name: string) => string;
  },
): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, ofName] of Map.groupBy(uses, (use) => use.name)) {
    const variants = [...Map.groupBy(ofName, ({ value }) => JSON.stringify(value))]
      .filter(([, users]) => users.length > 1 || isAlwaysShared(name))
      .toSorted(([, a], [, b]) => b.length - a.length);
    for (const [index, [json, users]] of variants.entries()) {
      const operationId = users[0]?.operationId ?? '';
      names.set(json, (index === 0 ? plainNameOf(name) : pascalCase(operationId) + pascalCase(name)) + kind);
    }
  }
  return names;
}

function refTo(kind: 'parameters' | 'responses', names: ReadonlyMap<string, string>, value: JsonObject): JsonObject {
  const name = names.get(JSON.stringify(value));
  return name === undefined ? value : { $ref: `#/components/${kind}/${name}` };
}

function byName(names: ReadonlyMap<string, string>): JsonObject {
  return Object.fromEntries([...names].map(([json, name]) => [name, JSON.parse(json) as Json]));
}

export function mapValues<Value, Mapped>(
  values: Readonly<Record<string, Value>>,
  map: (value: Value) => Mapped,
): Record<string, Mapped> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}

/** `If-None-Match` and `createRecording` as `IfNoneMatch` and `CreateRecording`. */
function pascalCase(name: string): string {
  return name.replace(/(?:^|[^A-Za-z0-9]+)([a-z0-9]?)/gi, (_, letter: string) => letter.toUpperCase());
}
