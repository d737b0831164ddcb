// Plays the plan of one session: the visits of the candidate and the faults, then quiet, and a last visit that lets everything end.
import { MINUTE_MS, SECOND_MS } from '../../../../src/model/durations.ts';
import type { Recording as ServiceRecording } from '../../../../src/model/recording.ts';
import { newRandom, type Random } from '../../../../test/simulation/random.ts';
import { Backend } from './backend.ts';
import { Disk } from './disk.ts';
import { FAULTS } from './faults.ts';
import type { Film } from './film.ts';
import { Line } from './line.ts';
import { Locks } from './locks.ts';
import { Machine } from './machine.ts';
import type { Mistake } from './mistakes.ts';
import { type Fault, newPlan, type Plan, SWEEP_EVERY_MS } from './plan.ts';
import { Story } from './story.ts';
import { Visit } from './visit.ts';
import { World } from './world.ts';

export interface SessionOptions {
  readonly isClean?: boolean;
  /** Made by what is between client and oracle, to see that it is caught. */
  readonly mistake?: Mistake | undefined;
  /** Faults that are left out, by their place in the plan: how a story is shortened. */
  readonly without?: ReadonlySet<number>;
}

/** A recording as the service has it at the end. */
export interface Kept {
  readonly recording: ServiceRecording;
  /** Of a stored one. */
  readonly media: Buffer | undefined;
  readonly overview: Uint8Array<ArrayBuffer> | undefined;
}

/** What the oracle judges. */
export interface Outcome {
  readonly plan: Plan;
  readonly films: readonly Film[];
  readonly visits: readonly Visit[];
  readonly kept: readonly Kept[];
  /** The faults that happened, with their times. */
  readonly happened: readonly { readonly fault: Fault; readonly atMs: number }[];
  readonly erasedIds: readonly string[];
  /** When consent was withdrawn. */
  readonly withdrawnAtMs: number | undefined;
  /** The recordings of which the disk still has pictures, and what it says of them. */
  readonly pictured: readonly { readonly key: string; readonly state: string | undefined }[];
  readonly story: Story;
}

/** How long pages that are open get at the end, and the last visit. Without Web Locks a leftover waits for a minute. */
const QUIET_MS = 40 * MINUTE_MS;
const LOOK_EVERY_MS = 5 * SECOND_MS;
const CALM_MS = 2 * MINUTE_MS;
/** A page that asks for a token with a network of its own. */
const TOKEN_TAKES_MS = 50;

export class Session {
  readonly plan: Plan;
  readonly world = new World();
  readonly story = new Story(this.world);
  readonly films: Film[] = [];
  readonly visits: Visit[] = [];
  readonly backend: Backend;
  readonly line: Line;
  readonly machine: Machine;
  readonly erasedIds: string[] = [];
  withdrawnAtMs: number | undefined;
  isExamOver = false;
  /** How `getToken` fails, while it does. */
  tokenFault: 'fails' | 'hangs' | 'is no token' | undefined;
  readonly #options: SessionOptions;
  readonly #happened: { readonly fault: Fault; readonly atMs: number }[] = [];

  constructor(seed: number, options: SessionOptions) {
    const { world, story } = this;
    this.#options = options;
    this.plan = newPlan(seed, options.isClean === true);
    const { idleLimitMs, uploadMode, wallAheadMs, faults } = this.plan;
    this.backend = new Backend(world, { idleLimitMs, uploadMode, mistake: options.mistake });
    this.line = new Line(world, { backend: this.backend, random: newRandom(seed, 2), story });
    const disk = new Disk(
      world,
      faults.some(({ kind }) => kind === 'machine killed'),
    );
    const { overviewFault: overview } = this.plan;
    if (overview) this.line.change({ overview });
    this.machine = new Machine(world, { disk, locks: new Locks(), wallAheadMs });
  }

