/** kubectl in the sandbox means what the names are of: context, namespace and files are those of the options. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Kubeconfigs } from '../support/kubeconfig.ts';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { fromSetup, runProgram } from '../support/program.ts';
import { RuntimeDirectory } from './runtime-directory.ts';

const OWN_FILE = '/etc/kns-rootless.kubeconfig';

let kubeconfigs: Kubeconfigs;
/** Its current context `prod` leads to where nobody listens; the authority of `staging` is a file beside it. */
let path: string;
/** Of `prod` alone. */
let other: string;
/** As it is everywhere else. */
let working: string;

beforeAll(() => {
  kubeconfigs = new Kubeconfigs();
  path = kubeconfigs.write('two', (config) => {
    const current = config.contexts.find(({ name }) => name === config['current-context']);
    const { user = '', cluster: name = '' } = current?.context ?? {};
    const cluster = { ...config.clusters.find((one) => one.name === name)?.cluster };
    const authority = String(cluster['certificate-authority-data']);
    writeFileSync(join(kubeconfigs.folder, 'ca.pem'), Buffer.from(authority, 'base64'));
    delete cluster['certificate-authority-data'];
    cluster['certificate-authority'] = 'ca.pem';
    config.clusters = [
      { name: 'real', cluster },
      { name: 'nowhere', cluster: { server: 'https://127.0.0.1:1' } },
    ];
    config.contexts = [
      { name: 'prod', context: { cluster: 'nowhere', user } },
      { name: 'staging', context: { cluster: 'real', user } },
      { name: 'testing', context: { cluster: 'real', user, namespace: 'e2e' } },
    ];
    config['current-context'] = 'prod';
  });
  working = kubeconfigs.write('working', () => {});
  other = kubeconfigs.write('other', (config) => {
    config.clusters = [{ name: 'nowhere', cluster: { server: 'https://127.0.0.1:1' } }];
    config.contexts = [{ name: 'prod', context: { cluster: 'nowhere', user: config.users[0].name } }];
    config['current-context'] = 'prod';
  });
});
afterAll(() => kubeconfigs.remove());

const STAGING = ['--context', 'staging', '-n', 'e2e'];
const GET_SERVICE = 'kubectl get service web -o name';

const run = (args: readonly string[], script: string, env: Record<string, string | undefined> = {}) =>
  runProgram([...args, '--', 'sh', '-c', script], { env: { KUBECONFIG: path, ...env } });

/** A script that runs kubectl in a further sandbox. */
const nested = (args: string) =>
  `exec $PROGRAM ${args} -- sh -c 'curl -sS http://web/healthz; ${GET_SERVICE}; kubectl config current-context'`;

