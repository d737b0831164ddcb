// The verdict on the page: big and first, then what led to it, and the details that an auditor writes down.
import { toBase64 } from '../encoding.ts';
import type { PublicKeys } from '../keys.ts';
import type { ProofReport } from '../proof.ts';
import { inFull, type Verdict, verdictOf } from '../verdict.ts';
import { inLanguage } from './texts.ts';

export interface Result {
  readonly report: ProofReport;
  readonly keys: PublicKeys;
  readonly areKeysFromFile: boolean;
  readonly fileName: string;
  readonly fileHash: string;
  readonly checkedAt: string;
}

export function showResult(section: HTMLElement, result: Result): void {
  const { texts, words } = inLanguage();
  const { report, areKeysFromFile, checkedAt } = result;
  const { holds, headline, subject, findings, latest, checked, notChecked } = verdictOf(
    report,
    { areKeysFromFile, nowMs: Date.parse(checkedAt) },
    words,
  );
  const heading = element('h2', `${holds ? '✓' : '✗'} ${headline}`);
  heading.id = 'headline';
  heading.tabIndex = -1;
  const verdict = element('div', heading, element('p', subject));
  verdict.className = holds ? 'verdict' : 'verdict fails';
  const found = element('ul', ...findings.map(foundOf));
  found.className = 'found';
  const print = element('button', texts.print);
  print.type = 'button';
  print.addEventListener('click', () => window.print());
  section.replaceChildren(
    verdict,
    ...part(words.findingsTitle, findings.length > 0 && found),
    ...part(words.latestTitle, element('p', latest)),
    ...part(words.checkedTitle, checked.length > 0 && list(checked)),
    ...part(words.notCheckedTitle, notChecked.length > 0 && list(notChecked)),
    ...part(texts.detailsTitle, detailsOf(result)),
    print,
  );
  section.hidden = false;
}

function foundOf({ title, details, more }: Verdict['findings'][number]): HTMLLIElement {
  const items = list([...details, ...more]);
  // What the checker quotes is in English, whatever the language of the page.
  for (const item of [...items.children].slice(0, details.length)) item.setAttribute('lang', 'en');
  return element('li', title, items);
}

function detailsOf({ report, keys, fileName, fileHash, checkedAt }: Result): HTMLDListElement {
  const { texts, words } = inLanguage();
  const count = (number: number) => new Intl.NumberFormat(words.locale).format(number);
  const details: [string, string][] = [
    [texts.detailFile, fileName],
    [texts.detailHash, fileHash],
    [texts.detailSize, count(report.entries)],
    [texts.detailRoot, report.checkpoint ? toBase64(report.checkpoint.root) : '–'],
    [texts.detailReceipts, count(report.receipts)],
    [texts.detailHeld, count(report.heldCheckpoints)],
    [texts.detailKeys, [...keys.keys()].join(', ')],
    [texts.detailChecked, inFull(checkedAt, words)],
  ];
  return element('dl', ...details.flatMap(([name, value]) => [element('dt', name), element('dd', value)]));
}

function part(title: string, content: HTMLElement | false): HTMLElement[] {
  return content ? [element('h3', title), content] : [];
}

function list(items: readonly string[]): HTMLUListElement {
  return element('ul', ...items.map((item) => element('li', item)));
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  ...content: (string | Node)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.append(...content);
  return made;
}
