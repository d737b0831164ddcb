// A review on a virtual clock: everything in step, links that never run out, and what becomes of recordings meanwhile.
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { writeOverview } from '../../exam-client/test/own-parts.ts';
import { ALL_LANES, openReview, type Review, type ReviewEvents } from '../src/review.ts';
import { type FakeBrowser, openBrowser } from './fake-browser.ts';
import { at, iso, recordingOf } from './recordings.ts';

let browser: FakeBrowser;
let review: Review;
let tokens: () => string | Promise<string>;
beforeEach(() => {
  tokens = () => 'token';
});
afterEach(() => {
  review.close();
  browser.close();
});

const HOUR = { to: 3_600 };
const THREE = () => [
  recordingOf('w', 'webcam', HOUR),
  recordingOf('s', 'screen', HOUR),
  recordingOf('a', 'audio', HOUR),
];

/** Opens a review of those recordings. */
async function open(recordings: Parameters<typeof openBrowser>[0], change: (browser: FakeBrowser) => void = () => {}) {
  browser = openBrowser(recordings);
  change(browser);
  review = openReview({
    service: 'http://service.test',
    exam: 'math',
    attempt: 'a1',
    reason: 'second assessor',
    getToken: () => tokens(),
  });
  await review.ready;
  await browser.pass(1);
}

function gather<Name extends keyof ReviewEvents>(name: Name): ReviewEvents[Name][] {
  const details: ReviewEvents[Name][] = [];
  review.addEventListener(name, ({ detail }) => details.push(detail));
  return details;
}

/** The moments that the lanes show, in seconds of the attempt. */
const shown = () =>
  review.lanes.flatMap(({ lane, video, state }) => {
    const { positionMs } = review;
    const piece = lane.pieces.find(({ fromMs, toMs }) => fromMs <= positionMs && positionMs < toMs);
    return piece && video && state === 'playable' ? [(piece.clock.momentMsAt(video.currentTime) - at(0)) / 1000] : [];
  });
const apart = () => Math.max(...shown()) - Math.min(...shown());
const position = () => (review.positionMs - at(0)) / 1000;

test('the recordings are loaded and shown, and nothing plays by itself', async () => {
  await open(THREE());
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable', 'playable']);
  await browser.pass(10);
  expect(position()).toBe(0);
  expect(shown()).toEqual([0, 0, 0]);
});

test('every link has the reason, and none is requested twice', async () => {
  await open(THREE());
  review.play();
  await browser.pass(60);
  expect(browser.links.map(({ recordingId, reason, isRenewal }) => [recordingId, reason, isRenewal])).toEqual([
    ['w', 'second assessor', false],
    ['s', 'second assessor', false],
    ['a', 'second assessor', false],
  ]);
});

test.each([0.5, 1, 4])('at %d times all play in step, although their media drift', async (speed) => {
  await open(THREE(), ({ pace }) => pace.set('s', 1.002).set('a', 0.998));
  review.speed = speed;
  review.play();
  const before = position();
  let worst = 0;
  for (let tick = 0; tick < 600; tick++) {
    await browser.pass(0.1);
    if (tick > 20) worst = Math.max(worst, apart());
  }
  expect(position() - before).toBeCloseTo(60 * speed, -1);
  expect(worst).toBeLessThan(0.05 * Math.max(1, speed));
});

test('media whose anchors say that they drift from the clock are in step by the clock', async () => {
  const anchors = [
    { at: iso(0), mediaSeconds: 0 },
    { at: iso(3_600), mediaSeconds: 3_590 },
  ];
  const drifting = recordingOf('s', 'screen', { ...HOUR, timeline: { anchors } });
  await open([recordingOf('w', 'webcam', HOUR), drifting]);
  review.seek(at(1_800));
  await browser.pass(1);
  const [, screen] = review.lanes;
  expect(screen?.video?.currentTime).toBeCloseTo(1_795, 1);
  review.play();
  await browser.pass(10);
  expect(apart()).toBeLessThan(0.05);
});

