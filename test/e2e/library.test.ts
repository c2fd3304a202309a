/** The program as a function, with a way out of the caller's own. */

import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { fromSetup } from '../support/program.ts';
import { PROGRAM_DEFAULTS } from '../support/program-defaults.ts';

const TIMEOUT_MS = 15_000;

/** Runs the example with a shell script as its command. */
function example(script: string) {
  const file = join(dirname(fromSetup('KNS_TEST_GUESTS')), 'examples/recorded-web.mjs');
  const { uid, gid } = ordinaryUser();
  return promisify(execFile)(process.execPath, [file, 'sh', '-c', script], {
    cwd: '/',
    uid,
    gid,
    timeout: TIMEOUT_MS,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...PROGRAM_DEFAULTS },
  });
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
