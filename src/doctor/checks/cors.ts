// May the exam's pages upload and play? Asked as a browser asks: a preflight, then the request itself.
import { isStoreError } from '../../objectstore/store-error.ts';
import { failed, fixing, info, ok, warning } from '../check.ts';
import type { CheckContext } from '../context.ts';
import { type Answer, describe } from '../wire.ts';
import type { DoctorCheck } from './doctor-check.ts';

export const CORS_RULE_ID = 'proctoring-recordings';
const METHODS = ['GET', 'PUT', 'HEAD'];
const MEDIA = { contentType: 'video/webm' };
const BODY = Buffer.from('a part');
const EXPIRES_IN_SECONDS = 60;

export const cors: DoctorCheck = {
  id: 'cors',
  name: 'CORS for browsers',
  writes: true,
  async run(context) {
    const { settings, inspection, fix } = context;
    const origins = settings.corsOrigins;
    if (origins.length === 0) {
      return info(
        'CORS_ORIGINS is not set: no page may upload to the store by itself.',
        'Set it when exam clients are web pages.',
      );
    }
    const refused = await refusedOrigins(context);
    if (refused.length === 0) return ok(`Every origin may upload and play, ${await rulesNote(context)}.`);
    const before = failed(
      `Refused: ${refused.join('; ')}.`,
      'Run doctor --fix: it adds a rule for CORS_ORIGINS and keeps all others.',
    );
    if (!fix) return before;
    const unfixed = await fixing(before, () => inspection.setCorsRule({ id: CORS_RULE_ID, origins, methods: METHODS }));
    if (unfixed) return unfixed;
    const still = await refusedOrigins(context);
    if (still.length === 0) return ok(`Set now: every origin of CORS_ORIGINS may upload and play.`);
    return warning(
      `A rule is set, and the store refuses still: ${still.join('; ')}.`,
      'Some stores take minutes: run it again. If it stays, look for a proxy that answers OPTIONS itself.',
    );
  },
};

async function rulesNote({ inspection }: CheckContext): Promise<string> {
  try {
    const { length } = await inspection.corsRules();
    return length > 0 ? `by ${length} rules of the bucket` : 'by the endpoint itself: the bucket has no rules';
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return `though the rules cannot be read (${error.storeCode})`;
  }
}

/** Each origin and method that a browser would not be let through with. */
async function refusedOrigins(context: CheckContext): Promise<string[]> {
  const { presigner, workspace, wire } = context;
  const key = workspace.key('cors');
  const uploadId = await workspace.openUpload(key);
  const part = { uploadId, partNumber: 1, sizeBytes: BODY.length };
  const urls = {
    PUT: await presigner.presignPart(key, part, EXPIRES_IN_SECONDS),
    GET: await presigner.presignPlayback(key, MEDIA, EXPIRES_IN_SECONDS),
  };
  const refused: string[] = [];
  for (const origin of context.settings.corsOrigins) {
    for (const [method, url] of Object.entries(urls)) {
      const preflight = await wire.send(url, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': method },
      });
      if (!allowsMethod(preflight, origin, method)) refused.push(`${method} from ${origin} (${describe(preflight)})`);
    }
    const put = await wire.send(urls.PUT, { method: 'PUT', body: BODY, headers: { origin } });
    if (!allowsOrigin(put, origin)) refused.push(`reading the answer to PUT from ${origin} (${describe(put)})`);
  }
  return refused;
}

function allowsOrigin({ headers }: Answer, origin: string): boolean {
  return ['*', origin].includes(headers['access-control-allow-origin'] ?? '');
}

/** A preflight passes with any 2xx; PUT has to be named, GET is let through always (Fetch standard). */
function allowsMethod(answer: Answer, origin: string, method: string): boolean {
  const allowed = (answer.headers['access-control-allow-methods'] ?? '').split(',').map((name) => name.trim());
  const isNamed = method === 'GET' || allowed.includes(method) || allowed.includes('*');
  return answer.status >= 200 && answer.status < 300 && allowsOrigin(answer, origin) && isNamed;
}
