import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadProgram } from '../../../src/cli/code-cache.ts';

interface Program {
  readonly where: string;
  answer(): number;
}

let folder: string;
let file: string;
let cache: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-code-'));
  file = join(folder, 'program-1.cjs');
  cache = join(folder, 'cache/kns-rootless/code');
  writeProgram("exports.where = __dirname; exports.answer = () => require('node:path').sep.length;");
});
afterEach(() => rmSync(folder, { recursive: true }));

const load = (env: Record<string, string> = { XDG_CACHE_HOME: join(folder, 'cache') }, use = 'run') =>
  loadProgram<Program>(file, use, env);

function writeProgram(text: string): void {
  writeFileSync(file, `(function (exports, require, module, __filename, __dirname) {${text}})`);
}

/** A run, and whether it had to compile: then it writes. */
function run(env?: Record<string, string>): boolean {
  const { program, keepCode } = load(env);
  expect(program.answer()).toBe(1);
  const before = kept();
  keepCode();
  return JSON.stringify(before) !== JSON.stringify(kept());
}

/** A file that was replaced has another inode. */
function kept(): [name: string, inode: number][] {
  try {
    return readdirSync(cache).map((name) => [name, statSync(join(cache, name)).ino]);
  } catch {
    return [];
  }
}

/** V8 remembers what this process has compiled, and asks for no code then. */
function change(): void {
  appendFileSync(file, '// longer');
}

function keptFile(): string {
  const [[name]] = kept();
  return join(cache, name);
}

test('a program is loaded as the CommonJS module that it is', () => {
  expect(load().program.where).toBe(folder);
});

test('the code of a run is there for the next, which writes none', () => {
  expect(run()).toBe(true);
  expect(kept()).toHaveLength(1);
  expect(run()).toBe(false);
});

test('each use of a program has code of its own', () => {
  expect(run()).toBe(true);
  const exec = load(undefined, 'exec');
  exec.keepCode();
  expect(kept().map(([name]) => name.split('.')[1])).toEqual(['exec', 'run']);
  expect(run()).toBe(false);
});

test('nothing is written before a run is over', () => {
  load().program.answer();
  expect(kept()).toEqual([]);
});

test('code that V8 does not take is replaced', () => {
  run();
  change();
  expect(run()).toBe(true);
  expect(run()).toBe(false);
});

test.each([
  ['changed', (content: Buffer) => content.fill(0xff, 100, 108)],
  ['cut off', (content: Buffer) => content.subarray(0, content.length / 2)],
  ['empty', () => Buffer.alloc(0)],
])('code that is %s by the time it is read is not taken, but replaced', (_, spoil) => {
  run();
  writeFileSync(keptFile(), spoil(readFileSync(keptFile())));
  expect(run()).toBe(true);
  expect(run()).toBe(false);
});

test('another program has a file of its own', () => {
  run();
  file = join(folder, 'program-2.cjs');
  writeProgram('exports.answer = () => 1;');
  expect(run()).toBe(true);
  expect(kept()).toHaveLength(2);
});

test('what others may have written is not taken', () => {
  run();
  chmodSync(keptFile(), 0o666);
  expect(load().program.answer()).toBe(1);
  expect(run()).toBe(true);
});

test('what has long not been written goes when something is', () => {
  run();
  change();
  const old = join(cache, 'program-0.v20.0.0-x64');
  writeFileSync(old, '');
  utimesSync(old, 0, 0);
  run();
  expect(kept().map(([name]) => name)).not.toContain('program-0.v20.0.0-x64');
});

test.each([
  ['no home', {}],
  ['a relative cache', { XDG_CACHE_HOME: 'cache' }],
  ['a cache that is a file', { XDG_CACHE_HOME: '/dev/null' }],
])('%s: the program runs all the same, and nothing is written', (_, env) => {
  expect(run(env)).toBe(false);
});

test('without $XDG_CACHE_HOME it is ~/.cache', () => {
  const home = join(folder, 'home');
  mkdirSync(home);
  load({ HOME: home }).keepCode();
  expect(readdirSync(join(home, '.cache/kns-rootless/code'))).toHaveLength(1);
});

test('where Node is to keep none, nothing is kept', () => {
  const env = { XDG_CACHE_HOME: join(folder, 'cache'), NODE_DISABLE_COMPILE_CACHE: '1' };
  expect([run(env), run(env)]).toEqual([false, false]);
  expect(readdirSync(folder)).toEqual(['program-1.cjs']);
});
