// Policy 9.5: nothing is inferred from recordings about people. These are the rules of docs/data-protection.md.
import { globSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { CONTAINERS, DETECTED_CONTAINERS, NO_RECORDING } from '../../src/model/container.ts';
import { recordingKey } from '../kit/keys.ts';
import { startTestService } from '../kit/service.ts';
import { ROOT, read } from './blocks.ts';

async function filesWith(pattern: RegExp, files = 'src/**/*.ts'): Promise<string[]> {
  const found: string[] = [];
  for (const file of globSync(files, { cwd: ROOT, exclude: ['src/demo-page/**'] })) {
    if (pattern.test(await read(file))) found.push(file);
  }
  return found.sort();
}

test('only what finds the format, copies an export, or tries the store reads bytes of large objects', async () => {
  const readers = await filesWith(/\.(getStart|getRange)\(/);
  expect(readers.filter((file) => !file.startsWith('src/doctor/'))).toEqual([
    'src/objectstore/s3/object-store.ts',
    'src/recordings/export-archive.ts',
    'src/recordings/finalize.ts',
  ]);
  // The doctor has keys of its own, and never those of recordings.
  expect(await filesWith(/mediaKey/, 'src/doctor/**/*.ts')).toEqual([]);
  expect(await filesWith(/from '[./\w]*\/recognize\.ts'/)).toEqual(['src/recordings/finalize.ts']);
  expect(await filesWith(/from '[./\w]*\/(ebml|iso-media|ogg|partial-file)\.ts'/)).toEqual([
    'src/model/ebml.ts',
    'src/model/iso-media.ts',
    'src/model/ogg.ts',
    'src/model/recognize.ts',
  ]);
});

test('all that can come of reading a file is the name of its container, or why it is no recording', async () => {
  expect([...DETECTED_CONTAINERS]).toEqual([...CONTAINERS, 'unrecognized']);
  expect(CONTAINERS).toEqual(['webm', 'matroska', 'mp4', 'ogg']);
  expect(Object.keys(NO_RECORDING)).toEqual(['empty', 'picture', 'no-frame']);
  const service = startTestService();
  const ref = await service.record();
  const mark: object = JSON.parse(
    Buffer.from((await service.context.store.get(recordingKey(ref, 'stored'))) ?? []).toString(),
  );
  expect(Object.keys(mark).sort()).toEqual(['container', 'manifestEtag', 'media', 'parts', 'storedAt', 'version']);
});

/** Every member of a recording, and whence it comes. */
const ORIGINS = {
  'the request': ['examId', 'attemptId', 'participantId', 'kind', 'consent', 'timeline'],
  'the request, or the container': ['contentType'],
  'the container': ['container'],
  'the time and the settings': ['recordingId', 'createdAt', 'storedAt', 'deleteBy', 'deletableFrom'],
  'other requests': ['state', 'assessment', 'restricted', 'truncated'],
  "the store's listing": ['sizeBytes'],
};

test('no member of a recording tells anything about a person that was not told to the service', async () => {
  const { components } = JSON.parse(await read('openapi.json'));
  const members = Object.keys(components.schemas.Recording.properties);
  expect(members.sort()).toEqual(Object.values(ORIGINS).flat().sort());
});

/** Direct dependencies of the service and of its packages, with their purpose. */
const PURPOSES = {
  'the store': [
    '@aws-sdk/client-s3',
    '@aws-sdk/s3-request-presigner',
    '@smithy/core',
    '@smithy/protocol-http',
    '@smithy/types',
  ],
  HTTP: ['content-type', 'cors', 'express', 'express-rate-limit', 'helmet', 'multer'],
  'tokens, signatures, hashes': ['jose', 'standardwebhooks', '@noble/hashes'],
  'logs, metrics, traces': [
    'prom-client',
    'winston',
    ...['api', 'context-async-hooks', 'core', 'exporter-trace-otlp-http', 'exporter-trace-otlp-proto', 'resources'].map(
      (name) => `@opentelemetry/${name}`,
    ),
    '@opentelemetry/sdk-trace-base',
  ],
  'archives of an export': ['client-zip'],
  'schemas, XML': ['zod', 'fast-xml-parser'],
  'schedules, caches, concurrency': ['lru-cache', 'node-cron', 'p-map'],
};

test('each direct production dependency has a purpose, and none of them is to look at pictures or listen', async () => {
  const names = new Set<string>();
  for (const file of ['package.json', ...globSync('packages/*/package.json', { cwd: ROOT })]) {
    for (const name of Object.keys(JSON.parse(await read(file)).dependencies ?? {})) names.add(name);
  }
  const others = [...names].filter((name) => !name.startsWith('@proctoring-recordings/'));
  expect(others.sort()).toEqual(Object.values(PURPOSES).flat().sort());
});

const ANALYSIS =
  /tensor|onnx|opencv|mediapipe|(^|[-/])(face|vision|speech|ocr|ml|ai)([-/]|$)|ffmpeg|gstreamer|sharp|jimp|canvas|whisper|transformers|torch|tesseract|brain\.js|openai|anthropic|rekognition|(^|[-/])gl$/;

test.each([
  '@tensorflow/tfjs-node',
  'onnxruntime-node',
  'face-api.js',
  'sharp',
  '@aws-sdk/client-rekognition',
  'openai',
])('the rule on names would find %s', (name) => expect(name).toMatch(ANALYSIS));

test('nothing that is installed for production has the name of such a library, or runs a script', async () => {
  const { packages } = JSON.parse(await read('package-lock.json')) as {
    packages: Record<string, { dev?: boolean; link?: boolean; devOptional?: boolean; hasInstallScript?: boolean }>;
  };
  const production = Object.entries(packages).filter(
    ([path, { dev, link, devOptional }]) => path.includes('node_modules/') && !dev && !link && !devOptional,
  );
  expect(production.length).toBeGreaterThan(100);
  const names = production.map(([path]) => path.replace(/^.*node_modules\//, ''));
  expect(names.filter((name) => ANALYSIS.test(name))).toEqual([]);
  expect(production.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
});

test('only the modules of the store, of keys, of webhooks and of traces open connections, and none starts a program', async () => {
  const opens =
    /import \{[^}]*\b(request|get|connect|createConnection|spawn\w*|exec\w*|fork|Worker)\b[^}]*\} from 'node:(https?|http2|net|tls|dgram|child_process|worker_threads)'/;
  const connects = new RegExp(`${opens.source}|\\bfetch\\(|new S3Client\\(|exporter-trace|new WebSocket`);
  expect(await filesWith(connects)).toEqual([
    'src/doctor/raw-http.ts',
    'src/http/auth.ts',
    'src/objectstore/s3/client.ts',
    'src/objectstore/s3/presigner.ts',
    'src/runtime/store.ts',
    'src/runtime/tracing.ts',
    'src/webhooks/endpoint.ts',
  ]);
});

test('the exam client reads neither pixels nor samples, and one file makes small pictures of its recording', async () => {
  const reads =
    /AnalyserNode|createAnalyser|AudioWorklet|ImageCapture|AudioData|AudioDecoder|TrackProcessor|getImageData|copyTo\(|createImageBitmap|readPixels|FaceDetector|BarcodeDetector|SpeechRecognition/;
  expect(await filesWith(reads, 'packages/exam-client/src/**/*.ts')).toEqual([]);
  const draws = /VideoFrame|VideoDecoder|drawImage|OffscreenCanvas/;
  expect(await filesWith(draws, 'packages/exam-client/src/**/*.ts')).toEqual(['packages/exam-client/src/picture.ts']);
});
