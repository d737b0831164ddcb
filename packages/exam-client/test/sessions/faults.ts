// What each kind of fault does to a session: it begins, lasts, and is over when the promise resolves.
import { MINUTE_MS, SECOND_MS } from '../../../../src/model/durations.ts';
import type { Random } from '../../../../test/simulation/random.ts';
import type { Weather } from './line.ts';
import type { Fault, FaultKind } from './plan.ts';
import type { FakeStream } from './recorder.ts';
import type { Session } from './session.ts';
import type { Visit } from './visit.ts';

type Play = (session: Session, fault: Fault, random: Random) => Promise<void>;

/** While this weather lasts. */
const weather = (drawn: (random: Random) => Weather): Play => {
  return async ({ line, world }, { forMs }, random) => {
    const end = line.change(drawn(random));
    await world.sleep(forMs);
    end();
  };
};

const offline: Play = async (session, fault, random) => {
  tellWindows(session, 'offline');
  await weather(() => ({ outage: 'offline' }))(session, fault, random);
  if (session.line.isOnline) tellWindows(session, 'online');
};

function tellWindows({ open }: Session, name: 'online' | 'offline'): void {
  for (const { page } of open) page.deliver(() => page.window.dispatchEvent(new Event(name)));
}

const token = (how: NonNullable<Session['tokenFault']>): Play => {
  return async (session, { forMs }) => {
    session.tokenFault = how;
    await session.world.sleep(forMs);
    session.tokenFault = undefined;
  };
};

/** A page that dies, or all; after a while the candidate comes back. */
async function comeBack(session: Session, random: Random): Promise<void> {
  await session.world.sleep(random.pick([1, 5, 40, 300]) * SECOND_MS);
  if (!session.isExamOver && session.open.length === 0) await session.openVisit();
}

/** None while the computer sleeps. */
const onePage = ({ open }: Session, random: Random): Visit | undefined =>
  open.length > 0 && !open.some(({ page }) => page.isFrozen) ? random.pick(open) : undefined;

const disk = (state: 'full' | 'refusing' | 'hanging'): Play => {
  return async ({ machine, world }, { forMs }) => {
    machine.disk.state = state;
    await world.sleep(forMs);
    machine.disk.state = 'well';
  };
};

/** Something happens to a camera or a screen that is recorded, and is over after a while. */
const device = (begin: (stream: FakeStream) => void, end: (stream: FakeStream) => void = () => {}): Play => {
  return async (session, { forMs }, random) => {
    const recorded = session.open.flatMap(({ page, streams }) =>
      streams.filter(({ recorders }) => recorders.size > 0).map((stream) => ({ page, stream })),
    );
    if (recorded.length === 0) return;
    const { page, stream } = random.pick(recorded);
    page.deliver(() => begin(stream));
    await session.world.sleep(forMs);
    page.deliver(() => end(stream));
  };
};

const setMuted = (stream: FakeStream, isMuted: boolean) => {
  const [track] = stream.getTracks();
  if (track?.readyState !== 'live') return;
  for (const recorder of stream.recorders) {
    if (isMuted) recorder.miss('muted');
    else recorder.missNoMore('muted');
  }
  track.setMuted(isMuted);
};

