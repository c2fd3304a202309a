/** Several contexts in one sandbox. Both lead to the one cluster there is; the sandbox does not know that. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubeconfigs } from '../support/kubeconfig.ts';
import { runProgram, type RunResult, startProgram } from '../support/program.ts';

const FIRST = 'first';
const SECOND = 'Team/second@x';
/** The same user of the same cluster, and a label that another context has already. */
const THIRD = 'team.second.x';

let kubeconfigs: Kubeconfigs;
let path: string;

beforeAll(() => {
  kubeconfigs = new Kubeconfigs();
  path = kubeconfigs.write('contexts', (config) => {
    const current =
      config.contexts.find(({ name }) => name === config['current-context']) ?? config.contexts[0];
    const inE2e = { ...current.context, namespace: 'e2e' };
    config.contexts = [FIRST, SECOND, THIRD].map((name) => ({ name, context: inE2e }));
    config['current-context'] = FIRST;
  });
});
afterAll(() => kubeconfigs.remove());

function run(args: readonly string[], script: string): Promise<RunResult> {
  return runProgram(['--kubeconfig', path, ...args, '--', 'sh', '-c', script]);
}

const BOTH = ['--context', FIRST, '--context', SECOND];

describe('names', () => {
  test("each context's Services answer under its label, and bare names belong to the first", async () => {
    const forms = [
      'web',
      'web.e2e',
      'web.e2e.first',
      'web.e2e.svc.team-second-x',
      'web.e2e.svc.cluster.local.team-second-x',
    ];
    const script = forms.map((name) => `curl -sS http://${name}/whoami`).join(' && ');
    const { code, stdout, stderr } = await run(BOTH, script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const answers = stdout.trim().split('\n');
    expect(answers.map((line) => JSON.parse(line).hostHeader)).toEqual(forms);
  });

  test('the Services of each have addresses of their own', async () => {
    const { stdout } = await run(
      BOTH,
      'for name in web web.e2e.first web.e2e.team-second-x; do getent ahostsv4 $name | cut -d" " -f1 | head -1; done',
    );
    const [bare, first, second] = stdout.trim().split('\n');
    expect(bare).toBe(first);
    expect(second).toMatch(/^10\.0\.1\.\d+$/);
    expect(second).not.toBe(first);
  });

  test('with one context there are no names by its label', async () => {
    const { code } = await run(['--context', FIRST], 'getent hosts web.e2e.first');
    expect(code).toBe(2);
  });
});

test("a Service of either at a port of the host, by its context's name", async () => {
  const published = ['', `${SECOND}/`].flatMap((context) => ['-p', `127.0.0.1:0:${context}e2e/svc/web`]);
  const args = ['--kubeconfig', path, ...BOTH, ...published, '--', 'sleep', '1000'];
  const child = startProgram(args);
  const ports: number[] = [];
  const names: string[] = [];
  if (child.stderr === null) throw new Error('no pipe');
  for await (const line of createInterface(child.stderr)) {
    const [, name, port] = /^kns-rootless: (\S+) is published at 127\.0\.0\.1:(\d+)$/.exec(line) ?? [line];
    ports.push(Number(port));
    names.push(name);
    if (ports.length === 2) break;
  }
  expect(names).toEqual([`${FIRST}/e2e/svc/web`, `${SECOND}/e2e/svc/web`]);
  const answers = await Promise.all(ports.map((port) => fetch(`http://127.0.0.1:${port}/healthz`)));
  expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(['ok\n', 'ok\n']);
  child.kill();
  await once(child, 'close');
});

describe('what is said', () => {
  test('a line for each context, and whose label was taken', async () => {
    const { stderr } = await run(['-v', ...BOTH, '--context', THIRD], 'true');
    expect(stderr).toMatch(/context first, namespace e2e, \d+ Services/);
    expect(stderr).toMatch(/context Team\/second@x, namespace e2e, \d+ Services/);
    expect(stderr).toContain('context team.second.x is called "team-second-x-2" in names');
  });

  test('a namespace of a context that was not chosen', async () => {
    const result = await run([...BOTH, '-n', 'nowhere/e2e'], 'echo must not run');
    expect(result).toMatchObject({ code: 125, stdout: '' });
    expect(result.stderr).toMatch(/\[CONTEXT_NOT_CHOSEN\].*--context nowhere/);
  });

  test('one of them unknown: nothing runs', async () => {
    const result = await run(['--context', FIRST, '--context', 'nowhere'], 'echo must not run');
    expect(result).toMatchObject({ code: 125, stdout: '' });
    expect(result.stderr).toContain('[CONTEXT_UNKNOWN]');
  });
});
