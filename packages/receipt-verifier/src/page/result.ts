// The verdict on the page: big and first, then what led to it, and the details that an auditor writes down.
import { toBase64 } from '../encoding.ts';
import type { PublicKeys } from '../keys.ts';
import type { ProofReport } from '../proof.ts';
import { inFull, type Verdict } from '../verdict.ts';
import type { Words } from '../words/en.ts';
import type { Texts } from './texts/en.ts';
import { inLanguage } from './texts.ts';

type Fact = readonly [name: string, value: string];

export interface Result {
  readonly verdictIn: (words: Words) => Verdict;
  readonly facts: (texts: Texts, words: Words) => Fact[];
  readonly keys: PublicKeys;
  readonly fileName: string;
  readonly fileHash: string;
  readonly checkedAt: string;
}

export function showResult(section: HTMLElement, result: Result): void {
  const { texts, words } = inLanguage();
  const { holds, headline, subject, findings, latest, checked, notChecked } = result.verdictIn(words);
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
    ...(latest ? part(latest.title, element('p', latest.sentence)) : []),
    ...part(words.checkedTitle, checked.length > 0 && list(checked)),
    ...part(words.notCheckedTitle, notChecked.length > 0 && list(notChecked)),
    ...part(texts.detailsTitle, detailsOf(result)),
    print,
  );
  section.hidden = false;
}

function foundOf({ title, details, more }: Verdict['findings'][number]): HTMLLIElement {
  const items = [...details, ...more];
  return element('li', title, ...(items.length > 0 ? [list(items)] : []));
}

/** What a whole proof has. */
export function factsOf({ entries, checkpoint, receipts, heldCheckpoints }: ProofReport): Result['facts'] {
  return (texts, { locale }) => {
    const count = (number: number) => new Intl.NumberFormat(locale).format(number);
    return [
      [texts.detailSize, count(entries)],
      [texts.detailRoot, checkpoint ? toBase64(checkpoint.root) : '–'],
      [texts.detailReceipts, count(receipts)],
      [texts.detailHeld, count(heldCheckpoints)],
    ];
  };
}

function detailsOf({ facts, keys, fileName, fileHash, checkedAt }: Result): HTMLDListElement {
  const { texts, words } = inLanguage();
  const details: Fact[] = [
    [texts.detailFile, fileName],
    [texts.detailHash, fileHash],
    ...facts(texts, words),
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
