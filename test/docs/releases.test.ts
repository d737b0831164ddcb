// The page on releases: how one is verified agrees with how one is signed, and what can be built before the first one.
import { expect, test } from '@jest/globals';
import { blocksOf, linesOf, read } from './blocks.ts';

const PAGE = 'docs/releases.md';

test('a release is verified by the files that its pipeline writes, with a cosign that the pipeline installs', async () => {
  const [verify = ''] = await blocksOf(PAGE, 'sh');
  const [image = '', files = '', sums = '', packages = '', ...others] = linesOf(verify);
  expect(others).toEqual([]);
  const signed = ` --certificate-identity "$IDENTITY" --certificate-oidc-issuer "$ISSUER"`;
  expect(image).toBe(`cosign verify "$IMAGE"${signed}`);
  const [, bundle = '', file = ''] = /--bundle (\S+) (\S+)$/m.exec(await read('ci/release/sign-files')) ?? [];
  expect(files).toBe(`cosign verify-blob ${file} --bundle ${bundle}${signed}`);
  expect(sums).toBe(`sha256sum --check ${file}`);
  expect(await read('ci/release/files')).toContain(`>${file} `);
  expect(await read('ci/release/image')).toContain('cosign sign --yes');
  // Its `verify-blob` recognizes the format of the bundle by itself.
  expect(await read('.github/workflows/release.yml')).toMatch(/cosign\/v2\/cmd\/cosign@v2\.[6-9]\./);
  expect(packages).toBe('npm audit signatures');
  expect(await read('ci/release/packages')).toContain('--provenance');
});

test('before the first release, the commands build what CI builds', async () => {
  const [, build = '', ...others] = await blocksOf(PAGE, 'sh');
  expect(others).toEqual([]);
  expect(linesOf(build)).toEqual(['npm ci && npm run build', 'npm pack -w @proctoring-recordings/exam-client']);
  const steps = await read('.ci/run');
  expect(steps).toContain(`step 'install' npm ci `);
  expect(steps).toContain(`step 'build' npm run --silent build`);
  expect(await read('packages/packages.test.ts')).toContain(`'pack', '--silent'`);
});
