// Two players on a clock of the test's: however long the follower takes to seek, both show the same moment soon after.
import { expect, it } from '@jest/globals';
import { keepInStep, type Player } from '../../src/client/keep-in-step.ts';

const TICK_MS = 50;
const TIMEUPDATE_MS = 250;
const DURATION_SECONDS = 600;

/** A seek takes as long as the next of `seeksMs`, the last one again and again. */
class FakePlayer extends EventTarget implements Player {
  readonly duration = DURATION_SECONDS;
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
      return;
    }
    if (!this.paused) this.#time += (TICK_MS / 1000) * this.playbackRate;
    if (!this.paused && nowMs % TIMEUPDATE_MS === 0) this.dispatchEvent(new Event('timeupdate'));
  }
}

function watch(leader: FakePlayer, follower: FakePlayer, offset = 0) {
  let nowMs = 0;
  const end = keepInStep(leader, follower, offset, () => nowMs);
  return {
    end,
    apart: () => Math.abs(leader.currentTime - offset - follower.currentTime),
    pass: (seconds: number) => {
      for (const untilMs = nowMs + seconds * 1000; nowMs < untilMs; ) {
        nowMs += TICK_MS;
        for (const player of [leader, follower]) player.tick(nowMs);
      }
    },
  };
}

it.each([
  ['at once', [50]],
  ['for nearly a second', [900]],
  ['for three seconds', [3000]],
  ['long the first time, and then quickly', [2000, 100]],
  ['quickly the first time, and then long', [100, 2000]],
])('a follower that seeks %s plays the same moment a little later, and seeks no more', async (_, seeksMs) => {
  const leader = new FakePlayer(100);
  const follower = new FakePlayer(...seeksMs);
  const { pass, apart } = watch(leader, follower, 5);
  await leader.play();
  leader.currentTime = 300;
  pass(12);
  expect(apart()).toBeLessThan(0.1);
  const before = follower.seeks;
  pass(60);
  expect(apart()).toBeLessThan(0.1);
  expect(follower.seeks).toBe(before);
  expect(before).toBeLessThanOrEqual(4);
});

it('a follower that takes long to seek shows the very moment at which the leader was paused', async () => {
  const leader = new FakePlayer(100);
  const follower = new FakePlayer(900);
  const { pass, apart } = watch(leader, follower, 5);
  await leader.play();
  leader.currentTime = 300;
  pass(1);
  leader.pause();
  pass(5);
  expect(apart()).toBeLessThan(0.01);
});

it('small differences are made up for by speed, without a jump', async () => {
  const leader = new FakePlayer(100);
  const follower = new FakePlayer(100);
  const { pass, apart } = watch(leader, follower);
  await leader.play();
  pass(1);
  const before = follower.seeks;
  leader.currentTime += 0.3;
  pass(3);
  expect(apart()).toBeLessThan(0.1);
  expect(follower.seeks).toBe(before);
});

it('ends when it is told to', async () => {
  const leader = new FakePlayer(100);
  const follower = new FakePlayer(100);
  const { pass, end } = watch(leader, follower);
  end();
  await leader.play();
  leader.currentTime = 100;
  pass(2);
  expect(follower).toMatchObject({ currentTime: 0, paused: true });
});
