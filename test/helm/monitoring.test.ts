// Alerts and dashboard: Prometheus' own promtool checks and tries them, as Helm renders them.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
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

const OPERATIONS = new URL('../../docs/operations.md', import.meta.url).pathname;
const TESTS = await readFile(new URL('alerts.yaml', import.meta.url), 'utf8');
/** What else looks like a metric in an expression: functions, keywords and labels have no such beginning. */
const METRIC = /\b(?:http|proctoring|kube|process|nodejs)_\w+/g;
const LABEL_VALUE = /"[^"]*"/g;

const { spec } = only(await render('minimal', { prometheusRule: { enabled: true } }), 'PrometheusRule');
const rulesOf = (groups: { readonly rules: readonly Rule[] }[]) => groups.flatMap(({ rules }) => rules);
const rules = rulesOf(spec.groups);
const alerts = rules.filter(({ alert }) => alert !== undefined);

/** What promtool says of files, the first of which it is asked about; it fails when it is not content. */
async function promtool(args: string[], files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'test-rules-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const said = promisify(execFile)('promtool', args, { cwd: folder });
  return said.then(({ stdout }) => stdout).finally(() => rm(folder, { recursive: true }));
}

test('promtool takes the rules; each alert fires where it must, and where it must not it does not', async () => {
  const files = { 'rules.yaml': stringify(spec), 'alerts.yaml': TESTS };
  expect(await promtool(['check', 'rules', 'rules.yaml'], files)).toContain('SUCCESS');
  expect(await promtool(['test', 'rules', 'alerts.yaml'], files)).toContain('SUCCESS');
});

test('each alert is tried in both', () => {
  const { tests } = parse(TESTS) as { tests: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }[] };
  const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  for (const isFiring of [true, false]) {
    const tried = cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === isFiring);
    expect(new Set(tried.map(({ alertname }) => alertname))).toEqual(new Set(alerts.map(({ alert }) => alert)));
  }
});

test('promtool would tell of an alert that does not fire', async () => {
  const [header, , second] = TESTS.split(/^ {2}(?=- name: )/m);
  const files = {
    'rules.yaml': stringify(spec).replace(/> 0$/gm, '> 1e9'),
    'alerts.yaml': `${header}  ${second}`,
  };
  await expect(promtool(['test', 'rules', 'alerts.yaml'], files)).rejects.toMatchObject({
    stderr: expect.stringContaining('ProctoringRecordingOverdue'),
  });
});

test('each alert has a severity, says what is wrong, and leads to its place on the page for operators', async () => {
  const headings = [...(await readFile(OPERATIONS, 'utf8')).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading);
  for (const { alert, labels, annotations } of alerts) {
    expect(labels?.severity).toMatch(/^(warning|critical)$/);
    expect(annotations).toEqual({
      description: expect.stringMatching(/./),
      summary: expect.stringMatching(/./),
      runbook_url: `docs/operations.md#${alert?.toLowerCase()}`,
    });
    expect(headings).toContain(alert);
  }
});

test('the page for operators can be anywhere', async () => {
  const elsewhere = rulesOf(only(await render('everything'), 'PrometheusRule').spec.groups);
  const urls = elsewhere.flatMap(({ annotations }) => annotations?.runbook_url ?? []);
  expect(urls).toEqual(alerts.map(({ alert }) => `https://runbooks.example/operations#${alert?.toLowerCase()}`));
});

test('rules and dashboard use no metric but those of the list, and each of these', async () => {
  const dashboard = JSON.parse(await chartFile('files/dashboard.json')) as object;
  const recorded = rules.flatMap(({ record }) => record ?? []);
  const used = [...rules.map(({ expr }) => expr), ...expressionsOf(dashboard)].flatMap((expression) => {
    const rest = recorded.reduce((text, name) => text.replaceAll(name, ''), expression).replaceAll(LABEL_VALUE, '');
    return rest.match(METRIC)?.map((name) => name.replace(/_bucket$/, '')) ?? [];
  });
  expect(new Set(used)).toEqual(new Set([...METRICS_OF_THE_SERVICE, ...METRICS_OF_KUBERNETES]));
});

/** Every `expr` and variable's query, however deep. */
function expressionsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    (key === 'expr' || key === 'query') && typeof item === 'string' ? [item] : expressionsOf(item),
  );
}
