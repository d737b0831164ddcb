// The consent of a participant, as it is kept.
import type { Consent } from '../bucket/documents.ts';
import { toIso } from '../model/times.ts';

/**
 * Nobody agrees in the future: the clock that said so is wrong, and the service's own time is the best that is known. A
 * candidate's clock never decides whether there is a recording.
 * @param createdAtMs when the recording is created, by the clock of the service
 */
export function consentAt(createdAtMs: number, consent: Consent): Consent {
  return Date.parse(consent.givenAt) > createdAtMs ? { ...consent, givenAt: toIso(createdAtMs) } : consent;
}
