// Cross-origin requests: the rules, their XML, and the headers that they add to responses (S3 API, "PutBucketCors"; Fetch standard).
import { S3Error } from './errors.ts';
import type { Reply } from './reply.ts';
import type { RequestHead } from './request-head.ts';
import { childrenNamed, childText, parseXml, type XmlElement } from './xml.ts';

export interface CorsRule {
  readonly origins: string[];
  readonly methods: string[];
  readonly headers: string[];
  readonly exposed: string[];
  readonly maxAgeSeconds: string | undefined;
}

const MAX_RULES = 100;
const METHODS = new Set(['GET', 'PUT', 'HEAD', 'POST', 'DELETE']);
const VARY = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method';

/** The rule for origins given in the options: what a browser needs to upload parts and to play recordings. */
export function rulesForOrigins(origins: readonly string[]): CorsRule[] {
  if (origins.length === 0) return [];
  const methods = ['GET', 'PUT', 'HEAD'];
  return [{ origins: [...origins], methods, headers: ['*'], exposed: ['ETag'], maxAgeSeconds: '3600' }];
}

/** Reads a CORSConfiguration. @throws S3Error MalformedXML, InvalidRequest */
export function parseCorsRules(xml: string): CorsRule[] {
  const rules = childrenNamed(parseXml(xml, 'CORSConfiguration'), 'CORSRule').map(parseRule);
  if (rules.length === 0 || rules.length > MAX_RULES) throw new S3Error('MalformedXML');
  return rules;
}

function parseRule(rule: XmlElement): CorsRule {
  const texts = (name: string) => childrenNamed(rule, name).map((child) => child.text);
  const parsed: CorsRule = {
    origins: texts('AllowedOrigin'),
    methods: texts('AllowedMethod'),
    headers: texts('AllowedHeader'),
    exposed: texts('ExposeHeader'),
    maxAgeSeconds: childText(rule, 'MaxAgeSeconds'),
  };
  if (parsed.origins.length === 0 || parsed.methods.length === 0) throw new S3Error('MalformedXML');
  const unknown = parsed.methods.find((method) => !METHODS.has(method));
  if (unknown !== undefined)
    throw new S3Error('InvalidRequest', `Found unsupported HTTP method in CORS config: ${unknown}`);
  const patterns = [...parsed.origins, ...parsed.headers];
  if (patterns.some((pattern) => pattern.split('*').length > 2)) {
    throw new S3Error('InvalidRequest', 'An origin or header can not have more than one wildcard.');
  }
  // They are sent back in headers, which must not be split or made invalid by them.
  const sentBack = [...parsed.exposed, parsed.maxAgeSeconds ?? '0'];
  if (!/^\d{1,9}$/.test(parsed.maxAgeSeconds ?? '0') || sentBack.some((text) => !/^[\x21-\x7e]+$/.test(text))) {
    throw new S3Error('MalformedXML');
  }
  return parsed;
}

/** Headers for an actual response, errors included: without them a browser's script cannot even read the status. */
export function corsHeaders(rules: CorsRule[], head: RequestHead): Record<string, string> {
  if (rules.length === 0) return {};
  const origin = head.headers.get('origin')?.[0];
  const rule = origin === undefined ? undefined : findRule(rules, origin, head.method, []);
  return { vary: VARY, ...(rule !== undefined && origin !== undefined && originHeaders(rule, origin)) };
}

/** Responds to a preflight, which carries no signature. @throws S3Error BadRequest, AccessForbidden */
export function preflightReply(rules: CorsRule[], head: RequestHead): Reply {
  const origin = head.header('origin');
  const method = head.header('access-control-request-method');
  if (origin === undefined || method === undefined) {
    throw new S3Error('BadRequest', 'Insufficient information. Origin and Access-Control-Request-Method are needed.');
  }
  const requested = (head.header('access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const rule = findRule(rules, origin, method, requested);
  if (rule === undefined) throw new S3Error('AccessForbidden');
  return {
    status: 200,
    headers: {
      vary: VARY,
      ...originHeaders(rule, origin),
      'access-control-allow-methods': rule.methods.join(', '),
      ...(requested.length > 0 && { 'access-control-allow-headers': requested.join(', ') }),
      ...(rule.maxAgeSeconds !== undefined && { 'access-control-max-age': rule.maxAgeSeconds }),
      'content-length': '0',
    },
  };
}

function matches(pattern: string, value: string): boolean {
  const [start = '', end] = pattern.split('*');
  if (end === undefined) return pattern === value;
  return value.length >= start.length + end.length && value.startsWith(start) && value.endsWith(end);
}

function findRule(rules: CorsRule[], origin: string, method: string, headers: string[]): CorsRule | undefined {
  const allowsHeader = (rule: CorsRule, header: string) =>
    rule.headers.some((pattern) => matches(pattern.toLowerCase(), header));
  return rules.find(
    (rule) =>
      rule.origins.some((pattern) => matches(pattern, origin)) &&
      rule.methods.includes(method) &&
      headers.every((header) => allowsHeader(rule, header)),
  );
}

function originHeaders(rule: CorsRule, origin: string): Record<string, string> {
  const grant: Record<string, string> = rule.origins.includes('*')
    ? { 'access-control-allow-origin': '*' }
    : { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' };
  return rule.exposed.length === 0 ? grant : { ...grant, 'access-control-expose-headers': rule.exposed.join(', ') };
}
