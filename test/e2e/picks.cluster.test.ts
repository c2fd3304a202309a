/** What is chosen of a cluster, and names of the user's own. */

import { describe, expect, test } from 'vitest';
import { runProgram, type RunResult } from '../support/program.ts';

function run(args: readonly string[], script: string): Promise<RunResult> {
  return runProgram(['-n', 'e2e', ...args, '--', 'sh', '-c', script]);
}

const WHOAMI = 'curl -sS http://api.example.com/whoami';

describe('an alias', () => {
  test('leads to the Service, in the hosts file and in DNS', async () => {
    const { code, stdout, stderr } = await run(
      ['--alias', 'api.example.com=svc/web'],
      `${WHOAMI}; grep -cw api.example.com /etc/hosts; getent ahostsv4 web | head -1 | cut -d' ' -f1
       ${process.execPath} -e "require('dns').resolve4('API.example.com', (e, a) => console.log(String(a)))"`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [answer, lines, address, resolved] = stdout.trim().split('\n');
    expect(JSON.parse(answer)).toMatchObject({
      hostHeader: 'api.example.com',
      host: expect.stringMatching(/^web-/),
    });
    expect(Number(lines)).toBeGreaterThan(0);
    expect(resolved).toBe(address);
  });

  test('leads to one pod of a headless Service', async () => {
    const { code, stdout } = await run(
      ['--alias', 'primary.test=pod/db-1'],
      'curl -sS http://primary.test:8080/whoami',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout).host).toBe('db-1');
  });

  test.each([
    [['--alias', 'x.test=svc/nope'], 'ALIAS_TARGET_UNKNOWN', /no svc\/nope .*namespace e2e has/],
    [['--alias', 'x.test=pod/db-7'], 'ALIAS_TARGET_UNKNOWN', /pod\/db-7/],
    [['--alias', 'x.test=svc/web', '--alias', 'X.test.=svc/db'], 'ALIAS_TWICE', /x\.test/],
    [['--alias', '10.0.0.1=svc/web'], 'ALIAS_INVALID', /host name/],
  ])('%j: %s', async (args, code, text) => {
    const result = await run(args, 'echo must not run');
    expect(result).toMatchObject({ code: 125, stdout: '' });
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.stderr).toMatch(text);
  });
});
