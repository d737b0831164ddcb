// The pictures of all lanes side by side, or one of them large, with words where there is no picture.
import { iconButton, make, setAttribute, setName, setText } from './dom.ts';
import type { Mark } from './line.ts';
import type { LaneView, Review } from './review.ts';
import { RATIO, type Size, type Tiles, tileWidth } from './tiles.ts';
import type { TrackState } from './track.ts';
import type { Words } from './words.ts';

interface Figure {
  readonly element: HTMLElement;
  readonly frame: HTMLElement;
  readonly veil: HTMLElement;
  readonly words: HTMLElement;
  readonly again: HTMLButtonElement;
  readonly name: HTMLElement;
  readonly enlarge: HTMLButtonElement;
}

/** States that another try may end, and time alone not soon. */
const LOADED_BY_HAND: ReadonlySet<TrackState> = new Set<TrackState>(['broken', 'limited', 'refused']);

/** Of a picture beside a large one. None is smaller. */
const SMALL_PX = 144;
/** In a window that is lower, one scrolls. */
const LOWEST_PX = 144;
/** A page whose scroll bar comes and goes would change the pictures for ever. */
const SCROLL_BAR_PX = 20;

export class Stage {
  readonly element: HTMLElement = make('div', { part: 'stage', class: 'stage' });
  readonly #review: Review;
  readonly #figures = new Map<string, Figure>();
  #large: string | undefined;
  /** What was laid out. */
  #shape = '';
  #size: Size = { widthPx: 0, heightPx: 0 };

  constructor(review: Review) {
    this.#review = review;
  }

  /** The lane that is shown large; undefined: all alike. */
  get large(): string | undefined {
    return this.#large;
  }

  /** That one large, or all alike if it is already. */
  enlarge(laneId: string | undefined): void {
    this.#large = laneId === this.#large ? undefined : laneId;
  }

  /** The ids of the lanes with pictures. */
  get pictures(): string[] {
    return this.#review.line.lanes.filter(({ kind }) => kind !== 'audio').map(({ id }) => id);
  }

