// The headers of responses, as the OpenAPI document describes them. CORS lets pages read those that the document has.

interface ResponseHeader {
  readonly description: string;
  /** Sent with every response that it is documented for. */
  readonly always?: boolean;
  readonly schema: { readonly type: 'string' | 'integer'; readonly pattern?: string; readonly minimum?: number };
  readonly example: string | number;
}

export const RESPONSE_HEADERS = {
  'Cache-Control': {
    description: 'No cache keeps data (`no-store`); what is the same for all may be kept, and revalidated.',
    always: true,
    schema: { type: 'string', pattern: '^no-(store|cache)$' },
    example: 'no-store',
  },
  'Content-Disposition': {
    description: 'Under which name to save it.',
    always: true,
    schema: { type: 'string', pattern: '^attachment; filename=[\\w.-]+$' },
    example: 'attachment; filename=participant-p-8f3c.json',
  },
  ETag: {
    description: 'For `If-None-Match`.',
    always: true,
    schema: { type: 'string', pattern: '^"[\\w-]+"$' },
    example: '"m1bT1yC0dD0bYxM4B8f3n5rJm9o"',
  },
  Link: {
    description: '`rel="next"`: the next page, relative to this one; absent on the last (RFC 8288).',
    schema: { type: 'string', pattern: '^<[^>]+>; rel="next"$' },
    example: '</v1/exams/history-2026/recordings?cursor=aGlzdG9yeQ>; rel="next"',
  },
  Location: {
    description: 'The path of what was made.',
    always: true,
    schema: { type: 'string', pattern: '^/v1/' },
    example: '/v1/exams/history-2026/attempts/attempt-4711/recordings/01k6dnp9k02gr1ce162uphvm0gcals6cbaqo',
  },
  RateLimit: {
    description: 'Where the rate is limited: how many requests remain (`r`), and for how many seconds (`t`).',
    schema: { type: 'string', pattern: '^"requests-per-minute"; r=\\d+; t=\\d+$' },
    example: '"requests-per-minute"; r=299; t=60',
  },
  'RateLimit-Policy': {
    description: 'Where the rate is limited: how many requests a token has (`q`) in how many seconds (`w`).',
    schema: { type: 'string', pattern: '^"requests-per-minute"; q=\\d+; w=60; pk=:[A-Za-z0-9+/=]+:$' },
    example: '"requests-per-minute"; q=300; w=60; pk=:N2Y5YmJmODk3MTdm:',
  },
  'Retry-After': {
    description: 'Seconds to wait before the same request is sent again.',
    schema: { type: 'integer', minimum: 1 },
    example: 5,
  },
  'WWW-Authenticate': {
    description: 'What is wrong with the token, or which scope it lacks (RFC 6750, 3).',
    schema: { type: 'string', pattern: '^Bearer ' },
    example: 'Bearer error="insufficient_scope", scope="recordings:review"',
  },
  'X-Request-Id': {
    description:
      'The id of the request, as in the log: the one that was sent in this header, if it was fit to be kept.',
    always: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' },
    example: '6f1c1f5e-5d0b-4f0e-9a53-3f6b7c0f6d11',
  },
} as const satisfies Record<string, ResponseHeader>;

export type ResponseHeaderName = keyof typeof RESPONSE_HEADERS;