describe('kubectl', () => {
  test('goes to the cluster and the namespace of --context and -n, from wherever it is called', async () => {
    const script = `curl -sS http://web/healthz && cd /usr && ${GET_SERVICE} && kubectl config current-context`;
    const { code, stdout, stderr } = await run(STAGING, script);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'ok\nservice/web\nstaging\n', stderr: '' });
  });

  test('reads the file of --kubeconfig, which may be named from here', async () => {
    const args = ['--kubeconfig', 'two', '--context', 'testing', '--', 'sh', '-c', `cd / && ${GET_SERVICE}`];
    const { code, stdout, stderr } = await runProgram(args, {
      env: { KUBECONFIG: undefined },
      cwd: kubeconfigs.folder,
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'service/web\n', stderr: '' });
  });

  test('has the first of several contexts as its current one, and the namespace of each', async () => {
    const namespaces = ['-n', 'staging/e2e', '-n', 'testing/default'];
    const { stdout } = await run(
      ['--context', 'staging', '--context', 'testing', ...namespaces],
      `${GET_SERVICE}; kubectl config view -o 'jsonpath={.contexts[?(@.name=="testing")].context.namespace}'`,
    );
    expect(stdout).toBe('service/web\ndefault');
  });

  test('finds one file, for its user alone, that nobody can write', async () => {
    const { code, stdout, stderr } = await run(
      STAGING,
      `echo $KUBECONFIG; stat -c '%a %u' ${OWN_FILE}; kubectl config get-contexts -o name; kubectl config use-context prod`,
    );
    expect(stdout.trimEnd().split('\n')).toEqual([
      OWN_FILE,
      `600 ${ordinaryUser().uid}`,
      'prod',
      'staging',
      'testing',
    ]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('read-only file system') });
  });

  test('has nothing of a file that is hidden', async () => {
    const { stdout, stderr } = await run(['--hide', path, ...STAGING], `echo $KUBECONFIG; cat ${OWN_FILE}`);
    expect({ stdout, stderr }).toEqual({
      stdout: `${path}\n`,
      stderr: expect.stringContaining('No such file'),
    });
  });

  test('reads what the command has been given in the place of it', async () => {
    const { stdout } = await run(
      ['--ro-bind', `${other}:${path}`, ...STAGING],
      'kubectl config get-contexts -o name',
    );
    expect(stdout).toBe('prod\n');
  });

  test('has what came by a pipe', async () => {
    const script = `"$0" --kubeconfig <(cat ${working}) -n e2e -- sh -c '${GET_SERVICE}'`;
    const { stdout, stderr, code } = await runProgram([], { prefix: ['bash', '-c', script] });
    expect({ stdout, stderr, code }).toEqual({ stdout: 'service/web\n', stderr: '', code: 0 });
  });

  test.each([
    ['--hide', () => ['--hide', path]],
    ['--no-kubeconfig', () => ['--no-kubeconfig']],
    ['--no-kubeconfig with another one', () => ['--kubeconfig', working, '--no-kubeconfig']],
  ])("is not told by an outer sandbox's file what %s hides", async (_, options) => {
    const script = 'cat /etc/kns-rootless.kubeconfig /etc/.kns-host/kns-rootless.kubeconfig';
    const inner = `exec $PROGRAM ${options().join(' ')} -- sh -c '${script}'`;
    const { stdout, stderr } = await run(STAGING, inner, { PROGRAM: fromSetup('KNS_TEST_PROGRAM') });
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });

  test('is as outside where nothing is chosen, and has nothing with --no-kubeconfig', async () => {
    const script = `echo "[$KUBECONFIG]"; ls ${OWN_FILE}`;
    const stderr = expect.stringContaining('No such file');
    const env = { KUBECONFIG: kubeconfigs.write('testing', () => {}) };
    expect(await run([], script, env)).toMatchObject({ stdout: `[${env.KUBECONFIG}]\n`, stderr });
    expect(await run(['--no-kubeconfig', ...STAGING], script)).toMatchObject({ stdout: '[]\n', stderr });
  });

  test('means the inner sandbox in a sandbox in a sandbox, whichever had options', async () => {
    const env = { PROGRAM: fromSetup('KNS_TEST_PROGRAM') };
    const ofOuter = await run(STAGING, nested(''), env);
    expect(ofOuter).toMatchObject({ code: 0, stdout: 'ok\nservice/web\nstaging\n' });
    const ofInner = await run(['--context', 'staging'], nested('--context testing'), env);
    expect(ofInner).toMatchObject({ code: 0, stdout: 'ok\nservice/web\ntesting\n' });
    const ofBoth = await run(['--context', 'testing'], nested('--context staging -n e2e'), env);
    expect(ofBoth).toMatchObject({ code: 0, stdout: 'ok\nservice/web\nstaging\n' });
  });
});

describe('a sandbox that stays', () => {
  let runtime: RuntimeDirectory;
  beforeEach(() => {
    runtime = new RuntimeDirectory();
  });
  afterEach(() => runtime.remove());

  test.each([
    ['another kubeconfig', () => other],
    ['none', () => undefined],
  ])("has kubectl of who calls exec with %s go to the sandbox's cluster", async (_, kubeconfig) => {
    const up = await runtime.run(['up', 'one', '--kubeconfig', path, ...STAGING]);
    expect(up).toMatchObject({ code: 0, stderr: '' });
    const exec = await runtime.run(['exec', 'one', '--', 'sh', '-c', GET_SERVICE], {
      env: { KUBECONFIG: kubeconfig() },
    });
    expect(exec).toMatchObject({ code: 0, stdout: 'service/web\n', stderr: '' });
  });
});
