// The jobs that the chart's CronJobs lead to on a real Kubernetes server: when they start, what runs, what counts as failed.
import { expect, test } from '@jest/globals';
import { chartFile, type Fields, only, render } from '../helm/chart.ts';
import { eventually, install, kubectl, list, minutesAgo, missStarts, patchStatus } from './cluster.ts';

const podsOf = (namespace: string, component: string) =>
  list(namespace, 'pods', `app.kubernetes.io/component=${component}`);

const jobsOf = (namespace: string, component: string) =>
  list(namespace, 'jobs', `app.kubernetes.io/component=${component}`);

/** The pod that waits for a node, once there are so many. */
async function pendingPod(namespace: string, component: string, count = 1): Promise<Fields> {
  return eventually(async () => {
    const pods = await podsOf(namespace, component);
    expect(pods).toHaveLength(count);
    const pending = pods.filter(({ status }) => status.phase === 'Pending');
    expect(pending).toHaveLength(1);
    return pending[0];
  });
}

/** The only job, once it is in that condition, and the condition. */
async function jobIn(type: 'Complete' | 'Failed', namespace: string, component: string): Promise<[Fields, Fields]> {
  return eventually(async () => {
    const [job] = await jobsOf(namespace, component);
    expect(job.status.conditions).toContainEqual(expect.objectContaining({ type, status: 'True' }));
    return [job, job.status.conditions.find((condition: Fields) => condition.type === type)];
  });
}

// What a kubelet and the cluster would say of a pod.
async function exit(pod: Fields, exitCode: number): Promise<void> {
  const [{ name, image }] = pod.spec.containers;
  const state = { terminated: { exitCode } };
  const containerStatuses = [{ name, image, imageID: '', ready: false, restartCount: 0, state }];
  await setStatus(pod, { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses });
}

async function drain(pod: Fields): Promise<void> {
  await setStatus(pod, { phase: 'Failed', conditions: [{ type: 'DisruptionTarget', status: 'True' }] });
}

async function setStatus({ metadata }: Fields, status: object): Promise<void> {
  await patchStatus(metadata.namespace, `pod/${metadata.name}`, status);
}

/** The table on the page for operators: each row begins with the name of a field. */
async function documented(component: 'sweep' | 'verify'): Promise<Fields> {
  const [, section = ''] = (await chartFile('../docs/operations.md')).split(/^### The jobs$|^## Upgrade$/m);
  const rows = section.matchAll(/^\| `(\w+)`[^|]*\| `([^|]+)` \| `([^|]+)` \|$/gm);
  return Object.fromEntries([...rows].map(([, field, ...cells]) => [field, cells[component === 'sweep' ? 0 : 1]]));
}

test('a start missed by less than its deadline is made up, by pods as the page for operators says', async () => {
  // Both are hourly; the deadline is half an hour.
  const schedules = { sweep: { schedule: minutesAgo(10) }, verify: { schedule: minutesAgo(40) } };
  const { namespace, manifests } = await install('shared-secret', schedules);
  await missStarts(namespace, 'verify');
  await missStarts(namespace, 'sweep');
  await pendingPod(namespace, 'sweep');
  expect(await jobsOf(namespace, 'verify')).toEqual([]);
  const longer = JSON.stringify({ spec: { startingDeadlineSeconds: 3600 } });
  await kubectl(`patch cronjob/proctoring-recordings-verify -n ${namespace} --type=merge -p`, longer);

  for (const component of ['sweep', 'verify'] as const) {
    const { spec } = await pendingPod(namespace, component);
    const [job] = await jobsOf(namespace, component);
    const [container] = spec.containers;
    expect(await documented(component)).toEqual({
      schedule: only(await render('shared-secret'), 'CronJob', component).spec.schedule,
      command: [...container.command, ...container.args].join(' '),
      env: container.env.map(({ name }: Fields) => name).join(' '),
      startingDeadlineSeconds: String(only(manifests, 'CronJob', component).spec.startingDeadlineSeconds),
      activeDeadlineSeconds: String(job.spec.activeDeadlineSeconds),
      backoffLimit: String(job.spec.backoffLimit),
    });
    expect(container.envFrom).toEqual([{ configMapRef: { name: only(manifests, 'ConfigMap').metadata.name } }]);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(spec).toMatchObject({
      restartPolicy: 'Never',
      securityContext: {
        runAsUser: 10_001,
        runAsGroup: 10_001,
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      // No token of the service account.
      volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '64Mi' } }],
    });
  }
});

test('every minute, a second job does not start beside the first; once that has ended, it does', async () => {
  const { namespace } = await install('minimal', { sweep: { schedule: '* * * * *' } });
  const pod = await pendingPod(namespace, 'sweep');
  await eventually(async () => {
    const skipped = await kubectl(`get events -o name -n ${namespace} --field-selector reason=JobAlreadyActive`);
    expect(skipped).not.toBe('');
  });
  expect(await jobsOf(namespace, 'sweep')).toHaveLength(1);
  await exit(pod, 0);
  await jobIn('Complete', namespace, 'sweep');
  await eventually(async () => expect(await jobsOf(namespace, 'sweep')).toHaveLength(2));
});

test('a pod that the cluster took away does not count; those that failed count up to the limit', async () => {
  const isDue = { schedule: minutesAgo(10) };
  const { namespace } = await install('minimal', { sweep: isDue, verify: isDue });
  await missStarts(namespace, 'verify');
  await missStarts(namespace, 'sweep');

  await drain(await pendingPod(namespace, 'verify'));
  const second = await pendingPod(namespace, 'verify', 2);
  const [verify] = await jobsOf(namespace, 'verify');
  expect(verify.status).not.toHaveProperty('failed');
  await exit(second, 1);
  const [afterOne, { reason }] = await jobIn('Failed', namespace, 'verify');
  expect([afterOne.status.failed, reason]).toEqual([1, 'BackoffLimitExceeded']);

  for (const tries of [1, 2, 3]) await exit(await pendingPod(namespace, 'sweep', tries), 1);
  const [afterThree, condition] = await jobIn('Failed', namespace, 'sweep');
  expect([afterThree.status.failed, condition.reason]).toEqual([3, 'BackoffLimitExceeded']);
});

test('what takes longer than activeDeadlineSeconds is stopped', async () => {
  const { namespace } = await install('minimal', { sweep: { schedule: minutesAgo(10), activeDeadlineSeconds: 2 } });
  await missStarts(namespace, 'sweep');
  const [, { reason }] = await jobIn('Failed', namespace, 'sweep');
  expect(reason).toBe('DeadlineExceeded');
  await eventually(async () => expect(await podsOf(namespace, 'sweep')).toEqual([]));
});
