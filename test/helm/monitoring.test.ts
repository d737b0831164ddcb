// Alerts and dashboard: Prometheus' own promtool checks and tries them, as Helm renders them.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { requestMetrics } from '../../src/http/request.ts';
import * as own from '../../src/runtime/metrics.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { chartFile, type Fields, only, render } from './chart.ts';

/** Metrics of kube-state-metrics 2 that an alert uses. */
const METRICS_OF_KUBERNETES = [
  'kube_cronjob_created',
  'kube_cronjob_status_last_successful_time',
  'kube_job_failed',
  'kube_job_status_start_time',
];
/** What else looks like a metric in an expression: functions, keywords and labels have no such beginning. */
const METRIC = /\b(?:http|proctoring|kube|process|nodejs)_\w+/g;
const TESTS = await readFile(new URL('alerts.yaml', import.meta.url), 'utf8');

const { spec } = only(await render('minimal', { prometheusRule: { enabled: true } }), 'PrometheusRule');
const rulesOf = ({ groups }: Fields): Fields[] => groups.flatMap(({ rules }: Fields) => rules);
const alerts = rulesOf(spec).filter(({ alert }) => alert !== undefined);

test('promtool takes the rules, and each alert fires exactly where it must', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'test-rules-'));
  afterThisTest(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'rules.yaml'), stringify(spec));
  await writeFile(join(cwd, 'alerts.yaml'), TESTS);
  for (const args of ['check rules rules.yaml', 'test rules alerts.yaml']) {
    expect((await promisify(execFile)('promtool', args.split(' '), { cwd })).stdout).toContain('SUCCESS');
  }
});

test('each alert is tried where it fires and where it does not', () => {
  const cases: Fields[] = parse(TESTS).tests.flatMap(({ alert_rule_test }: Fields) => alert_rule_test);
  for (const isFiring of [true, false]) {
    const tried = cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === isFiring);
    expect(new Set(tried.map(({ alertname }) => alertname))).toEqual(new Set(alerts.map(({ alert }) => alert)));
  }
});

test('each alert has a severity, says what is wrong, and leads to its place on the page for operators, wherever that is', async () => {
  const page = await chartFile('../docs/operations.md');
  const elsewhere = rulesOf(only(await render('everything'), 'PrometheusRule').spec);
  for (const { alert, labels, annotations } of alerts) {
    const anchor = alert.toLowerCase();
    expect(labels.severity).toMatch(/^(warning|critical)$/);
    expect(annotations).toEqual({
      description: expect.stringMatching(/./),
      summary: expect.stringMatching(/./),
      runbook_url: `docs/operations.md#${anchor}`,
    });
    expect(page).toMatch(new RegExp(`^#+ ${alert}$`, 'm'));
    const { runbook_url } = elsewhere.find((rule) => rule.alert === alert).annotations;
    expect(runbook_url).toBe(`https://runbooks.example/operations#${anchor}`);
  }
});

test('rules and dashboard use only metrics of the service and of Kubernetes, and all of src/http/request.ts and src/runtime/metrics.ts but those of a sweep', async () => {
  const registry = own.createRegistry();
  for (const declare of [requestMetrics, own.storeMetrics, own.recordingMetrics, own.sweepMetrics]) declare(registry);
  own.readyMetric(registry, async () => ({ ready: true }));
  own.dueMetrics(registry, { read: () => Promise.reject(new Error('not read')), now: Date.now, leadMs: 0 });
  const served = registry.getMetricsAsArray().map(({ name }) => name);
  const texts = stringify(rulesOf(spec).map(({ expr }) => expr)) + (await chartFile('files/dashboard.json'));
  const used = texts.match(METRIC)?.map((name) => name.replace(/_bucket$/, '')) ?? [];
  expect([...served, ...METRICS_OF_KUBERNETES]).toEqual(expect.arrayContaining(used));
  // How a sweep ended is a metric of one process; the queue is shared by all of them.
  const toBeUsed = served.filter((name) => /^(http|proctoring)_(?!sweep)/.test(name));
  expect(used).toEqual(expect.arrayContaining([...toBeUsed, ...METRICS_OF_KUBERNETES]));
});
