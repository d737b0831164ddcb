// Checks compose.yaml without Docker: its schema, that its settings are settings of the service, and that it has no secret and
// no root. node --conditions=source ci/compose.ts SCHEMA, the schema of the Compose specification as a JSON file.
import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { parse } from 'yaml';
import { readSettings, SETTING_NAMES, type SettingName } from '../src/config.ts';

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
}

const text = await readFile(new URL('../compose.yaml', import.meta.url), 'utf8');
const compose = parse(text, { merge: true }) as { services: Record<string, Service> };
const [, , schemaFile = ''] = process.argv;
const ajv = new Ajv2019({ strict: false, validateFormats: false });
// The schema names its parts and its dialect in a way that Ajv does not know.
const isName = (key: string, value: unknown) => /^(id|\$schema)$/.test(key) && typeof value === 'string';
const schema = JSON.parse(await readFile(schemaFile, 'utf8'), (key, value) => (isName(key, value) ? undefined : value));
const isValid = ajv.compile(schema);
assert.ok(isValid(compose), JSON.stringify(isValid.errors, null, 2));

for (const [name, service] of Object.entries(compose.services)) {
  assert.equal(service.user, '10001:10001', `${name} runs as a user that is not root`);
  assert.equal(service.read_only, true, `${name} has a read-only root file system`);
  assert.deepEqual(service.cap_drop, ['ALL'], `${name} has no capability`);
  const isOwn = service.image === 'proctoring-recordings';
  assert.ok(isOwn || /:v?\d+\.\d+\.\d+(-\w+)?$/.test(service.image), `${name} names a version of its image`);
  for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
    const needed = compose.services[other];
    assert.ok(needed, `${name} waits for ${other}, which is not there`);
    const isChecked = needed.healthcheck !== undefined || other === 'service';
    assert.ok(
      condition !== 'service_healthy' || isChecked,
      `${name} waits until ${other} is healthy, which it never shows`,
    );
  }
}
const given = compose.services.service?.environment ?? {};
assert.deepEqual(
  Object.keys(given).filter((name) => !SETTING_NAMES.includes(name as SettingName)),
  [],
);
for (const [name, value] of Object.entries(given)) {
  if (/SECRET/.test(name)) assert.match(value, /^\$\{\w+:\?/, `${name} is generated`);
}
const filled = Object.entries({ ...given, SIGNING_KEYS_FILE: '' }).map(([name, value]) => [
  name,
  value.replace(/\$\{\w+:\?.*\}/, 'x'.repeat(64)).replace(/\$\{\w+:-(.*)\}/, '$1'),
]);
readSettings(Object.fromEntries(filled));
process.stdout.write(`compose.yaml: ${Object.keys(compose.services).length} services, fine\n`);
