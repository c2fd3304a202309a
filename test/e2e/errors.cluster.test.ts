/** What can be wrong before a command starts: one clear line with what to do, exit code 125, nothing left. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubeconfigs } from '../support/kubeconfig.ts';
import { fromSetup, runProgram, type RunResult } from '../support/program.ts';

let kubeconfigs: Kubeconfigs;

beforeAll(() => {
  kubeconfigs = new Kubeconfigs();
});
afterAll(() => kubeconfigs.remove());

function expectFailure(result: RunResult, code: string, text: RegExp): void {
  expect(result).toMatchObject({ code: 125, stdout: '' });
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  expect(result.stderr).toContain(`[${code}]`);
  expect(result.stderr).toMatch(text);
}

const RUN = ['-n', 'e2e', '--', 'echo', 'must not run'];

describe('cluster', () => {
  test('an API server that can not be reached', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((closed) => server.close(closed));
    const path = kubeconfigs.write('unreachable', (config) => {
      config.clusters[0].cluster['server'] = `https://127.0.0.1:${port}`;
    });
    const result = await runProgram(['--kubeconfig', path, ...RUN]);
    expectFailure(result, 'API_UNREACHABLE', new RegExp(`https://127\\.0\\.0\\.1:${port}.*ECONNREFUSED`));
  });

  test('a token that is not valid any more', async () => {
    const path = kubeconfigs.write('expired', (config) => {
      for (const each of config.users) each.user = { token: 'expired' };
    });
    expectFailure(
      await runProgram(['--kubeconfig', path, ...RUN]),
      'UNAUTHORIZED',
      /log in|token|credentials/i,
    );
  });

  test('a namespace that does not exist', async () => {
    const result = await runProgram(['-n', 'no-such-namespace', '--', 'echo', 'must not run']);
    expectFailure(result, 'NAMESPACE_UNKNOWN', /no-such-namespace/);
  });

  test('a namespace of which the account may not even know whether it exists', async () => {
    const env = { KUBECONFIG: fromSetup('KNS_TEST_FORWARDER_KUBECONFIG') };
    const unknown = await runProgram(['-n', 'no-such-namespace', '--', 'echo', 'must not run'], { env });
    expectFailure(unknown, 'NAMESPACE_UNVERIFIED', /no-such-namespace.*check the spelling/);
    const existing = await runProgram(['-n', 'default', '--', 'echo', 'must not run'], { env });
    expectFailure(existing, 'NAMESPACE_UNVERIFIED', /ask for a role/);
  });

  test('a context that the kubeconfig does not have', async () => {
    expectFailure(await runProgram(['--context', 'nowhere', ...RUN]), 'CONTEXT_UNKNOWN', /nowhere/);
  });

  test('a kubeconfig that is not there, or is no YAML', async () => {
    const missing = await runProgram(['--kubeconfig', join(kubeconfigs.folder, 'missing'), ...RUN]);
    expectFailure(missing, 'KUBECONFIG_MISSING', /missing/);
    const broken = join(kubeconfigs.folder, 'broken');
    writeFileSync(broken, 'apiVersion: [');
    expectFailure(await runProgram(['--kubeconfig', broken, ...RUN]), 'KUBECONFIG_INVALID', /broken/);
  });
});

/** From a directory that was removed, of which the launcher's shell has a word of its own to say. */
const fromThere = (args: readonly string[], env = {}) =>
  runProgram(args, {
    env,
    prefix: ['sh', '-c', 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"', 'sh'],
  });

describe('a working directory that was removed', () => {
  test.each([
    [['--', 'true']],
    [['--demo', '--', 'true']],
    [['--demo', '--hide', 'here', '--', 'true']],
    [['--demo', '--ro-bind', 'here:/mnt', '--', 'true']],
    [['up', 'nowhere', '--demo']],
  ])('%j', async (args) => {
    const { code, stdout, stderr } = await fromThere(args);
    expect({ code, stdout }).toEqual({ code: 125, stdout: '' });
    expect(stderr).toMatch(/^(?:sh: .*\n)*kns-rootless: the working directory .* \[CWD_MISSING\]: .*\n$/);
  });

  test('where a kubeconfig is to be found from there', async () => {
    const env = { KUBECONFIG: `here:${fromSetup('KNS_TEST_KUBECONFIG')}` };
    const { code, stderr } = await fromThere(['--', 'true'], env);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining('[CWD_MISSING]') });
  });

  test('which the doctor finds, and all else', async () => {
    const { code, stdout } = await fromThere(['doctor', '--demo']);
    expect(code).toBe(1);
    expect(stdout.match(/^failed .*/gm)).toEqual([
      expect.stringMatching(/^failed +sandbox .*\[CWD_MISSING\]/),
    ]);
  });
});

