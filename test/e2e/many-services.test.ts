/** Lists of so many Services that the command is started before they are read. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedCluster, startEmbeddedCluster } from '../../fixtures/cluster/index.ts';
import { type RunResult, runProgram } from '../support/program.ts';

/** More than /etc/hosts has, and so many that reading them takes far longer than it takes a shell to start. */
const COUNT = 2_000;
const LAST = `svc-${COUNT - 1}`;
const WIDE = ['--cidr', '10.64.0.0/16'];

/** The first line of /etc/hosts. */
const UNREAD = '# Kubernetes Services, by kns-rootless';
const READ = `${UNREAD}: too many to be listed here, DNS has them`;

let cluster: EmbeddedCluster;
let folder: string;

beforeAll(async () => {
  cluster = await startEmbeddedCluster();
  const spec = { selector: { app: 'web' }, ports: [{ port: 8080, targetPort: 8080 }] };
  cluster.putServices(
    Array.from({ length: COUNT }, (_, i) => ({ namespace: 'e2e', name: `svc-${i}`, spec })),
  );
  folder = mkdtempSync(join(tmpdir(), 'kns-many-'));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'kubeconfig'), cluster.kubeconfig);
});
afterAll(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

function run(options: string[], script: string, env: Record<string, string> = {}): Promise<RunResult> {
  return runProgram(['-n', 'e2e', ...options, '--', 'sh', '-c', script], {
    env: { KUBECONFIG: join(folder, 'kubeconfig'), ...env },
  });
}

test('the command runs before they are read, and what it asks for waits', async () => {
  const script = `head -n 1 /etc/hosts; curl -sS http://${LAST}:8080/healthz; head -n 1 /etc/hosts; exit 7`;
  const { stdout, stderr, code } = await run([...WIDE, '-v'], script);
  expect(stdout).toBe(`${UNREAD}\nok\n${READ}\n`);
  expect(stderr).toMatch(/namespace e2e, 20\d\d Services\n/);
  expect(code).toBe(7);
});

test('the API server on the loopback is there from the start', async () => {
  const server = new URL(/server: (\S+)/.exec(cluster.kubeconfig)?.[1] ?? '');
  const { stdout } = await run(
    WIDE,
    `curl -ksS ${server.href}version | grep -c gitVersion; head -n 1 /etc/hosts`,
  );
  expect(stdout).toBe(`1\n${UNREAD}\n`);
});

test('a command that is over by then is not waited for', async () => {
  expect(await run(WIDE, 'head -n 1 /etc/hosts; exit 3')).toMatchObject({ stdout: `${UNREAD}\n`, code: 3 });
});

test('a name that nobody has is known to be nobody’s only when all are read', async () => {
  const { stdout } = await run(WIDE, `getent hosts nobody.e2e; echo $?; head -n 1 /etc/hosts`);
  expect(stdout).toBe(`2\n${READ}\n`);
});

test.each([
  ['an alias', ['--alias', `db.test=svc/${LAST}`], 'curl -sS http://db.test:8080/healthz'],
  ['a wait', ['--wait', `svc/${LAST}`], `curl -sS http://${LAST}:8080/healthz`],
])('%s: the command comes after them', async (_case, options, script) => {
  const { stdout } = await run([...WIDE, ...options], `head -n 1 /etc/hosts; ${script}`);
  expect(stdout).toBe(`${READ}\nok\n`);
});

test('a port of the host: the command comes after them, so that what is wrong with it is an error before', async () => {
  const { stdout } = await run([...WIDE, '-p', `0:svc/${LAST}`], 'head -n 1 /etc/hosts');
  expect(stdout).toBe(`${READ}\n`);
  const wrong = await run([...WIDE, '-p', `0:svc/${LAST}:1`], 'echo started');
  expect(wrong).toMatchObject({ code: 125, stdout: '' });
  expect(wrong.stderr).toMatch(/\[PUBLISH_PORT_UNKNOWN\]: .* 8080\n/);
});

test('an HTTP proxy: their names are among its exceptions', async () => {
  const { stdout } = await run(WIDE, 'echo $NO_PROXY', { http_proxy: 'http://proxy.invalid:3128' });
  expect(stdout).toContain(',svc-1,svc-1.e2e,');
});

test('a range that is too small is an error before the command', async () => {
  const { stdout, stderr, code } = await run([], 'echo started');
  expect(stdout).toBe('');
  expect(stderr).toMatch(/\[CIDR_FULL\]: use --cidr 10\.0\.\d+\.0\/21/);
  expect(code).toBe(125);
});

test('the doctor looks at all of them', async () => {
  const options = ['-n', 'e2e', '--alias', `db.test=svc/${LAST}`, '--transport', 'websocket'];
  const env = { KUBECONFIG: join(folder, 'kubeconfig') };
  const { stdout } = await runProgram(['doctor', ...options], { env, timeoutMs: 40_000 });
  expect(stdout).toMatch(/^ok +services +20\d\d found/m);
  expect(stdout).toMatch(/^ok +targets +1 found$/m);
});
