/**
 * Compiles the native parts with the machine's own compiler.
 *
 * Three artefacts, each from one folder of C beside this file and those below:
 * the addon that Node loads, and two programs that are linked statically where
 * the C library allows it (they start faster, and nothing in the caller's
 * environment, such as LD_PRELOAD, gets into them).
 *
 * No install script: npm asks before it runs those. The release carries
 * prebuilt artefacts, and a machine of another kind builds them at first use.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { SandboxError } from '../errors.ts';
import { packageRoot } from './package-root.ts';

const run = promisify(execFile);

const COMPILERS = ['cc', 'gcc', 'clang'];
const FLAGS = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-ffunction-sections',
  '-Wl,--gc-sections',
  '-s',
];
const ADDON_FLAGS = ['-shared', '-fPIC', '-fvisibility=hidden'];

/** A compiler that hangs is a broken one. */
const COMPILE_TIMEOUT_MS = 120_000;

const STAMP = 'sources.sha256';

/** What a build makes: file name, and the folder of its sources. */
export const ARTEFACTS = { 'addon.node': 'addon', 'kns-netns': 'netns', 'kns-stub': 'stub' } as const;

export function nativeSources(): string {
  return join(packageRoot(), 'sandbox/native');
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[ch]$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Names the state of all sources and of what they are built for. */
export function sourceHash(nativeDirectory: string): string {
  const hash = createHash('sha256').update([process.arch, ...FLAGS, ...ADDON_FLAGS].join('\0'));
  for (const folder of Object.values(ARTEFACTS)) {
    for (const file of sourcesIn(join(nativeDirectory, folder))) {
      hash.update(`\0${relative(nativeDirectory, file)}\0`).update(readFileSync(file));
    }
  }
  return hash.digest('hex');
}

/** True where a directory holds a finished build of just these sources. */
function isFresh(directory: string, hash: string): boolean {
  try {
    return readFileSync(join(directory, STAMP), 'utf8') === hash;
  } catch {
    return false;
  }
}

/** Node's own headers where it was installed with them, else those of the package `node-api-headers`. */
function findHeaders(): string {
  const own = join(dirname(process.execPath), '../include/node');
  if (existsSync(join(own, 'node_api.h'))) return own;
  try {
    const require = createRequire(import.meta.url);
    return join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  } catch (error) {
    throw new SandboxError(
      'BUILD_FAILED',
      'the headers of Node-API are missing',
      'install them: npm install node-api-headers',
      { cause: error },
    );
  }
}

async function findCompiler(): Promise<string> {
  const wanted = process.env['CC'];
  for (const compiler of wanted ? [wanted] : COMPILERS) {
    try {
      await run(compiler, ['--version'], { timeout: COMPILE_TIMEOUT_MS });
      return compiler;
    } catch {
      // The next one may be there.
    }
  }
  throw new SandboxError(
    'NO_COMPILER',
    `no C compiler found (${wanted ?? COMPILERS.join(', ')})`,
    'install one: apt-get install gcc libc6-dev (Debian, Ubuntu), dnf install gcc (Fedora), apk add gcc musl-dev linux-headers (Alpine)',
  );
}

async function compile(compiler: string, folder: string, output: string, flags: string[]): Promise<void> {
  const sources = sourcesIn(folder).filter((file) => file.endsWith('.c'));
  await run(compiler, [...FLAGS, ...flags, '-o', output, ...sources], { timeout: COMPILE_TIMEOUT_MS });
}

/** Not every system has the static C library installed beside the shared one. */
async function compileProgram(compiler: string, folder: string, output: string): Promise<void> {
  try {
    await compile(compiler, folder, output, ['-static']);
  } catch {
    await compile(compiler, folder, output, []);
  }
}

function compilerMessage(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return text.split('\n').find((line) => line.includes('error')) ?? text.trim();
}

function makeScratch(outputDirectory: string, mode: number): string {
  try {
    mkdirSync(outputDirectory, { recursive: true, mode });
    return mkdtempSync(join(outputDirectory, '.build-'));
  } catch (error) {
    throw new SandboxError(
      'BUILD_FAILED',
      `there is no place for the native parts: ${error instanceof Error ? error.message : String(error)}`,
      'set XDG_CACHE_HOME to a directory that you may write to',
      { cause: error },
    );
  }
}

/**
 * Builds into `outputDirectory`, unless it holds this very build already.
 *
 * The artefacts are moved there one by one and the stamp last, so a build cut
 * short is built again, and one that runs beside another does no harm.
 *
 * @param mode of the directory, where it is made
 */
export async function buildNative(outputDirectory: string, mode = 0o777): Promise<void> {
  const nativeDirectory = nativeSources();
  const hash = sourceHash(nativeDirectory);
  if (isFresh(outputDirectory, hash)) return;
  const compiler = await findCompiler();
  const headers = findHeaders();
  const scratch = makeScratch(outputDirectory, mode);
  try {
    const source = (folder: string) => join(nativeDirectory, folder);
    const built = (name: string) => join(scratch, name);
    await Promise.all([
      compile(compiler, source('addon'), built('addon.node'), [...ADDON_FLAGS, `-I${headers}`]),
      compileProgram(compiler, source('netns'), built('kns-netns')),
      compileProgram(compiler, source('stub'), built('kns-stub')),
    ]);
    for (const name of Object.keys(ARTEFACTS)) renameSync(built(name), join(outputDirectory, name));
    writeFileSync(built(STAMP), hash);
    renameSync(built(STAMP), join(outputDirectory, STAMP));
  } catch (error) {
    throw new SandboxError(
      'BUILD_FAILED',
      `compiling the native parts failed: ${compilerMessage(error)}`,
      `check that ${compiler} can build C programs (Debian: apt-get install libc6-dev; Alpine: apk add musl-dev linux-headers)`,
      { cause: error },
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