  async #play(): Promise<Outcome> {
    const { plan, world, story } = this;
    const startMs = world.nowMs;
    const stopSweeps = this.#sweepNowAndThen();
    await this.openVisit();
    const over: Promise<void>[] = [];
    for (const [place, fault] of plan.faults.entries()) {
      if (this.#options.without?.has(place)) continue;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      over.push(promise);
      world.at(startMs + fault.atMs, () => void this.#happen(fault).then(resolve, reject));
    }
    await world.sleep(plan.examMs);
    this.isExamOver = true;
    story.add('exam', 'is over');
    for (const visit of this.open) visit.page.deliver(() => visit.finish());
    await Promise.all(over);
    story.add('world', 'is quiet');
    await this.#until(() => this.open.every(({ isSettled }) => isSettled));
    for (const visit of this.open) this.close(visit, 'is closed');
    await world.sleep(10 * SECOND_MS);
    const last = await this.openVisit();
    await world.sleep(CALM_MS);
    last.finish();
    await this.#until(() => last.isSettled);
    await world.sleep(CALM_MS);
    stopSweeps();
    const kept = await world.work(() => this.#kept());
    for (const { recording } of kept) story.add('service', `has ${recording.recordingId}: ${recording.state}`);
    const pictured = await world.work(() => this.#pictured());
    const { films, visits, erasedIds, withdrawnAtMs } = this;
    return { plan, films, visits, kept, pictured, happened: this.#happened, erasedIds, withdrawnAtMs, story };
  }

  static async run(seed: number, options: SessionOptions = {}): Promise<Outcome> {
    const session = new Session(seed, options);
    return session.world.run(session.#play());
  }

  /** The visits whose pages are open. */
  get open(): readonly Visit[] {
    return this.visits.filter(({ page }) => page.isAlive);
  }

  randomOf(fault: Fault): Random {
    return newRandom(this.plan.seed, 3, fault.seed);
  }

  /** Opens the page of the exam. It records while the exam lasts and consent is given. */
  async openVisit(kinds = this.plan.kinds): Promise<Visit> {
    const { machine, line, plan, story, films } = this;
    await machine.awake;
    const number = this.visits.length + 1;
    const name = `page ${number}`;
    const { mistake } = this.#options;
    const about = { name, machine, line, plan, story, films, mistake, random: newRandom(plan.seed, 4, number) };
    const isRecording = !this.isExamOver && this.withdrawnAtMs === undefined;
    story.add(name, 'is opened');
    const visit = await Visit.open({ ...about, getToken: () => this.#token() });
    this.visits.push(visit);
    if (isRecording) for (const kind of kinds) visit.record(kind);
    return visit;
  }

  close(visit: Visit, how: string): void {
    this.story.add(visit.page.name, how);
    visit.page.close();
  }

  async #happen(fault: Fault): Promise<void> {
    const { world, story } = this;
    this.#happened.push({ fault, atMs: world.nowMs });
    story.add('fault', `${fault.kind} (${(fault.forMs / 1000).toFixed()} s)`);
    await FAULTS[fault.kind](this, fault, this.randomOf(fault));
    story.add('fault', `${fault.kind}: over`);
  }

  async #token(): Promise<string> {
    const { world } = this;
    await world.sleep(TOKEN_TAKES_MS);
    if (this.tokenFault === 'hangs') return new Promise(() => {});
    if (this.tokenFault === 'fails' || !this.line.isOnline) throw new Error('The exam system has no token.');
    if (this.tokenFault === 'is no token') return '<html><body>Please log in.</body></html>';
    return world.work(() => this.backend.token(this.plan.tokenValidMs));
  }

  #sweepNowAndThen(): () => void {
    const { world } = this;
    const sweep = () => {
      stop = world.at(world.nowMs + SWEEP_EVERY_MS, sweep);
      void world.work(() => this.backend.sweep());
    };
    let stop = world.at(world.nowMs + SWEEP_EVERY_MS, sweep);
    return () => stop();
  }

  async #until(isSo: () => boolean): Promise<void> {
    const { world } = this;
    const latestMs = world.nowMs + QUIET_MS;
    while (!isSo() && world.nowMs < latestMs) await world.sleep(LOOK_EVERY_MS);
  }

  async #kept(): Promise<Kept[]> {
    const kept: Kept[] = [];
    for (const recording of await this.backend.recordings()) {
      const media = recording.state === 'stored' ? await this.backend.media(recording) : undefined;
      kept.push({ recording, media, overview: this.backend.overviews.get(recording.recordingId) });
    }
    return kept;
  }

  async #pictured(): Promise<Outcome['pictured']> {
    const { disk } = this.machine;
    const rows = await disk.all<{ key: string; state: string }>('recordings');
    const pictures = (await disk.all<{ recording: string }>('chunks')).filter(({ recording }) =>
      recording.includes('/'),
    );
    const keys = new Set(pictures.map(({ recording }) => recording.split('/')[0] ?? ''));
    return [...keys].map((key) => ({ key, state: rows.find((row) => row.key === key)?.state }));
  }
}