test('after a seek all stand at the moment, and play on from it together', async () => {
  await open(THREE(), (world) => {
    world.seekMs = 700;
  });
  review.play();
  await browser.pass(2);
  for (const seconds of [1_800, 5, 3_000]) {
    review.seek(at(seconds));
    await browser.pass(0.3);
    expect([position(), review.isWaiting]).toEqual([seconds, true]);
    await browser.pass(2);
    expect([review.isWaiting, apart() < 0.05]).toEqual([false, true]);
    expect(position()).toBeGreaterThan(seconds + 1);
  }
});

test('links are renewed before they expire, the follower first, and nothing stops or jumps', async () => {
  await open(THREE(), (world) => {
    world.linkLifeMs = 30_000;
  });
  review.play();
  let before = position();
  for (let tick = 0; tick < 3_000; tick++) {
    await browser.pass(0.1);
    expect(Math.abs(position() - before - 0.1)).toBeLessThan(0.1);
    before = position();
  }
  const renewals = browser.links.filter(({ isRenewal }) => isRenewal);
  expect(renewals.length).toBeGreaterThanOrEqual(36);
  expect(new Set(renewals.map(({ reason }) => reason))).toEqual(new Set(['second assessor']));
  const firstOf = (recordingId: string) => renewals.find((link) => link.recordingId === recordingId)?.atSeconds ?? 0;
  // The sound of the camera is heard, so the line follows the camera.
  expect(review.sound).toBe('webcam');
  expect(firstOf('w')).toBeGreaterThan(firstOf('s'));
  expect(firstOf('w')).toBeLessThan(30);
  expect(browser.videos.filter(({ isOpen }) => isOpen)).toHaveLength(3);
});

test('while it is paused no link is requested', async () => {
  await open(THREE(), (world) => {
    world.linkLifeMs = 30_000;
  });
  await browser.pass(3_600);
  expect(browser.links).toHaveLength(3);
});

test.each(['errs', 'hangs'] as const)('a seek after the expiry, which %s, shows its moment soon', async (onExpiry) => {
  await open(THREE(), (world) => {
    world.linkLifeMs = 30_000;
    world.onExpiry = onExpiry;
  });
  await browser.pass(120);
  review.seek(at(2_000));
  await browser.pass(1);
  expect(shown().map(Math.round)).toEqual([2_000, 2_000, 2_000]);
  expect(browser.links).toHaveLength(6);
});

test.each(['errs', 'hangs'] as const)(
  'a link that ends early, which %s, is replaced where the picture was',
  async (onExpiry) => {
    await open(THREE(), (world) => {
      world.onExpiry = onExpiry;
    });
    review.play();
    await browser.pass(10);
    browser.revoke();
    review.seek(at(2_000));
    await browser.pass(9);
    expect(apart()).toBeLessThan(0.05);
    expect(position()).toBeGreaterThan(2_000);
    expect(position()).toBeLessThan(2_010);
  },
);

test('a restriction in mid-review ends the picture and is told within seconds', async () => {
  await open(THREE());
  const ended = gather('ended');
  review.play();
  await browser.pass(5);
  browser.recordings = browser.recordings.map((each) =>
    each.recordingId === 's' ? { ...each, restricted: true } : each,
  );
  await browser.pass(11);
  expect(ended).toEqual([{ recordingId: 's', why: 'restricted', gone: undefined }]);
  const [, screen] = review.lanes;
  expect([screen?.state, screen?.video]).toEqual(['restricted', undefined]);
  // The others play on.
  const before = position();
  await browser.pass(2);
  expect(position() - before).toBeCloseTo(2, 0);
  expect(browser.links).toHaveLength(3);
});

