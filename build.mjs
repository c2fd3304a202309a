/**
 * Builds what is released:
 *
 *     dist/kns-rootless   what `bin` names: a shell script that starts dist/cli.js
 *     dist/cli.js         the program and all it needs in one bundle, since that starts five times as fast
 *     dist/stack/         the stack as a library, with types
 *     prebuilt/           the native parts for this machine's architecture
 */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = import.meta.dirname;
const dist = join(root, 'dist');

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  // Some dependencies are CommonJS and call require() for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
};

async function buildProgram() {
  const { metafile } = await build({
    ...common,
    entryPoints: { cli: 'src/cli/bin.ts' },
    outdir: dist,
    chunkNames: 'chunks/[name]-[hash]',
    splitting: true,
    minifySyntax: true,
    metafile: true,
  });
  copyFileSync(join(root, 'sandbox/shim/kns-rootless'), join(dist, 'kns-rootless'));
  chmodSync(join(dist, 'kns-rootless'), 0o755);
  writeFileSync(join(dist, 'THIRD-PARTY-LICENSES'), licenses(Object.keys(metafile.inputs)));
}

/** The licence texts of what was bundled, as their licences ask for. */
function licenses(inputs) {
  const packages = inputs.map((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  const texts = [...new Set(packages.filter(Boolean))]
    .sort((a, b) => a.localeCompare(b))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE'].find((each) =>
        readable(folder, each),
      );
      const text = file === undefined ? '' : readFileSync(join(root, folder, file), 'utf8').trim();
      return `${name} ${version} (${license})\n\n${text}\n`;
    });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

function readable(folder, file) {
  try {
    readFileSync(join(root, folder, file));
    return true;
  } catch {
    return false;
  }
}

function buildStackLibrary() {
  const tsc = join(root, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', join(root, 'stack')], { stdio: 'inherit' });
}

/** The native build is TypeScript as well, and Node 20 runs none: it is bundled for one use. */
async function buildNativeParts() {
  const scratch = mkdtempSync(join(dist, 'build-'));
  try {
    const outfile = join(scratch, 'build-native.mjs');
    await build({ ...common, entryPoints: ['sandbox/native/build.ts'], outfile });
    const { buildNative } = await import(pathToFileURL(outfile).href);
    await buildNative(join(root, 'prebuilt', `linux-${process.arch}`));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
buildStackLibrary();
await buildProgram();
await buildNativeParts();
