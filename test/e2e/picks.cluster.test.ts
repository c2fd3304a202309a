/** What is chosen of a cluster, by which way it is reached, and names of the user's own. */

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

/** The short names that the hosts file has, without the pods of headless Services. */
async function namesOf(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runProgram([...args, '--', 'cat', '/etc/hosts']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const ours = stdout
    .split('\n')
    .filter((line) => line.includes('.svc.cluster.local') && line.startsWith('10.'));
  return [...new Set(ours.map((line) => line.split(/\s+/)[1]))].filter((name) => !/^db-\d/.test(name)).sort();
}

describe('picks', () => {
  test('are what the user is told of', async () => {
    const { stderr } = await run(['-v', '--pick=svc/web', '--pick=pod/db-0'], 'true');
    expect(stderr).toMatch(/context \S+, svc\/web, pod\/db-0, 2 Services/);
  });

  test('a Service alone, with all its ports', async () => {
    expect(await namesOf('-n', 'e2e', '--no-api-server', '--pick', 'svc/multi')).toEqual(['multi']);
    const { code, stdout } = await run(
      ['--pick', 'svc/multi'],
      'curl -sS http://multi/whoami; getent hosts web',
    );
    expect(code).toBe(2);
    expect(JSON.parse(stdout).hostHeader).toBe('multi');
  });

  test('a pod and a Deployment, with any port of theirs', async () => {
    const { code, stdout } = await run(
      ['--pick', 'pod/db-0', '--pick', 'deploy/web'],
      'curl -sS http://db-0:8080/whoami http://web:8080/whoami',
    );
    expect(code).toBe(0);
    const [pod, deployment] = stdout.trim().split('\n');
    expect(JSON.parse(pod).host).toBe('db-0');
    expect(JSON.parse(deployment).host).toMatch(/^web-/);
  });

  test('a StatefulSet, under its name', async () => {
    const { code, stdout } = await run(['--pick', 'sts/db'], 'curl -sS http://db:8080/whoami');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).host).toMatch(/^db-/);
  });

  test('of another namespace, and with a name of its own', async () => {
    const { code, stdout } = await runProgram([
      '-n',
      'default',
      '--pick=e2e/svc/web',
      '--alias=api.example.com=e2e/svc/web',
      '--',
      'sh',
      '-c',
      WHOAMI,
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).host).toMatch(/^web-/);
  });

  test.each([
    [['--pick', 'svc/wep'], 'PICK_UNKNOWN', /wep.*web/],
    [['--pick', 'svc/web', '--pick', 'deploy/web'], 'PICK_AMBIGUOUS', /web/],
    [['--pick', 'web'], 'TARGET_INVALID', /svc\/web/],
  ])('%j: %s', async (args, code, text) => {
    const result = await run(args, 'echo must not run');
    expect(result).toMatchObject({ code: 125, stdout: '' });
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.stderr).toMatch(text);
  });
});

describe('namespaces', () => {
  test('-A has all of them; bare names belong to that of the context', async () => {
    const { code, stdout } = await runProgram(['-A', '--', 'sh', '-c', 'curl -sS http://web.e2e/whoami']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).host).toMatch(/^web-/);
  });

  test('a selector that the server can not read', async () => {
    const result = await run(['-l', 'a in'], 'echo must not run');
    expect(result).toMatchObject({ code: 125, stdout: '' });
    expect(result.stderr).toContain('[SELECTOR_INVALID]');
  });

  test('a selector that matches nothing leaves nothing', async () => {
    const { code, stderr } = await run(['-v', '-l', 'app=nothing-like-this'], 'getent hosts web');
    expect(code).toBe(2);
    expect(stderr).toContain('namespace e2e with app=nothing-like-this, 0 Services');
  });
});

test.each(['spdy-websocket', 'spdy', 'websocket'])('--transport %s is the one that is used', async (name) => {
  const { code, stdout, stderr } = await run(['-vv', '--transport', name], 'curl -sS http://web/healthz');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'ok\n' });
  expect(stderr).toContain(`port-forward by ${name}`);
});