test('when the restriction is lifted, the recording is played again', async () => {
  await open([recordingOf('w', 'webcam', HOUR), recordingOf('s', 'screen', { ...HOUR, restricted: true })]);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'restricted']);
  browser.recordings = browser.recordings.map((each) => ({ ...each, restricted: false }));
  await browser.pass(12);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable']);
});

test('when nothing may be played any longer it stops, says so, and has no deadline', async () => {
  await open(THREE());
  const ended = gather('ended');
  review.play();
  await browser.pass(5);
  browser.recordings = browser.recordings.map((each) => ({ ...each, restricted: true }));
  await browser.pass(11);
  expect(ended).toHaveLength(3);
  expect([review.isOver, review.isPlaying, review.deletableFromMs]).toEqual([true, false, undefined]);
  const before = position();
  review.play();
  await browser.pass(5);
  expect([review.isPlaying, position()]).toEqual([false, before]);
  expect(review.lanes.map(({ endOf }) => ['w', 's', 'a'].map(endOf).join())).toContain(
    'restricted,restricted,restricted',
  );
  browser.recordings = browser.recordings.map((each) => ({ ...each, restricted: false }));
  await browser.pass(11);
  expect(review.isOver).toBe(false);
});

test('all that is deleted at once is told as ended at once, whatever the receipts take', async () => {
  await open(THREE());
  browser.receiptMs = 60_000;
  review.play();
  browser.recordings = [];
  await browser.pass(11);
  expect([review.isOver, review.isPlaying]).toEqual([true, false]);
  expect(review.lanes.map(({ state }) => state)).toEqual(['deleted', 'deleted', 'deleted']);
});

test('what may not be played any longer is jumped over, and that is said', async () => {
  const recordings = [
    recordingOf('a', 'webcam', { to: 20 }),
    recordingOf('b', 'webcam', { from: 20, to: 80, restricted: true }),
    recordingOf('c', 'webcam', { from: 80, to: 160 }),
  ];
  await open(recordings);
  const skipped = gather('skipped');
  review.seek(at(15));
  review.play();
  await browser.pass(10);
  expect(skipped).toEqual([{ fromMs: expect.any(Number), toMs: at(80), why: 'ended' }]);
  expect(position()).toBeGreaterThan(82);
});

test('a still stretch of one lane is skipped when that lane is chosen', async () => {
  const activity = new Uint8Array(100).fill(200);
  activity.fill(0, 20, 60);
  await open([recordingOf('w', 'webcam', { to: 100 }), recordingOf('s', 'screen', { to: 100 })], ({ overviews }) =>
    overviews.set('s', writeOverview({ pictures: null, activity })),
  );
  const skipped = gather('skipped');
  expect(review.still).toEqual([]);
  expect(review.lanes.map(({ still }) => still.length)).toEqual([0, 1]);
  review.skipsStillOf = ALL_LANES;
  review.seek(at(18));
  review.play();
  await browser.pass(10);
  expect(skipped).toEqual([]);
  review.skipsStillOf = 'screen';
  await browser.pass(2);
  expect(skipped).toEqual([{ fromMs: expect.any(Number), toMs: at(59), why: 'still' }]);
});

test('a deletion in mid-review is told with its receipt, and stays on the line', async () => {
  await open(THREE());
  const ended = gather('ended');
  browser.refuse = (call) =>
    call === 'GET /s' ? { status: 410, body: { receipt: { deletedAt: iso(7), reason: 'erasure' } } } : undefined;
  browser.recordings = browser.recordings.filter(({ recordingId }) => recordingId !== 's');
  await browser.pass(11);
  expect(ended).toEqual([{ recordingId: 's', why: 'deleted', gone: { deletedAt: iso(7), reason: 'erasure' } }]);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'deleted', 'playable']);
});

test('a refusal of a link says what has become of the recording', async () => {
  await open([recordingOf('w', 'webcam', HOUR)], (world) => {
    world.refuse = (call) =>
      call.startsWith('POST') ? { status: 423, body: { code: 'recording-restricted' } } : undefined;
  });
  expect(review.lanes.map(({ state }) => state)).toEqual(['restricted']);
});

