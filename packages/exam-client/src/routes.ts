// How a part reaches the store: directly by a presigned URL, or through the service where the store cannot be reached.
import { now } from './clock.ts';

export type Route = 'direct' | 'service';

/** How often the store is tried again while parts go through the service. */
const DIRECT_AGAIN_AFTER_MS = 120_000;
/** The store responds, but refuses: after so many refusals in a row the part goes through the service. */
const MAX_REFUSALS = 3;

/** Of one session: what one part learns of the network holds for the next. */
export class Routes {
  #isDirect = true;
  #isProxiedOnly = false;
  #directOnlyUntilMs = 0;
  #refusals = 0;
  #triedDirectAtMs = 0;

  next(): Route {
    if (this.#isProxiedOnly) return 'service';
    if (this.#isDirect || now() < this.#directOnlyUntilMs) return 'direct';
    if (now() - this.#triedDirectAtMs < DIRECT_AGAIN_AFTER_MS) return 'service';
    this.#triedDirectAtMs = now();
    return 'direct';
  }

  /** The service hands out no URLs (`UPLOADS=proxy`). */
  proxiedOnly(): void {
    this.#isProxiedOnly = true;
  }

  /** The service takes no parts: it, or one of its replicas, is older than this client. */
  directOnly(): void {
    this.#directOnlyUntilMs = now() + DIRECT_AGAIN_AFTER_MS;
  }

  succeeded(route: Route): void {
    if (route !== 'direct') return;
    this.#isDirect = true;
    this.#refusals = 0;
  }

  failed(route: Route, isReached: boolean): void {
    if (route === 'service') {
      this.#isDirect = true;
      return;
    }
    this.#refusals = isReached ? this.#refusals + 1 : MAX_REFUSALS;
    if (this.#refusals < MAX_REFUSALS) return;
    this.#isDirect = false;
    this.#triedDirectAtMs = now();
  }
}
