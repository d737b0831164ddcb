// Ways in which stores that people run differ from S3, each put before a good store. docs/stores.md names the stores.
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { type Fault, pass } from '../kit/fault-proxy.ts';

/** What a request asks for, and the good store behind. */
interface Asked {
  readonly method: string;
  readonly query: URLSearchParams;
  /** Undefined: it is about the bucket. */
  readonly key: string | undefined;
  readonly store: () => ObjectStore;
}

type Answer = (...given: [...Parameters<Fault>, Asked]) => Promise<void> | void;

/** The fault of a request; undefined: it is answered as by S3. */
export type Quirk = (asked: Asked) => Answer | undefined;

const refusing =
  (status: number, code: string): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/xml', date: new Date().toUTCString() });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
  };

const rewriting =
  (change: (xml: string, asked: Asked) => string): Answer =>
  async (response, ask, _body, asked) => {
    const reply = await ask();
    pass(response, { ...reply, body: Buffer.from(change(reply.body.toString(), asked)) });
  };

const without = (...names: string[]) =>
  rewriting((xml) => names.reduce((left, name) => left.replace(new RegExp(`<${name}>[^<]*</${name}>`, 'g'), ''), xml));

const undated: Answer = async (response, ask) => {
  const reply = await ask();
  delete reply.headers.date;
  pass(response, reply);
};

const page: Answer = (response) => {
  response
    .writeHead(404, { 'content-type': 'text/html', date: new Date().toUTCString() })
    .end('<html>Not found</html>');
};

const longAgo = rewriting((xml) => xml.replace(/<LastModified>[^<]*/g, '<LastModified>1970-01-01T00:00:00.000Z'));

const isListing = ({ method, key, query }: Asked) => method === 'GET' && key === undefined && query.has('list-type');
const isUploadListing = ({ method, query }: Asked) => method === 'GET' && query.has('uploads');
const isPartListing = ({ method, key, query }: Asked) => method === 'GET' && key !== undefined && query.has('uploadId');
const isBatchDelete = ({ method, query }: Asked) => method === 'POST' && query.has('delete');
const isDelete = ({ method, key, query }: Asked) => method === 'DELETE' && key !== undefined && !query.has('uploadId');
const isAbort = ({ method, query }: Asked) => method === 'DELETE' && query.has('uploadId');
const isGet = ({ method, key, query }: Asked) =>
  method === 'GET' && key !== undefined && !query.has('uploadId') && !query.has('tagging');
const has = (name: string) => (asked: Asked) => asked.query.has(name);

const where =
  (isIt: (asked: Asked) => boolean, answer: Answer): Quirk =>
  (asked) =>
    isIt(asked) ? answer : undefined;