test('from the time at which they may be deleted, that is told, once', async () => {
  await open([recordingOf('w', 'webcam', { ...HOUR, deletableFrom: iso(30) })]);
  const told = gather('deletable');
  await browser.pass(25);
  expect(told).toHaveLength(0);
  await browser.pass(60);
  expect(told).toHaveLength(1);
});

test('while the service does not respond, what is loaded plays on, and the link is renewed when it responds', async () => {
  await open(THREE(), (world) => {
    world.linkLifeMs = 60_000;
  });
  review.play();
  browser.refuse = () => 'unreachable';
  await browser.pass(50);
  expect(position()).toBeGreaterThan(48);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable', 'playable']);
  browser.refuse = () => undefined;
  await browser.pass(70);
  expect(browser.links.filter(({ isRenewal }) => isRenewal).length).toBeGreaterThanOrEqual(3);
  expect(position()).toBeGreaterThan(110);
});

test.each<[string, () => void, string]>([
  ['cannot be reached', () => (browser.refuse = () => 'unreachable'), 'unreachable'],
  ['does not answer', () => (browser.listMs = 60_000), 'unreachable'],
  [
    'refuses the token',
    () => (browser.refuse = () => ({ status: 403, body: { code: 'wrong-attempt' } })),
    'wrong-attempt',
  ],
  ['is asked without a token', () => (tokens = () => '<!doctype html><title>Log in</title>'), 'no-token'],
])('while the service %s, that is known within seconds, although all plays on', async (_, begin, code) => {
  await open(THREE());
  review.play();
  expect(review.outage).toBeUndefined();
  begin();
  await browser.pass(19);
  expect(review.outage?.code).toBe(code);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable', 'playable']);
  browser.refuse = () => undefined;
  browser.listMs = 0;
  tokens = () => 'token';
  await browser.pass(60);
  expect(review.outage).toBeUndefined();
});

test.each(['<!doctype html><title>Log in</title>', '', 'two words', 'zwei\u00e4', undefined as unknown as string])(
  'what is no token, as %j, is not sent, and is told as what it is',
  async (token) => {
    browser = openBrowser(THREE());
    const getToken = () => token;
    review = openReview({ service: 'http://service.test', exam: 'math', attempt: 'a1', getToken });
    await expect(review.ready).rejects.toMatchObject({ code: 'no-token' });
    expect(browser.calls).toEqual([]);
  },
);

test('while the store is away the recordings are tried again, and shown when it is back', async () => {
  await open(THREE(), (world) => {
    world.store = 'away';
  });
  await browser.pass(120);
  expect(review.lanes.map(({ state }) => state)).toEqual(['unreachable', 'unreachable', 'unreachable']);
  browser.store = 'serves';
  await browser.pass(120);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable', 'playable']);
});

test('a recording of which nothing ever comes keeps the others from playing only for a while, and costs few links', async () => {
  await open(THREE(), ({ hanging }) => hanging.add('s'));
  review.play();
  await browser.pass(60);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'unreachable', 'playable']);
  expect(position()).toBeGreaterThan(20);
  await browser.pass(1_800);
  expect(browser.links.filter(({ recordingId }) => recordingId === 's').length).toBeLessThan(40);
  expect(review.lanes[1]?.state).toBe('unreachable');
  browser.hanging.clear();
  review.retry();
  review.seek(at(100));
  await browser.pass(30);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable', 'playable']);
});

test('media that are shorter than their timeline says keep nothing waiting', async () => {
  await open(THREE(), ({ durations }) => durations.set('s', 50));
  review.seek(at(40));
  review.play();
  await browser.pass(60);
  expect(position()).toBeGreaterThan(95);
  review.seek(at(2_000));
  await browser.pass(5);
  expect(position()).toBeGreaterThan(2_003);
});

