// Bytes as text: base64 of RFC 4648, with and without the alphabet of URLs.

/** Bytes on a buffer of their own. Named by what makes them, because TypeScript before 5.7 knows no kinds of `Uint8Array`. */
export type Bytes = ReturnType<InstanceType<typeof TextEncoder>['encode']>;

/** @throws TypeError for what is no canonical base64 */
export function fromBase64(text: string): Bytes {
  const bytes = Uint8Array.from(binaryOf(text), (character) => character.charCodeAt(0));
  if (toBase64(bytes) !== text) throw new TypeError('this is not base64');
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Of text without padding. @throws TypeError for what is no canonical base64url */
export function fromBase64Url(text: string): Bytes {
  if (/[+/=]/.test(text)) throw new TypeError('this is not base64url');
  const padding = '='.repeat((4 - (text.length % 4)) % 4);
  return fromBase64(text.replaceAll('-', '+').replaceAll('_', '/') + padding);
}

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

function binaryOf(text: string): string {
  try {
    return atob(text);
  } catch {
    throw new TypeError('this is not base64');
  }
}
