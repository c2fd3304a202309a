/** `--wait`: the command starts when what it needs is ready, or not at all. */

import { expect, test } from 'vitest';
import { runProgram, type RunResult } from '../support/program.ts';

function run(args: readonly string[], script: string): Promise<RunResult> {
  return runProgram(['-n', 'e2e', ...args, '--', 'sh', '-c', script]);
}

test('what is ready already holds nothing back', async () => {
  const { code, stdout } = await run(['--wait', 'svc/web', '--wait=svc/db=5s'], 'echo started');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'started\n' });
});

test('what does not become ready in its time ends the run before it begins', async () => {
  const result = await run(['--wait', 'svc/web', '--wait', 'svc/sick=1s'], 'echo must not run');
  expect(result).toMatchObject({ code: 125, stdout: '' });
  expect(result.stderr).toMatch(/sick.*\[WAIT_TIMEOUT\]/);
});
