// Whether the first bytes of a file begin a recording of the type that was announced.

/** How many bytes from the start `detectContainer` wants to see. */
export const CONTAINER_PROBE_BYTES = 4096;

export type Container = 'webm' | 'mp4' | 'ogg';

/** `video/webm;codecs=vp8,opus` → `video/webm`; undefined when it is no audio or video type (RFC 9110, 8.3.1). */
export function baseMediaType(contentType: string): string | undefined {
  const match =
    /^((?:audio|video)\/[a-z0-9][a-z0-9.+-]{0,40})(?:;\s?codecs=(?:"[\w.,+ -]{1,80}"|[\w.,+-]{1,80}))?$/.exec(
      contentType,
    );
  return match?.[1];
}

/** Whether `head` begins a file of the container that `contentType` names. */
export function beginsRecording(head: Uint8Array, contentType: string): boolean {
  const base = baseMediaType(contentType) ?? '';
  const container = detectContainer(head);
  if (base.endsWith('/webm') || base.endsWith('/x-matroska')) return container === 'webm';
  if (base.endsWith('/mp4')) return container === 'mp4';
  return base.endsWith('/ogg') && container === 'ogg';
}

/** Recognises WebM and Matroska (RFC 8794, 9559), MP4 (ISO/IEC 14496-12) and Ogg (RFC 3533) by their beginning. */
export function detectContainer(head: Uint8Array): Container | undefined {
  if (startsWith(head, 0, [0x1a, 0x45, 0xdf, 0xa3])) return isWebm(head) ? 'webm' : undefined;
  if (startsWith(head, 4, [0x66, 0x74, 0x79, 0x70])) return 'mp4';
  if (startsWith(head, 0, [0x4f, 0x67, 0x67, 0x53])) return 'ogg';
  return undefined;
}

function startsWith(bytes: Uint8Array, offset: number, expected: readonly number[]): boolean {
  return expected.every((byte, index) => bytes[offset + index] === byte);
}

/** Walks the children of the EBML header for its DocType (element 0x4282). */
function isWebm(head: Uint8Array): boolean {
  const header = readVint(head, 4, true);
  if (!header) return false;
  let offset = header.next;
  const end = Math.min(head.length, offset + header.value);
  while (offset < end) {
    const elementId = readVint(head, offset, false);
    const size = elementId && readVint(head, elementId.next, true);
    if (!size) return false;
    if (elementId.value === 0x4282) {
      const docType = Buffer.from(head.subarray(size.next, size.next + size.value)).toString('latin1');
      return docType === 'webm' || docType === 'matroska';
    }
    offset = size.next + size.value;
  }
  return false;
}

/** An EBML variable-size integer (RFC 8794, 4): its length is told by the leading zeros of the first byte. */
function readVint(bytes: Uint8Array, offset: number, dropMarker: boolean): { value: number; next: number } | undefined {
  const first = bytes[offset];
  if (first === undefined || first === 0) return undefined;
  const length = Math.clz32(first) - 23;
  if (offset + length > bytes.length) return undefined;
  let value = dropMarker ? first & (0xff >> length) : first;
  for (let index = 1; index < length; index += 1) value = value * 256 + (bytes[offset + index] ?? 0);
  return { value, next: offset + length };
}
