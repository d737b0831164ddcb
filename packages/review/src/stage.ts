// The pictures of all lanes side by side, or one of them large, with words where there is no picture.
import { iconButton, make, setAttribute, setName, setText } from './dom.ts';
import type { Mark } from './line.ts';
import type { Review } from './review.ts';
import type { TrackState } from './track.ts';
import type { Words } from './words.ts';

interface Figure {
  readonly element: HTMLElement;
  readonly veil: HTMLElement;
  readonly words: HTMLElement;
  readonly again: HTMLButtonElement;
  readonly caption: HTMLElement;
  readonly enlarge: HTMLButtonElement;
}

/** States that another try may end, and time alone not soon. */
const LOADED_BY_HAND: ReadonlySet<TrackState> = new Set<TrackState>(['broken', 'limited', 'refused']);

export class Stage {
  readonly element: HTMLElement = make('div', { part: 'stage', class: 'stage' });
  readonly #review: Review;
  readonly #figures = new Map<string, Figure>();
  #large: string | undefined;

  constructor(review: Review) {
    this.#review = review;
  }

  /** The lane that is shown large; undefined: all alike. */
  get large(): string | undefined {
    return this.#large;
  }

  enlarge(laneId: string | undefined): void {
    this.#large = laneId === this.#large ? undefined : laneId;
  }

  update(words: Words): void {
    const { lanes, positionMs, line } = this.#review;
    const { marks } = line;
    const ids = new Set(lanes.map(({ lane }) => lane.id));
    for (const [id, { element }] of this.#figures) {
      if (!ids.has(id)) element.remove();
    }
    for (const { lane, state, element } of lanes) {
      const figure = this.#figures.get(lane.id) ?? this.#add(lane.id, element);
      const name = words.lane(lane);
      const gap = marks.find((mark) => mark.lane.id === lane.id && mark.kind === 'gap' && isAt(mark, positionMs));
      const sound = lane.kind === 'audio' ? words.texts.laneSound : '';
      const said = gap ? words.texts.laneGap(words.reason(gap.reason)) : sound;
      const isVeiled = state !== 'playable';
      setText(figure.words, isVeiled && !(state === 'nothing' && gap) ? veilOf(state, words) : said);
      // In a gap there may be a picture without sound: it stays to be seen.
      setAttribute(figure.veil, 'data-note', !isVeiled);
      setText(figure.caption, name);
      setText(figure.again, words.texts.again);
      figure.veil.hidden = !isVeiled && said === '';
      figure.again.hidden = !LOADED_BY_HAND.has(state);
      setName(figure.enlarge, words.texts.enlarge(name));
      setAttribute(figure.enlarge, 'aria-pressed', String(this.#large === lane.id));
      figure.enlarge.hidden = lanes.length < 2;
      setAttribute(figure.element, 'data-kind', lane.kind);
      setAttribute(figure.element, 'data-state', state);
      setAttribute(figure.element, 'data-large', this.#large === lane.id);
    }
    setAttribute(this.element, 'data-has-large', this.#large !== undefined && ids.has(this.#large));
  }

  #add(laneId: string, picture: HTMLElement): Figure {
    const words = make('p');
    const again = make('button', { type: 'button', part: 'button' });
    again.addEventListener('click', () => this.#review.retry());
    const veil = make('div', { part: 'veil', class: 'veil' }, words, again);
    const caption = make('figcaption', { part: 'caption' });
    const enlarge = iconButton('large', 'enlarge', () => {
      this.enlarge(laneId);
      this.element.dispatchEvent(new Event('layout'));
    });
    picture.classList.add('picture');
    const element = make(
      'figure',
      { part: 'figure' },
      make('div', { class: 'frame' }, picture, veil, enlarge),
      caption,
    );
    this.element.append(element);
    const figure = { element, veil, words, again, caption, enlarge };
    this.#figures.set(laneId, figure);
    return figure;
  }
}

function isAt({ fromMs, toMs }: Mark, atMs: number): boolean {
  return fromMs <= atMs && atMs < toMs;
}

function veilOf(state: TrackState, { texts }: Words): string {
  const said: Record<TrackState, string> = {
    nothing: texts.laneNothing,
    loading: texts.waiting,
    playable: '',
    restricted: texts.laneRestricted,
    deleted: texts.laneDeleted,
    unreachable: texts.laneUnreachable,
    limited: texts.laneLimited,
    refused: texts.laneRefused,
    broken: texts.laneBroken,
  };
  return said[state];
}
