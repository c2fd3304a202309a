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
  readdirSync,
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

/** Under which names packages have their licence texts. */
const LICENSE_FILE = /^(licen[cs]e|copying|notice|copyright)/i;

/** The licence texts of what was bundled or linked, as their licences ask for. */
function licenses(inputs) {
  const packages = inputs.map((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  const texts = [...new Set(packages.filter(Boolean))]
    .sort((a, b) => a.localeCompare(b))
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const files = readdirSync(join(root, folder)).filter((file) => LICENSE_FILE.test(file));
      const terms = files.map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
      // One without such a file has said all it says in its manifest.
      if (terms.length === 0) terms.push(`by ${authorOf(manifest)}`);
      return `${manifest.name} ${manifest.version} (${manifest.license})\n\n${terms.join('\n\n')}\n`;
    });
  texts.push(readFileSync(join(root, 'sandbox/native/LIBC-LICENSE'), 'utf8'));
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

function authorOf({ author, name }) {
  if (author === undefined) throw new Error(`${name} names neither licence text nor author`);
  return typeof author === 'string' ? author : author.name;
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