test('media that fail although the store responds cannot be played, and no further link is requested', async () => {
  await open([recordingOf('w', 'webcam', HOUR)], (world) => {
    world.store = 'damaged';
  });
  await browser.pass(120);
  expect(review.lanes.map(({ state }) => state)).toEqual(['broken']);
  const { length } = browser.links;
  await browser.pass(600);
  expect(browser.links).toHaveLength(length);
  browser.store = 'serves';
  review.retry();
  await browser.pass(5);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable']);
});

test('media that are damaged at one moment are played before it and after it, and cost few links', async () => {
  await open([recordingOf('w', 'webcam', HOUR)], ({ damage }) => damage.set('w', { from: 100, to: 105 }));
  review.seek(at(90));
  review.play();
  await browser.pass(14);
  expect(review.lanes[0]?.state).not.toBe('playable');
  await browser.pass(26);
  expect(review.lanes[0]?.state).toBe('playable');
  expect(position()).toBeGreaterThan(110);
  expect(browser.links.length).toBeLessThan(6);
  review.seek(at(95));
  await browser.pass(3);
  expect(review.lanes[0]?.state).toBe('playable');
});

test('media that are damaged everywhere are tried again ever more seldom', async () => {
  await open([recordingOf('w', 'webcam', HOUR)], ({ damage }) => damage.set('w', { from: 0, to: 3_600 }));
  review.play();
  await browser.pass(1_800);
  expect(review.lanes[0]?.state).toBe('broken');
  expect(browser.links.length).toBeLessThan(15);
});

test.each([-3_600_000, 3_600_000])(
  'where the responses have no date and the clock of the service is %d ms ahead, links are used until they end',
  async (aheadMs) => {
    await open(THREE(), (world) => {
      world.aheadMs = aheadMs;
      world.tellsDate = false;
    });
    review.play();
    await browser.pass(1_800);
    expect(position()).toBeGreaterThan(1_780);
    expect(browser.links.filter(({ recordingId }) => recordingId === 's').length).toBeLessThan(12);
  },
);

test('while the clock of the browser is set back an hour, links are renewed as before', async () => {
  await open(THREE(), (world) => {
    world.linkLifeMs = 60_000;
  });
  review.play();
  jest.setSystemTime(Date.now() - 3_600_000);
  await browser.pass(55);
  expect(browser.links.filter(({ isRenewal }) => isRenewal).map(({ recordingId }) => recordingId)).toEqual([
    's',
    'a',
    'w',
  ]);
});

test('a page that never gives a token keeps the line waiting only for a while', async () => {
  const recordings = [recordingOf('w', 'webcam', HOUR), recordingOf('s', 'screen', { from: 30, to: 90 })];
  await open(recordings, (world) => {
    world.linkLifeMs = 20_000;
  });
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'nothing']);
  tokens = () => new Promise(() => {});
  review.play();
  await browser.pass(60);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'refused']);
  await browser.pass(10);
  expect(position()).toBeGreaterThan(40);
});

test('a list of recordings without an end is refused', async () => {
  browser = openBrowser(THREE());
  browser.nextCursor = 'again';
  review = openReview({ service: 'http://service.test', exam: 'math', attempt: 'a1', getToken: () => 'token' });
  await expect(review.ready).rejects.toMatchObject({ code: 'unexpected' });
  expect(browser.calls.length).toBeLessThanOrEqual(100);
});

test('while the service does not respond the list is tried again, which is told once, and then all is shown', async () => {
  browser = openBrowser(THREE());
  browser.refuse = () => 'unreachable';
  review = openReview({ service: 'http://service.test', exam: 'math', attempt: 'a1', getToken: () => 'token' });
  const failed = gather('failed');
  await browser.pass(60);
  expect(failed.map(({ error }) => error.code)).toEqual(['unreachable']);
  expect(browser.calls.length).toBeLessThan(15);
  browser.refuse = () => undefined;
  review.retry();
  await browser.pass(1);
  await review.ready;
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable', 'playable']);
});

