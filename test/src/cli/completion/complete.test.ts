/** What is offered where, by the definitions of the program itself. */

import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { complete, type Definitions } from '../../../../src/cli/completion/complete.ts';
import { defineProgram } from '../../../../src/cli/program.ts';
import { SUBCOMMAND_NAMES } from '../../../../src/cli/subcommand-names.ts';
import { subcommand } from '../../../../src/cli/subcommands.ts';

const program = defineProgram('1.2.3');
const subcommands = new Map<string, Command>();
beforeAll(async () => {
  for (const name of SUBCOMMAND_NAMES) subcommands.set(name, (await subcommand(name)).define());
});

const named: Definitions['named'] = {
  context: async (values) => ['prod', `from ${values.get('kubeconfig') ?? 'nowhere'}`],
  namespace: async () => ['shop'],
  sandbox: async () => ['box', 'evil\u001B[2J', 'two\nlines'],
  subcommand: async () => ['up'],
};

async function answerTo(...words: string[]): Promise<{ head: string; values: string[] }> {
  const text = await complete(words, { program, subcommands, named });
  const [head = '', ...lines] = text.slice(0, -1).split('\n');
  return { head, values: lines.map((line) => line.split('\t')[0]) };
}

describe('options', () => {
  test('all that there are are offered, of each subcommand too', async () => {
    for (const [words, definition] of [
      [['-'], program],
      ...[...subcommands].map(([name, command]) => [[name, '-'], command]),
    ] as [string[], Command][]) {
      const flags = definition.options.flatMap(({ short, long }) => [short, long]);
      const known = [...flags, '-h', '--help'].filter((flag) => flag !== undefined);
      const { head, values } = await answerTo(...words);
      expect(head, words.join(' ')).toBe('words\t');
      expect(values.toSorted(), words.join(' ')).toEqual(known.toSorted());
    }
    expect((await answerTo('-')).values.length).toBeGreaterThan(50);
  });

  test('come with what --help says of them', async () => {
    const text = await complete(['--li'], { program, subcommands, named });
    expect(text).toContain("\n--link\thow the sandbox's interface is made\n");
  });

  test('choices are those that are taken', async () => {
    const withChoices = program.options.filter(({ argChoices }) => argChoices !== undefined);
    expect(withChoices.map(({ long }) => long)).toEqual(['--transport', '--link', '--egress']);
    for (const { long = '', argChoices } of withChoices)
      expect((await answerTo(long, '')).values).toEqual(argChoices);
  });

  test.each(['kubeconfig', 'policy', 'audit', 'log-file', 'bind', 'ro-bind', 'hide'])(
    '--%s takes a file',
    async (name) => {
      expect(await answerTo(`--${name}`, '')).toEqual({ head: 'files\t', values: [] });
    },
  );
});

describe('the word after', () => {
  test.each<[words: string[], head: string, values: string[]]>([
    [['--tmpfs', ''], 'directories\t', []],
    [['--link='], 'words\t--link=', ['auto', 'tun', 'veth']],
    [['-v', '--link=t'], 'words\t--link=', ['auto', 'tun', 'veth']],
    [['--demo=x'], 'words\t', expect.arrayContaining(['--demo'])],
    [['--bind', '/a'], 'files\t', []],
    [['--bind', '/a:'], 'files\t/a:', []],
    [['--ro-bind=/a:b:/c/d'], 'files\t--ro-bind=/a:b:', []],
    [['-n', ''], 'words\t', ['shop']],
    [['-vns'], 'words\t-vn', ['shop']],
    [['-vn', 's'], 'words\t', ['shop']],
    [['-n', '--', ''], 'command\t2', []],
    [['--context', ''], 'words\t', ['prod', 'from nowhere']],
    [['--kubeconfig', '/k', '--context', ''], 'words\t', ['prod', 'from /k']],
    [['--kubeconfig=/k', '--context='], 'words\t--context=', ['prod', 'from /k']],
    [['--token', ''], 'words\t', []],
    [['--bind', 'two\nlines:'], '', []],
    [['--unknown', ''], 'command\t1', []],
  ])('%j', async (words, head, values) => {
    expect(await answerTo(...words)).toEqual({ head, values });
  });

  test.each<[words: string[], head: string]>([
    [['c'], 'command\t0'],
    [['-v', 'c'], 'command\t1'],
    [['--'], 'words\t'],
    [['--', ''], 'command\t1'],
    [['--', '-'], 'command\t1'],
    [['-n', 'x', '--', 'ls', '--link', ''], 'command\t3'],
    [['ls', '--link', ''], 'command\t0'],
    [['--', 'up', ''], 'command\t1'],
    [['-v', 'up', ''], 'command\t1'],
    [['exec', 'box', ''], 'command\t2'],
    [['exec', 'box', '--', 'ls', '-'], 'command\t3'],
    [['exec', '--fd', '3', 'box', 'ls', '-'], 'command\t4'],
  ])('%j is the command’s', async (words, head) => {
    expect((await answerTo(...words)).head).toBe(head);
  });
});

describe('subcommands', () => {
  test('are the first word, beside programs', async () => {
    expect(await answerTo('')).toEqual({ head: 'command\t0', values: SUBCOMMAND_NAMES });
    expect(SUBCOMMAND_NAMES).toContain('completion');
    expect(SUBCOMMAND_NAMES).not.toContain('__complete');
    expect((await answerTo('-v', '')).values).toEqual([]);
  });

  test.each<[words: string[], values: string[]]>([
    [['exec', ''], ['box']],
    [['logs', '-f', ''], ['box']],
    [['down', 'one', ''], ['box']],
    [['logs', 'one', ''], []],
    [['up', ''], []],
    [['up', 'one', '-n', ''], ['shop']],
    [['policy', ''], ['explain']],
    [['policy', 'explain', ''], []],
    [
      ['policy', 'explain', 'web', '--egress', ''],
      ['allow', 'deny'],
    ],
    [['help', ''], ['up']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['list', ''], []],
  ])('%j: names without control characters', async (words, values) => {
    expect(await answerTo(...words)).toEqual({ head: 'words\t', values });
  });
});
