// Alerts and dashboard: Prometheus' own promtool checks and tries them, as Helm renders them.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { chartFile, only, render } from './chart.ts';
import { METRICS_OF_KUBERNETES, METRICS_OF_THE_SERVICE } from './metric-names.ts';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface AlertCase {
  readonly alertname: string;
  readonly exp_alerts: readonly object[];
}

const TESTS = new URL('alerts.yaml', import.meta.url).pathname;
const OPERATIONS = new URL('../../docs/operations.md', import.meta.url).pathname;
/** What else looks like a metric in an expression: functions, keywords and labels have no such beginning. */
const METRIC = /\b(?:http|proctoring|kube|process|nodejs)_\w+/g;
const LABEL_VALUE = /"[^"]*"/g;

let folder: string;
let groups: { readonly rules: readonly Rule[] }[];
let alerts: Rule[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-rules-'));
  const { spec } = only(await render('minimal', { prometheusRule: { enabled: true } }), 'PrometheusRule');
  groups = spec.groups;
  alerts = groups.flatMap(({ rules }) => rules.filter(({ alert }) => alert !== undefined));
  await writeFile(join(folder, 'rules.yaml'), stringify(spec));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Resolves with what promtool says, and whether it was content. */
async function promtool(...args: string[]): Promise<{ ok: boolean; said: string }> {
  const run = promisify(execFile)('promtool', args, { cwd: folder });
  return run.then(
    ({ stdout, stderr }) => ({ ok: true, said: stdout + stderr }),
    (error: { stdout?: string; stderr?: string; message: string }) => ({
      ok: false,
      said: `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message,
    }),
  );
}

test('promtool takes the rules', async () => {
  expect(await promtool('check', 'rules', 'rules.yaml')).toMatchObject({
    ok: true,
    said: expect.stringContaining('SUCCESS'),
  });
});

test('each alert fires where it must, and where it must not it does not', async () => {
  await writeFile(join(folder, 'alerts.yaml'), await readFile(TESTS, 'utf8'));
  expect(await promtool('test', 'rules', 'alerts.yaml')).toMatchObject({ ok: true });
});

test('each alert is tried in both', async () => {
  const { tests } = parse(await readFile(TESTS, 'utf8')) as { tests: { alert_rule_test: AlertCase[] }[] };
  const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  const tried = (firing: boolean) =>
    [...new Set(cases.filter((one) => one.exp_alerts.length > 0 === firing).map(({ alertname }) => alertname))].sort();
  const names = alerts.flatMap(({ alert }) => alert ?? []).sort();
  expect(tried(true)).toEqual(names);
  expect(tried(false)).toEqual(names);
});

test('promtool would tell of an alert that does not fire', async () => {
  const broken = (await readFile(join(folder, 'rules.yaml'), 'utf8')).replace(/> 0$/gm, '> 1e9');
  await writeFile(join(folder, 'broken.yaml'), broken);
  const tests = (await readFile(TESTS, 'utf8')).replace('[rules.yaml]', '[broken.yaml]');
  const [header, , second] = tests.split(/^ {2}(?=- name: )/m);
  await writeFile(join(folder, 'broken-tests.yaml'), `${header}  ${second}`);
  const { ok, said } = await promtool('test', 'rules', 'broken-tests.yaml');
  expect([ok, said]).toEqual([false, expect.stringContaining('ProctoringRecordingOverdue')]);
});

test('each alert has a severity, says what is wrong, and leads to its place on the page for operators', async () => {
  const page = await readFile(OPERATIONS, 'utf8');
  const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading.toLowerCase().replaceAll(' ', '-'),
  );
  for (const { alert = '', labels, annotations } of alerts) {
    expect(['warning', 'critical']).toContain(labels?.severity);
    expect(Object.keys(annotations ?? {}).sort()).toEqual(['description', 'runbook_url', 'summary']);
    expect(annotations?.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    expect(anchors).toContain(alert.toLowerCase());
  }
});

test('the page for operators can be anywhere', async () => {
  const { spec } = only(await render('everything'), 'PrometheusRule');
  const urls: string[] = spec.groups.flatMap(({ rules }: { rules: Rule[] }) =>
    rules.flatMap(({ annotations }) => annotations?.runbook_url ?? []),
  );
  expect(urls).toHaveLength(alerts.length);
  for (const url of urls) expect(url).toMatch(/^https:\/\/runbooks\.example\/operations#proctoring/);
});

test('rules and dashboard use no metric but those of the list, and each of these', async () => {
  const dashboard = JSON.parse(await chartFile('files/dashboard.json')) as object;
  const expressions = [...groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)), ...expressionsOf(dashboard)];
  const recorded = groups.flatMap(({ rules }) => rules.flatMap(({ record }) => record ?? []));
  const used = expressions.flatMap((expression) =>
    recorded
      .reduce((rest, name) => rest.replaceAll(name, ''), expression)
      .replaceAll(LABEL_VALUE, '')
      .match(METRIC),
  );
  const names = new Set(used.filter((name) => name !== null).map((name) => name.replace(/_bucket$/, '')));
  expect([...names].sort()).toEqual([...METRICS_OF_THE_SERVICE, ...METRICS_OF_KUBERNETES].sort());
});

/** Every `expr` and variable's query, however deep. */
function expressionsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(expressionsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    (key === 'expr' || key === 'query') && typeof item === 'string' ? [item] : expressionsOf(item),
  );
}