test.each<[string, object]>([
  ['an error page', { page: '<h1>Oops</h1>' }],
  ['a timeline that is none', { items: [{ ...recordingOf('w', 'webcam'), timeline: { startedAt: iso(0) } }] }],
])('a service that responds with %s is told', async (_, body) => {
  browser = openBrowser([]);
  browser.refuse = () => ({ status: 200, body });
  review = openReview({ service: 'http://service.test', exam: 'math', attempt: 'a1', getToken: () => 'token' });
  const failed = gather('failed');
  await browser.pass(1);
  expect(failed).toHaveLength(1);
});

test('where there were too many links, it is said so, and tried again when the service says', async () => {
  await open([recordingOf('w', 'webcam', HOUR)], (world) => {
    world.refuse = (call) =>
      call.startsWith('POST') ? { status: 429, body: { code: 'daily-limit' }, retryAfter: 600 } : undefined;
  });
  expect(review.lanes.map(({ state }) => state)).toEqual(['limited']);
  browser.calls.length = 0;
  await browser.pass(590);
  expect(browser.calls.filter((call) => call.startsWith('POST'))).toEqual([]);
  browser.refuse = () => undefined;
  review.play();
  await browser.pass(15);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable']);
});

test('while it is paused in a page that nobody sees, what failed is not requested again', async () => {
  await open(THREE(), (world) => {
    world.store = 'away';
  });
  browser.document.visibilityState = 'hidden';
  await browser.pass(60);
  browser.calls.length = 0;
  await browser.pass(3_600);
  expect(browser.calls).toEqual([]);
  browser.store = 'serves';
  browser.document.visibilityState = 'visible';
  await browser.pass(5);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable', 'playable']);
});

test('a thousand recordings of the same time are not played at once, and the others are named', async () => {
  await open(Array.from({ length: 1_000 }, (_, index) => recordingOf(`w${index}`, 'webcam', HOUR)));
  expect(review.lanes).toHaveLength(4);
  expect(review.line.beside).toHaveLength(996);
  review.play();
  await browser.pass(20);
  expect(browser.videos.filter(({ isOpen }) => isOpen)).toHaveLength(4);
  expect(browser.links.length).toBeLessThan(10);
});

test('a code that is a name of every object is one of the token', async () => {
  await open([recordingOf('w', 'webcam', HOUR)], (world) => {
    world.refuse = (call) => (call.startsWith('POST') ? { status: 403, body: { code: 'constructor' } } : undefined);
  });
  expect(review.lanes.map(({ state }) => state)).toEqual(['refused']);
});

test('closed in the middle of a list, it asks for no further page', async () => {
  browser = openBrowser(THREE());
  browser.nextCursor = 'again';
  let calls = 0;
  browser.refuse = () => {
    calls += 1;
    if (calls === 3) review.close();
    return undefined;
  };
  review = openReview({ service: 'http://service.test', exam: 'math', attempt: 'a1', getToken: () => 'token' });
  await expect(review.ready).rejects.toMatchObject({ code: 'unreachable' });
  expect(calls).toBe(3);
});

test('while a list is on its way, no other is requested', async () => {
  await open(THREE());
  browser.listMs = 25_000;
  browser.calls.length = 0;
  await browser.pass(60);
  expect(browser.calls.filter((call) => call === 'GET ').length).toBeLessThanOrEqual(3);
});

