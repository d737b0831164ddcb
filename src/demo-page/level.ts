// How loud a microphone is, for a bar that shows that it works.

/** Below this nothing is heard, in dB of full scale. */
const SILENCE_DB = -60;
/** Above this it is speech rather than the noise of a room, from 0 to 1. */
export const HEARD_LEVEL = 0.3;
const CALM_MS = 250;

/**
 * Calls `onLevel` with the level from 0 (silence) to 1 (full scale), some times a second. Returns what ends it; undefined for
 * a stream without sound.
 */
export function watchLevel(stream: MediaStream, onLevel: (level: number) => void): (() => void) | undefined {
  if (stream.getAudioTracks().length === 0) return undefined;
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const measure = () => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    const decibels = 10 * Math.log10(power || Number.MIN_VALUE);
    onLevel(Math.min(1, Math.max(0, 1 - decibels / SILENCE_DB)));
  };
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const timer = setInterval(measure, isCalm ? CALM_MS : 60);
  return () => {
    clearInterval(timer);
    if (context.state !== 'closed') void context.close();
  };
}

/** Shows the level in a bar: an element of the class `level`. */
export function showLevel(bar: HTMLElement, level: number): void {
  bar.style.setProperty('--level', level.toFixed(2));
}
