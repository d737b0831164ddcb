// The back end of an exam platform: logs a candidate in by OpenID Connect, and gives their page a token for their own attempt.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import * as oidc from 'openid-client';
import type { Signer } from './token-signer.ts';

export interface PlatformOptions {
  /** Your account with the identity provider: `await oidc.discovery(issuer, clientId, clientSecret)`. */
  readonly provider: oidc.Configuration;
  /** Where browsers find this server. */
  readonly origin: string;
  readonly signer: Signer;
  readonly tenant: string;
  /** Which attempt this person takes now, from your own database. All ids are opaque: no name, no e-mail address. */
  readonly attemptOf: (subject: string) => Promise<{ exam: string; attempt: string; participant: string } | undefined>;
}

type Session = { codeVerifier: string; state: string } | { subject: string };

/** `/login`, `/callback`, `/recording-token`, `/.well-known/jwks.json`. Sessions are in memory: use your own. */
export function createPlatform({ provider, origin, signer, tenant, attemptOf }: PlatformOptions): RequestListener {
  const sessions = new Map<string, Session>();

  function begin(response: ServerResponse, session: Session): void {
    const id = randomUUID();
    sessions.set(id, session);
    const secure = origin.startsWith('https:') ? '; Secure' : '';
    response.setHeader('Set-Cookie', `session=${id}; Path=/; HttpOnly; SameSite=Lax${secure}`);
  }

  async function login(response: ServerResponse): Promise<void> {
    const [codeVerifier, state] = [oidc.randomPKCECodeVerifier(), oidc.randomState()];
    begin(response, { codeVerifier, state });
    const target = oidc.buildAuthorizationUrl(provider, {
      redirect_uri: `${origin}/callback`,
      scope: 'openid',
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      state,
    });
    response.writeHead(303, { Location: target.href }).end();
  }

  async function callback(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = sessionId(request);
    const session = sessions.get(id);
    if (!session || !('state' in session)) return void response.writeHead(400).end();
    sessions.delete(id);
    const checks = { pkceCodeVerifier: session.codeVerifier, expectedState: session.state };
    const tokens = await oidc.authorizationCodeGrant(provider, new URL(request.url ?? '', origin), checks);
    // A new session, so that nobody can plant one before the login.
    begin(response, { subject: tokens.claims()?.sub ?? '' });
    response.writeHead(303, { Location: '/' }).end();
  }

  async function recordingToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const session = sessions.get(sessionId(request));
    if (!session || !('subject' in session)) return void response.writeHead(401).end();
    const attempt = await attemptOf(session.subject);
    if (!attempt) return void response.writeHead(403).end();
    const claims = { tenant, sub: attempt.participant, scope: 'recordings:upload', ...attempt };
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' });
    response.end(await signer.sign(claims, '15m'));
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '', origin);
    if (pathname === '/login') return login(response);
    if (pathname === '/callback') return callback(request, response);
    if (pathname === '/recording-token') return recordingToken(request, response);
    if (pathname !== '/.well-known/jwks.json') return void response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(signer.jwks));
  }
  return (request, response) => {
    respond(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
}

function sessionId({ headers }: IncomingMessage): string {
  return /(?:^|; )session=([0-9a-f-]+)/.exec(headers.cookie ?? '')?.[1] ?? '';
}
