// Two players on a clock of the test's: however long the follower takes to seek, both show the same moment soon after.
import { expect, test } from '@jest/globals';
import { keepInStep, type Player } from '../src/keep-in-step.ts';

const TICK_MS = 50;
const TIMEUPDATE_MS = 250;

/** The nth seek takes the nth of `seeksMs`, and every later one the last of them. */
class FakePlayer extends EventTarget implements Player {
  readonly duration = 600;
  readonly ended = false;
  readonly seeksMs: number[];
  paused = true;
  playbackRate = 1;
  seeks = 0;
  #time = 0;
  #leftMs = 0;

  constructor(...seeksMs: number[]) {
    super();
    this.seeksMs = seeksMs;
  }

  get currentTime(): number {
    return this.#time;
  }

  set currentTime(seconds: number) {
    this.#time = seconds;
    this.#leftMs = this.seeksMs[Math.min(this.seeks, this.seeksMs.length - 1)] ?? 0;
    this.seeks += 1;
    this.dispatchEvent(new Event('seeking'));
  }

  get seeking(): boolean {
    return this.#leftMs > 0;
  }

  async play(): Promise<void> {
    this.paused = false;
    this.dispatchEvent(new Event('play'));
  }

  pause(): void {
    this.paused = true;
    this.dispatchEvent(new Event('pause'));
  }

  tick(nowMs: number): void {
    if (this.seeking) {
      this.#leftMs -= TICK_MS;
      if (!this.seeking) this.dispatchEvent(new Event('seeked'));
    } else if (!this.paused) {
      this.#time += (TICK_MS / 1000) * this.playbackRate;
      if (nowMs % TIMEUPDATE_MS === 0) this.dispatchEvent(new Event('timeupdate'));
    }
  }
}

/** A leader that plays and has just jumped, and its follower, which begins five seconds later. */
async function watch(...seeksMs: number[]) {
  const [leader, follower] = [new FakePlayer(100), new FakePlayer(...seeksMs)];
  let nowMs = 0;
  const end = keepInStep(leader, follower, 5, () => nowMs);
  await leader.play();
  leader.currentTime = 300;
  const pass = (seconds: number) => {
    for (const untilMs = nowMs + seconds * 1000; nowMs < untilMs; ) {
      nowMs += TICK_MS;
      for (const player of [leader, follower]) player.tick(nowMs);
    }
  };
  return { leader, follower, end, pass, apart: () => Math.abs(leader.currentTime - 5 - follower.currentTime) };
}

test.each([
  ['at once', [50]],
  ['for three seconds', [3000]],
  ['long the first time, and then quickly', [2000, 100]],
  ['quickly the first time, and then long', [100, 2000]],
])('a follower that seeks %s plays the same moment a little later, and seeks no more', async (_, seeksMs) => {
  const { follower, pass, apart } = await watch(...seeksMs);
  pass(12);
  const { seeks } = follower;
  expect(seeks).toBeLessThanOrEqual(4);
  for (const seconds of [0, 60]) {
    pass(seconds);
    expect(apart()).toBeLessThan(0.1);
  }
  expect(follower.seeks).toBe(seeks);
});

test('a follower that takes long to seek shows the very moment at which the leader was paused', async () => {
  const { leader, pass, apart } = await watch(900);
  pass(1);
  leader.pause();
  pass(5);
  expect(apart()).toBeLessThan(0.01);
});

test('small differences are made up for by speed, without a jump, until it is stopped', async () => {
  const { leader, follower, end, pass, apart } = await watch(100);
  pass(5);
  const { seeks } = follower;
  leader.currentTime += 0.3;
  pass(3);
  expect(apart()).toBeLessThan(0.1);
  expect(follower.seeks).toBe(seeks);
  end();
  leader.currentTime = 100;
  leader.pause();
  pass(2);
  expect(follower).toMatchObject({ seeks, paused: false });
});

test('a follower whose distance changes is kept in step by the distance at each position', async () => {
  const [leader, follower] = [new FakePlayer(100), new FakePlayer(100)];
  const drift = (seconds: number) => 5 + seconds / 100;
  keepInStep(leader, follower, drift, () => 0);
  for (const seconds of [100, 300]) {
    leader.currentTime = seconds;
    expect(follower.currentTime).toBeCloseTo(seconds - drift(seconds));
    for (const player of [leader, follower]) for (let ms = 0; ms <= 100; ms += TICK_MS) player.tick(ms);
  }
});
