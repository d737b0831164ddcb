// Whether the first bytes of a file begin a recording of the type that was announced.

/** How many bytes from the start `detectContainer` wants to see. */
export const CONTAINER_PROBE_BYTES = 4096;

/** By the subtypes of media types. */
const CONTAINERS = { webm: 'webm', 'x-matroska': 'webm', mp4: 'mp4', ogg: 'ogg' } as const;
type Subtype = keyof typeof CONTAINERS;

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
  const subtype = baseMediaType(contentType)?.split('/')[1] ?? '';
  return Object.hasOwn(CONTAINERS, subtype) && CONTAINERS[subtype as Subtype] === detectContainer(head);
}

/** Recognises WebM and Matroska (RFC 8794, 9559), MP4 (ISO/IEC 14496-12) and Ogg (RFC 3533) by their beginning. */
export function detectContainer(head: Uint8Array): (typeof CONTAINERS)[Subtype] | undefined {
  const start = Buffer.from(head.subarray(0, 8)).toString('latin1');
  if (start.startsWith('\x1aE\xdf\xa3')) return isWebm(head) ? 'webm' : undefined;
  if (start.startsWith('ftyp', 4)) return 'mp4';
  return start.startsWith('OggS') ? 'ogg' : undefined;
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

/** An EBML variable-size integer (RFC 8794, 4): the leading zeros of the first byte give its length. */
function readVint(bytes: Uint8Array, offset: number, dropMarker: boolean): { value: number; next: number } | undefined {
  const first = bytes[offset];
  if (first === undefined || first === 0) return undefined;
  const length = Math.clz32(first) - 23;
  if (offset + length > bytes.length) return undefined;
  let value = dropMarker ? first & (0xff >> length) : first;
  for (let index = 1; index < length; index += 1) value = value * 256 + (bytes[offset + index] ?? 0);
  return { value, next: offset + length };
}