describe('options', () => {
  test.each([
    [['--cidr', '10.0.1.0/33'], 'CIDR_INVALID', /10\.0\.1\.0\/33/],
    [['--cidr', '10.0.1.0/29'], 'CIDR_FULL', /--cidr 10\.0\.\d+\.0\/2\d/],
    [['up'], 'SUBCOMMAND_RESERVED', /kns-rootless -- up/],
  ])('%j', async (args, code, text) => {
    const result = await runProgram(['-n', 'e2e', ...args, ...(args[0] === 'up' ? [] : ['--', 'true'])]);
    expectFailure(result, code, text);
  });

  test.each([
    [['--nonsense', 'ls'], /'--nonsense'.*: kns-rootless --help/],
    [['up', '-n', 'e2e'], /argument 'name'.*: kns-rootless up --help/],
    [['down', '--force', 'one'], /'--force'.*: kns-rootless down --help/],
    [['completion', 'tcsh'], /'tcsh'.*bash, zsh, fish.*: kns-rootless completion --help/],
    [['help', 'up', 'down'], /too many arguments.*: kns-rootless help --help/],
  ])('%j can not be read', async (args, text) => {
    expectFailure(await runProgram(args), 'COMMAND_LINE_INVALID', text);
  });
});

describe('help and version, as words', () => {
  test.each([
    [['help'], ['--help']],
    [
      ['help', 'up'],
      ['up', '--help'],
    ],
    [
      ['help', 'policy'],
      ['policy', '--help'],
    ],
    [
      ['help', 'completion'],
      ['completion', '--help'],
    ],
    [['version'], ['--version']],
  ])('%j says what %j says', async (words, options) => {
    const result = await runProgram(words);
    expect(result).toEqual(await runProgram(options));
    expect(result).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^(?:Usage: .*|\d+\.\d+\.\d+)\n/),
      stderr: '',
    });
  });

  test.each([
    ['version'],
    ['help'],
    ['--version'],
    ['up --help'],
    ['list --json'],
    ['policy explain 192.0.2.1'],
  ])('%s, where it can not be written', async (words) => {
    const script = `exec "$0" ${words} >/dev/full`;
    expectFailure(await runProgram([], { prefix: ['sh', '-c', script] }), 'OUTPUT_FAILED', /ENOSPC/);
  });

  test.each(['', 'doctor', 'down', 'exec', 'help', 'list', 'logs', 'policy', 'up', 'version'])(
    'kns-rootless %s: one form of help, no wider than a terminal',
    async (name) => {
      const words = name === '' ? [] : [name];
      const { code, stdout } = await runProgram([...words, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: ${['kns-rootless', ...words].join(' ')}`);
      expect(stdout).toMatch(/^ +-h, --help +print this help$/m);
      expect(stdout).not.toMatch(/^Usage: .*[<>]/m);
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    },
  );

  test('of what is no subcommand', async () => {
    expectFailure(await runProgram(['help', 'me']), 'SUBCOMMAND_UNKNOWN', /"me".*kns-rootless help/);
  });

  test('are programs behind --', async () => {
    const result = await runProgram(['--', 'help']);
    expect(result).toMatchObject({ code: 127, stderr: 'kns-rootless: help: command not found\n' });
  });
});

describe('system', () => {
  test('no bubblewrap', async () => {
    const bin = join(kubeconfigs.folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'node'), `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
    const result = await runProgram(RUN, { env: { PATH: `${bin}:/nowhere` } });
    expectFailure(result, 'BWRAP_MISSING', /bubblewrap/);
  });
});
