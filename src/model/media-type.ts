// The media types of recordings, by RFC 9110 (8.3.1, 5.6.6): any case, white space, quotes and further parameters.
import { parse } from 'content-type';
import type { Container, DetectedContainer } from './container.ts';

/** By the subtypes of media types. `x-matroska` is what `matroska` was called before RFC 9559 (27.3). */
const CONTAINERS = {
  webm: 'webm',
  matroska: 'matroska',
  'x-matroska': 'matroska',
  mp4: 'mp4',
  ogg: 'ogg',
} as const satisfies Record<string, Container>;
export const RECORDED_SUBTYPES = Object.keys(CONTAINERS) as (keyof typeof CONTAINERS)[];

/** What no browser shows or runs. */
export const UNRECOGNIZED_TYPE = 'application/octet-stream';

const BASE = new RegExp(`^(audio|video)/(${RECORDED_SUBTYPES.join('|')})$`);
/** Codecs are tokens of RFC 2045 (RFC 6381, 3.2). */
const CODEC = /^[\w!#$%&'*+.^`|~-]+$/;

export interface RecordingType {
  /** Without parameters, in lower case: `video/webm`. */
  readonly base: string;
  readonly kind: 'audio' | 'video';
  readonly container: Container;
  /** As browsers write them, in their own case: `vp8,opus`; empty when they are not known. */
  readonly codecs: string;
}

/**
 * Undefined for what is not audio or video in a container that is recorded. Parameters other than `codecs` say nothing
 * about a recording, and are ignored (RFC 2045, 1).
 */
export function readRecordingType(contentType: string): RecordingType | undefined {
  const { type: base, parameters } = parse(contentType);
  const [, kind, subtype] = BASE.exec(base) ?? [];
  const codecs = (parameters.codecs ?? '').split(/[\t ,]+/).filter((codec) => codec !== '');
  if (!kind || !subtype || !codecs.every((codec) => CODEC.test(codec))) return undefined;
  const container = CONTAINERS[subtype as keyof typeof CONTAINERS];
  return { base, kind: kind as RecordingType['kind'], container, codecs: codecs.join(',') };
}

/** The one form that the service gives: `video/webm;codecs=vp8,opus`, without white space and quotes. */
export function formatRecordingType({ base, codecs }: Pick<RecordingType, 'base' | 'codecs'>): string {
  return codecs ? `${base};codecs=${codecs}` : base;
}

/** Both names of Matroska for either of them; else the base type alone. */
export function namesOf({ base, kind, container }: RecordingType): readonly string[] {
  return container === 'matroska' ? [`${kind}/matroska`, `${kind}/x-matroska`] : [base];
}

/**
 * The type that a recording is served with: that of its content. `container` is null where it is not known: then as it was
 * announced. Codecs that were announced for another format are left out.
 */
export function typeOfContent(announced: string, container: DetectedContainer | null): string {
  if (container === null) return announced;
  const type = readRecordingType(announced);
  if (container === 'unrecognized' || !type) return UNRECOGNIZED_TYPE;
  if (type.container === container) return formatRecordingType(type);
  // WebM is a profile of Matroska, and has the same names for its codecs.
  const codecs = isMatroska(type.container) && isMatroska(container) ? type.codecs : '';
  return formatRecordingType({ base: `${type.kind}/${container}`, codecs });
}

function isMatroska(container: Container): boolean {
  return container === 'webm' || container === 'matroska';
}

/** A group of a regular expression for these words in any case, where a JSON schema has no flag for it. */
export function anyCase(...words: readonly string[]): string {
  const letters = (word: string) => word.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
  return `(?:${words.map(letters).join('|')})`;
}
