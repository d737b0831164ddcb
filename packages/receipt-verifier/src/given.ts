// Receipts as the service gives them: one, those of an erasure, a page of them, or that of a recording which is gone (410).
import { membersIn, valuesIn } from './values.ts';

/** The signed text, a JWS. Null: it has no signature. */
export type GivenReceipt = string | null;

const JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Of receipts alone. */
const MEMBERS = ['jws', 'verifiedAt'];

/** In the body of a response, in several, or in the bare text of one receipt. @throws MalformedError */
export function receiptsIn(file: string): GivenReceipt[] {
  const text = file.trim();
  return isSignedReceipt(text) ? [text] : valuesIn(text).flatMap(receiptsOf);
}

/** By its shape. */
export function isSignedReceipt(text: string): boolean {
  return JWS.test(text);
}

export function receiptsOf(value: unknown): GivenReceipt[] {
  const { receipt, receipts, items } = membersIn(value);
  const signed = typeof receipt === 'string' ? [receipt] : [];
  return [...signed, ...[value, receipt, receipts, items].flat().filter(isReceipt).map(jwsOf)];
}

function isReceipt(value: unknown): boolean {
  return MEMBERS.some((member) => Object.hasOwn(membersIn(value), member));
}

function jwsOf(receipt: unknown): GivenReceipt {
  const { jws } = membersIn(receipt);
  return typeof jws === 'string' ? jws : null;
}
