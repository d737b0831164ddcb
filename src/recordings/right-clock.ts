// The clocks of the service and of its store must agree before anything is kept or deleted by them.
import type { Attempt } from '../bucket/attempt.ts';
import { ServiceError } from '../model/errors.ts';
import { clocksDiffer } from '../model/times.ts';

/**
 * By a wrong clock a recording would get a deadline that is no promise, or be taken for past it.
 * @throws ServiceError `clock-skew`
 */
export function requireRightClock(
  { now }: { readonly now: () => number },
  { storeTimeMs }: Pick<Attempt, 'storeTimeMs'>,
): void {
  if (!clocksDiffer(now(), storeTimeMs)) return;
  throw new ServiceError(
    'clock-skew',
    'The clocks of the service and of its store differ by minutes. Try again later.',
  );
}
