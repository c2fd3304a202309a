/** Ways to an API server that real kubeconfigs have, by the released program as an ordinary user. */

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { connectProxy, socksProxy, type TestProxy } from '../src/cluster/agent/proxies.ts';
import { suitesConfig } from '../support/changeable-cluster.ts';
import { type Kubeconfig, Kubeconfigs } from '../support/kubeconfig.ts';
import { fromSetup, inSandbox, runProgram } from '../support/program.ts';
import { endTerminals, Terminal } from './terminal.ts';

/** Through a Service, so that requests and upgrades are both made. */
const THROUGH_WEB = 'curl -sS http://web/whoami && curl -sS http://db-0.db:8080/whoami';

let kubeconfigs: Kubeconfigs;

beforeAll(() => {
  kubeconfigs = new Kubeconfigs();
});
afterEach(endTerminals);
afterAll(() => kubeconfigs.remove());

async function reachesWeb(
  kubeconfig: string,
  env: Record<string, string> = {},
  said: unknown = '',
): Promise<void> {
  const result = await inSandbox(THROUGH_WEB, { env: { KUBECONFIG: kubeconfig, ...env } });
  expect(result).toMatchObject({ code: 0, stderr: said });
  expect(result.stdout).toMatch(/"host":"web-[^]*"host":"db-0"/);
}

/** What a copy of the kubeconfig has instead of its one cluster's settings. */
function withCluster(name: string, settings: (server: URL) => Record<string, unknown>): string {
  return kubeconfigs.write(name, (config) => {
    for (const { cluster } of config.clusters)
      Object.assign(cluster, settings(new URL(String(cluster['server']))));
  });
}

/** The kubeconfig of the restricted account, with its token had otherwise. */
function forwarderWith(name: string, user: (token: string) => Record<string, unknown>): string {
  const restricted: Kubeconfig = parse(readFileSync(fromSetup('KNS_TEST_FORWARDER_KUBECONFIG'), 'utf8'));
  const account = restricted.users.find((each) => each.name === 'forwarder');
  return kubeconfigs.write(name, (config) => {
    config.users.push({ name: 'restricted', user: user(String(account?.user['token'])) });
    for (const { context } of config.contexts) context.user = 'restricted';
  });
}

test('a login plugin beside the kubeconfig, for the restricted account', async () => {
  const kubeconfig = forwarderWith('plugged', (token) => {
    const apiVersion = 'client.authentication.k8s.io/v1';
    const credential = JSON.stringify({ kind: 'ExecCredential', apiVersion, status: { token } });
    const script = `#!/bin/sh\ncat <<'END'\n${credential}\nEND\n`;
    writeFileSync(join(kubeconfigs.folder, 'login'), script, { mode: 0o755 });
    return { exec: { apiVersion, command: './login', interactiveMode: 'IfAvailable' } };
  });
  await reachesWeb(kubeconfig);
});

test('a login plugin asks on the terminal first, and the command has it afterwards', async () => {
  const kubeconfig = forwarderWith('asking', (token) => {
    const apiVersion = 'client.authentication.k8s.io/v1';
    const credential = JSON.stringify({ kind: 'ExecCredential', apiVersion, status: { token } });
    const script = `#!/bin/sh
printf 'Password: ' >&2
read -r password
[ "$password" = sesame ] || exit 1
cat <<'END'
${credential}
END
`;
    writeFileSync(join(kubeconfigs.folder, 'asks'), script, { mode: 0o755 });
    return { exec: { apiVersion, command: './asks', interactiveMode: 'Always' } };
  });
  const command = `${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c 'printf "Name: "; read -r name; echo "hello $name"; ${THROUGH_WEB}'`;
  const terminal = new Terminal(command, { KUBECONFIG: kubeconfig });
  await terminal.shows(/Password: /);
  terminal.type('sesame\n');
  await terminal.shows(/Name: /);
  terminal.type('jane\n');
  await terminal.closed;
  expect(terminal.shown).toMatch(/Password: [^]*Name: [^]*hello jane\r\n[^]*"host":"db-0"/);
  expect(terminal.code).toBe(0);
});

test('a token in a file, for the restricted account', async () => {
  const kubeconfig = forwarderWith('by-file', (token) => {
    writeFileSync(join(kubeconfigs.folder, 'token'), token);
    return { tokenFile: 'token' };
  });
  await reachesWeb(kubeconfig);
});

test('several kubeconfigs, the first of which has no cluster', async () => {
  const first = join(kubeconfigs.folder, 'first');
  writeFileSync(first, 'apiVersion: v1\nkind: Config\n');
  await reachesWeb([first, join(kubeconfigs.folder, 'missing'), fromSetup('KNS_TEST_KUBECONFIG')].join(':'));
});

test.each<[string, () => Promise<TestProxy>, string]>([
  ['CONNECT', connectProxy, 'http'],
  ['SOCKS5', socksProxy, 'socks5'],
])('proxy-url, by %s', async (_name, start, scheme) => {
  const proxy = await start();
  const url = `${scheme}://127.0.0.1:${proxy.port}`;
  await reachesWeb(withCluster(`by-${scheme}`, () => ({ 'proxy-url': url })));
  expect(proxy.asked.length).toBeGreaterThan(0);
});

test('HTTPS_PROXY, for a server by a name that the proxy alone knows', async () => {
  const proxy = await connectProxy({ names: { 'api.test': '127.0.0.1' } });
  const kubeconfig = withCluster('named', (server) => ({
    server: `https://api.test:${server.port}`,
    'tls-server-name': server.hostname,
  }));
  const env = { HTTPS_PROXY: `http://jane:secret@127.0.0.1:${proxy.port}` };
  await reachesWeb(kubeconfig, env, expect.stringMatching(/^kns-rootless: \$HTTPS_PROXY .*opens it\n$/));
  expect(proxy.asked.length).toBeGreaterThan(0);
});

test('a server name that its certificate has, and one that it has not', async () => {
  await reachesWeb(withCluster('renamed', () => ({ 'tls-server-name': 'kubernetes.default' })));
  const wrong = withCluster('misnamed', () => ({ 'tls-server-name': 'other.test' }));
  const result = await runProgram(['--kubeconfig', wrong, '-n', 'e2e', '--', 'echo', 'must not run']);
  expect(result).toMatchObject({ code: 125, stdout: '' });
  expect(result.stderr).toMatch(
    /^[^\n]*other\.test[^\n]*\[API_UNREACHABLE\]: [^\n]*tls-server-name[^\n]*\n$/,
  );
});

test('a plugin that is missing is one clear line', async () => {
  const kubeconfig = forwarderWith('plugin-missing', () => ({
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'kns-no-such-plugin',
      interactiveMode: 'Never',
      installHint: 'Get it from\nyour cloud.',
    },
  }));
  const result = await runProgram(['--kubeconfig', kubeconfig, '-n', 'e2e', '--', 'echo', 'must not run']);
  expect(result).toMatchObject({ code: 125, stdout: '' });
  expect(result.stderr).toMatch(
    /^[^\n]*kns-no-such-plugin: there is no such program: Get it from your cloud\. \[CREDENTIALS_FAILED\]: [^\n]*\n$/,
  );
});

