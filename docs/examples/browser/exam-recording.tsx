// Records an attempt from React: a hook that owns the session, and a panel with consent, state and two ways to end.
import { type ExamSession, type SessionOptions, startSession } from '@proctoring-recordings/exam-client';
import { useEffect, useRef, useState } from 'react';

type AttemptOptions = Pick<SessionOptions, 'service' | 'exam' | 'attempt' | 'participantId' | 'getToken'>;
type Status = 'not-recording' | 'recording' | 'ending' | 'stored' | 'withdrawn' | 'failed';

interface Running {
  readonly session: ExamSession;
  readonly abort: AbortController;
  readonly tracks: readonly MediaStreamTrack[];
}

function stopTracks(tracks: readonly MediaStreamTrack[] = []): void {
  for (const track of tracks) track.stop();
}

/** Call `start` from a click: browsers let a screen be chosen only then. When the component goes away, recording stops. */
export function useExamRecording(attempt: AttemptOptions, policyVersion: string) {
  const running = useRef<Running>(undefined);
  const [status, setStatus] = useState<Status>('not-recording');
  const [error, setError] = useState<string>();
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [storedBytes, setStoredBytes] = useState(0);

  useEffect(() => {
    return () => {
      // What is not stored stays in the browser; the next session of this attempt uploads it.
      running.current?.abort.abort();
      stopTracks(running.current?.tracks);
    };
  }, []);

  async function start(): Promise<void> {
    if (running.current) return;
    const camera = navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    const screen = navigator.mediaDevices.getDisplayMedia({ video: true });
    try {
      const streams = await Promise.all([camera, screen]);
      const abort = new AbortController();
      const consent = { givenAt: new Date().toISOString(), policyVersion };
      const session = startSession({ ...attempt, consent, signal: abort.signal });
      session.record('webcam', streams[0]);
      session.record('screen', streams[1]);
      session.addEventListener('progress', () => setStoredBytes(session.progress.storedBytes));
      session.addEventListener('problem', () => setProblems([...session.problems]));
      running.current = { session, abort, tracks: streams.flatMap((stream) => stream.getTracks()) };
      setStatus('recording');
    } catch {
      for (const stream of await Promise.allSettled([camera, screen])) {
        if (stream.status === 'fulfilled') stopTracks(stream.value.getTracks());
      }
      setError('no-sources');
    }
  }

  async function end(how: 'finish' | 'withdraw'): Promise<void> {
    if (!running.current) return;
    setStatus('ending');
    try {
      await running.current.session[how]();
      setStatus(how === 'finish' ? 'stored' : 'withdrawn');
    } catch (failure) {
      setError((failure as { code?: string }).code ?? 'unexpected');
      setStatus('failed');
    } finally {
      stopTracks(running.current?.tracks);
      running.current = undefined;
    }
  }
  return { status, error, problems, storedBytes, start, finish: () => end('finish'), withdraw: () => end('withdraw') };
}

export function ExamRecording({ policyVersion, ...attempt }: AttemptOptions & { readonly policyVersion: string }) {
  const [hasDeclined, setHasDeclined] = useState(false);
  const { status, error, problems, storedBytes, start, finish, withdraw } = useExamRecording(attempt, policyVersion);
  if (hasDeclined) return <p role="status">Nothing is recorded. Good luck with your exam.</p>;
  return (
    <section>
      {status === 'not-recording' && (
        <>
          <p>
            If you agree, <strong>your camera, your microphone and your screen</strong> are recorded until you finish.
            An examiner watches the recordings; they are deleted no later than 30 days after the assessment. Recording
            is optional.
          </p>
          <button type="button" onClick={start}>
            Agree and start recording
          </button>
          <button type="button" onClick={() => setHasDeclined(true)}>
            Take the exam without recording
          </button>
        </>
      )}
      {status === 'recording' && (
        <>
          <p>You are being recorded. {(storedBytes / 1e6).toFixed(1)} MB are uploaded.</p>
          <button type="button" onClick={finish}>
            Finish the exam
          </button>
          <button type="button" onClick={withdraw}>
            Stop recording and delete it
          </button>
        </>
      )}
      <p role="status">
        {status === 'ending' && 'Please wait, and keep this page open.'}
        {status === 'stored' && 'Everything is stored. You may close this page.'}
        {status === 'withdrawn' && 'Your recordings are deleted.'}
        {error && `It did not work (${error}). Try again, or tell the examiner.`}
        {status === 'recording' && problems.join(', ')}
      </p>
    </section>
  );
}
