#!/usr/bin/env node
// The binary. It checks the version of Node before it loads what an older one cannot read.
import './needs-node.cjs';

const { runCommand } = await import('./runtime/commands.ts');
const exitCode = await runCommand(process.argv.slice(2), process.env);
process.exitCode ??= exitCode;
