// The language of the player, and how it writes times and lengths.
import type { Lane, Mark } from './line.ts';
import type { Review } from './review.ts';
import type { RecordingKind, ReviewError } from './service.ts';
import { en, type Texts } from './texts/en.ts';
import { nl } from './texts/nl.ts';

const LANGUAGES: ReadonlyMap<string, Texts> = new Map([
  ['en', en],
  ['nl', nl],
]);

export class Words {
  readonly language: string;
  readonly texts: Texts;
  /** How times and numbers are written: a tag of the language, with a region. */
  readonly locale: string;

  /** @param wanted a language tag such as `nl-BE`; English where it is not spoken */
  constructor(wanted: string) {
    const [language = ''] = wanted.toLowerCase().split('-');
    this.texts = LANGUAGES.get(language) ?? en;
    this.language = LANGUAGES.has(language) ? language : 'en';
    const region = [wanted, ...navigator.languages].find((tag) => tag.toLowerCase().startsWith(`${this.language}-`));
    this.locale = region ?? (this.language === 'en' ? 'en-GB' : this.language);
  }

  number(value: number): string {
    return new Intl.NumberFormat(this.locale, { maximumFractionDigits: 2 }).format(value);
  }

  /** A length on the line: `0:05:07`, or `05:07` below an hour. */
  clock(ms: number): string {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const two = (value: number) => String(value).padStart(2, '0');
    return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
  }

  /** A length in words: `1 hour, 5 minutes`. */
  length(ms: number): string {
    const seconds = Math.max(1, Math.round(ms / 1000));
    const parts = [
      [Math.floor(seconds / 3600), 'hour'],
      [Math.floor(seconds / 60) % 60, 'minute'],
      [seconds % 60, 'second'],
    ] as const;
    const said = parts
      .filter(([value]) => value > 0)
      .slice(0, 2)
      .map(([value, unit]) => this.#unit(value, unit));
    return new Intl.ListFormat(this.locale, { style: 'narrow', type: 'unit' }).format(said);
  }

  /** Of the choice of what is heard. */
  sound(lane: Lane): string {
    return lane.kind === 'audio' ? this.lane(lane) : this.texts.soundOf(this.lane(lane));
  }

  speed(speed: number): string {
    return `${this.texts.speed}: ${this.texts.times(this.number(speed))}`;
  }

  /** What is heard now. */
  heard({ line, sound, isMuted }: Pick<Review, 'line' | 'sound' | 'isMuted'>): string {
    const lane = isMuted ? undefined : line.lanes.find(({ id }) => id === sound);
    return lane ? this.sound(lane) : this.texts.noSound;
  }

  /** What is skipped with that choice of `skipsStillOf`. */
  still({ line }: Pick<Review, 'line'>, choice: string | undefined): string {
    if (choice === undefined) return this.texts.skipNothing;
    const lane = line.lanes.find(({ id }) => id === choice);
    return lane ? this.texts.skipWhere(this.lane(lane)) : this.texts.skipAll;
  }

  /** The time of the day, in the reviewer's time zone. */
  time(atMs: number): string {
    return new Intl.DateTimeFormat(this.locale, { timeStyle: 'medium' }).format(atMs);
  }

  day(atMs: number): string {
    return new Intl.DateTimeFormat(this.locale, { dateStyle: 'full', timeStyle: 'short' }).format(atMs);
  }

  lane({ kind, number }: Lane): string {
    return number === 1 ? this.texts[kind] : this.texts.numbered(this.texts[kind], this.number(number));
  }

  /** Why there is a gap. */
  reason(reason = '', kind?: RecordingKind): string {
    const { reasonsOfGaps, otherReason, stillScreen } = this.texts;
    if (reason === 'no-bytes' && kind === 'screen') return stillScreen;
    return (Object.hasOwn(reasonsOfGaps, reason) && reasonsOfGaps[reason]) || otherReason;
  }

  /** `Camera`, or `Camera (3)`. */
  count(name: string, count: number): string {
    return count === 1 ? name : `${name} (${this.number(count)})`;
  }

  /** Why the service gives nothing, and what helps: in the reviewer's words, whatever the service wrote for developers. */
  refusal({ code, status = 0 }: ReviewError): string {
    const { refusalsByCode, refusalsByStatus, otherRefusal } = this.texts;
    const byCode = Object.hasOwn(refusalsByCode, code) ? refusalsByCode[code] : undefined;
    return byCode ?? refusalsByStatus[status] ?? otherRefusal(code);
  }

  mark({ kind, lane, fromMs, toMs, reason }: Mark, lineFromMs: number): string {
    const [name, at, length] = [this.lane(lane), this.clock(fromMs - lineFromMs), this.length(toMs - fromMs)];
    if (kind === 'gap') return this.texts.markGap(name, at, length, this.reason(reason, lane.kind));
    return kind === 'truncated' ? this.texts.markTruncated(name, at) : this.texts.markNotRecorded(name, at, length);
  }

  #unit(value: number, unit: 'hour' | 'minute' | 'second'): string {
    return new Intl.NumberFormat(this.locale, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
  }
}
