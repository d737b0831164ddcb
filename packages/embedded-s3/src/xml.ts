// Writes and reads the XML of the S3 API.
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { S3Error } from './errors.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** Markup that is already escaped, as opposed to a string, which still has to be. */
export interface Markup {
  readonly markup: string;
}

type Content = string | number | boolean | Markup | undefined;

// Carriage returns and control characters are written as references: a raw CR would be read back as LF (XML 1.0, 2.11),
// and S3 itself writes references for what XML 1.0 forbids. The adapter reads the references back.
const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeText(text: string): string {
  return text.replace(/[&<>"]|\p{Cc}/gu, (char) => ESCAPES[char] ?? `&#x${char.charCodeAt(0).toString(16)};`);
}

function render(content: Content): string {
  if (content === undefined) return '';
  return typeof content === 'object' ? content.markup : escapeText(String(content));
}

/** One element with its content; text is escaped, undefined content left out. */
export function element(name: string, ...content: Content[]): Markup {
  return { markup: `<${name}>${content.map(render).join('')}</${name}>` };
}

/** A whole document, in the S3 namespace unless it is an error. */
export function xmlDocument(root: string, content: Content[], { namespaced = true } = {}): string {
  const opening = namespaced ? `<${root} xmlns="${NAMESPACE}">` : `<${root}>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${opening}${content.map(render).join('')}</${root}>`;
}

/** An element as read: its own text, untrimmed and unescaped, and its child elements in order. */
export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: XmlElement[];
}

// Numbers stay text and nothing is trimmed: ` 007 ` is a valid key.
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  removeNSPrefix: true,
  processEntities: true,
  htmlEntities: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
});

function toElements(nodes: unknown): XmlElement[] {
  if (!Array.isArray(nodes)) return [];
  return nodes.flatMap((node: Record<string, unknown>) => {
    const name = Object.keys(node).find((property) => property !== ':@' && property !== '#text');
    if (name === undefined) return [];
    const inner: unknown[] = Array.isArray(node[name]) ? node[name] : [];
    const text = inner
      .map((child) => (typeof child === 'object' && child !== null && '#text' in child ? String(child['#text']) : ''))
      .join('');
    return [{ name, text, children: toElements(inner) }];
  });
}

/**
 * Reads a document whose root must have the given name.
 * A DOCTYPE is refused (no document of the S3 API has one, and its entities can expand without bound).
 * @throws S3Error MalformedXML
 */
export function parseXml(text: string, root: string): XmlElement {
  if (/<!DOCTYPE/i.test(text) || XMLValidator.validate(text) !== true) throw new S3Error('MalformedXML');
  const [found, ...more] = toElements(readNodes(text));
  if (found?.name !== root || more.length > 0) throw new S3Error('MalformedXML');
  return found;
}

function readNodes(text: string): unknown {
  try {
    return parser.parse(text);
  } catch {
    throw new S3Error('MalformedXML');
  }
}

export function childrenNamed(parent: XmlElement, name: string): XmlElement[] {
  return parent.children.filter((child) => child.name === name);
}

/** The text of the one child of that name, or undefined. @throws S3Error MalformedXML when there are several. */
export function childText(parent: XmlElement, name: string): string | undefined {
  const [first, ...more] = childrenNamed(parent, name);
  if (more.length > 0) throw new S3Error('MalformedXML');
  return first?.text;
}
