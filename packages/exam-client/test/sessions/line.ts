// The candidate's line to the service and to the store: how long a request takes, and whether it and its answer arrive.
import type { Random } from '../../../../test/simulation/random.ts';
import { STORE_URL } from './addresses.ts';
import type { Backend, HttpReply, HttpRequest } from './backend.ts';
import type { Page } from './page.ts';
import type { Story } from './story.ts';
import type { World } from './world.ts';

/** How a connection fails: at once, or never answering. */
type Failure = 'refused' | 'silent';

/** What is wrong with the line for a while. Chances are of one request, from 0 to 1. */
export interface Weather {
  /** No request leaves the computer; `offline` is also told to the page. */
  readonly outage?: Failure | 'offline';
  readonly storeOutage?: Failure;
  readonly serviceOutage?: Failure;
  /** The request does not arrive. */
  readonly lost?: number;
  /** The request takes effect, its answer does not arrive. */
  readonly replyLost?: number;
  /** Never answered, whether it takes effect or not. */
  readonly hanging?: number;
  /** The caller sees a failure, and the request takes effect a while later. */
  readonly late?: number;
  /** The service, or the proxy in front of it, answers with 408, 429, 502 or 503. */
  readonly busy?: number;
  /** The store refuses a part. */
  readonly putsRefused?: number;
  /** What happens to an overview on its way. */
  readonly overview?: 'refused' | 'slow' | 'reply lost' | 'hangs';
  /** Kilobits per second, for each request. */
  readonly kbps?: number;
}

type Chance = 'lost' | 'replyLost' | 'hanging' | 'late' | 'busy' | 'putsRefused';
type Fate = Chance | 'arrives';

/** The connection failed: `fetch` and XMLHttpRequest tell no more. */
export class ConnectionFailed extends Error {}

export interface Sending extends HttpRequest {
  readonly page: Page;
  readonly signal: AbortSignal;
  readonly onSent?: (sentBytes: number) => void;
}

/** A failed connection is noticed after a moment. */
const FAILS_AFTER_MS = 40;
const TICK_MS = 1_000;
const MAX_LATE_MS = 100_000;
const USUAL_KBPS = 20_000;

export class Line {
  readonly #world: World;
  readonly #backend: Backend;
  readonly #random: Random;
  readonly #story: Story;
  readonly #weathers = new Set<Weather>();

  constructor(world: World, options: { backend: Backend; random: Random; story: Story }) {
    this.#world = world;
    this.#backend = options.backend;
    this.#random = options.random;
    this.#story = options.story;
  }

  /** Holds until the returned function is called. */
  change(weather: Weather): () => void {
    this.#weathers.add(weather);
    return () => this.#weathers.delete(weather);
  }

  get isOnline(): boolean {
    return ![...this.#weathers].some(({ outage }) => outage === 'offline');
  }

  /** Resolves when the answer has arrived; never, where nothing comes. @throws ConnectionFailed */
  async send(sending: Sending): Promise<HttpReply> {
    const fate = this.#fate(sending);
    const name = nameOf(sending);
    const note = (what: string) => this.#story.add(sending.page.name, `${name}: ${what}`);
    if (fate === 'lost') return this.#fail(note, 'is lost', FAILS_AFTER_MS + this.#random.between(0, 5_000));
    await this.#transfer(sending, note);
    if (sending.signal.aborted || !sending.page.isAlive) return never();
    if (fate === 'busy' || fate === 'putsRefused') return this.#refuse(sending, note);
    if (fate === 'late') return this.#arriveLate(sending, note);
    if (fate === 'arrives' && isOverview(sending)) return this.#sendOverview(sending, note);
    if (fate === 'hanging' && this.#random.chance(0.5)) {
      note('does not arrive, and is not answered');
      return never();
    }
    const reply = await this.#serve(sending);
    note(`${reply.status}${problemOf(reply)}${fate === 'arrives' ? '' : `, ${fate}`}`);
    await this.#world.sleep(this.#random.between(5, 80));
    if (fate === 'hanging') return never();
    if (fate === 'replyLost' || this.#outage(sending) !== undefined) throw new ConnectionFailed();
    return reply;
  }

  async #sendOverview(sending: Sending, note: (what: string) => void): Promise<HttpReply> {
    const fault = [...this.#weathers].find(({ overview }) => overview)?.overview;
    if (fault === 'refused') {
      const status = this.#random.pick([400, 404, 405, 409, 413, 500]);
      note(`${status}, refused`);
      const problem = { code: `refused-${status}`, title: 'Refused' };
      const headers = { 'content-type': 'application/problem+json' };
      return { status, headers, body: new TextEncoder().encode(JSON.stringify(problem)) };
    }
    if (fault === 'slow') await this.#world.sleep(this.#random.between(1_000, 60_000));
    const isServed = fault !== 'hangs' || this.#random.chance(0.5);
    const reply = isServed ? await this.#serve(sending) : undefined;
    note(`${reply ? `${reply.status}${problemOf(reply)}` : 'does not arrive'}${fault ? `, ${fault}` : ''}`);
    if (!reply || fault === 'hangs') return never();
    await this.#world.sleep(this.#random.between(5, 80));
    if (fault === 'reply lost') throw new ConnectionFailed();
    return reply;
  }

  #serve(request: HttpRequest): Promise<HttpReply> {
    return this.#world.work(() => this.#backend.serve(request));
  }

  /** Tells how much was sent, every second. @throws ConnectionFailed when the line breaks meanwhile */
  async #transfer(sending: Sending, note: (what: string) => void): Promise<void> {
    const totalBytes = sending.body?.length ?? 0;
    await this.#world.sleep(this.#random.between(5, 60));
    for (let sentBytes = 0; ; ) {
      const outage = this.#outage(sending);
      if (outage === 'silent') {
        note('goes nowhere');
        return never();
      }
      if (outage !== undefined) return this.#fail(note, outage, FAILS_AFTER_MS);
      if (sentBytes === totalBytes || sending.signal.aborted || !sending.page.isAlive) return;
      const bytesPerMs = this.#kbps / 8;
      const portion = Math.min(totalBytes - sentBytes, Math.ceil(bytesPerMs * TICK_MS));
      await this.#world.sleep(Math.ceil(portion / bytesPerMs));
      sentBytes += portion;
      sending.onSent?.(sentBytes);
    }
  }

