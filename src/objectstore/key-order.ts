// Whether a listing is in the order that S3 promises, on which shared listings and early ends depend.
import type { ListedObject } from './object-store.ts';

/** Whether each key comes after the one before it, and the first after `startAfter`. */
export function isAscending(objects: readonly ListedObject[], startAfter = ''): boolean {
  return objects.every(({ key }, at) => key > (objects[at - 1]?.key ?? startAfter));
}
