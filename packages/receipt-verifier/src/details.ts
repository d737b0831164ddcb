// What stands beside a finding, or in a refusal: by name and values, so that each language has its own words for it.

/** In English. */
export const DETAILS = {
  entry: (place: number) => `entry ${place}`,
  entries: (count: number) => `${count} entries`,
  twoEntries: (one: number, other: number) => `entries ${one} and ${other}`,
  keptUntil: (place: number, day: string) => `entry ${place}, to be kept until ${day}`,
  sizes: (entries: number, size: number) => `${entries} entries, and the checkpoint has ${size}`,
  otherHash: (entries: number) => `${entries} entries, as the checkpoint says, but with a different hash`,
  newer: (deletedAt: string, madeAt: string) =>
    `of a deletion on ${deletedAt}, and the file was made on ${madeAt}: it may be newer than the file. Download a new proof`,
  ifNewer: (madeAt: string) => `if it is newer than the file, which was made on ${madeAt}, download a new proof`,
  ofOther: (tenant: string) => `it belongs to organisation ${tenant}`,
  checkpointOf: (size: number) => `a checkpoint of ${size} entries`,
  late: (recording: string, seconds: number) => `${recording}, by ${seconds} s`,
  lateEntry: (place: number, seconds: number) => `entry ${place}, by ${seconds} s`,
  receiptAt: (number: number) => `receipt ${number} of the file`,

  noJws: () => 'this is not a JWS',
  jwsOfOther: () => 'this is not a JWS of a receipt',
  unknownKey: () => 'it is signed by a key that is not among those given',
  receiptNotSigned: () => 'the signature does not match this receipt',
  noReceipt: () => 'the signed text is not a receipt',

  noteTooLong: () => 'this is not a checkpoint: it is too long, or not a text',
  noteWithoutSignature: () => 'this is not a checkpoint: it has no signature',
  noteWithoutLines: () => 'this is not a checkpoint: it does not have three lines with a name, a size and a hash',
  noteUnreadable: () => 'this is not a checkpoint: a signature line cannot be read',
  noteWithoutHash: () => 'this is not a checkpoint: its hash cannot be read',
  otherLog: (found: string, expected: string) => `the checkpoint is of the log ${found}, not ${expected}`,
  noteOfUnknownKey: () => 'the checkpoint is signed by a key that is not among those given',
  noteNotSigned: () => 'none of the keys given has signed the checkpoint',

  fileNoObject: () => 'the file is not an object',
  noObject: (name: string) => `"${name}" is not an object`,
  noText: (name: string) => `"${name}" is not a text`,
  noTime: (name: string) => `"${name}" is not a time`,
  noNumber: (name: string) => `"${name}" is not a number`,
  noList: (name: string) => `"${name}" is not a list`,
  listTooLong: (name: string, most: number) => `"${name}" has more than ${most} items`,
  itemNoText: (place: number, name: string) => `item ${place} of "${name}" is not a text`,
  itemNoHash: (place: number, name: string) => `item ${place} of "${name}" is not a hash`,
  otherVersion: () => 'it is not a proof of version 1',
  noTenant: () => 'it names no tenant',
  notJson: () => 'this is not JSON',
  nothingToCheck: () => 'it is not a proof, a receipt or a step',
  noReceipts: () => 'it has no receipt',
  nothingKept: () => 'the JSON has no checkpoint, no receipt, and no "receiptHash" that is a text',
  noHash: () => 'a "receiptHash" is not a hash',
};

export type Details = typeof DETAILS;
export type Detail = { [Name in keyof Details]: readonly [Name, ...Parameters<Details[Name]>] }[keyof Details];
/** A text stands for itself: a name, or a hash. */
export type DetailPart = string | Detail;

const LONGEST = 300;

/** Values may be from a file, and could write over a terminal or turn the direction of a line. */
export function inWords(parts: readonly DetailPart[], details: Details): string {
  const texts = parts.map((part) => (typeof part === 'string' ? part : textOf(part, details)));
  return texts
    .join(': ')
    .slice(0, LONGEST)
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\uFFFD');
}

function textOf([name, ...values]: Detail, details: Details): string {
  return (details[name] as (...values: readonly (string | number)[]) => string)(...values);
}
