/** The tarball that `npm pack` makes: it is all that an installation needs, and TypeScript programs of each kind import it. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const TSC = join(ROOT, 'node_modules/.bin/tsc');

let folder: string;
let tarball: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-package-'));
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  tarball = join(folder, packed.trim());
});
afterAll(() => rmSync(folder, { recursive: true }));

/** No registry is asked, and nothing is there of one that was asked before. */
function install(...args: readonly string[]): void {
  const options = ['--offline', '--no-audit', '--no-fund', '--cache', join(folder, 'cache')];
  execFileSync('npm', ['install', ...options, ...args, tarball], { stdio: 'ignore' });
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  bin: Record<string, string>;
};

test('is installed without a registry, and runs by the link that npm makes, at a path with blanks', () => {
  const prefix = join(folder, 'a prëfix');
  install('--global', '--prefix', prefix);
  const shown = execFileSync(join(prefix, 'bin/kns-rootless'), ['version'], { encoding: 'utf8' });
  expect(shown).toBe(`${manifest.version}\n`);
});

test('is a script of the shell that Yarn starts by itself: it has Node run what is no binary by its name or first bytes', () => {
  expect(Object.values(manifest.bin).map(extname)).toEqual(['.bin']);
});

/** The example of a page that starts so. */
function example(page: string, language: string, start: string): string {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const blocks = [...text.matchAll(/```(\w+)\n([^]*?)```/g)];
  const code = blocks.find(([, name, block]) => name === language && block.startsWith(start))?.[2];
  if (code === undefined) throw new Error(`${page} has no such example`);
  return code;
}

/** What an example leaves to its reader. */
const declared = (type: string, name: string, from: string) =>
  `import type { ${type} } from '${from}';\ndeclare const ${name}: ${type};\n`;

test('has types for programs in ES modules, in CommonJS and for bundlers, and for the examples of its pages', () => {
  const consumer = join(folder, 'consumer');
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{}');
  install('--prefix', consumer);
  const run = example('egress.md', 'js', "import { run } from 'kns-rootless'");
  const stack = example('stack.md', 'ts', "import { Stack } from 'kns-rootless/stack'");
  const programs = {
    'run.mts': `${run}\n${declared('Dialer', 'recorded', 'kns-rootless')}\nexport default code;`,
    'stack.mts': `${stack}\n${declared('Device', 'device', 'kns-rootless/stack')}`,
    'run.cts': "import { run } from 'kns-rootless';\nexport const code: Promise<number> = run([]);",
  };
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(consumer, name), text);
  const common = {
    target: 'es2023',
    lib: ['es2023', 'dom'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
  };
  const kinds = [
    { module: 'node16', moduleResolution: 'node16' },
    { module: 'nodenext', moduleResolution: 'nodenext' },
    { module: 'preserve', moduleResolution: 'bundler' },
  ];
  for (const kind of kinds) {
    const config = { compilerOptions: { ...common, ...kind }, files: Object.keys(programs) };
    writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify(config));
    expect(typeErrors(consumer), kind.moduleResolution).toBe('');
  }
});

function typeErrors(project: string): string {
  try {
    return execFileSync(TSC, ['-p', project], { encoding: 'utf8' });
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  }
}
