import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src/cli/program.ts';

const parse = (...argv: string[]) => parseCommandLine(argv, '1.2.3', '/bin/zsh');

describe('command line', () => {
  test('without a command, the shell', () => {
    expect(parse()).toEqual({
      command: ['/bin/zsh'],
      contexts: [],
      namespaces: [],
      cidr: '10.0.1.0/24',
      demo: false,
      verbosity: 0,
    });
    expect(parse('-n', 'e2e', '--').command).toEqual(['/bin/zsh']);
  });

  test('options end at the command: what follows is its own', () => {
    const line = parse('-n', 'e2e', 'ls', '-n', 'x', '--version', '--', '-v', '--cidr');
    expect(line.command).toEqual(['ls', '-n', 'x', '--version', '--', '-v', '--cidr']);
    expect(line.namespaces).toEqual([{ namespace: 'e2e' }]);
    expect(line.verbosity).toBe(0);
  });

  test('-- ends our options, and only the first one is ours', () => {
    expect(parse('--', '-x', '--', 'y').command).toEqual(['-x', '--', 'y']);
    expect(parse('-v', '--', 'sh', '-c', 'exit 7')).toMatchObject({
      command: ['sh', '-c', 'exit 7'],
      verbosity: 1,
    });
  });

  test('a command may have more arguments than a stack has frames', () => {
    const files = Array.from({ length: 200_000 }, (_, i) => `file-${i}`);
    const command = (...before: string[]) =>
      parseCommandLine([...before].concat(files), '1.2.3', '/bin/zsh').command;
    expect(command('-n', 'e2e', '--', 'wc')).toEqual(['wc', ...files]);
    expect(command('wc', '-n')).toEqual(['wc', '-n', ...files]);
  });

  test('reads every option, in short and long form', () => {
    const line = parse(
      '-n',
      'a',
      '--namespace=c2/b',
      '--context',
      'c',
      '--context=c2',
      '--kubeconfig',
      '/k',
      '--cidr',
      '10.9.0.0/16',
      '-vv',
      'x',
    );
    expect(line).toEqual({
      command: ['x'],
      contexts: ['c', 'c2'],
      namespaces: [{ namespace: 'a' }, { context: 'c2', namespace: 'b' }],
      kubeconfig: '/k',
      cidr: '10.9.0.0/16',
      demo: false,
      verbosity: 2,
    });
  });

  test.each(['doctor', 'down', 'exec', 'list', 'logs', 'policy', 'up'])(
    '%s is kept, and -- is the escape',
    (name) => {
      expect(() => parse('-n', 'e2e', name, '-x')).toThrowError(
        expect.objectContaining({ code: 'SUBCOMMAND_RESERVED' }),
      );
      expect(parse('-n', 'e2e', '--', name, '-x').command).toEqual([name, '-x']);
      expect(parse('sh', name).command).toEqual(['sh', name]);
    },
  );

  test.each(['', '/b', 'a/', '..', 'E2E', 'a,b', '-x', 'x'.repeat(64)])(
    'no namespace is called %j',
    (name) => {
      expect(() => parse('-n', name, 'ls')).toThrowError(
        expect.objectContaining({ code: 'NAMESPACE_INVALID' }),
      );
    },
  );

  test.each([
    [['--nonsense', 'ls'], 'commander.unknownOption'],
    [['-n'], 'commander.optionMissingArgument'],
    [['--demo', '--context', 'x', 'ls'], 'commander.conflictingOption'],
    [['--version'], 'commander.version'],
    [['--help'], 'commander.helpDisplayed'],
  ])('%j ends the parsing: %s', (argv, code) => {
    expect(() => parse(...argv)).toThrowError(expect.objectContaining({ code }));
  });
});