export const FAULTS: Readonly<Record<FaultKind, Play>> = {
  offline,
  'offline past the idle limit': offline,
  'line refused': weather(() => ({ outage: 'refused' })),
  'line silent': weather(() => ({ outage: 'silent' })),
  'service down': weather((random) => ({ serviceOutage: random.pick(['refused', 'silent']) })),
  'store blocked': weather((random) => ({ storeOutage: random.pick(['refused', 'silent']) })),
  'requests lost': weather((random) => ({ lost: random.pick([0.1, 0.4]) })),
  'replies lost': weather((random) => ({ replyLost: random.pick([0.1, 0.4, 0.8]) })),
  'requests hang': weather((random) => ({ hanging: random.pick([0.1, 0.3]) })),
  'requests arrive late': weather((random) => ({ late: random.pick([0.1, 0.3]) })),
  'service busy': weather((random) => ({ busy: random.pick([0.3, 0.9]) })),
  'puts refused': weather(() => ({ putsRefused: 0.3 })),
  'slow line': weather((random) => ({ kbps: random.pick([20, 60, 200]) })),
  async 'flapping line'(session, fault, random) {
    const { world } = session;
    for (const endMs = world.nowMs + fault.forMs; world.nowMs < endMs; ) {
      await offline(session, { ...fault, forMs: random.between(500, 20 * SECOND_MS) }, random);
      await world.sleep(random.between(500, 20 * SECOND_MS));
    }
  },
  'token fails': token('fails'),
  'token hangs': token('hangs'),
  'token is no token': token('is no token'),
  async 'service restarts'(session, fault, random) {
    session.backend.restart();
    await weather(() => ({ serviceOutage: 'refused' }))(
      session,
      { ...fault, forMs: random.between(1, 30) * SECOND_MS },
      random,
    );
  },
  async 'attempt assessed'({ backend, world }) {
    await world.work(() => backend.assess());
  },
  async 'recording erased'({ backend, world, erasedIds }, _, random) {
    const all = await world.work(() => backend.recordings());
    if (all.length === 0) return;
    const { recordingId } = random.pick(all);
    erasedIds.push(recordingId);
    await world.work(() => backend.erase(recordingId));
  },
  async reload(session, _, random) {
    const visit = onePage(session, random);
    if (!visit) return;
    const { page } = visit;
    page.deliver(() => page.window.dispatchEvent(new Event('pagehide')));
    await session.world.sleep(random.between(0, 100));
    session.close(visit, 'is reloaded');
    await comeBack(session, random);
  },
  async crash(session, _, random) {
    const visit = onePage(session, random);
    if (!visit) return;
    session.close(visit, 'crashes');
    await comeBack(session, random);
  },
  async 'machine killed'(session, _, random) {
    if (!onePage(session, random)) return;
    for (const visit of session.open) session.close(visit, 'loses its power');
    await session.world.work(() => session.machine.disk.losePower());
    await comeBack(session, random);
  },
  async 'second tab'(session, { forMs }, random) {
    if (session.isExamOver) return;
    const visit = await session.openVisit(random.pick([[], session.plan.kinds]));
    await session.world.sleep(forMs);
    if (visit.page.isAlive && !session.isExamOver && random.chance(0.6)) session.close(visit, 'is closed');
  },
  'disk full': disk('full'),
  'disk refuses': disk('refusing'),
  'disk hangs': disk('hanging'),
  async 'site data cleared'({ machine }) {
    machine.disk.clear();
  },
  async 'clock steps'({ machine, story }, _, random) {
    const stepMs = random.pick([2, 30, 100, 600, 4000]) * SECOND_MS * random.pick([-1, 1]);
    machine.wallAheadMs += stepMs;
    story.add('clock', `steps by ${stepMs / 1000} s`);
  },
  async sleep(session, { forMs }, random) {
    const end = session.line.change({ outage: 'silent' });
    await session.machine.sleep(forMs, random.pick(['stands still', 'goes on']));
    await session.world.sleep(random.between(0, 5 * SECOND_MS));
    end();
  },
  async suspended(session, { forMs }, random) {
    const visit = onePage(session, random);
    visit?.page.freeze();
    await session.world.sleep(forMs);
    visit?.page.thaw(false);
  },
  muted: device(
    (stream) => setMuted(stream, true),
    (stream) => setMuted(stream, false),
  ),
  'camera pulled': device((stream) => stream.getVideoTracks()[0]?.end()),
  'all tracks end': device((stream) => {
    for (const track of stream.getTracks()) track.end();
  }),
  'recorder fails': device((stream) => {
    for (const recorder of stream.recorders) recorder.fail();
  }),
  'recorder gives nothing': device(
    (stream) => {
      for (const recorder of stream.recorders) recorder.starve(true);
    },
    (stream) => {
      for (const recorder of stream.recorders) recorder.starve(false);
    },
  ),
  async withdraw(session, _, random) {
    const visit = onePage(session, random);
    if (!visit) return;
    session.withdrawnAtMs = session.world.nowMs;
    visit.page.deliver(() => visit.withdraw());
    await session.world.sleep(MINUTE_MS);
  },
  async 'finish twice'(session, _, random) {
    const visit = onePage(session, random);
    if (!visit) return;
    visit.page.deliver(() => visit.finish());
    await session.world.sleep(random.between(0, SECOND_MS));
    visit.page.deliver(() => visit.finish());
  },
};
