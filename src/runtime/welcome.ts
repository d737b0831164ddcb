// What a first start shows: where it is, a token per role, and four lines to paste.
import { HOUR_MS } from '../model/durations.ts';
import { DEMO_TENANT } from './demo-page.ts';
import { signToken } from './token.ts';

const TOKEN_TTL_MS = 12 * HOUR_MS;

const ROLES = {
  'exam client': 'recordings:upload',
  reviewer: 'recordings:review',
  'assessment system': 'assessments:write',
  'privacy desk': 'privacy:manage',
} as const;

/** Only for a start with a generated secret: tokens are shown to the person who started it, and never logged. */
export async function welcome(url: string, secret: string, nowMs: number, hasDemoPage: boolean): Promise<string> {
  const tokens = await Promise.all(
    Object.entries(ROLES).map(async ([role, scope]) => {
      const token = await signToken(
        secret,
        { tenant: DEMO_TENANT, scope, sub: role.replace(' ', '-') },
        TOKEN_TTL_MS,
        nowMs,
      );
      return [role, token] as const;
    }),
  );
  const of = (role: keyof typeof ROLES): string => tokens.find(([name]) => name === role)?.[1] ?? '';
  const attempt = `"${url}/v1/exams/math-101/attempts/$A`;
  const json = "-H 'Content-Type: application/json'";
  const consent = `\\"consent\\":{\\"givenAt\\":\\"$(date -u +%FT%TZ)\\",\\"policyVersion\\":\\"1\\"}`;
  const body = `"{\\"participantId\\":\\"p-1\\",\\"kind\\":\\"webcam\\",\\"contentType\\":\\"video/webm\\",${consent}}"`;
  const lines = [
    '',
    `proctoring-recordings is listening at ${url}  (API: ${url}/docs)`,
    ...(hasDemoPage ? [`See it all in a browser on this machine: ${url}/demo`] : []),
    'Recordings are kept by the embedded store, on this machine; a token per role, valid for 12 hours:',
    '',
    ...tokens.map(([role, token]) => `  ${role}:\n    ${token}`),
    '',
    'Four lines to paste into another terminal, in the folder of this project: record, upload, play back, assess.',
    '',
    `A=try-$(date +%s); R=$(curl -sS -X POST ${attempt}/recordings" -H "Authorization: Bearer ${of('exam client')}" ${json} -d ${body} | sed -n 's/.*"recordingId":"\\([^"]*\\)".*/\\1/p'); echo "recording $R"`,
    '',
    `curl -sS ${attempt}/recordings/$R/content" -H "Authorization: Bearer ${of('exam client')}" -F file=@demo/fixtures/webcam.webm; echo`,
    '',
    `curl -sS -X POST ${attempt}/recordings/$R/playback-links" -H "Authorization: Bearer ${of('reviewer')}"; echo`,
    '',
    `curl -sS -X PUT ${attempt}/assessment" -H "Authorization: Bearer ${of('assessment system')}" ${json} -d "{\\"completedAt\\":\\"$(date -u +%FT%TZ)\\"}"; echo`,
    '',
    '',
  ];
  return lines.join('\n');
}