const elements = (xml: string, name: string) => xml.match(new RegExp(`<${name}>.*?</${name}>`, 'gs')) ?? [];
const textOf = (xml: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';

/** Shows the uploads whose key is the prefix. */
const byExactKey = rewriting((xml, { query }) => {
  const others = elements(xml, 'Upload').filter((upload) => textOf(upload, 'Key') !== query.get('prefix'));
  return others.reduce((left, upload) => left.replace(upload, ''), xml);
});

/** All keys of a small bucket, ordered, cut and continued in another way. */
const listing =
  (choose: (keys: string[], startAfter: string) => string[]): Answer =>
  async (response, ask, _body, { query, store }) => {
    const reply = await ask();
    if (reply.status !== 200) return pass(response, reply);
    const prefix = query.get('prefix') ?? '';
    const { objects } = await store().list(prefix);
    const chosen = choose(
      objects.map(({ key }) => key),
      query.get('start-after') ?? '',
    );
    // A store may always answer with fewer than it was asked for.
    const shown = chosen.slice(0, Math.min(Number(query.get('max-keys') ?? 3), 3));
    const contents = shown.map((key) => {
      const { sizeBytes = 0, lastModifiedMs = 0 } = objects.find((object) => object.key === key) ?? {};
      const time = new Date(lastModifiedMs).toISOString();
      return `<Contents><Key>${key}</Key><LastModified>${time}</LastModified><Size>${sizeBytes}</Size></Contents>`;
    });
    const about = `<Name>bucket</Name><Prefix>${prefix}</Prefix><IsTruncated>${shown.length < chosen.length}</IsTruncated>`;
    response.writeHead(200, { 'content-type': 'application/xml', date: new Date().toUTCString() });
    response.end(`<?xml version="1.0"?><ListBucketResult>${about}${contents.join('')}</ListBucketResult>`);
  };

const inTree = (key: string) => key.replaceAll('/', '\0');
const treeOrder = listing((keys, startAfter) =>
  keys.filter((key) => inTree(key) > inTree(startAfter)).sort((a, b) => (inTree(a) < inTree(b) ? -1 : 1)),
);
const startAfterIgnored = listing((keys) => keys);
const lastKeyLeftOut = listing((keys, startAfter) => keys.filter((key) => key > startAfter).slice(0, -1));

/** `?tagging` is overlooked, and the tags become the object. */
const tagsAsObject: Answer = async (response, _ask, body, { method, key = '', store }) => {
  if (method === 'PUT') await store().put(key, body);
  response.writeHead(200, { date: new Date().toUTCString(), etag: '"x"' });
  response.end(method === 'PUT' ? undefined : await store().get(key));
};

const wholeBody: Answer = async (response, ask, _body, { key = '', store }) => {
  const { status, headers, body } = await ask();
  if (status !== 206) return pass(response, { status, headers, body });
  const { 'content-range': _, ...others } = headers;
  pass(response, { status: 200, headers: others, body: Buffer.from((await store().get(key)) ?? []) });
};

/** Answers that it was done, and does nothing. */
const pretending: Answer = (response) => void response.writeHead(204, { date: new Date().toUTCString() }).end();

/** By what they do; `isFit`: whether a whole life, a withdrawal and a sweep work there. */
const noUploads = rewriting((xml) => elements(xml, 'Upload').reduce((left, upload) => left.replace(upload, ''), xml));

/** Answers one request in so many with a page, as a proxy does while its upstream is being replaced. */
function oneIn(count: number, isIt: (asked: Asked) => boolean): Quirk {
  let seen = 0;
  return (asked) => {
    if (!isIt(asked)) return isUploadListing(asked) ? noUploads : undefined;
    seen += 1;
    return seen % count === 0 ? page : undefined;
  };
}

const pageQuirk = (isIt: (asked: Asked) => boolean) => where(isIt, page);

export const QUIRKS: readonly { readonly name: string; readonly isFit: boolean; readonly quirk: Quirk }[] = [
  { name: 'lists uploads by an exact key', isFit: true, quirk: where(isUploadListing, byExactKey) },
  {
    name: 'does not know ListMultipartUploads',
    isFit: true,
    quirk: where(isUploadListing, refusing(501, 'NotImplemented')),
  },
  { name: 'refuses ListMultipartUploads', isFit: true, quirk: where(isUploadListing, refusing(403, 'AccessDenied')) },
  { name: 'lists folder before folder', isFit: true, quirk: where(isListing, treeOrder) },
  { name: 'ignores start-after', isFit: false, quirk: where(isListing, startAfterIgnored) },
  { name: 'leaves the last key out of a listing', isFit: false, quirk: where(isListing, lastKeyLeftOut) },
  { name: 'takes tags for the object', isFit: true, quirk: where(has('tagging'), tagsAsObject) },
  { name: 'answers tags with 400', isFit: true, quirk: where(has('tagging'), refusing(400, 'InvalidArgument')) },
  { name: 'refuses tags', isFit: true, quirk: where(has('tagging'), refusing(403, 'AccessDenied')) },
  {
    name: 'leaves IsTruncated out',
    isFit: true,
    quirk: where((asked) => isListing(asked) || isUploadListing(asked) || isPartListing(asked), without('IsTruncated')),
  },
  { name: 'refuses GetBucketVersioning', isFit: true, quirk: where(has('versioning'), refusing(403, 'AccessDenied')) },
  {
    name: 'answers GetBucketVersioning with 400',
    isFit: true,
    quirk: where(has('versioning'), refusing(400, 'InvalidRequest')),
  },
  {
    name: 'does not know versions',
    isFit: true,
    quirk: (asked) =>
      has('versioning')(asked) || has('versions')(asked) ? refusing(501, 'NotImplemented') : undefined,
  },
  { name: 'refuses DeleteObjects', isFit: true, quirk: where(isBatchDelete, refusing(403, 'AccessDenied')) },
  {
    name: 'refuses every deletion',
    isFit: false,
    quirk: where((asked) => isBatchDelete(asked) || isDelete(asked), refusing(403, 'AccessDenied')),
  },
  {
    name: 'pretends to delete',
    isFit: false,
    quirk: where((asked) => isBatchDelete(asked) || isDelete(asked), pretending),
  },
  {
    name: 'sends no Date',
    isFit: false,
    quirk: () => undated,
  },
  {
    name: 'answers a question for object lock with 400',
    isFit: true,
    quirk: where(has('object-lock'), refusing(400, 'InvalidRequest')),
  },
  {
    name: 'does not know lifecycle rules',
    isFit: true,
    quirk: where(has('lifecycle'), refusing(501, 'NotImplemented')),
  },
  { name: 'does not know ListParts', isFit: false, quirk: where(isPartListing, refusing(501, 'NotImplemented')) },
  { name: 'refuses AbortMultipartUpload', isFit: false, quirk: where(isAbort, refusing(403, 'AccessDenied')) },
  { name: 'pretends to abort', isFit: false, quirk: where(isAbort, pretending) },
  {
    name: 'lists no uploads, and answers ListParts with a page now and then',
    isFit: false,
    quirk: oneIn(2, isPartListing),
  },
  { name: 'answers ListMultipartUploads with a page', isFit: true, quirk: pageQuirk(isUploadListing) },
  {
    name: 'never answers ListMultipartUploads but with 500',
    isFit: false,
    quirk: where(isUploadListing, refusing(500, 'InternalError')),
  },
  { name: 'answers DeleteObjects with a page', isFit: true, quirk: pageQuirk(isBatchDelete) },
  { name: 'answers GetBucketVersioning with a page', isFit: true, quirk: pageQuirk(has('versioning')) },
  { name: 'answers a question for object lock with a page', isFit: true, quirk: pageQuirk(has('object-lock')) },
  { name: 'lists parts with times of 1970', isFit: true, quirk: where(isPartListing, longAgo) },
  { name: 'lists objects without times', isFit: false, quirk: where(isListing, without('LastModified')) },
  { name: 'lists parts without times', isFit: true, quirk: where(isPartListing, without('LastModified')) },
  { name: 'lists uploads without times', isFit: true, quirk: where(isUploadListing, without('Initiated')) },
  { name: 'ignores ranges', isFit: false, quirk: where(isGet, wholeBody) },
  {
    name: 'knows no words for an upload that is gone',
    isFit: true,
    quirk: where(has('uploadId'), async (response, ask, body, asked) => {
      const reply = await ask();
      await (reply.status === 404 ? page(response, ask, body, asked) : pass(response, reply));
    }),
  },
];
