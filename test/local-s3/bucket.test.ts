// The bucket itself, who may do what, cross-origin rules, and all that is refused because it is not known.
import {
  DeleteBucketCorsCommand,
  DeleteBucketLifecycleCommand,
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { BUCKET, call, errorName, send, startStore, UPLOADER } from './support.ts';

const B = { Bucket: BUCKET };
const ORIGIN = 'https://exam.example';

describe('the bucket', () => {
  test('is described', async () => {
    const { client } = await startStore();
    expect((await client.send(new ListBucketsCommand())).Buckets).toMatchObject([{ Name: BUCKET }]);
    expect(await client.send(new HeadBucketCommand(B))).toMatchObject({ BucketRegion: 'us-east-1' });
    expect((await client.send(new GetBucketLocationCommand(B))).LocationConstraint).toBeFalsy();
    expect((await client.send(new GetBucketVersioningCommand(B))).Status).toBeUndefined();
    expect((await client.send(new GetBucketAclCommand(B))).Grants).toMatchObject([{ Permission: 'FULL_CONTROL' }]);
  });

  test('has none of what it does not have', async () => {
    const { client } = await startStore();
    expect(await errorName(client.send(new GetBucketPolicyCommand(B)))).toBe('NoSuchBucketPolicy');
    expect(await errorName(client.send(new GetBucketPolicyStatusCommand(B)))).toBe('NoSuchBucketPolicy');
    expect(await errorName(client.send(new GetPublicAccessBlockCommand(B)))).toBe('NoSuchPublicAccessBlockConfiguration');
    expect(await errorName(client.send(new GetObjectLockConfigurationCommand(B)))).toBe('ObjectLockConfigurationNotFoundError');
    expect(await errorName(client.send(new GetBucketEncryptionCommand(B)))).toBe('ServerSideEncryptionConfigurationNotFoundError');
  }); // biome-ignore format: a table

  test('of another name is not there', async () => {
    const { client, endpoint } = await startStore();
    expect(await errorName(client.send(new HeadBucketCommand({ Bucket: 'other' })))).toBe('NotFound');
    expect(await call({ endpoint, path: '/other/key' })).toMatchObject({ status: 404, code: 'NoSuchBucket' });
  });

  test('is reached by its host name too', async () => {
    const { endpoint } = await startStore();
    const host = `${BUCKET}.localhost:${new URL(endpoint).port}`;
    expect(await call({ endpoint, method: 'PUT', path: '/a/b', body: 'x', headers: { host } })).toMatchObject({
      status: 200,
    });
    expect(await call({ endpoint, path: `/${BUCKET}/a/b` })).toMatchObject({ body: 'x' });
    expect((await call({ endpoint, path: '/', headers: { host } })).body).toContain('<Key>a/b</Key>');
  });

  test('keeps its lifecycle rules, also over a restart', async () => {
    const store = await startStore();
    expect(await errorName(store.client.send(new GetBucketLifecycleConfigurationCommand(B)))).toBe('NoSuchLifecycleConfiguration');
    const Rules = [{ ID: 'r', Status: 'Enabled' as const, Filter: { Prefix: '' }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }];
    await store.client.send(new PutBucketLifecycleConfigurationCommand({ ...B, LifecycleConfiguration: { Rules } }));
    await store.server.close();
    const { client } = await startStore({ dataDir: store.dataDir });
    expect((await client.send(new GetBucketLifecycleConfigurationCommand(B))).Rules).toEqual(Rules);
    await client.send(new DeleteBucketLifecycleCommand(B));
    expect(await errorName(client.send(new GetBucketLifecycleConfigurationCommand(B)))).toBe('NoSuchLifecycleConfiguration');
  }); // biome-ignore format: a table

  test('has a name that S3 allows', async () => {
    for (const bucket of ['../x', 'A', 'a', 'a..b', 'x/y', '']) {
      await expect(startStore({ bucket })).rejects.toThrow('Not a bucket name');
    }
  });
});

describe('what is not known', () => {
  test.each<[string, string, [string, string][]]>([
    ['PUT', '/new-bucket-is-refused', []],
    ['DELETE', `/${BUCKET}`, []],
    ['PUT', `/${BUCKET}`, []],
    ['PUT', `/${BUCKET}`, [['versioning', '']]],
    ['PUT', `/${BUCKET}`, [['policy', '']]],
    ['GET', `/${BUCKET}`, [['notification', '']]],
    ['GET', `/${BUCKET}`, [['made-up', '']]],
    ['PUT', `/${BUCKET}/k`, [['acl', '']]],
    ['PUT', `/${BUCKET}/k`, [['retention', '']]],
    ['PUT', `/${BUCKET}/k`, [['made-up', '']]],
    ['GET', `/${BUCKET}/k`, [['attributes', '']]],
    ['GET', `/${BUCKET}/k`, [['partNumber', '1']]],
    ['DELETE', `/${BUCKET}/k`, [['made-up', '']]],
    ['POST', `/${BUCKET}/k`, [['restore', '']]],
    ['POST', `/${BUCKET}/k`, []],
    ['PATCH', `/${BUCKET}/k`, []],
  ])('is refused: %s %s %j', async (method, path, query) => {
    const { endpoint } = await startStore();
    await call({ endpoint, method: 'PUT', path: `/${BUCKET}/k`, body: 'kept' });
    const answer = await call({ endpoint, method, path, query });
    expect([answer.status, answer.code]).toEqual(
      path.startsWith('/new') ? [404, 'NoSuchBucket'] : [501, 'NotImplemented'],
    );
    expect(answer.body).toMatch(/^<\?xml.*<Error><Code>.*<Message>.*<Resource>.*<RequestId>/s);
    expect(await call({ endpoint, path: `/${BUCKET}/k` })).toMatchObject({ body: 'kept' });
  });
});

describe('an upload-only credential', () => {
  test('uploads parts and does nothing else', async () => {
    const { endpoint } = await startStore();
    const path = `/${BUCKET}/k`;
    const begun = await call({ endpoint, method: 'POST', path, query: [['uploads', '']] });
    const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(begun.body)?.[1] ?? '';
    const query: [string, string][] = [['partNumber', '1'], ['uploadId', uploadId]]; // biome-ignore format: one line
    const part = { endpoint, method: 'PUT', path, query, body: 'x', credential: UPLOADER };
    expect(await call({ ...part, expires: 60 })).toMatchObject({ status: 200 });
    expect(await call(part)).toMatchObject({ status: 200 });
    const others: { method: string; path: string; query?: [string, string][]; headers?: Record<string, string> }[] = [
      { method: 'PUT', path },
      { method: 'GET', path },
      { method: 'HEAD', path },
      { method: 'DELETE', path },
      { method: 'GET', path: '/' },
      { method: 'GET', path: `/${BUCKET}` },
      { method: 'GET', path: '/other' },
      { method: 'POST', path, query: [['uploads', '']] },
      { method: 'POST', path, query: [['uploadId', uploadId]] },
      { method: 'DELETE', path, query: [['uploadId', uploadId]] },
      { method: 'GET', path, query: [['uploadId', uploadId]] },
      { method: 'PUT', path, query: [['tagging', '']] },
      { method: 'PUT', path, query, headers: { 'x-amz-copy-source': `/${BUCKET}/secret` } },
      { method: 'PUT', path, query: [['made-up', '']] },
    ];
    for (const other of others) {
      expect((await call({ endpoint, credential: UPLOADER, ...other })).status).toBe(403);
      expect((await call({ endpoint, credential: UPLOADER, expires: 60, ...other })).status).toBe(403);
    }
  });
});

describe('cross-origin requests', () => {
  const preflight = (endpoint: string, headers: Record<string, string>, target = `/${BUCKET}/k`) =>
    send(endpoint, { method: 'OPTIONS', target, headers });
  const ask = { origin: ORIGIN, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'X-One, x-two' }; // biome-ignore format: one line

  test('are allowed from the origins given', async () => {
    const { endpoint } = await startStore({ allowedOrigins: [ORIGIN] });
    const allowed = await preflight(endpoint, ask);
    expect(allowed.status).toBe(200);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'GET, PUT, HEAD',
      'access-control-allow-headers': 'x-one, x-two',
      'access-control-expose-headers': 'ETag',
      'access-control-max-age': '3600',
    });
    expect(allowed.headers.vary).toContain('Origin');
    expect(await preflight(endpoint, { ...ask, origin: 'https://evil.example' })).toMatchObject({ status: 403 });
    expect(await preflight(endpoint, { ...ask, 'access-control-request-method': 'DELETE' })).toMatchObject({
      status: 403,
    });
    expect(await preflight(endpoint, ask, '/other/k')).toMatchObject({ status: 403 });
    expect(await preflight(endpoint, { origin: ORIGIN })).toMatchObject({ status: 400 });
    expect(await preflight(endpoint, {})).toMatchObject({ status: 400 });
  });

  test('get their headers on every answer, errors included', async () => {
    const { endpoint } = await startStore({ allowedOrigins: [ORIGIN] });
    const path = `/${BUCKET}/k`;
    const put = await call({ endpoint, method: 'PUT', path, body: 'x', expires: 60, headers: { origin: ORIGIN } });
    const missing = await call({ endpoint, path: `${path}2`, headers: { origin: ORIGIN } });
    const anonymous = await send(endpoint, { target: path, headers: { origin: ORIGIN } });
    for (const answer of [put, missing, anonymous]) {
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': ORIGIN,
        'access-control-expose-headers': 'ETag',
      });
      expect(answer.headers.vary).toContain('Origin');
    }
    const other = await call({ endpoint, path, headers: { origin: 'https://evil.example' } });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
    expect(other.headers.vary).toContain('Origin');
  });

  test('are refused when nobody allowed them', async () => {
    const { endpoint } = await startStore();
    expect(await preflight(endpoint, ask)).toMatchObject({ status: 403, code: 'AccessForbidden' });
  });

  test('follow the rules of PutBucketCors in place of the origins given', async () => {
    const { endpoint, client } = await startStore({ allowedOrigins: [ORIGIN] });
    expect(await errorName(client.send(new GetBucketCorsCommand(B)))).toBe('NoSuchCORSConfiguration');
    const CORSRules = [
      { AllowedOrigins: ['https://*.school.example'], AllowedMethods: ['PUT'], AllowedHeaders: ['x-*'], ExposeHeaders: ['ETag', 'x-amz-request-id'], MaxAgeSeconds: 5 },
      { AllowedOrigins: ['*'], AllowedMethods: ['GET'] },
    ]; // biome-ignore format: a table
    await client.send(new PutBucketCorsCommand({ ...B, CORSConfiguration: { CORSRules } }));
    expect((await client.send(new GetBucketCorsCommand(B))).CORSRules).toEqual(CORSRules);
    const school = await preflight(endpoint, { ...ask, origin: 'https://a.school.example' });
    expect(school.headers).toMatchObject({ 'access-control-allow-origin': 'https://a.school.example', 'access-control-max-age': '5', 'access-control-expose-headers': 'ETag, x-amz-request-id' }); // biome-ignore format: one line
    const header = { origin: 'https://a.school.example', 'access-control-request-headers': 'authorization' };
    expect(await preflight(endpoint, { ...ask, ...header })).toMatchObject({ status: 403 });
    expect(await preflight(endpoint, ask)).toMatchObject({ status: 403 });
    const get = await preflight(endpoint, { origin: ORIGIN, 'access-control-request-method': 'GET' });
    expect(get.headers['access-control-allow-origin']).toBe('*');
    await client.send(new DeleteBucketCorsCommand(B));
    expect(await preflight(endpoint, ask)).toMatchObject({ status: 200 });
  });

  test.each<[string, string]>([
    ['', 'MalformedXML'],
    ['<CORSConfiguration/>', 'MalformedXML'],
    ['<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>', 'MalformedXML'],
    ['<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod></CORSRule></CORSConfiguration>', 'InvalidRequest'],
    ['<CORSConfiguration><CORSRule><AllowedOrigin>*.*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>', 'InvalidRequest'],
    ['<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><ExposeHeader>a&#13;&#10;b</ExposeHeader></CORSRule></CORSConfiguration>', 'MalformedXML'],
  ])('have no rules like %j', async (body, code) => {
    const { endpoint } = await startStore();
    const answer = await call({ endpoint, method: 'PUT', path: `/${BUCKET}`, query: [['cors', '']], body });
    expect(answer).toMatchObject({ status: 400, code });
  }); // biome-ignore format: a table
});
