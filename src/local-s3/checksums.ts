// The checksums a client may send along with a body (S3 API, "Checking object integrity").
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export interface Checksum {
  update(bytes: Buffer): void;
  /** In base64, as S3 sends them. */
  digest(): string;
}

const ALGORITHMS: Record<string, () => Checksum> = {
  crc32: () => {
    let value = 0;
    return {
      update: (bytes) => {
        value = crc32(bytes, value);
      },
      digest: () => base64([value]),
    };
  },
  crc32c: () => reflectedCrc(CRC32C, 32),
  crc64nvme: () => reflectedCrc(CRC64NVME, 64),
  sha1: () => hashed('sha1'),
  sha256: () => hashed('sha256'),
};

/** Prefix of headers and trailers that carry a checksum; the algorithm's lower-case name follows. */
export const CHECKSUM_PREFIX = 'x-amz-checksum-';

/** A running checksum, or undefined for an algorithm that S3 does not have. */
export function createChecksum(algorithm: string): Checksum | undefined {
  return Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm]?.() : undefined;
}

function hashed(algorithm: string): Checksum {
  const hash = createHash(algorithm);
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    digest: () => hash.digest('base64'),
  };
}

/** Table of a reflected CRC, split in 32-bit halves because BigInt arithmetic per byte is slow. */
interface CrcTable {
  high: Uint32Array;
  low: Uint32Array;
}

const CRC32C = crcTable(0x82f63b78n);
const CRC64NVME = crcTable(0x9a6c9329ac4bc9b5n);

function crcTable(polynomial: bigint): CrcTable {
  const table = { high: new Uint32Array(256), low: new Uint32Array(256) };
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    table.high[byte] = Number(value >> 32n);
    table.low[byte] = Number(value & 0xffffffffn);
  }
  return table;
}

function reflectedCrc(table: CrcTable, width: 32 | 64): Checksum {
  let high = width === 64 ? -1 : 0;
  let low = -1;
  return {
    update: (bytes) => {
      for (const byte of bytes) {
        const index = (low ^ byte) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ (table.low[index] ?? 0);
        high = (high >>> 8) ^ (table.high[index] ?? 0);
      }
    },
    digest: () => base64(width === 64 ? [~high, ~low] : [~low]),
  };
}

function base64(words: number[]): string {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, index) => {
    bytes.writeUInt32BE(word >>> 0, index * 4);
  });
  return bytes.toString('base64');
}
