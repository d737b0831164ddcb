// Stands in for the review until there is one: three videos that follow the first.
import { keepInStep, mediaSeconds, offsetSeconds, type Timeline } from '@proctoring-recordings/exam-client';

interface Recording {
  recordingId: string;
  kind: string;
  timeline: Timeline;
}

class StubReview extends EventTarget {
  lanes: { id: string; kind: string; video: HTMLVideoElement | undefined; timeline: Timeline }[] = [];
  isPlaying = false;
  get isWaiting() {
    return this.lanes.some(({ video }) => (video?.readyState ?? 0) < 3);
  }
  get speed() {
    return this.lanes[0]?.video?.playbackRate ?? 1;
  }
  set speed(value: number) {
    const video = this.lanes[0]?.video;
    if (video) video.playbackRate = value;
  }
  get positionMs() {
    const lane = this.lanes[0];
    if (!lane?.video) return 0;
    const at = lane.video.currentTime;
    let [low, high] = [Date.parse(lane.timeline.startedAt), Date.parse(lane.timeline.endedAt)];
    while (high - low > 0.5) {
      const middle = (low + high) / 2;
      if (mediaSeconds(lane.timeline, new Date(middle)) < at) low = middle;
      else high = middle;
    }
    return low;
  }
  play() {
    this.isPlaying = true;
    void this.lanes[0]?.video?.play();
  }
  pause() {
    this.isPlaying = false;
    this.lanes[0]?.video?.pause();
  }
  seek(atMs: number) {
    const lane = this.lanes[0];
    if (lane?.video) lane.video.currentTime = mediaSeconds(lane.timeline, new Date(atMs));
  }
}

class StubElement extends HTMLElement {
  review = new StubReview();
  getToken = async () => '';
  async connectedCallback() {
    const [service, exam, attempt, reason] = ['service', 'exam', 'attempt', 'reason'].map((name) =>
      this.getAttribute(name),
    );
    const path = `${service}/v1/exams/${exam}/attempts/${attempt}/recordings`;
    const headers = { authorization: `Bearer ${await this.getToken()}`, 'content-type': 'application/json' };
    const { items } = (await (await fetch(path, { headers })).json()) as { items: Recording[] };
    items.sort((a, b) => Date.parse(a.timeline.startedAt) - Date.parse(b.timeline.startedAt));
    for (const { recordingId, kind, timeline } of items) {
      const post = { method: 'POST', headers, body: JSON.stringify({ reason }) };
      const { url } = (await (await fetch(`${path}/${recordingId}/playback-links`, post)).json()) as { url: string };
      const video = document.createElement('video');
      video.preload = 'metadata';
      video.src = url;
      this.append(video);
      await new Promise((resolve) => video.addEventListener('loadeddata', resolve, { once: true }));
      const leader = this.review.lanes[0];
      this.review.lanes.push({ id: kind, kind, video, timeline });
      if (leader?.video) keepInStep(leader.video, video, (at) => offsetSeconds(leader.timeline, timeline, at));
    }
  }
}
customElements.define('proctoring-review', StubElement);
