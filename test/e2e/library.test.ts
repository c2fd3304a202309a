/** The program as a function, with a way out of the caller's own. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { fromSetup } from '../support/program.ts';
import { PROGRAM_DEFAULTS } from '../support/program-defaults.ts';

const TIMEOUT_MS = 15_000;

const asUser = () => {
  const { uid, gid } = ordinaryUser();
  return {
    cwd: '/',
    uid,
    gid,
    timeout: TIMEOUT_MS,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...PROGRAM_DEFAULTS },
  };
};

/** Runs the example with a shell script as its command. */
function example(script: string) {
  const file = join(dirname(fromSetup('KNS_TEST_GUESTS')), 'examples/recorded-web.mjs');
  return promisify(execFile)(process.execPath, [file, 'sh', '-c', script], asUser());
}

test("what is no Service goes by the caller's dialer, and its refusal is one", async () => {
  const { stdout } = await example(`
    curl -sS http://192.0.2.1/greeting
    for url in 'http://[2001:db8::1]/other' http://web/; do curl -sS -o /dev/null -w '%{http_code} ' "$url"; done
    curl -sS --max-time 5 http://192.0.2.1:81/ 2>/dev/null; echo $?`);
  expect(stdout).toBe('hello from memory\n404 200 7\n');
});

test("the exit code is the command's", async () => {
  await expect(example('exit 7')).rejects.toMatchObject({ code: 7 });
});

test('two at once are two sandboxes, and a signal is for both', async () => {
  const library = join(dirname(fromSetup('KNS_TEST_PROGRAM')), 'index.cjs');
  const program = `
    const { run } = require(${JSON.stringify(library)});
    const script = (code) => 'trap "exit ' + code + '" USR1; echo ready; while :; do sleep 0.02; done';
    const codes = [3, 4].map((code) => run(['--demo', '--', 'sh', '-c', script(code)]));
    Promise.all(codes).then((ends) => console.log(ends.join(' ')));`;
  const child = spawn(process.execPath, ['-e', program], asUser());
  const closed = once(child, 'close');
  const stderr = text(child.stderr);
  let stdout = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    stdout += chunk;
    if (stdout === 'ready\nready\n') child.kill('SIGUSR1');
  }
  await closed;
  expect({ stdout, stderr: await stderr }).toEqual({ stdout: 'ready\nready\n3 4\n', stderr: '' });
});
