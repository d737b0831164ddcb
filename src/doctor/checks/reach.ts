// Is the store there, does it know the service's key, does its clock agree, and can nobody listen on the way?
import { isStoreError } from '../../objectstore/store-error.ts';
import { type CheckResult, failed, info, ok, type Verdict, warning } from '../check.ts';
import type { DoctorDependencies } from '../context.ts';
import { clock, clockVerdict } from '../trials/clock.ts';
import type { DoctorCheck } from './doctor-check.ts';

export const REACH_CHECKS = [
  { id: 'reachable', name: 'store reachable' },
  { id: 'credentials', name: 'key accepted' },
  { id: clock.id, name: clock.name },
] as const;

/** One LIST answers all three. The rest of the report makes sense only when the first two are good. */
export async function checkReach(deps: DoctorDependencies): Promise<CheckResult[]> {
  const [reachable, credentials, time] = REACH_CHECKS;
  const askedMs = deps.now();
  try {
    const { storeTimeMs } = await deps.store.list('', { limit: 1 });
    const answeredMs = deps.now();
    return [
      { ...reachable, ...ok(`It answered in ${answeredMs - askedMs} ms.`) },
      { ...credentials, ...ok('The key may list the bucket.') },
      { ...time, ...clockVerdict((askedMs + answeredMs) / 2 - storeTimeMs) },
    ];
  } catch (error) {
    const skipped = info('Skipped: the store has to answer first.');
    if (!isStoreError(error) || error.code === 'unavailable') {
      const code = isStoreError(error) ? error.storeCode : 'unknown';
      const lost = failed(
        `No answer (${code}).`,
        'See S3_ENDPOINT, S3_REGION, the network and its policies, and that the store is up.',
      );
      return [
        { ...reachable, ...lost },
        { ...credentials, ...skipped },
        { ...time, ...skipped },
      ];
    }
    return [
      { ...reachable, ...ok('It answers.') },
      { ...credentials, ...refusal(error.code, error.storeCode) },
      { ...time, ...skipped },
    ];
  }
}

function refusal(code: string, storeCode: string): Verdict {
  if (code === 'no-such-bucket') {
    return failed(`There is no such bucket (${storeCode}).`, 'Make the bucket, or correct S3_BUCKET.');
  }
  if (/RequestTimeTooSkewed/.test(storeCode)) {
    return failed(`The store refuses the clock of this machine (${storeCode}).`, 'Set the clock by NTP.');
  }
  return failed(
    `The store refuses the key, or the key may not list the bucket (${storeCode}).`,
    'See S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, and that this key may do everything in this bucket.',
  );
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export const transport: DoctorCheck = {
  id: 'transport',
  name: 'encrypted on the way',
  async run({ presigner }) {
    const { protocol, hostname } = new URL(await presigner.presignPlayback('doctor', { contentType: 'text/plain' }, 1));
    if (protocol === 'https:') return ok('URLs for browsers are https.');
    if (LOOPBACK.test(hostname)) return info('URLs are http, on this machine only.');
    return warning(
      'URLs for browsers are http: links and recordings can be read on the way.',
      'Put TLS before the store, and name it in S3_PUBLIC_ENDPOINT.',
    );
  },
};
