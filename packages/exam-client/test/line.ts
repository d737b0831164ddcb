// What stands between a page in Node and the real service: its requests, which a test refuses or loses.
import { type Api, startApi } from '../../../test/http/api.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import type { Bytes } from '../src/bytes.ts';

export interface Line {
  readonly api: Api;
  /** Replies in place of the service, by method and path. */
  refuse: (request: string, body: string) => Response | Promise<Response> | undefined;
  /** The status by which the store refuses a part. */
  refusePut: (url: string) => number | undefined;
  isOffline: boolean;
  /** The page reaches the service, and not the store. */
  isStoreBlocked: boolean;
  /** How many parts went through the service. */
  partsThroughService: number;
  /** How many were sent to the store. */
  partsToStore: number;
}

/** A service on a store in memory, and the globals by which a page reaches both. */
export async function openLine(options: Parameters<typeof startApi>[0] = {}): Promise<Line> {
  const api = await startApi(options);
  const line: Line = {
    api,
    refuse: () => undefined,
    refusePut: () => undefined,
    isOffline: false,
    isStoreBlocked: false,
    partsThroughService: 0,
    partsToStore: 0,
  };
  const { fetch, addEventListener } = globalThis;
  const { random } = Math;
  const before = { fetch, addEventListener, XMLHttpRequest: undefined, MediaStream: undefined };
  afterThisTest(() => Object.assign(Math, { random }) && Object.assign(globalThis, before));
  // Every pause is as short as it may be drawn.
  Object.assign(Math, { random: () => 0.01 });
  Object.assign(globalThis, {
    // Waits are for a service that is unavailable; "online again" ends them at once.
    addEventListener: (name: string, listener: () => void) => void (name === 'online' && setTimeout(listener, 5)),
    MediaStream: class {},
    XMLHttpRequest: partRequestOn(line, fetch),
    fetch: async (...[input, init]: Parameters<typeof fetch>) => {
      if (line.isOffline) throw new TypeError('Failed to fetch');
      api.service.clock.advance(1);
      return (
        line.refuse(`${init?.method} ${new Request(input).url}`, typeof init?.body === 'string' ? init.body : '') ??
        fetch(input, init)
      );
    },
  });
  return line;
}

/** The PUT of a part, to the store in memory or through the service. */
function partRequestOn(line: Line, fetch: typeof globalThis.fetch) {
  const { api } = line;
  return class PartRequest {
    upload = {};
    status = 0;
    responseText = '';
    onloadend = () => {};
    #url = '';
    readonly #sent: Record<string, string> = {};
    #received = new Headers();
    open(_method: string, url: string) {
      this.#url = url;
    }
    setRequestHeader(name: string, value: string) {
      this.#sent[name] = value;
    }
    send(bytes: Bytes) {
      void this.#put(bytes.slice()).finally(() => this.onloadend());
    }
    async #put(body: Bytes) {
      const isOfService = this.#url.startsWith(api.url);
      if (line.isOffline || (line.isStoreBlocked && !isOfService)) return;
      if (isOfService) line.partsThroughService += 1;
      else line.partsToStore += 1;
      const put = { method: 'PUT', body, headers: this.#sent };
      const refused = isOfService ? undefined : line.refusePut(this.#url);
      const reply = refused
        ? new Response(null, { status: refused })
        : await (isOfService ? fetch(this.#url, put) : api.service.testStore.fetch(this.#url, put));
      this.responseText = await reply.text();
      this.status = reply.status;
      this.#received = reply.headers;
    }
    getResponseHeader = (name: string) => this.#received.get(name);
    abort() {}
  };
}
