// What a reviewer's page does with a recording: loads it, seeks in it, plays two in step.
import { keepInStep } from '@proctoring-recordings/exam-client';
import { failure, happened, until } from './moments.ts';

/** Loads a video as a reviewer's page does, and seeks to its middle. */
export async function seekToMiddle(url: string): Promise<{ duration: number; landedAt: number }> {
  const video = await load(url);
  const { duration } = video;
  await seek(video, duration / 2);
  return { duration, landedAt: video.currentTime };
}

/** Near enough to the end that the last cue is used, and far enough from it that there is something to see. */
const BEFORE_THE_END_SECONDS = 1;

/** Seeks to the middle, near the end and back to the beginning, and plays a little from each. @throws Error when it cannot */
export async function seekAround(url: string): Promise<{ duration: number; sought: number[] }> {
  const video = await load(url);
  const { duration } = video;
  const sought = await playFrom(video, [duration / 2, Math.max(0, duration - BEFORE_THE_END_SECONDS), 0]);
  video.remove();
  return { duration, sought };
}

/** Seeks to the middle, back to the beginning, and plays to the end from shortly before it. */
export async function playThrough(url: string): Promise<{ duration: number; sought: number[]; endedAt: number }> {
  const video = await load(url);
  const { duration } = video;
  const sought = await playFrom(video, [duration / 2, 0, duration - BEFORE_THE_END_SECONDS]);
  await video.play();
  if (!video.ended) await happened(video, 'ended');
  return { duration, sought, endedAt: video.currentTime };
}

/** Plays two videos in step, seeks the first and plays on; how far apart they are whenever it pauses. */
export async function playInStep(leaderUrl: string, followerUrl: string, offset: number): Promise<number[]> {
  const leader = await load(leaderUrl);
  const follower = await load(followerUrl);
  const stop = keepInStep(leader, follower, offset);
  const apart: number[] = [];
  const secondsApart = () => follower.currentTime + offset - leader.currentTime;
  for (const time of [1, leader.duration / 2]) {
    await seek(leader, time);
    await leader.play();
    await until(() => leader.currentTime > time + 1 && !follower.seeking && Math.abs(secondsApart()) < 0.1);
    leader.pause();
    await until(() => follower.paused && !follower.seeking);
    apart.push(secondsApart());
  }
  stop();
  return apart;
}

async function load(url: string): Promise<HTMLVideoElement> {
  const video = document.createElement('video');
  video.muted = true;
  video.preload = 'metadata';
  video.src = url;
  document.body.append(video);
  await happened(video, 'loadedmetadata');
  return video;
}

async function seek(video: HTMLVideoElement, to: number): Promise<void> {
  video.currentTime = to;
  await happened(video, 'seeked');
}

/** Where each seek landed. */
async function playFrom(video: HTMLVideoElement, times: readonly number[]): Promise<number[]> {
  const failed = failure(video);
  const sought: number[] = [];
  for (const time of times) {
    await seek(video, time);
    sought.push(video.currentTime);
    await Promise.race([failed, video.play()]);
    await Promise.race([failed, until(() => video.currentTime > time + 0.2 || video.ended)]);
    video.pause();
  }
  return sought;
}
