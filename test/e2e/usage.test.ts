/** docs/usage.md is what the program does: its examples, and that of docs/doctor.md, are run, and each option is in it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { fromSetup, runProgram } from '../support/program.ts';
import { PROGRAM_DEFAULTS } from '../support/program-defaults.ts';
import { TEST_LINK } from '../support/test-link.ts';

const page = (name: string) => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8');
const USAGE = page('usage.md');
const DOCTOR = page('doctor.md');

interface Example {
  readonly command: string;
  /** What both outputs show, and `[code]` in a line of its own where it is not 0. */
  readonly output: string;
}

function examples(): Example[] {
  return [...(USAGE + DOCTOR).matchAll(/```console\n([^]*?)```/g)].flatMap(([, block]) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((example) => {
        const [command, ...output] = example.split('\n');
        return { command, output: output.join('\n') };
      }),
  );
}

/** Runs a line of a shell as the ordinary user, with the program in its path. */
async function shell(command: string): Promise<string> {
  const { uid, gid } = ordinaryUser();
  const child = spawn('sh', ['-c', `exec 2>&1; ${command}`], {
    uid,
    gid,
    cwd: '/',
    env: {
      PATH: `${dirname(fromSetup('KNS_TEST_PROGRAM'))}:${process.env['PATH']}`,
      HOME: '/nonexistent',
      SHELL: '/bin/sh',
      ...PROGRAM_DEFAULTS,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return child.exitCode === 0 ? output : `${output}[${child.exitCode}]\n`;
}

/** `…` is anything within a line; the pages show what a tun device gives. */
function pattern(output: string): RegExp {
  const shown =
    TEST_LINK === 'veth'
      ? output.replace('a tun device', 'a veth pair').replace('by tun:', 'by veth:')
      : output;
  const literal = shown.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('…', '.*')}$`);
}

describe('the examples', () => {
  test.each(examples())('$command', async ({ command, output }) => {
    expect(await shell(command)).toMatch(pattern(output));
  });
});

test('every option of --help is explained', async () => {
  const { stdout } = await runProgram(['--help']);
  const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option);
  expect(options.length).toBeGreaterThan(30);
  expect(options.filter((option) => !USAGE.includes(`\`${option}`))).toEqual([]);
});
