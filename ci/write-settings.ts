// Writes what follows from the table of settings: the page's table, and the settings in the schema of the chart's values.
import { readFile, writeFile } from 'node:fs/promises';
import { fileSettingOf, OWN_NAMES, SECRET_NAMES, SETTING_NAMES, SETTINGS } from '../src/config.ts';

const PAGE = new URL('../docs/settings.md', import.meta.url);
const SCHEMA = new URL('../helm/values.schema.json', import.meta.url);

/** The page with its table, which is the first of the page. */
export function pageWithSettings(page: string): string {
  const rows = SETTING_NAMES.map((name) => {
    const { default: fallback, help } = SETTINGS[name];
    const inFile = SECRET_NAMES.includes(name) ? ` Or \`${fileSettingOf(name)}\`.` : '';
    return `| \`${name}\` | ${fallback ? `\`${fallback}\`` : ''} | ${help}${inFile} |`;
  });
  const table = ['| Setting | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
  return page.replace(/^\| Setting \|.*\n(\|.*\n)*/m, () => `${table}\n`);
}

interface ValuesSchema {
  properties: Record<string, object> & { env: object };
}

/** The schema with the settings, the secret settings, and the names that `env` must not have. */
export function schemaWithSettings({ properties, ...schema }: ValuesSchema): object {
  const sectionOf = (section: string) =>
    Object.entries(SETTINGS).flatMap(([name, { chart, type }]) => (chart === section ? [[name, type.schema]] : []));
  const others = SETTING_NAMES.filter((name) => !OWN_NAMES.test(name));
  const nameOfEnv = {
    description: 'Settings have keys of their own: here they would bypass the checks.',
    type: 'string',
    not: { pattern: `${OWN_NAMES.source}|^(${others.join('|')})$` },
  };
  return {
    ...schema,
    properties: {
      ...properties,
      settings: { ...properties.settings, properties: Object.fromEntries(sectionOf('settings')) },
      secrets: { ...properties.secrets, properties: Object.fromEntries(sectionOf('secrets')) },
      env: withName(properties.env as EnvSchema, nameOfEnv),
    },
  };
}

interface EnvSchema {
  items: { properties: object };
}

function withName(env: EnvSchema, name: object): object {
  return { ...env, items: { ...env.items, properties: { ...env.items.properties, name } } };
}

if (import.meta.main) {
  await writeFile(PAGE, pageWithSettings(await readFile(PAGE, 'utf8')));
  const schema = schemaWithSettings(JSON.parse(await readFile(SCHEMA, 'utf8')) as ValuesSchema);
  await writeFile(SCHEMA, JSON.stringify(schema));
}
