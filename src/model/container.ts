// The containers of recordings, and what can be said about a file.

export const CONTAINERS = ['webm', 'matroska', 'mp4', 'ogg'] as const;
export type Container = (typeof CONTAINERS)[number];
export const DETECTED_CONTAINERS = [...CONTAINERS, 'unrecognized'] as const;
/** `unrecognized`: bytes of no container that is known here, or damaged ones. They may be a recording for all that. */
export type DetectedContainer = (typeof DETECTED_CONTAINERS)[number];

/** Why a file is certainly no recording; each ends "The file …". */
export const NO_RECORDING = {
  empty: 'is empty',
  picture: 'is a picture, in a container that films have too',
  'no-frame': 'has the header of a recording, and not a single frame or sound',
} as const;

/** Found, or refused with certainty: whatever is doubtful is `unrecognized`. */
export type Content =
  | { readonly container: DetectedContainer; readonly refused?: undefined }
  | { readonly refused: keyof typeof NO_RECORDING };
