// The playback links of a review: each requested when it is needed, with the reason, and once for all who wait for it.
import { type Link, msSince, type ReviewService } from './service.ts';

/** A link is renewed when a third of its life is left, and no earlier than this before it expires. */
const RENEWED_BEFORE_MS = 60_000;

export class Links {
  readonly #service: Pick<ReviewService, 'link'>;
  readonly #reason: string;
  readonly #links = new Map<string, Link>();
  readonly #requested = new Map<string, Promise<Link>>();

  constructor(service: Pick<ReviewService, 'link'>, reason: string) {
    this.#service = service;
    this.#reason = reason;
  }

  /** A link that need not be renewed yet: the one that there is, or a new one. @throws ReviewError */
  async get(recordingId: string): Promise<Link> {
    const link = this.#links.get(recordingId);
    return link && untilRenewalMs(link) > 0 ? link : this.renew(recordingId);
  }

  /** A new link, even if the one that there is could still be used. @throws ReviewError */
  renew(recordingId: string): Promise<Link> {
    const requested = this.#requested.get(recordingId) ?? this.#request(recordingId);
    this.#requested.set(recordingId, requested);
    return requested;
  }

  /** The recording may not be shown any longer: what was requested before is not used again. */
  forget(recordingId: string): void {
    this.#links.delete(recordingId);
    this.#requested.delete(recordingId);
  }

  #request(recordingId: string): Promise<Link> {
    const isLatest = () => this.#requested.get(recordingId) === request;
    const request = this.#service
      .link(recordingId, this.#reason, this.#links.has(recordingId))
      .then((link) => {
        if (isLatest()) this.#links.set(recordingId, link);
        return link;
      })
      .finally(() => {
        if (isLatest()) this.#requested.delete(recordingId);
      });
    return request;
  }
}

/** How long the next link need not be requested; negative afterwards. */
export function untilRenewalMs(link: Link): number {
  return link.lifeMs - usedBeforeEndMs(link) - msSince(link.issuedAt);
}

/** How long a link may still be used when it is renewed. */
export function usedBeforeEndMs({ lifeMs }: Pick<Link, 'lifeMs'>): number {
  return Math.min(RENEWED_BEFORE_MS, lifeMs / 3);
}
