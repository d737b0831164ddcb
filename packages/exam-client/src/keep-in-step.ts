// Two recordings of one attempt, watched in step.

/** A difference that no one sees is left alone; up to the second one the follower runs faster or slower. */
const TOLERATED_SECONDS = 0.08;
const JUMP_SECONDS = 0.4;
const CATCH_UP_RATE = 0.2;

/** What is needed of an HTMLMediaElement. */
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
 * Makes `follower` play, pause, seek and speed as `leader` does. The function that it returns ends this.
 * @param offset how many seconds after `leader` the follower begins
 * @param nowMs a monotonic clock, in milliseconds
 */
export function keepInStep(
  leader: Player,
  follower: Player,
  offset: number,
  nowMs: () => number = () => performance.now(),
): () => void {
  const over = new AbortController();
  const { signal } = over;
  /** While a seek takes its time the leader plays on: the next one aims that much further. */
  let seekSeconds = 0;
  let seekingSinceMs: number | undefined;
  const seek = (wanted: number) => {
    seekingSinceMs = nowMs();
    follower.currentTime = leader.paused ? wanted : wanted + seekSeconds * leader.playbackRate;
  };
  const step = () => {
    const wanted = leader.currentTime - offset;
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
