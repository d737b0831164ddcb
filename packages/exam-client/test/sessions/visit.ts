// One visit of the candidate: a page with the client's session, its recorders, and what it was told.
import type { Random } from '../../../../test/simulation/random.ts';
import type { ClientError, ExamSession, Recording, RecordingKind } from '../../src/index.ts';
import { type DecoderState, fakeCodecs } from '../fake-codecs.ts';
import { ATTEMPT, EXAM, SERVICE_URL } from './addresses.ts';
import { IDBKeyRange } from './disk.ts';
import { Film } from './film.ts';
import type { Line } from './line.ts';
import type { Machine } from './machine.ts';
import type { Mistake } from './mistakes.ts';
import { Page } from './page.ts';
import type { Plan } from './plan.ts';
import { FakeStream, FakeTrack, mediaRecorderOf } from './recorder.ts';
import { fetchOf, xmlHttpRequestOf } from './requests.ts';
import type { Story } from './story.ts';

/** An event of the session. */
export interface Told {
  readonly atMs: number;
  readonly name: string;
  /** Of the recording concerned. */
  readonly recording: Recording | undefined;
  /** The code, reason or state. */
  readonly what: string;
}

/** What both sides of a visit need. */
export interface VisitOptions {
  readonly name: string;
  readonly machine: Machine;
  readonly line: Line;
  readonly plan: Plan;
  readonly random: Random;
  readonly story: Story;
  readonly mistake: Mistake | undefined;
  /** Gets each new film. */
  readonly films: Film[];
  readonly getToken: () => Promise<string>;
}

const EVENTS = ['state', 'continued', 'gap', 'warning', 'problem', 'stored', 'failed', 'progress'];
/** How long a decoder takes. */
const DECODING_MS = 30;
const FINAL = new Set(['stored', 'failed', 'withdrawn']);

export class Visit {
  readonly page: Page;
  readonly told: Told[] = [];
  readonly consoleLines: string[] = [];
  readonly streams: FakeStream[] = [];
  readonly films: Film[] = [];
  /** Whether the upload ever waited. */
  hasWaited = false;
  /** Of `finish`, and of `withdraw`. */
  readonly promises: { readonly name: string; state: string }[] = [];
  readonly #options: VisitOptions;
  #session!: ExamSession;

  constructor(options: VisitOptions) {
    this.#options = options;
    this.page = new Page(options.name, options.machine);
  }

  static async open(options: VisitOptions): Promise<Visit> {
    const visit = new Visit(options);
    await visit.#start();
    return visit;
  }

