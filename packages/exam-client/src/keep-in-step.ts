// Plays two recordings of one attempt in step.

/** Smaller differences are not corrected. Up to `JUMP_SECONDS` the follower plays faster or slower; beyond, it seeks. */
const TOLERATED_SECONDS = 0.08;
const JUMP_SECONDS = 0.4;
const CATCH_UP_RATE = 0.2;

/** The part of HTMLMediaElement that is used. */
export interface Player extends EventTarget {
  currentTime: number;
  playbackRate: number;
  readonly duration: number;
  readonly seeking: boolean;
  readonly paused: boolean;
  readonly ended: boolean;
  play(): Promise<void>;
  pause(): void;
}

/**
 * Makes `follower` play, pause, seek and change speed with `leader`, until the returned function is called.
 * @param offset how many seconds after `leader` the follower begins; a function of the leader's position where that changes
 * @param nowMs a monotonic clock, in milliseconds
 */
export function keepInStep(
  leader: Player,
  follower: Player,
  offset: number | ((leaderSeconds: number) => number),
  nowMs: () => number = () => performance.now(),
): () => void {
  const over = new AbortController();
  const { signal } = over;
  /** How long the last seek took. The leader plays on during a seek, so the next one aims that much further. */
  let seekSeconds = 0;
  let seekingSinceMs: number | undefined;
  const seek = (wanted: number) => {
    seekingSinceMs = nowMs();
    follower.currentTime = leader.paused ? wanted : wanted + seekSeconds * leader.playbackRate;
  };
  const step = () => {
    const at = leader.currentTime;
    const wanted = at - (typeof offset === 'number' ? offset : offset(at));
    const isThere = wanted >= 0 && wanted <= (follower.duration || 0);
    const ahead = follower.currentTime - wanted;
    const isFar = Math.abs(ahead) > JUMP_SECONDS || (leader.paused && Math.abs(ahead) > TOLERATED_SECONDS);
    if (isThere && isFar && !follower.seeking) seek(wanted);
    const isOff = Math.abs(ahead) > TOLERATED_SECONDS;
    follower.playbackRate = leader.playbackRate * (isOff ? 1 - Math.sign(ahead) * CATCH_UP_RATE : 1);
    const shouldPlay = isThere && !leader.paused && !leader.ended;
    if (shouldPlay && follower.paused) void follower.play().catch(() => {});
    if (!shouldPlay && !follower.paused) follower.pause();
  };
  const haveSought = () => {
    if (seekingSinceMs !== undefined) seekSeconds = (nowMs() - seekingSinceMs) / 1000;
    seekingSinceMs = undefined;
    step();
  };
  for (const name of ['play', 'playing', 'pause', 'seeking', 'seeked', 'timeupdate', 'ratechange', 'ended']) {
    leader.addEventListener(name, step, { signal });
  }
  follower.addEventListener('seeked', haveSought, { signal });
  step();
  return () => over.abort();
}
