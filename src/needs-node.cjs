// Ends the process with one line where Node is too old for the service. Written for any Node, because an old one reads it.
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const needed = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '');
const [needsMajor, needsMinor] = needed.split('.').map(Number);
const [major, minor] = process.versions.node.split('.').map(Number);

/** What to do: in a clone, npm may have installed a Node, or can. */
function remedy() {
  const isNewClone =
    fs.existsSync(path.join(root, 'package-lock.json')) && !fs.existsSync(path.join(root, 'node_modules'));
  if (isNewClone) return 'run "npm ci", which installs it here';
  const own = path.join(root, 'node_modules/node');
  if (fs.existsSync(path.join(own, 'bin/node'))) return 'use the one in node_modules/.bin';
  return `install it${fs.existsSync(own) ? ', or run "npm rebuild node --ignore-scripts=false", which installs it here' : ''}`;
}

if (major < needsMajor || (major === needsMajor && minor < needsMinor)) {
  const found = `this is ${process.versions.node} (${process.execPath})`;
  process.stderr.write(`proctoring-recordings needs Node ${needed} or later, ${found}: ${remedy()}\n`);
  process.exit(2);
}