  update(words: Words): void {
    const { lanes } = this.#review;
    const ids = new Set(lanes.map(({ lane }) => lane.id));
    for (const [id, { element }] of this.#figures) {
      if (ids.has(id)) continue;
      element.remove();
      this.#figures.delete(id);
    }
    for (const view of lanes) this.#show(view, words);
    const shape = [this.#large, ...ids].join();
    if (shape !== this.#shape) this.#layOut();
    this.#shape = shape;
  }

  /** Makes the pictures as large as the place allows. */
  fit({ widthPx, heightPx }: Size): void {
    const { widthPx: before } = this.#size;
    const isScrollBar = heightPx >= this.#size.heightPx && widthPx > before && widthPx - before <= SCROLL_BAR_PX;
    this.#size = { widthPx: isScrollBar ? before : widthPx, heightPx: Math.max(LOWEST_PX, heightPx) };
    this.#layOut();
  }

  #show({ lane, state, element }: LaneView, words: Words): void {
    const { positionMs, line } = this.#review;
    const figure = this.#figures.get(lane.id) ?? this.#add(lane.id, element);
    const name = words.lane(lane);
    const gap = line.marks.find((mark) => mark.lane.id === lane.id && mark.kind === 'gap' && isAt(mark, positionMs));
    const sound = lane.kind === 'audio' ? words.texts.laneSound : '';
    const said = gap ? words.texts.laneGap(words.reason(gap.reason, lane.kind)) : sound;
    const isVeiled = state !== 'playable';
    setText(figure.words, isVeiled && !(state === 'nothing' && gap) ? veilOf(state, words) : said);
    // In a gap there may be a picture without sound: it stays to be seen.
    setAttribute(figure.veil, 'data-note', !isVeiled);
    setText(figure.name, name);
    setText(figure.again, words.texts.again);
    figure.veil.hidden = !isVeiled && said === '';
    figure.again.hidden = !LOADED_BY_HAND.has(state);
    setName(figure.enlarge, words.texts.enlarge(name));
    setAttribute(figure.enlarge, 'aria-pressed', String(this.#large === lane.id));
    figure.enlarge.hidden = lane.kind === 'audio' || this.pictures.length < 2;
    setAttribute(figure.element, 'data-kind', lane.kind);
    setAttribute(figure.element, 'data-state', state);
    setAttribute(figure.element, 'data-large', this.#large === lane.id);
  }

  #layOut(): void {
    const figures = [...this.#figures.values()];
    const [first] = figures;
    const { widthPx, heightPx } = this.#size;
    if (!first || widthPx === 0) return;
    const gapPx = Number.parseFloat(getComputedStyle(this.element).rowGap);
    const captionPx = first.element.offsetHeight - first.frame.offsetHeight;
    const isLarge = ({ element }: Figure) => element.hasAttribute('data-large');
    const small = figures.filter((figure) => !isLarge(figure));
    const pictures = small.filter(({ element }) => element.dataset.kind !== 'audio');
    const sounds = small.filter((figure) => !pictures.includes(figure));
    const forSounds = sounds.reduce((sum, { element }) => sum + element.offsetHeight + gapPx, 0);
    const place = { widthPx, heightPx: heightPx - forSounds, gapPx, captionPx };
    const { largePx, isBeside } = besideOrBelow(place, pictures.length);
    const isAnyLarge = small.length < figures.length;
    const alikePx = Math.max(SMALL_PX, tileWidth({ ...place, count: pictures.length }));
    resize(pictures, isAnyLarge ? SMALL_PX : alikePx);
    resize(sounds, undefined);
    resize(figures.filter(isLarge), largePx, isBeside ? 0 : (widthPx - largePx) / 2);
    setAttribute(this.element, 'data-beside', isAnyLarge && isBeside);
    this.element.style.setProperty('--small-pictures', String(Math.max(1, pictures.length)));
  }

  #add(laneId: string, picture: HTMLElement): Figure {
    const words = make('p');
    const again = make('button', { type: 'button', part: 'button' });
    again.addEventListener('click', () => this.#review.retry());
    const veil = make('div', { part: 'veil', class: 'veil' }, words, again);
    const name = make('span');
    const enlarge = iconButton('large', 'enlarge', () => {
      this.enlarge(laneId);
      this.element.dispatchEvent(new Event('layout'));
    });
    picture.classList.add('picture');
    const frame = make('div', { class: 'frame' }, picture, veil);
    frame.addEventListener('click', ({ target }) => {
      if (target === again) return;
      if (this.#review.isPlaying) this.#review.pause();
      else this.#review.play();
    });
    const element = make('figure', { part: 'figure' }, frame, make('figcaption', { part: 'caption' }, name, enlarge));
    this.element.append(element);
    const figure = { element, frame, veil, words, again, name, enlarge };
    this.#figures.set(laneId, figure);
    return figure;
  }
}

/** Where the small pictures leave the most place for the large one. */
function besideOrBelow(place: Omit<Tiles, 'count'>, smallCount: number): { largePx: number; isBeside: boolean } {
  const { widthPx, heightPx, gapPx, captionPx } = place;
  const smallHeightPx = SMALL_PX / RATIO + captionPx + gapPx;
  const columns = Math.max(1, Math.floor((widthPx + gapPx) / (SMALL_PX + gapPx)));
  const rows = Math.ceil(smallCount / columns);
  const belowPx = tileWidth({ ...place, count: 1, heightPx: heightPx - rows * smallHeightPx });
  const doesFit = smallCount > 0 && smallCount * smallHeightPx - gapPx <= heightPx;
  const besidePx = doesFit ? tileWidth({ ...place, count: 1, widthPx: widthPx - SMALL_PX - gapPx }) : 0;
  return { largePx: Math.max(SMALL_PX, belowPx, besidePx), isBeside: besidePx > belowPx };
}

/** `marginPx`: so much that nothing is beside it. */
function resize(figures: readonly Figure[], widthPx: number | undefined, marginPx = 0): void {
  for (const { element } of figures) {
    element.style.inlineSize = widthPx === undefined ? '' : `${widthPx}px`;
    element.style.marginInline = marginPx === 0 ? '' : `${Math.floor(marginPx)}px`;
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