  async #fail(note: (what: string) => void, how: string, afterMs: number): Promise<never> {
    await this.#world.sleep(afterMs);
    note(how);
    throw new ConnectionFailed();
  }

  async #refuse(sending: Sending, note: (what: string) => void): Promise<HttpReply> {
    await this.#world.sleep(this.#random.between(5, 80));
    const status = isPut(sending) ? this.#random.pick([403, 500, 503]) : this.#random.pick([408, 429, 502, 503]);
    note(`${status} on the way`);
    const headers = { 'content-type': 'text/html', ...(status === 429 && { 'retry-after': '5' }) };
    return { status, headers, body: new TextEncoder().encode('<html><body>Try again later.</body></html>') };
  }

  async #arriveLate(sending: Sending, note: (what: string) => void): Promise<never> {
    const lateMs = this.#random.between(1_000, MAX_LATE_MS);
    this.#world.at(this.#world.nowMs + lateMs, () => {
      void this.#serve(sending).then(({ status }) => note(`${status}, late`));
    });
    return this.#random.chance(0.5) ? never() : this.#fail(note, 'fails, and is on its way', FAILS_AFTER_MS);
  }

  #outage({ url }: HttpRequest): Failure | 'offline' | undefined {
    const all = [...this.#weathers];
    const ofTarget = all.map((weather) => (url.startsWith(STORE_URL) ? weather.storeOutage : weather.serviceOutage));
    return all.find(({ outage }) => outage)?.outage ?? ofTarget.find((outage) => outage);
  }

  get #kbps(): number {
    return Math.min(USUAL_KBPS, ...[...this.#weathers].map(({ kbps = USUAL_KBPS }) => kbps));
  }

  #fate(sending: Sending): Fate {
    const chances: readonly Chance[] = [
      'lost',
      'replyLost',
      'hanging',
      'late',
      isPut(sending) ? 'putsRefused' : 'busy',
    ];
    for (const chance of chances) {
      const rate = Math.max(0, ...[...this.#weathers].map((weather) => weather[chance] ?? 0));
      // Drawn always, so that one kind of weather changes no other.
      if (this.#random.chance(rate)) return chance;
    }
    return 'arrives';
  }
}

function isPut({ url }: HttpRequest): boolean {
  return url.startsWith(STORE_URL);
}

function isOverview({ url }: HttpRequest): boolean {
  return url.endsWith('/overview');
}

function never(): Promise<never> {
  return new Promise(() => {});
}

/** Short, and without a signature. */
function nameOf({ method, url, body }: HttpRequest): string {
  const { pathname, searchParams } = new URL(url);
  const part = searchParams.get('partNumber');
  if (part !== null) return `PUT part ${part} of ${/[0-9a-v]{36}/.exec(pathname)?.[0]} (${body?.length} bytes)`;
  return `${method} ${pathname.replace(/^.*\/recordings/, '…')}`;
}

function problemOf({ status, body }: HttpReply): string {
  if (status < 400) return '';
  const code = /"code":\s*"([\w-]+)"/.exec(Buffer.from(body).toString())?.[1];
  return code === undefined ? '' : ` ${code}`;
}
