// The demo page, /demo: its files, and the tokens for it.
import { BlockList } from 'node:net';
import { extname } from 'node:path';
import type { Request } from 'express';
import { ServiceError } from '../../model/errors.ts';
import { parseId } from '../../model/ids.ts';
import type { Scope } from '../auth.ts';
import type { Handler, Handlers } from '../request.ts';

/** The roles of the page and their scopes. */
export const DEMO_ROLES = {
  'exam-client': 'recordings:upload',
  reviewer: 'recordings:review',
  'assessment-system': 'assessments:write',
  'privacy-desk': 'privacy:manage',
} as const satisfies Record<string, Scope>;
export type DemoRole = keyof typeof DEMO_ROLES;

/** Every attempt of the page is one of this exam. */
export const DEMO_EXAM = 'demo';

export type DemoFiles = Readonly<Record<'index.html' | 'main.js' | 'page.css', Buffer>>;

export interface DemoPage {
  files(): Promise<DemoFiles>;
  /** The origins of the page for a browser on this machine; other origins get no tokens. */
  readonly origins: readonly string[];
  /** The store's origin, for uploads and playback. */
  readonly storeOrigin: string;
  /** How long before its deadline the sweeper deletes a recording. */
  readonly deleteLeadMs: number;
  /** A token that is valid for minutes and bound to the attempt. */
  issueToken(role: DemoRole, attempt: string): Promise<string>;
}

/** By path, then by method. */
export function demoRoutes(demo: DemoPage): Readonly<Record<string, Handlers>> {
  return {
    '/demo': { get: file(demo, 'index.html') },
    '/demo/main.js': { get: file(demo, 'main.js') },
    '/demo/page.css': { get: file(demo, 'page.css') },
    '/demo/settings': { get: (_req, res) => void res.json({ exam: DEMO_EXAM, deleteLeadMs: demo.deleteLeadMs }) },
    '/demo/attempts/{attempt}/tokens/{role}': { post: tokenHandler(demo) },
  };
}

function file(demo: DemoPage, name: keyof DemoFiles): Handler {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ${demo.storeOrigin}`,
    `media-src ${demo.storeOrigin}`,
    // The empty icon.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return async (_req, res) => {
    res.setHeader('Content-Security-Policy', policy);
    res.setHeader('Permissions-Policy', 'camera=(self), microphone=(self), display-capture=(self)');
    res.setHeader('Cache-Control', 'no-cache');
    res.type(extname(name)).send((await demo.files())[name]);
  };
}

function tokenHandler(demo: DemoPage): Handler {
  return async (req, res) => {
    requireOwnPage(req, demo.origins);
    const { role, attempt } = req.params;
    if (typeof role !== 'string' || !isRole(role)) throw new ServiceError('not-found', 'There is no such role.');
    const token = await demo.issueToken(role, parseId('attempt', String(attempt)));
    res.json({ token });
  };
}

function isRole(role: string): role is DemoRole {
  return Object.hasOwn(DEMO_ROLES, role);
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** What a proxy adds to a request that it passes on. */
const FORWARDING = /^(forwarded|via|x-forwarded-.+|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/;

/**
 * Browsers send the origin of every POST, so no other page gets a token, also not by DNS rebinding. Clients that are not
 * browsers must run on this machine, and call the service itself: what a proxy on this machine passes on may come from
 * anywhere. Most say so in a header, keep the name that they were called by, or speak HTTP 1.0, as no browser does.
 * @throws ServiceError `cross-origin`
 */
function requireOwnPage(req: Request, origins: readonly string[]): void {
  const { remoteAddress = '' } = req.socket;
  const isLocal = LOOPBACK.check(remoteAddress, remoteAddress.includes(':') ? 'ipv6' : 'ipv4');
  const isOwnOrigin = origins.includes(req.get('origin') ?? '');
  const isSameOrigin = (req.get('sec-fetch-site') ?? 'same-origin') === 'same-origin';
  const isOwnHost = origins.some((origin) => new URL(origin).host === req.get('host'));
  const isForwarded = req.httpVersion === '1.0' || Object.keys(req.headers).some((name) => FORWARDING.test(name));
  if (isLocal && isOwnOrigin && isSameOrigin && isOwnHost && !isForwarded) return;
  throw new ServiceError('cross-origin', `Only the page ${origins[0]}/demo on this machine gets tokens here.`);
}
