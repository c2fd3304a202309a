/** Completion as a user has it: real shells, sourced as docs/usage.md says, with keys at a terminal. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { fromSetup } from '../support/program.ts';
import { testWith } from '../support/programs.ts';
import { RuntimeDirectory } from './runtime-directory.ts';
import { endTerminals, Terminal } from './terminal.ts';

let folder: string;
let runtime: RuntimeDirectory;
let env: Record<string, string>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kns-completion-'));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'a folder'));
  writeFileSync(join(folder, 'a folder/inside'), '');
  for (const name of ['file', 'another']) writeFileSync(join(folder, name), '');
  const context = { cluster: 'c', user: 'u', namespace: 'shop' };
  const config = {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user: {} }],
    contexts: ['arn:aws:one', 'dev@host', 'my $(ctx)'].map((name) => ({ name, context })),
  };
  writeFileSync(join(folder, 'config'), JSON.stringify(config));
  runtime = new RuntimeDirectory();
  env = {
    ...runtime.env,
    PATH: [dirname(fromSetup('KNS_TEST_PROGRAM')), process.env['PATH']].join(delimiter),
    KUBECONFIG: join(folder, 'config'),
  };
  const { code } = await runtime.run(['up', 'the-box', '--demo']);
  expect(code).toBe(0);
});
afterEach(endTerminals);
afterAll(async () => {
  await runtime.run(['down', 'the-box']);
  runtime.remove();
  rmSync(folder, { recursive: true });
});

const TAB = '\t';
/** Of readline: all that there is, into the line. */
const INSERT_ALL = '\u001B*';
const TO_BEGINNING = '\u0001';
const TO_END = '\u0005';

/** What is typed, and which words the shell has in the line after the key, where completed alone. */
type Case = readonly [typed: string, words: readonly string[]];

const CASES: readonly Case[] = [
  ['--tr', ['--transport']],
  ['--link=t', ['--link=tun']],
  ['-n sh', ['-n', 'shop']],
  ['--context ar', ['--context', 'arn:aws:one']],
  ['--context=arn:aws:o', ['--context=arn:aws:one']],
  ['--context=dev@h', ['--context=dev@host']],
  ['--context "dev@h', ['--context', 'dev@host']],
  ['--context my', ['--context', 'my $(ctx)']],
  ['--kubeconfig ./missing --context ar', ['--kubeconfig', './missing', '--context', 'ar']],
  ['--audit a\\ folder/in', ['--audit', 'a folder/inside']],
  ['--audit=fi', ['--audit=file']],
  ['--bind /tmp:/us', ['--bind', '/tmp:/usr']],
  ['--tmpfs a', ['--tmpfs', 'a folder']],
  ['exec the', ['exec', 'the-box']],
  ['down the', ['down', 'the-box']],
  ['polic', ['policy']],
  ['policy ex', ['policy', 'explain']],
  ['setpri', ['setpriv']],
  ['exec the-box -- setpri', ['exec', 'the-box', '--', 'setpriv']],
  ['-n shop --link=tun -- cat fi', ['-n', 'shop', '--link=tun', '--', 'cat', 'file']],
];

/** The words of one line that is completed at a prompt. */
class Prompt {
  readonly #terminal: Terminal;

  private constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  static async start(shell: string, setUp: string): Promise<Prompt> {
    const terminal = new Terminal(shell, { ...env, COLUMNS: '300' });
    await terminal.shows(/ready> /);
    terminal.type(`cd ${folder}; ${setUp}; echo set"-"up\r`);
    await terminal.shows(/set-up/);
    return new Prompt(terminal);
  }

  /** A folder's slash may follow, as each shell has it. */
  async completes(typed: string, key = TAB): Promise<string[]> {
    this.#terminal.type(`kns-rootless ${typed}${key}${TO_BEGINNING}printf '[%s]' "be"gin ${TO_END} "e"nd\r`);
    const shown = await this.#terminal.shows(/\[begin\].*\[end\]/);
    const words = [...shown.matchAll(/\[(.*?)\]/g)].map(([, word]) => word.replace(/\/$/, ''));
    expect(words.slice(0, 2)).toEqual(['begin', 'kns-rootless']);
    return words.slice(2, -1);
  }

  /** All that has been at the terminal, for what should not. */
  get shown(): string {
    return this.#terminal.shown;
  }
}

const startBash = (before = ':') =>
  Prompt.start('bash --noprofile --norc -i', `${before}; source <(kns-rootless completion bash)`);

describe('bash', () => {
  testWith('bash')('completes at a prompt', async () => {
    const prompt = await startBash();
    for (const [typed, words] of CASES) expect(await prompt.completes(typed), typed).toEqual(words);
    expect(await prompt.completes('--link ', INSERT_ALL)).toEqual(['--link', 'auto', 'tun', 'veth']);
    expect(prompt.shown).not.toContain('bash:');
  });

  testWith('bash')('parts words as it is told', async () => {
    const prompt = await startBash("COMP_WORDBREAKS=' '");
    expect(await prompt.completes('--context=arn:aws:o')).toEqual(['--context=arn:aws:one']);
    expect(await prompt.completes('--audit=fi')).toEqual(['--audit=file']);
  });

  testWith('bash')('has bash-completion complete the command, from its own first word', async () => {
    const prompt = await startBash('_command_offset() { COMPREPLY=("from:${COMP_WORDS[$1]}"); }');
    expect(await prompt.completes('--link=tun --context=dev@host prog x ')).toEqual([
      '--link=tun',
      '--context=dev@host',
      'prog',
      'x',
      'from:prog',
    ]);
  });
});

const startZsh = () =>
  Prompt.start('zsh -f -i', 'autoload -Uz compinit; compinit -u -D; source <(kns-rootless completion zsh)');

describe('zsh', () => {
  testWith('zsh')('completes at a prompt', async () => {
    const prompt = await startZsh();
    for (const [typed, words] of CASES) expect(await prompt.completes(typed), typed).toEqual(words);
    expect(prompt.shown).not.toContain('zsh:');
  });

  testWith('zsh')('has what it knows of the command', async () => {
    const prompt = await startZsh();
    expect(await prompt.completes('-n shop -- kns-rootless --link v')).toEqual(
      '-n shop -- kns-rootless --link veth'.split(' '),
    );
  });
});

/** Each with what is said of it behind a tab. */
async function offers(typed: string): Promise<string[]> {
  const script = 'kns-rootless completion fish | source; complete -C "kns-rootless $TYPED"';
  const { uid, gid } = ordinaryUser();
  const child = spawn('fish', ['--no-config', '-c', script], {
    uid,
    gid,
    cwd: folder,
    env: { ...env, TYPED: typed, HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  expect(stderr.split('\n').filter((line) => /kns/.test(line))).toEqual([]);
  return stdout.split('\n').slice(0, -1);
}

describe('fish', () => {
  testWith('fish')('completes', async () => {
    for (const [typed, words] of CASES) {
      const last = words.at(-1) ?? '';
      const values = (await offers(typed)).map((line) => line.replace(/\/?(\t.*)?$/, ''));
      // Where nothing fits, there is nothing.
      if (typed.endsWith(last)) expect(values, typed).toEqual([]);
      else expect(values, typed).toContain(last);
    }
  });

  testWith('fish')('says what is said of an option, and knows of the command', async () => {
    expect(await offers('--tr')).toEqual(['--transport\tthe one way to forward to use']);
    expect(await offers('-n shop -- kns-rootless --link v')).toEqual(['veth']);
  });
});