test('pictures that arrive after a restriction are not kept, nor loaded over a link from before it', async () => {
  const overview = writeOverview({ pictures: null, activity: new Uint8Array(60) });
  await open([recordingOf('w', 'webcam', HOUR), recordingOf('s', 'screen', HOUR)], (world) => {
    world.overviews.set('w', overview).set('s', overview);
    world.overviewMs = 15_000;
  });
  browser.recordings = [recordingOf('w', 'webcam', { ...HOUR, restricted: true }), recordingOf('s', 'screen', HOUR)];
  browser.refuse = (call) =>
    call === 'POST /w/playback-links' ? { status: 403, body: { code: 'recording-restricted' } } : undefined;
  await browser.pass(60);
  const [camera, screen] = review.lanes;
  expect(screen?.overviewOf('s')?.activity).toHaveLength(60);
  expect(camera?.overviewOf('w')).toBeUndefined();
});

test('a service that refuses the token is asked again seldom, and the words differ from those of a dead line', async () => {
  await open([recordingOf('w', 'webcam', HOUR)], (world) => {
    world.refuse = (call) => (call.startsWith('POST') ? { status: 403, body: { code: 'scope-missing' } } : undefined);
  });
  expect(review.lanes.map(({ state }) => state)).toEqual(['refused']);
  browser.calls.length = 0;
  await browser.pass(300);
  expect(browser.calls.filter((call) => call.startsWith('POST')).length).toBeLessThan(12);
  browser.refuse = () => undefined;
  review.retry();
  await browser.pass(1);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable']);
});

test('the line jumps over a hole between two recordings, says so, and goes on without a wait', async () => {
  await open([recordingOf('a', 'webcam'), recordingOf('b', 'webcam', { from: 100, to: 160 })]);
  const skipped = gather('skipped');
  review.seek(at(50));
  review.play();
  await browser.pass(15);
  expect(skipped).toHaveLength(1);
  expect(skipped[0]).toMatchObject({ toMs: at(100), why: 'not-recorded' });
  expect(position()).toBeGreaterThan(103);
  expect(review.lanes[0]?.video?.currentTime).toBeCloseTo(position() - 100, 0);
});

test('where another lane has something, a lane without waits, and comes back in step', async () => {
  await open([recordingOf('w', 'webcam', HOUR), recordingOf('s', 'screen', { from: 30, to: 3_600 })]);
  review.play();
  await browser.pass(20);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'nothing']);
  await browser.pass(20);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable']);
  expect(apart()).toBeLessThan(0.05);
});

test('in a pause that is not in the file of one lane, the others play on in step', async () => {
  const gaps = [{ from: iso(20), to: iso(40), reason: 'buffer-full' }];
  await open([recordingOf('w', 'webcam', { to: 100, timeline: { gaps } }), recordingOf('s', 'screen', { to: 100 })]);
  review.play();
  await browser.pass(30);
  expect(review.lanes.map(({ state }) => state)).toEqual(['nothing', 'playable']);
  expect(position()).toBeGreaterThan(28);
  expect(position()).toBeLessThan(32);
  await browser.pass(20);
  expect(apart()).toBeLessThan(0.05);
});

test('without a timeline the line is as long as the media say', async () => {
  await open([recordingOf('w', 'webcam', { to: 500, timeline: null })], ({ durations }) => durations.set('w', 42));
  expect(review.line.toMs - review.line.fromMs).toBe(42_000);
});

test('recordings without a timeline, stored at once, whose files do not say how long they are, are played whole', async () => {
  const given = { timeline: null, storedAt: iso(0) };
  const second = recordingOf('b', 'webcam', { from: 60, timeline: null, storedAt: iso(60) });
  await open(
    [recordingOf('a', 'webcam', given), second, recordingOf('s', 'screen', given)],
    ({ durations, untold }) => {
      for (const [id, seconds] of Object.entries({ a: 42, b: 30, s: 50 })) durations.set(id, seconds);
      for (const id of ['a', 'b', 's']) untold.add(id);
    },
  );
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable']);
  expect(shown()).toEqual([0, 0]);
  review.play();
  await browser.pass(20);
  expect(position()).toBeGreaterThan(18);
  expect(apart()).toBeLessThan(0.05);
  await browser.pass(70);
  expect(review.isPlaying).toBe(false);
  expect(position()).toBe(90);
});

