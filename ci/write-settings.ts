// Writes what is generated from the table of settings: the table of docs/settings.md, and what the chart checks (its schema,
// and a file that its templates read).
import { readFile, writeFile } from 'node:fs/promises';
import { fileSettingOf, OWN_NAMES, SECRET_NAMES, SETTING_NAMES, SETTINGS, type SettingName } from '../src/config.ts';

const PAGE = new URL('../docs/settings.md', import.meta.url);
const SCHEMA = new URL('../helm/values.schema.json', import.meta.url);
const CHECKS = new URL('../helm/files/settings.json', import.meta.url);

/** The page with its table, which is the first of the page. */
export function pageWithSettings(page: string): string {
  const rows = SETTING_NAMES.map((name) => {
    const { default: fallback, help } = SETTINGS[name];
    const inFile = SECRET_NAMES.includes(name) ? ` \`${fileSettingOf(name)}\` names a file instead.` : '';
    return `| \`${name}\` | ${fallback ? `\`${fallback}\`` : ''} | ${help}${inFile} |`;
  });
  const table = ['| Setting | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
  return page.replace(/^\| Setting \|.*\n(\|.*\n)*/m, () => `${table}\n`);
}

interface ValuesSchema {
  properties: Record<string, object>;
}

/** The schema with the settings and the secret settings. */
export function schemaWithSettings({ properties, ...schema }: ValuesSchema): object {
  const ofFiles = SECRET_NAMES.map((name) => {
    const description = `The path of a file that contains the value of \`${name}\`. Use this instead of the value itself if a secrets agent or a volume (\`extraVolumes\`) provides the file in every pod.`;
    return [fileSettingOf(name), { description, type: 'string', minLength: 1 }];
  });
  return {
    ...schema,
    properties: {
      ...properties,
      settings: { ...properties.settings, properties: Object.fromEntries([...sectionOf('settings'), ...ofFiles]) },
      secrets: { ...properties.secrets, properties: Object.fromEntries(sectionOf('secrets')) },
      existingSecretKeys: { ...properties.existingSecretKeys, items: { enum: SECRET_NAMES } },
    },
  };
}

function sectionOf(section: string): [string, object][] {
  return namesIn(section).map((name) => {
    const { default: fallback, help, type } = SETTINGS[name];
    const { description: note = '', ...schema } = type.schema as { description?: string; type?: string };
    const description = `${help.replace(/[.,;] see below\.$/i, '.')} ${note}`.trim();
    return [name, { description, ...schema, ...(fallback && { default: asValue(fallback, schema) }) }];
  });
}

/** A default as it would be written in the chart's values. */
function asValue(fallback: string, { type }: { type?: string }): unknown {
  if (type === 'array') return fallback.split(',');
  return /^\d+$/.test(fallback) ? Number(fallback) : fallback;
}

function namesIn(section: string): SettingName[] {
  return SETTING_NAMES.filter((name) => SETTINGS[name].chart === section);
}

/** What the chart's templates check, so that they can say it in words; and the names that `env` must not have. */
export function chartChecks(): object {
  const others = SETTING_NAMES.filter((name) => !OWN_NAMES.test(name));
  const checks = namesIn('settings').flatMap((name) => {
    const { chartCheck } = SETTINGS[name].type;
    return chartCheck ? [[name, chartCheck]] : [];
  });
  return { ownNames: `${OWN_NAMES.source}|^(${others.join('|')})$`, settings: Object.fromEntries(checks) };
}

if (import.meta.main) {
  await writeFile(PAGE, pageWithSettings(await readFile(PAGE, 'utf8')));
  const schema = schemaWithSettings(JSON.parse(await readFile(SCHEMA, 'utf8')) as ValuesSchema);
  await writeFile(SCHEMA, JSON.stringify(schema));
  await writeFile(CHECKS, JSON.stringify(chartChecks()));
}
