/**
 * Builds what is released:
 *
 *     dist/kns-rootless   a shell script that starts dist/cli.cjs
 *     dist/kns-rootless.bin  the same for `bin` of package.json: Yarn has Node run what it does not take for a binary,
 *                         by its name or its first bytes
 *     dist/cli.cjs        looks at Node's version and at what is asked for, and loads one of
 *     dist/run-*.cjs      what makes sandboxes, with all it needs in one bundle, since that starts five times as fast
 *     dist/subcommand-*.cjs  all else
 *     dist/demo-*.cjs     and others: what hardly any run needs, loaded with it alone
 *     dist/completion.*   scripts for shells, as `kns-rootless completion` prints them
 *     dist/index.cjs      the same as a library, a run as a function; dist/types/ has its types
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
import { basename, dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = import.meta.dirname;
const dist = join(root, 'dist');

const common = { absWorkingDir: root, bundle: true, platform: 'node', logLevel: 'warning' };

/** CommonJS, whose loader needs less to start, and whose code can be kept (src/cli/code-cache.ts). */
const released = {
  ...common,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  outdir: dist,
  minifySyntax: true,
  define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' },
  // What is imported when it is needed is in the bundle as well.
  supported: { 'dynamic-import': false },
  metafile: true,
};

/**
 * Modules that are bundles of their own, with all that they import: what is in the program is read at each start,
 * needed or not. They share no state with the program, nor classes of errors.
 */
const APART = ['src/cli/demo.ts', 'src/cluster/agent/socks.ts'];

/** What was bundled, and a plugin for the bundles beside them, which load them where they import them. */
async function buildApart() {
  const { metafile } = await build({
    ...released,
    target: 'node20.19',
    entryPoints: APART,
    entryNames: '[name]-[hash]',
  });
  const files = bundlesOf(metafile);
  const plugin = {
    name: 'apart',
    setup({ onResolve }) {
      onResolve({ filter: /^\..*\.ts$/ }, ({ kind, path, resolveDir }) => {
        const file = files.get(relative(root, resolve(resolveDir, path)));
        return kind === 'dynamic-import' && file !== undefined
          ? { path: `./${file}`, external: true }
          : undefined;
      });
    },
  };
  return { inputs: Object.keys(metafile.inputs), plugins: [plugin] };
}

/** By the modules that they were made of, the names of the files. */
function bundlesOf({ outputs }) {
  return new Map(Object.entries(outputs).map(([file, { entryPoint }]) => [entryPoint, basename(file)]));
}

async function buildPrograms() {
  const apart = await buildApart();
  const { plugins } = apart;
  const { metafile } = await build({
    ...released,
    plugins,
    target: 'node20.19',
    entryPoints: { run: 'src/cli/run-program.ts', subcommand: 'src/cli/subcommand-program.ts' },
    entryNames: '[name]-[hash]',
    // As Node's own loader would wrap it, and without a copy of it all (src/cli/code-cache.ts).
    banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
    footer: { js: '})' },
  });
  const files = bundlesOf(metafile);
  const [RUN_PROGRAM, SUBCOMMAND_PROGRAM] = ['run', 'subcommand'].map((name) =>
    JSON.stringify(files.get(`src/cli/${name}-program.ts`)),
  );
  await build({
    ...released,
    // Older versions are told what is wanted.
    target: 'node14.18',
    entryPoints: { cli: 'src/cli/bin.ts' },
    define: { ...released.define, RUN_PROGRAM, SUBCOMMAND_PROGRAM },
  });
  await build({ ...released, target: 'node20.19', plugins, entryPoints: { index: 'src/library.ts' } });
  for (const name of ['kns-rootless', 'kns-rootless.bin']) {
    copyFileSync(join(root, 'sandbox/shim/kns-rootless'), join(dist, name));
    chmodSync(join(dist, name), 0o755);
  }
  for (const shell of ['bash', 'zsh', 'fish'])
    copyFileSync(join(root, `src/cli/completion/completion.${shell}`), join(dist, `completion.${shell}`));
  writeFileSync(
    join(dist, 'THIRD-PARTY-LICENSES'),
    licenses([...Object.keys(metafile.inputs), ...apart.inputs]),
  );
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

function compile(folder) {
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(root, folder)], { stdio: 'inherit' });
}

/** The compiler writes types of all that a run is made of; who calls it needs those that its signature reaches. */
function buildTypes() {
  compile('src');
  const types = join(dist, 'types');
  const reached = new Set([join(types, 'src/library.d.ts')]);
  for (const file of reached)
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)\.ts'/g))
      reached.add(join(dirname(file), `${path}.d.ts`));
  const all = readdirSync(types, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of all)
    if (!reached.has(join(parentPath, name))) rmSync(join(parentPath, name));
  // Of a CommonJS module, as index.cjs is one: else TypeScript lets no CommonJS program import them.
  writeFileSync(join(types, 'package.json'), '{ "type": "commonjs" }\n');
}

/** The native build is TypeScript as well, and Node 20 runs none: it is bundled for one use. */
async function buildNativeParts() {
  const scratch = mkdtempSync(join(dist, 'build-'));
  try {
    const outfile = join(scratch, 'build-native.mjs');
    await build({ ...common, format: 'esm', entryPoints: ['sandbox/native/build.ts'], outfile });
    const { buildNative } = await import(pathToFileURL(outfile).href);
    await buildNative(join(root, 'prebuilt', `linux-${process.arch}`));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
compile('stack');
buildTypes();
await buildPrograms();
await buildNativeParts();
