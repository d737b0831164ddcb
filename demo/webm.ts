// Makes a small WebM as large as that of an exam, and keeps it valid.

/** The EBML element Void (RFC 8794, 11.3.2), which every reader skips; the size is written in eight bytes. */
const VOID_ID = 0xec;
const VOID_HEADER_BYTES = 9;

/** Returns `webm` followed by one Void element, `sizeBytes` long in total. @throws RangeError if `sizeBytes` is too small */
export function enlargeWebm(webm: Uint8Array, sizeBytes: number): Buffer {
  const payloadBytes = sizeBytes - webm.length - VOID_HEADER_BYTES;
  if (payloadBytes < 0) throw new RangeError(`a WebM of ${webm.length} bytes cannot be made ${sizeBytes} bytes long`);
  const enlarged = Buffer.alloc(sizeBytes);
  enlarged.set(webm);
  enlarged[webm.length] = VOID_ID;
  enlarged.writeBigUInt64BE(0x0100000000000000n | BigInt(payloadBytes), webm.length + 1);
  return enlarged;
}
