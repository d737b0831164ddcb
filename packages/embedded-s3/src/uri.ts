// Percent-encoding as AWS signs it.
import { S3Error } from './errors.ts';

// ignoreBOM keeps a leading U+FEFF, which is a legal first character of a key.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes a raw part of a request target (one char per byte, as Node hands it over).
 * @throws S3Error InvalidURI on a broken escape or on bytes that are not UTF-8
 */
export function decodeUri(raw: string, { plusIsSpace }: { plusIsSpace: boolean }): string {
  const spaced = plusIsSpace ? raw.replaceAll('+', ' ') : raw;
  const unescaped = spaced.replace(/%([0-9a-fA-F]{2})?/g, (_escape, hex: string | undefined) => {
    if (hex === undefined) throw new S3Error('InvalidURI');
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  try {
    return utf8.decode(Buffer.from(unescaped, 'latin1'));
  } catch {
    throw new S3Error('InvalidURI');
  }
}

/** Encodes all but A-Z a-z 0-9 - . _ ~, which is the UriEncode of AWS Signature Version 4. */
export function encodeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The same for a path, whose slashes stay. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeUri).join('/');
}
