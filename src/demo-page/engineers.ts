// The panel for engineers: ids, calls with curl, and the requests that the page makes, without tokens and signed URLs.
import { journey, type View } from './journey.ts';
import { showText, type Text, withText } from './texts.ts';
import { lasting } from './words.ts';

const REQUESTS_SHOWN = 14;
const PROBLEMS_SHOWN = 3;
const requests: string[] = [];
const problems: string[] = [];
const recordings = new Map<string, string>();
let leadMs: number | undefined;
let after: { readonly status: string; readonly link: string } = { status: '410', link: '404' };
let current: View = 'consent';

/** From now on each request of the page is listed: its method, its path without a query, its status. */
export function watchRequests(): void {
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    const { method, url } = new Request(input, init?.method === undefined ? {} : { method: init.method });
    const startedMs = performance.now();
    const response = await fetch(input, init).catch((error: unknown) => {
      note(method, url, 'no response', startedMs);
      throw error;
    });
    note(method, url, String(response.status), startedMs);
    if (response.headers.get('content-type')?.startsWith('application/problem+json')) {
      void response
        .clone()
        .json()
        .then(noteProblem, () => {});
    }
    return response;
  };
  // Parts are sent by XMLHttpRequest, whose sizes the browser lists itself.
  new PerformanceObserver((list) => {
    for (const {
      name,
      startTime,
      duration,
      initiatorType,
      responseStatus,
    } of list.getEntries() as PerformanceResourceTiming[]) {
      if (initiatorType === 'xmlhttprequest') note('PUT', name, String(responseStatus || 'sent'), startTime, duration);
    }
  }).observe({ type: 'resource' });
  // They may be wider than their place: the keyboard scrolls them too.
  for (const list of document.querySelectorAll<HTMLElement>('#engineers pre')) list.tabIndex = 0;
  showLists();
}

/** `state`: in a word, such as `uploading`. */
export function noteRecording(id: string, state: string): void {
  if (recordings.get(id) === state) return;
  recordings.set(id, state);
  describeStep(current);
}

export function noteLead(durationMs: number): void {
  leadMs = durationMs;
}

/** What the service and the store respond to a request for what was deleted. */
export function noteDeleted(status: number, linkStatus: number): void {
  after = { status: String(status), link: String(linkStatus) };
}

export function describeStep(view: View): void {
  current = view;
  const notes: Record<View, Text> = {
    consent: (texts) => texts.engineersConsent,
    declined: (texts) => texts.engineersConsent,
    check: (texts) => texts.engineersConsent,
    record: (texts) => texts.engineersRecord,
    review: (texts) => texts.engineersReview,
    deletion: (texts) => texts.engineersDeletion,
    receipt: (texts) => texts.engineersReceipt(after.status, after.link),
    withdrawn: (texts) => texts.engineersWithdrawn,
  };
  showText(element('engineers-note'), notes[view]);
  const lead = leadMs;
  const ids: [Text, Text][] = [
    [(texts) => texts.engineersExam, () => 'demo'],
    [(texts) => texts.engineersAttempt, () => journey.attempt],
    ...[...recordings].map(([id, state]): [Text, Text] => [() => state, () => id]),
    ...(lead === undefined ? [] : [[(texts) => texts.engineersLead, () => lasting(lead)] as [Text, Text]]),
  ];
  element('engineers-ids').replaceChildren(
    ...ids.flatMap(([term, value]) => [withText('dt', term), withText('dd', value)]),
  );
  element('engineers-curl').textContent = callsOf(view);
}

function callsOf(view: View): string {
  const path = '/v1/exams/demo/attempts/$ATTEMPT';
  const recording = '$RECORDING';
  const call = (scope: string, request: string, body?: object) =>
    [
      `# scope ${scope}`,
      `curl -sS ${request.replace(/(?<=^| )\//, '"$API/')}" \\`,
      `  -H "Authorization: Bearer $TOKEN"${body ? ` \\\n  --json '${JSON.stringify(body)}'` : ''}`,
    ].join('\n');
  const consent = { givenAt: journey.consentGivenAt ?? new Date().toISOString(), policyVersion: '2026-1' };
  const create = { participantId: journey.attempt, kind: 'webcam', contentType: 'video/webm', consent };
  const erase = (scope: string, reason: string) =>
    call(scope, `-X DELETE ${path}/recordings/${recording}?reason=${reason}`);
  const calls: Record<View, readonly string[]> = {
    consent: [call('recordings:upload', `-X POST ${path}/recordings`, create)],
    declined: [],
    check: [call('recordings:upload', `-X POST ${path}/recordings`, create)],
    record: [
      call('recordings:upload', `-X POST ${path}/recordings/${recording}/parts`, {
        parts: [{ partNumber: 1, sizeBytes: 5_242_880 }],
      }),
      call('recordings:upload', `${path}/recordings/${recording}/parts`),
      call('recordings:upload', `-X POST ${path}/recordings/${recording}/complete`, {}),
    ],
    review: [
      call('recordings:review', `${path}/recordings`),
      call('recordings:review', `-X POST ${path}/recordings/${recording}/playback-links`),
      call('assessments:write', `-X PUT ${path}/assessment`, { completedAt: new Date().toISOString() }),
    ],
    deletion: [call('recordings:review', `${path}/recordings/${recording}`), erase('privacy:manage', 'erasure')],
    receipt: [call('recordings:review', `${path}/recordings/${recording}`)],
    withdrawn: [erase('recordings:upload', 'consent-withdrawn')],
  };
  const [id = '…'] = [...recordings.keys()].slice(-1);
  const head = `API=${location.origin} ATTEMPT=${journey.attempt} RECORDING=${id}`;
  return [head, ...calls[view]].join('\n\n');
}

function note(
  method: string,
  url: string,
  status: string,
  startedMs: number,
  durationMs = performance.now() - startedMs,
): void {
  const path = new URL(url, location.href).pathname.replace(journey.attempt, '$ATTEMPT');
  requests.unshift(`${status.padEnd(4)}${method.padEnd(7)}${path}  ${Math.round(durationMs)} ms`);
  requests.length = Math.min(requests.length, REQUESTS_SHOWN);
  showLists();
}

function noteProblem(problem: unknown): void {
  problems.unshift(JSON.stringify(problem, null, 2));
  problems.length = Math.min(problems.length, PROBLEMS_SHOWN);
  showLists();
}

function showLists(): void {
  for (const [id, lines, gap] of [
    ['engineers-requests', requests, '\n'],
    ['engineers-problems', problems, '\n\n'],
  ] as const) {
    const list = element(id);
    if (lines.length > 0) list.textContent = lines.join(gap);
    else showText(list, (texts) => texts.engineersNone);
  }
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no #${id}`);
  return found;
}