describe('a server that takes its time', () => {
  test('is named once when it has not answered for 2 s', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const kubeconfig = withCluster('silent', () => ({ server: `https://127.0.0.1:${port}` }));
    const args = ['--kubeconfig', kubeconfig, '--request-timeout', '3s', '-n', 'e2e', '-n', 'default'];
    const { code, stderr } = await runProgram([...args, '--', 'true']);
    server.close();
    const context = suitesConfig()['current-context'];
    const [waiting, failed, ...rest] = stderr.split('\n');
    expect(waiting).toBe(`kns-rootless: waiting for https://127.0.0.1:${port}/ (context ${context})`);
    expect(failed).toContain('[API_UNREACHABLE]');
    expect({ code, rest }).toEqual({ code: 125, rest: [''] });
  });

  test('is not named for the time of a login plugin', async () => {
    const kubeconfig = forwarderWith('slow', (token) => {
      const apiVersion = 'client.authentication.k8s.io/v1';
      const credential = JSON.stringify({ kind: 'ExecCredential', apiVersion, status: { token } });
      const args = ['-c', `sleep 2.5; echo '${credential}'`];
      return { exec: { apiVersion, command: 'sh', args, interactiveMode: 'Never' } };
    });
    await reachesWeb(kubeconfig);
  });
});