  async #start(): Promise<void> {
    const { machine, plan, random, getToken, mistake } = this.#options;
    const { page } = this;
    const globals = this.#globals();
    const client = await machine.world.work(() => page.load(random, mistake?.page?.(globals) ?? globals));
    const session = client.startSession({
      service: SERVICE_URL,
      exam: EXAM,
      attempt: ATTEMPT,
      participantId: 'p1',
      consent: { givenAt: new Date(machine.wallMs - 3_000).toISOString(), policyVersion: '3' },
      getToken,
      ...(plan.memoryLimitBytes && { memoryLimitBytes: plan.memoryLimitBytes }),
    });
    this.#session = session;
    for (const name of EVENTS) this.#listen(session, name);
  }

  #globals(): Readonly<Record<string, unknown>> {
    const { machine, line, plan } = this.#options;
    const { page } = this;
    const log = (...args: unknown[]) => void this.consoleLines.push(args.map(String).join(' '));
    return {
      fetch: fetchOf(page, line),
      XMLHttpRequest: xmlHttpRequestOf(page, line),
      indexedDB: machine.disk.of(page),
      IDBKeyRange,
      navigator: {
        get onLine() {
          return line.isOnline;
        },
        ...(plan.hasLocks && { locks: machine.locks.of(page) }),
      },
      MediaStream: FakeStream,
      MediaRecorder: mediaRecorderOf(page, ({ recordedAs }) => this.#openFilm(recordedAs)),
      ...this.#codecs(),
      console: { log, info: log, warn: log, error: log, debug: log },
    };
  }

  #codecs(): Readonly<Record<string, unknown>> {
    const { decoder } = this.#options.plan;
    let asked = 0;
    const nowAndThen = (): DecoderState => (asked++ % 3 === 1 ? 'hangs' : 'works');
    const state = () => (decoder === 'now and then' || decoder === 'absent' ? nowAndThen() : decoder);
    const codecs = fakeCodecs({ state, later: (act) => void this.page.setTimeout(act, DECODING_MS) });
    return { ...codecs, ...(decoder === 'absent' && { VideoDecoder: undefined }) };
  }

  #openFilm(kind: RecordingKind): Film {
    const { films, plan, machine, name } = this.#options;
    const number = films.length + 1;
    const about = { name: `${name}/film ${number} (${kind})`, kind, number, openedAtMs: machine.world.nowMs };
    const film = new Film({ ...about, bytesPerSecond: plan.bytesPerSecond });
    films.push(film);
    this.films.push(film);
    return film;
  }

  /** Of all recordings of this visit. */
  get recordings(): readonly Recording[] {
    return this.#session.recordings;
  }

  get isSettled(): boolean {
    return (
      this.recordings.every(({ state }) => FINAL.has(state)) && this.promises.every(({ state }) => state !== 'pending')
    );
  }

  record(kind: RecordingKind): void {
    const { plan, story } = this.#options;
    const hasSound = kind === 'audio' || (kind === 'webcam' && plan.hasMicrophone);
    const video = kind === 'audio' ? [] : [new FakeTrack('video')];
    const stream = new FakeStream(kind, [...video, ...(hasSound ? [new FakeTrack('audio')] : [])]);
    this.streams.push(stream);
    story.add(this.page.name, `records ${kind}`);
    try {
      this.#session.record(kind, stream as unknown as MediaStream);
    } catch (error) {
      this.#tell('failed', undefined, `record throws ${codeOf(error)}`);
    }
  }

  finish(): void {
    this.#await('finish', () => this.#session.finish());
  }

  withdraw(): void {
    this.#await('withdraw', () => this.#session.withdraw());
  }

  #await(name: string, act: () => Promise<unknown>): void {
    const { story } = this.#options;
    const promise = { name, state: 'pending' };
    this.promises.push(promise);
    story.add(this.page.name, `${name}()`);
    const end = (state: string) => {
      promise.state = state;
      if (this.page.isAlive) story.add(this.page.name, `${name}() ${state}`);
    };
    act().then(
      () => end('resolves'),
      (error: unknown) => end(`rejects: ${codeOf(error)}`),
    );
  }

  #listen(session: ExamSession, name: string): void {
    session.addEventListener(name as 'state', ({ detail }) => {
      if (!this.page.isAlive) return;
      const { recording, ...about } = detail as unknown as Details;
      if (name === 'progress') {
        if (this.#session.progress.waiting !== null) this.hasWaited = true;
        return;
      }
      const { state, code, error, gap } = about;
      const length = gap && `${gap.reason} for ${(Date.parse(gap.to) - Date.parse(gap.from)) / 1000} s`;
      this.#tell(name, recording, state ?? code ?? (error && codeOf(error)) ?? length ?? '');
    });
  }

  #tell(name: string, recording: Recording | undefined, what: string): void {
    const { story, machine, mistake } = this.#options;
    if (mistake?.hides?.includes(name)) return;
    this.told.push({ atMs: machine.world.nowMs, name, recording, what });
    const index = recording ? ` of recording ${this.recordings.indexOf(recording) + 1}` : '';
    const id = recording?.recordingId === undefined ? '' : ` (${recording.recordingId})`;
    story.add(this.page.name, `event ${name}${index}${id}: ${what}`);
  }
}

interface Details {
  readonly recording?: Recording;
  readonly state?: string;
  readonly code?: string;
  readonly error?: ClientError;
  readonly gap?: { readonly from: string; readonly to: string; readonly reason: string };
}

function codeOf(error: unknown): string {
  const { code, message, name } = error as Partial<ClientError>;
  return code === 'unexpected' ? `${code} (${message})` : typeof code === 'string' ? code : `${name}: ${message}`;
}
