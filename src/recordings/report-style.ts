// How the page of a report looks: on a screen, a dark one, a phone, and A4 paper with a line at the foot of each page.

const SCREEN = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #fff; --shade: #f6f8fa;
  --yes: #116329; --yes-back: #dafbe1; --no: #a40e26; --no-back: #ffebe9; --unknown: #7a4d00; --unknown-back: #fff3cd; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9ba4ae; --line: #3d444d; --paper: #0d1117; --shade: #161b22;
  --yes: #6fdd8b; --yes-back: #12301c; --no: #ff9492; --no-back: #3c1618; --unknown: #f0c36d; --unknown-back: #332810; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 4rem; font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2.25rem 0 .5rem; font-size: 1.15rem; }
p { margin: .4rem 0; }
p, li { max-width: 52rem; }
h1, p, li, dd { overflow-wrap: anywhere; }
.about, .call { color: var(--soft); }
.call { display: block; font-size: .87rem; }
.verdict { margin: 1.5rem 0 0; padding: 1rem 1.25rem; border: 2px solid; border-radius: .5rem; }
.verdict h2 { margin: 0 0 .25rem; font-size: 1rem; font-weight: 600; }
.verdict p { margin: .25rem 0 0; font-size: 1.15rem; line-height: 1.45; }
.verdict .limit { color: var(--ink); font-size: .95rem; }
.yes { color: var(--yes); background: var(--yes-back); }
.no { color: var(--no); background: var(--no-back); }
.unknown { color: var(--unknown); background: var(--unknown-back); }
.wrong { color: var(--no); font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; padding: 0; }
.figures div { padding: .6rem .8rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--shade); }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.3rem; font-weight: 600; }
.figures .small { font-size: .95rem; font-weight: 500; }
.scroll { overflow-x: auto; background:
  linear-gradient(to right, var(--paper) 50%, transparent) left / 2.5rem 100% no-repeat local,
  linear-gradient(to left, var(--paper) 50%, transparent) right / 2.5rem 100% no-repeat local,
  linear-gradient(to right, var(--soft), transparent) left / .5rem 100% no-repeat,
  linear-gradient(to left, var(--soft), transparent) right / .5rem 100% no-repeat; }
table { width: 100%; border-collapse: collapse; font-size: .87rem; }
th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { background: var(--shade); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.id { font: .92em/1.4 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
td.id { min-width: 6rem; } td.why { min-width: 8rem; }
.why { overflow-wrap: anywhere; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
tfoot th, tfoot td { border-top: 2px solid var(--line); font-weight: 600; }
li { margin: .2rem 0; }
ol li { margin: .5rem 0; }
code { font: .92em ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; padding: .6rem .8rem; background: var(--shade); }
.lines { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .5rem 0; font-size: .87rem; }
.lines dt { color: var(--soft); } .lines dd { margin: 0; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .87rem; }
`;

/** Each row of a wide table becomes a card, in which every value has the name of its column beside it. */
const PHONE = `
@media screen and (max-width: 52rem) {
  body { padding: 1.25rem 1rem 3rem; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .5rem; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards, .cards tbody, .cards tfoot, .cards tr { display: block; }
  .cards td, .cards tfoot th { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .2rem 0; }
  .cards td::before { content: attr(data-of); flex: none; max-width: 45%; color: var(--soft); font: 400 .87rem/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
  .cards td.id, .cards td.why { min-width: 0; }
  .cards td > span { text-align: right; min-width: 0; }
  .cards tr { margin: 0 0 .6rem; padding: .4rem .7rem; border: 1px solid var(--line); border-radius: .4rem; }
  .cards tfoot tr { border-width: 2px; }
  .lines { grid-template-columns: 1fr; }
}
`;

const PAPER = `
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --shade: #f2f2f2;
    --yes: #0b4f20; --yes-back: #fff; --no: #8f0a1f; --no-back: #fff; --unknown: #5f3c00; --unknown-back: #fff; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  p, li { max-width: none; orphans: 3; widows: 3; }
  h1 { font-size: 17pt; } h2 { margin-top: 14pt; font-size: 12.5pt; break-after: avoid; }
  table { font-size: 7.5pt; } th, td { padding: 2.5pt 3pt; } td.id, td.why { min-width: 0; }
  pre { font-size: 7.5pt; } .call, .lines, footer { font-size: 8.5pt; }
  .figures { grid-template-columns: repeat(4, 1fr); gap: 5pt; margin-top: 9pt; }
  .scroll { overflow: visible; background: none; }
  thead { display: table-header-group; } tfoot { display: table-row-group; }
  tr, li, pre, .lines, .verdict, .figures div, .short { break-inside: avoid; }
  .verdict p { font-size: 12pt; } .verdict .limit { font-size: 10pt; }
  .figures dd { font-size: 12pt; } .figures .small { font-size: 9pt; }
}
`;

/** `atTheFoot` stands at the foot of each printed page, beside its number. */
export function styleOf(atTheFoot: string): string {
  const font = 'font: 7.5pt system-ui, "Segoe UI", Roboto, sans-serif; color: #444;';
  const page =
    '@page { size: A4; margin: 15mm 14mm 17mm; ' +
    `@bottom-left { content: "${inCssString(atTheFoot)}"; ${font} } ` +
    `@bottom-right { content: "Page " counter(page) " of " counter(pages); ${font} } }`;
  return `${SCREEN}${PHONE}${page}${PAPER}`;
}

/** Whatever could end the string, or the style, is written as an escape. */
function inCssString(text: string): string {
  return text.replace(/[^\w .,:/-]/g, (character) => `\\${character.codePointAt(0)?.toString(16)} `);
}
