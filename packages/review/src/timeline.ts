// The line of time: a slider with a row for each lane, its recordings, gaps, still stretches and pictures.
import { make, setAttribute, setText } from './dom.ts';
import { drawPicture, drawStrip } from './filmstrip.ts';
import type { Lane } from './line.ts';
import type { End, LaneView, Review } from './review.ts';
import { joined } from './still.ts';
import type { Words } from './words.ts';

/** Of one lane: more would lie upon each other. */
const MAX_DRAWN_MARKS = 1_000;
/** Of the line: less than a pixel. */
const NARROWEST_SHARE = 1 / 2_000;

interface Row {
  readonly element: HTMLElement;
  readonly name: HTMLElement;
  readonly strip: HTMLCanvasElement;
  readonly spans: HTMLElement;
}

export class Timeline {
  readonly element: HTMLElement;
  readonly #review: Review;
  readonly #rows = new Map<string, Row>();
  readonly #names = make('div', { class: 'names' });
  readonly #tracks = make('div', { class: 'tracks' });
  readonly #slider: HTMLElement;
  readonly #head = make('div', { part: 'playhead', class: 'head' });
  readonly #preview = make('div', { part: 'preview', class: 'preview', hidden: true });
  readonly #previewTime = make('span');
  readonly #previewPictures = make('div', { class: 'pictures' });

  #words: Words | undefined;
  #previewMs = 0;

