// Builds the page: one file, whose policy lets in its own script and style and nothing else.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { transform } from 'esbuild';

const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const inOneFile = {
  name: 'in-one-file',
  async generateBundle(_options, bundle) {
    const [chunk] = Object.values(bundle);
    delete bundle[chunk.fileName];
    const script = chunk.code.trim().replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
    const { code } = await transform(readFileSync('src/page/page.css', 'utf8'), { loader: 'css', minify: true });
    const style = code.trim();
    const policy = [
      "default-src 'none'",
      `script-src ${hashOf(script)}`,
      `style-src ${hashOf(style)}`,
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
    ].join('; ');
    const source = readFileSync('src/page/page.html', 'utf8')
      .replace("default-src 'none'", policy)
      .replace('<link rel="stylesheet" href="page.css">', () => `<style>${style}</style>`)
      .replace('<script type="module" src="main.ts"></script>', () => `<script type="module">${script}</script>`);
    this.emitFile({ type: 'asset', fileName: 'verifier.html', source });
  },
};

export default {
  input: 'src/page/main.ts',
  logLevel: 'warn',
  platform: 'browser',
  transform: { target: 'es2022' },
  plugins: [inOneFile],
  output: { dir: 'dist', minify: true },
};