test('while nothing can be shown because nothing can be reached, the line waits, and goes on from there', async () => {
  await open(THREE());
  browser.store = 'away';
  browser.refuse = () => 'unreachable';
  browser.revoke();
  review.seek(at(1_000));
  review.play();
  await browser.pass(120);
  expect(review.lanes.map(({ state }) => state)).toEqual(['unreachable', 'unreachable', 'unreachable']);
  expect(position()).toBeLessThan(1_030);
  const before = position();
  await browser.pass(600);
  expect(position()).toBe(before);
  browser.store = 'serves';
  browser.refuse = () => undefined;
  await browser.pass(90);
  expect(position()).toBeGreaterThan(before + 5);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable', 'playable']);
});

test('what ends in each lane about then is one mark to go to', async () => {
  const recordings = [
    recordingOf('w1', 'webcam', { to: 34.6 }),
    recordingOf('s1', 'screen', { to: 34.2 }),
    recordingOf('w2', 'webcam', { from: 200, to: 230 }),
    recordingOf('s2', 'screen', { from: 200, to: 230 }),
  ];
  await open(recordings);
  review.seek(at(33.8));
  expect(review.seekToMark('next')?.fromMs).toBe(at(34.2));
  expect(review.seekToMark('next')).toBeUndefined();
  review.seek(at(230));
  expect(review.seekToMark('previous')?.fromMs).toBe(at(34.2));
  expect(review.seekToMark('previous')).toBeUndefined();
});

test('at the end it stops, and plays from the beginning when it is played again', async () => {
  await open([recordingOf('w', 'webcam')], ({ durations }) => durations.set('w', 60));
  review.seek(at(58));
  review.play();
  await browser.pass(10);
  expect([review.isPlaying, position()]).toEqual([false, 60]);
  review.play();
  await browser.pass(1);
  expect(position()).toBeLessThan(2);
});

test('a page that nobody sees asks nothing, and its timer, which runs seldom, moves nothing', async () => {
  await open(THREE());
  browser.calls.length = 0;
  browser.document.visibilityState = 'hidden';
  await browser.pass(120);
  expect(browser.calls).toEqual([]);
});

test('a step moves by a frame and pauses', async () => {
  await open(THREE());
  review.play();
  await browser.pass(10);
  const before = position();
  review.step(1);
  await browser.pass(1);
  expect(review.isPlaying).toBe(false);
  expect(position() - before).toBeCloseTo(1 / 30, 2);
});

test('one goes from mark to mark, and back', async () => {
  const gaps = [
    { from: iso(100), to: iso(110), reason: 'muted' },
    { from: iso(200), to: iso(210), reason: 'muted' },
  ];
  await open([recordingOf('w', 'webcam', { ...HOUR, timeline: { gaps } })]);
  const at2 = [review.seekToMark('next'), review.seekToMark('next')].map((mark) => mark?.fromMs);
  expect(at2).toEqual([at(100), at(200)]);
  expect(review.seekToMark('next')).toBeUndefined();
  expect(review.seekToMark('previous')?.fromMs).toBe(at(100));
});

test('a recording that is stored meanwhile appears', async () => {
  await open([recordingOf('w', 'webcam', HOUR), recordingOf('s', 'screen', { ...HOUR, state: 'uploading' })]);
  expect(review.line.uploading).toHaveLength(1);
  browser.recordings = browser.recordings.map((each) => ({ ...each, state: 'stored' }));
  await browser.pass(12);
  expect(review.lanes.map(({ state }) => state)).toEqual(['playable', 'playable']);
});

test('closed, it asks and plays nothing any more', async () => {
  await open(THREE());
  review.play();
  review.close();
  browser.calls.length = 0;
  await browser.pass(1_000);
  expect(browser.calls).toEqual([]);
  expect(browser.videos.filter(({ isOpen }) => isOpen)).toEqual([]);
});
