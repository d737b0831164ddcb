// The service's calls that the page makes as a reviewer, as the assessment system, and as the privacy desk.
export type Role = 'exam-client' | 'reviewer' | 'assessment-system' | 'privacy-desk';

export interface StoredView {
  readonly recordingId: string;
  readonly kind: 'webcam' | 'screen' | 'audio';
  readonly state: 'uploading' | 'stored';
  readonly sizeBytes: number | null;
  readonly deleteBy: string;
  readonly deletableFrom: string;
  readonly assessment: { readonly completedAt: string } | null;
}

export interface Receipt {
  readonly recordingId: string;
  readonly reason: string;
  readonly deadline: string;
  readonly deletedAt: string;
  readonly verifiedAt: string;
  readonly objects: number;
  readonly bytes: number;
  readonly actor: string;
}

export interface PageSettings {
  readonly exam: string;
  readonly deleteLeadMs: number;
}

/** `detail` is the service's own sentence; undefined without a response. */
export class CallFailed extends Error {
  readonly detail: string | undefined;

  constructor(detail: string | undefined) {
    super(detail ?? 'no response');
    this.detail = detail;
  }
}

/** @throws CallFailed */
export async function readSettings(): Promise<PageSettings> {
  return (await send('/demo/settings')) as PageSettings;
}

export class Attempt {
  readonly exam: string;
  readonly id: string;
  readonly #path: string;

  constructor(exam: string, id: string) {
    this.exam = exam;
    this.id = id;
    this.#path = `/v1/exams/${exam}/attempts/${id}`;
  }

  /** @throws CallFailed, as all of these do */
  async token(role: Role): Promise<string> {
    const answer = await send(`/demo/attempts/${this.id}/tokens/${role}`, { method: 'POST' });
    return (answer as { token: string }).token;
  }

  /** Oldest first, those that are still being uploaded too. */
  async recordings(): Promise<StoredView[]> {
    const { items } = (await this.#call('reviewer', 'GET', '/recordings')) as { items: StoredView[] };
    return items.sort((a, b) => (a.recordingId < b.recordingId ? -1 : 1));
  }

  async playbackUrl(recordingId: string): Promise<string> {
    const link = await this.#call('reviewer', 'POST', `/recordings/${recordingId}/playback-links`);
    return (link as { url: string }).url;
  }

  async assess(): Promise<void> {
    await this.#call('assessment-system', 'PUT', '/assessment', { completedAt: new Date().toISOString() });
  }

  async erase(recordingId: string): Promise<void> {
    await this.#call('privacy-desk', 'DELETE', `/recordings/${recordingId}?reason=erasure`);
  }

  /** Reads a deleted recording; the receipt is undefined where there never was such a recording. */
  async receipt(recordingId: string): Promise<{ status: number; receipt: Receipt | undefined }> {
    const authorization = `Bearer ${await this.token('reviewer')}`;
    const answer = await respond(`${this.#path}/recordings/${recordingId}`, { headers: { authorization } });
    const { receipt } = (await answer.json().catch(() => ({}))) as { receipt?: Receipt };
    return { status: answer.status, receipt };
  }

  async #call(role: Role, method: string, path: string, body?: object): Promise<unknown> {
    const headers = { authorization: `Bearer ${await this.token(role)}`, 'content-type': 'application/json' };
    return send(this.#path + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  }
}

async function send(path: string, init?: RequestInit): Promise<unknown> {
  const answer = await respond(path, init);
  const body = (await answer.json().catch(() => ({}))) as { detail?: string };
  if (!answer.ok) throw new CallFailed(body.detail ?? String(answer.status));
  return body;
}

/** @throws CallFailed */
async function respond(path: string, init?: RequestInit): Promise<Response> {
  const answer = await fetch(path, init).catch(() => undefined);
  if (!answer || answer.status >= 500) throw new CallFailed(undefined);
  return answer;
}
