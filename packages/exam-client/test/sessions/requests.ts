// `fetch` and XMLHttpRequest of a page, on the candidate's line.
import { ConnectionFailed, type Line, type Sending } from './line.ts';
import type { Page } from './page.ts';

/** Rejects with a TypeError when the connection fails, and with the signal's reason on an abort (Fetch Standard). */
export function fetchOf(page: Page, line: Line): typeof fetch {
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const signal = init.signal ?? new AbortController().signal;
      if (signal.aborted) return reject(signal.reason as Error);
      signal.addEventListener('abort', () => page.deliver(() => reject(signal.reason as Error)));
      const send = async () => {
        const sending = await page.machine.world.work(() => read(input, init));
        const { status, headers, body } = await line.send({ ...sending, page, signal });
        return new Response(status === 204 || status === 304 ? null : body, { status, headers });
      };
      send().then(
        (response) => page.deliver(() => resolve(response)),
        (error: unknown) => page.deliver(() => reject(failure(error))),
      );
    });
}

async function read(...[input, init]: Parameters<typeof fetch>): Promise<Omit<Sending, 'page' | 'signal'>> {
  const { signal: _, ...others } = init ?? {};
  const request = new Request(input, { ...others, ...(others.body instanceof ReadableStream && { duplex: 'half' }) });
  const body = new Uint8Array(await request.arrayBuffer());
  return {
    method: request.method,
    url: request.url,
    headers: Object.fromEntries(request.headers),
    body: body.length > 0 ? body : undefined,
  };
}

function failure(error: unknown): unknown {
  return error instanceof ConnectionFailed ? new TypeError('Failed to fetch') : error;
}

/** The class of a page (XMLHttpRequest Standard), as far as an uploader uses it. */
export function xmlHttpRequestOf(page: Page, line: Line) {
  return class extends Listened {
    readonly upload = new Listened();
    status = 0;
    responseText = '';
    timeout = 0;
    #method = '';
    #url = '';
    readonly #headers: Record<string, string> = {};
    #replyHeaders: Readonly<Record<string, string>> = {};
    readonly #over = new AbortController();
    #isDone = false;

    open(method: string, url: string): void {
      this.#method = method;
      this.#url = url;
    }

    setRequestHeader(name: string, value: string): void {
      this.#headers[name] = value;
    }

    getResponseHeader(name: string): string | null {
      return this.#replyHeaders[name.toLowerCase()] ?? null;
    }

    get response(): string {
      return this.responseText;
    }

    send(body?: Uint8Array | Blob | string): void {
      if (this.timeout > 0) page.setTimeout(() => this.#end('timeout'), this.timeout);
      void this.#send(body);
    }

    abort(): void {
      this.#end('abort');
    }

    async #send(given: Uint8Array | Blob | string | undefined): Promise<void> {
      const body = await page.machine.world.work(() => bytesOf(given));
      const onSent = (loaded: number) =>
        page.deliver(() => {
          if (!this.#isDone) this.upload.tell('progress', { loaded, total: body?.length ?? 0 });
        });
      const about = { method: this.#method, url: this.#url, headers: this.#headers, body };
      try {
        const reply = await line.send({ ...about, page, signal: this.#over.signal, onSent });
        page.deliver(() => {
          if (this.#isDone) return;
          this.status = reply.status;
          this.#replyHeaders = reply.headers;
          this.responseText = Buffer.from(reply.body).toString();
          this.#end('load');
        });
      } catch (error) {
        if (!(error instanceof ConnectionFailed)) throw error;
        page.deliver(() => this.#end('error'));
      }
    }

    #end(how: 'load' | 'error' | 'abort' | 'timeout'): void {
      if (this.#isDone) return;
      this.#isDone = true;
      this.#over.abort();
      this.tell(how);
      this.tell('loadend');
    }
  };
}

/** An EventTarget with handlers: `onload` is called with the event `load`. */
class Listened extends EventTarget {
  tell(name: string, details: object = {}): void {
    const event = Object.assign(new Event(name), details);
    this.dispatchEvent(event);
    const handler = (this as unknown as Record<string, unknown>)[`on${name}`];
    if (typeof handler === 'function') (handler as (event: Event) => void).call(this, event);
  }
}

async function bytesOf(given: Uint8Array | Blob | string | undefined): Promise<Uint8Array | undefined> {
  if (given === undefined || given instanceof Uint8Array) return given?.slice();
  if (typeof given === 'string') return new TextEncoder().encode(given);
  return new Uint8Array(await given.arrayBuffer());
}