  constructor(review: Review) {
    this.#review = review;
    this.#preview.append(this.#previewPictures, this.#previewTime);
    this.#slider = make(
      'div',
      {
        part: 'line',
        class: 'slider',
        role: 'slider',
        tabindex: 0,
        'aria-orientation': 'horizontal',
        'aria-valuemin': 0,
      },
      this.#tracks,
      this.#head,
    );
    this.element = make('div', { part: 'timeline', class: 'timeline' }, this.#names, this.#slider, this.#preview);
    this.#slider.addEventListener('pointerdown', (event) => {
      this.#slider.setPointerCapture(event.pointerId);
      review.seek(this.#msAt(event));
    });
    this.#slider.addEventListener('pointermove', (event) => {
      const atMs = this.#msAt(event);
      if (this.#slider.hasPointerCapture(event.pointerId)) review.seek(atMs);
      void this.#showPreview(atMs);
    });
    for (const name of ['pointerleave', 'pointercancel']) {
      this.#slider.addEventListener(name, () => {
        this.#preview.hidden = true;
      });
    }
    new ResizeObserver(() => this.drawStrips()).observe(this.#tracks);
  }

  showPosition(words: Words): void {
    const { line, positionMs } = this.#review;
    this.#head.style.insetInlineStart = `${this.#share(positionMs)}%`;
    const [at, length] = [positionMs - line.fromMs, line.toMs - line.fromMs];
    setAttribute(this.#slider, 'aria-valuenow', Math.round(at / 1000));
    setAttribute(this.#slider, 'aria-valuemax', Math.round(length / 1000));
    const text = words.texts.positionText(words.clock(at), words.clock(length), words.time(positionMs));
    setAttribute(this.#slider, 'aria-valuetext', text);
  }

  /** After the recordings, their pictures or the language have changed. */
  draw(words: Words): void {
    this.#words = words;
    setAttribute(this.#slider, 'aria-label', words.texts.position);
    const { lanes } = this.#review;
    const ids = new Set(lanes.map(({ lane }) => lane.id));
    for (const [id, { element, name }] of this.#rows) {
      if (ids.has(id)) continue;
      element.remove();
      name.remove();
      this.#rows.delete(id);
    }
    for (const view of lanes) {
      const row = this.#rows.get(view.lane.id) ?? this.#addRow(view.lane);
      setText(row.name, words.lane(view.lane));
      row.spans.replaceChildren(...this.#spansOf(view, words));
    }
    this.drawStrips();
    this.showPosition(words);
  }

  drawStrips(): void {
    const { line, lanes } = this.#review;
    for (const { lane, overviewOf } of lanes) {
      const row = this.#rows.get(lane.id);
      if (!row) continue;
      const hasPictures = lane.pieces.some(({ recording }) => overviewOf(recording.recordingId)?.pictures);
      row.element.classList.toggle('with-pictures', hasPictures);
      row.name.classList.toggle('with-pictures', hasPictures);
      if (hasPictures) void drawStrip(row.strip, { line, lane, overviewOf });
    }
  }

  #addRow(lane: Lane): Row {
    const name = make('span', { part: 'lane-name' });
    const strip = make('canvas', { class: 'strip' });
    const spans = make('div', { class: 'spans' });
    const element = make('div', { part: 'lane', class: 'lane' }, strip, spans);
    this.#names.append(name);
    this.#tracks.append(element);
    const row = { element, name, strip, spans };
    this.#rows.set(lane.id, row);
    return row;
  }

  #spansOf({ lane, still, endOf }: LaneView, words: Words): HTMLElement[] {
    const { line } = this.#review;
    const { texts } = words;
    const span = (part: string, fromMs: number, toMs: number, title?: string) => {
      const element = make('span', { part: `span ${part}`, class: part, ...(title && { title }) });
      element.style.insetInlineStart = `${this.#share(fromMs)}%`;
      element.style.inlineSize = `${this.#share(toMs) - this.#share(fromMs)}%`;
      return element;
    };
    const apartMs = (line.toMs - line.fromMs) * NARROWEST_SHARE;
    const pieces = Map.groupBy(lane.pieces, ({ recording }) => endOf(recording.recordingId));
    const drawn = (end: End | undefined) => joined(pieces.get(end) ?? [], apartMs);
    return [
      ...drawn(undefined).map(({ fromMs, toMs }) => span('recorded', fromMs, toMs)),
      ...drawn('restricted').map(({ fromMs, toMs }) => span('ended', fromMs, toMs, texts.laneRestricted)),
      ...drawn('deleted').map(({ fromMs, toMs }) => span('ended', fromMs, toMs, texts.laneDeleted)),
      ...joined(still, apartMs).map(({ fromMs, toMs }) => span('still', fromMs, toMs, texts.still)),
      ...line.marks
        .filter((mark) => mark.lane.id === lane.id)
        .slice(0, MAX_DRAWN_MARKS)
        .map((mark) => span(mark.kind, mark.fromMs, mark.toMs, words.mark(mark, line.fromMs))),
    ];
  }

  async #showPreview(atMs: number): Promise<void> {
    const { line, lanes } = this.#review;
    this.#preview.hidden = line.toMs <= line.fromMs;
    setText(this.#previewTime, this.#words?.clock(atMs - line.fromMs) ?? '');
    this.#previewMs = atMs;
    this.#placePreview();
    const canvases = await Promise.all(lanes.map((view) => drawPicture(view, atMs)));
    // The pointer may have moved on while they were decoded.
    if (this.#previewMs !== atMs) return;
    this.#previewPictures.replaceChildren(...canvases.filter((canvas) => canvas !== undefined));
    this.#placePreview();
  }

  /** Above its moment, and within the line: it is not cut off, and does not widen the page. */
  #placePreview(): void {
    const x = this.#slider.offsetLeft + (this.#share(this.#previewMs) / 100) * this.#slider.offsetWidth;
    const { offsetWidth } = this.#preview;
    const fromX = Math.min(this.element.clientWidth - offsetWidth, Math.max(0, x - offsetWidth / 2));
    this.#preview.style.insetInlineStart = `${fromX}px`;
  }

  #msAt({ clientX }: PointerEvent): number {
    const { line } = this.#review;
    const { left, width } = this.#slider.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (clientX - left) / width));
    return line.fromMs + share * (line.toMs - line.fromMs);
  }

  /** In percent of the line. */
  #share(atMs: number): number {
    const { fromMs, toMs } = this.#review.line;
    return toMs > fromMs ? (100 * Math.min(toMs - fromMs, Math.max(0, atMs - fromMs))) / (toMs - fromMs) : 0;
  }
}
