// Deletion receipts that a stranger can check: signed, and leaves of an append-only log.
export {
  type Checkpoint,
  CheckpointError,
  checkpointText,
  openCheckpoint,
  originOf,
  toNote,
} from './checkpoint.ts';
export type { Detail, DetailPart } from './details.ts';
export { fromBase64, toBase64, toBase64Url } from './encoding.ts';
export {
  entryBytes,
  entryOfReceipt,
  formatEntry,
  hashOfReceipt,
  hashOfRecording,
  type LogEntry,
  parseEntry,
} from './entry.ts';
export type { GivenReceipt } from './given.ts';
export type { HeldReceipt } from './kept.ts';
export { hasEd25519, type PublicKey, type PublicKeys, readPublicKeys } from './keys.ts';
export { PROOF_PROBLEMS, type ProofFinding, type ProofProblem } from './problems.ts';
export { checkProof, leadOf, type ProofOptions, type ProofReport } from './proof.ts';
export type { ProofFile } from './proof-file.ts';
export { openReceipt, RECEIPT_TYPE, type ReceiptClaims, ReceiptError } from './receipt.ts';
export { MalformedError } from './shape.ts';
export { type ConsistencyProof, checkConsistency, checkReceipt, type ReceiptProof } from './single.ts';
export { type Edge, GrowingTree, type ReadTile, rootsFromTiles, TILE_WIDTH, type Tile } from './tiles.ts';
export {
  consistencyProof,
  HASH_BYTES,
  inclusionProof,
  isSameHash,
  leafHash,
  nodeHash,
  type RootOfRange,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './tree.ts';
