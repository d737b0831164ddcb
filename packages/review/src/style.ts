// The look of the player. A page changes it by the custom properties of `:host`, and by the parts.

export const STYLE = `
:host {
  --review-accent: light-dark(#2446c8, #a3b8ff);
  --review-on-accent: light-dark(#ffffff, #0d1740);
  --review-text: light-dark(#141a24, #eef1f6);
  --review-soft-text: light-dark(#4b5565, #a9b4c4);
  --review-surface: light-dark(#ffffff, #171b22);
  --review-sunken: light-dark(#eceff4, #20262f);
  --review-border: light-dark(#78849a, #78859a);
  --review-recorded: light-dark(#9db0ea, #4a5f9e);
  --review-gap: light-dark(#b3122c, #ff97a1);
  --review-still: light-dark(rgb(20 26 36 / 45%), rgb(0 0 0 / 60%));
  --review-radius: 0.6rem;
  display: block;
  color: var(--review-text);
  font: inherit;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.review { display: grid; gap: 1rem; min-inline-size: 0; }
.review:focus { outline: none; }
.review:focus-visible { outline: 3px solid var(--review-accent); outline-offset: 4px; border-radius: var(--review-radius); }
.review:fullscreen { background: var(--review-surface); padding: 12px; overflow: auto; align-content: start; }
.review[data-empty] :is(.stage, .timeline, .controls) { display: none; }
p, h2, ul, dl, figure { margin: 0; padding: 0; }
h2 { font-size: 1rem; }
.notes { color: var(--review-soft-text); font-size: 0.9rem; }
.screen { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.6rem; }
.stage { display: flex; flex-wrap: wrap; justify-content: center; align-items: start; gap: 0.6rem; }
figure { display: grid; gap: 0.2rem; align-content: start; inline-size: 100%; max-inline-size: 100%; }
figure[data-large] { order: -1; }
.stage[data-beside] { display: grid; grid-template: repeat(var(--small-pictures), min-content) 1fr / auto auto; }
.stage[data-beside] figure[data-large] { grid-row: 1 / span calc(var(--small-pictures) + 1); }
.stage[data-beside] figure[data-kind='audio']:not([data-large]) { grid-column: 1 / -1; }
figcaption { display: flex; gap: 0.4rem; align-items: center; justify-content: space-between; min-block-size: 2rem;
  color: var(--review-soft-text); font-size: 0.85rem; }
figcaption span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
figcaption button.icon { inline-size: 2rem; min-block-size: 2rem; flex: none; }
.frame { position: relative; aspect-ratio: 16 / 9; background: #000; border-radius: var(--review-radius); overflow: hidden; cursor: pointer;
  container-type: inline-size; }
figure[data-kind='audio']:not([data-large]) .frame { aspect-ratio: auto; block-size: 2rem; }
.picture, .picture video { position: absolute !important; inset: 0; inline-size: 100%; block-size: 100%; object-fit: contain; }
.veil { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 0.4rem; padding: 0.4rem;
  background: #000; color: #fff; text-align: center; font-size: clamp(0.7rem, 7cqi, 0.9rem); line-height: 1.3; overflow: auto; }
button, select, input { font: inherit; color: inherit; }
button, select { border: 1px solid var(--review-border); border-radius: var(--review-radius); background: var(--review-surface);
  min-block-size: 2.5rem; padding: 0.25rem 0.75rem; cursor: pointer; }
button:hover:not(:disabled), select:hover { border-color: var(--review-accent); }
button:disabled { opacity: 0.5; cursor: default; }
.veil[data-note] { inset-block-start: auto; background: rgb(0 0 0 / 80%); }
.veil button { color: var(--review-text); }
:is(button, select, input, .slider):focus-visible { outline: 3px solid var(--review-accent); outline-offset: 2px; }
button.primary { background: var(--review-accent); border-color: var(--review-accent); color: var(--review-on-accent); }
button.icon { inline-size: 2.5rem; padding: 0; display: inline-grid; place-content: center; }
button.icon svg { inline-size: 1.35rem; block-size: 1.35rem; fill: currentColor; }
button[aria-pressed='true'] { outline: 2px solid var(--review-accent); }
.controls { display: grid; gap: 0.5rem; }
.row { display: flex; flex-wrap: wrap; gap: 0.4rem; align-items: center; }
select { max-inline-size: 100%; }
.time { font-variant-numeric: tabular-nums; margin-inline-start: 0.4rem; }
input[type='range'] { accent-color: var(--review-accent); inline-size: 6rem; }
.timeline { position: relative; display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0.5rem; }
.names { display: grid; gap: 3px; font-size: 0.8rem; color: var(--review-soft-text); align-content: start; padding-block: 4px; }
.names span { block-size: 1.1rem; line-height: 1.1rem; max-inline-size: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.slider { position: relative; border-radius: 4px; cursor: pointer; touch-action: none; padding-block: 4px; min-block-size: 1.5rem; }
.tracks { display: grid; gap: 3px; }
.lane { position: relative; block-size: 1.1rem; background: var(--review-sunken); border-radius: 3px; overflow: hidden; }
.lane.with-pictures, .names span.with-pictures { block-size: 3rem; }
.names span.with-pictures { line-height: 3rem; }
.strip { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; display: none; }
.with-pictures .strip { display: block; }
.spans span { position: absolute; inset-block: 0; min-inline-size: 1px; }
.recorded { background: var(--review-recorded); border-inline: 1px solid var(--review-surface); }
.with-pictures .recorded { background: none; box-shadow: inset 0 -3px var(--review-recorded); }
.status p:not(:empty) { margin-inline-end: 1rem; }
.ended { background: linear-gradient(var(--review-soft-text), var(--review-soft-text)) center / 100% 2px no-repeat, var(--review-surface); }
.still { background: var(--review-still); }
.spans .gap, .spans .truncated { min-inline-size: 3px;
  background: repeating-linear-gradient(135deg, var(--review-gap) 0 4px, var(--review-surface) 4px 7px); }
.not-recorded { background: repeating-linear-gradient(135deg, var(--review-border) 0 1px, transparent 1px 6px); }
.head { position: absolute; inset-block: 0; inline-size: 3px; margin-inline-start: -1.5px; background: var(--review-text);
  box-shadow: 0 0 0 1px var(--review-surface); pointer-events: none; }
.preview { position: absolute; inset-block-end: calc(100% + 0.3rem); inset-inline-start: 0; max-inline-size: 100%; pointer-events: none; z-index: 1;
  display: grid; justify-items: center; gap: 0.2rem; padding: 0.3rem; background: var(--review-surface); border: 1px solid var(--review-border);
  border-radius: 0.4rem; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.pictures { display: flex; gap: 0.3rem; align-items: start; max-inline-size: 100%; }
.pictures canvas { min-inline-size: 0; block-size: auto; }
.marks ul { list-style: none; display: grid; gap: 0.3rem; margin-block-start: 0.4rem; max-block-size: 12rem; overflow: auto; padding: 3px; }
.marks button { text-align: start; min-block-size: 2rem; border-color: transparent; color: var(--review-accent); padding: 0.1rem 0.3rem; }
.status { display: flex; flex-wrap: wrap; align-items: center; min-block-size: 1.5em; overflow-wrap: anywhere; }
.reason { display: grid; gap: 0.6rem; max-inline-size: 32rem; }
.reason label { display: grid; gap: 0.2rem; }
.reason input { min-block-size: 2.5rem; padding: 0.25rem 0.6rem; border: 1px solid var(--review-border);
  border-radius: var(--review-radius); background: var(--review-surface); }
.reason button { justify-self: start; }
.keys { border: 1px solid var(--review-border); border-radius: var(--review-radius); background: var(--review-surface);
  color: var(--review-text); max-inline-size: min(32rem, 92vw); }
.keys form { display: flex; justify-content: space-between; align-items: center; gap: 1rem; }
.keys dl { display: grid; grid-template-columns: auto 1fr; gap: 0.4rem 1rem; margin-block-start: 0.6rem; }
kbd { font: inherit; font-weight: 600; white-space: nowrap; }
[data-waiting] .stage { cursor: progress; }
`;
