/** kubectl and HTTP clients in the sandbox: the API server, and a proxy that is not to swallow Services. */

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { suitesConfig } from '../support/changeable-cluster.ts';
import { Kubeconfigs } from '../support/kubeconfig.ts';
import { connectProxy } from '../src/cluster/agent/proxies.ts';
import { inSandbox, runProgram } from '../support/program.ts';
import { Relay } from '../support/relay.ts';

let kubeconfigs: Kubeconfigs;

beforeAll(() => {
  kubeconfigs = new Kubeconfigs();
});
afterAll(() => kubeconfigs.remove());

/** Of its network cards, one of each family where there are such, and one more of its loopback. */
function addressesOfHost(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
  const ofCards = ['IPv4', 'IPv6'].flatMap(
    (family) => all.find((one) => one.family === family && !one.internal && !one.scopeid)?.address ?? [],
  );
  return [...ofCards, '127.0.0.2'];
}

const GET_SERVICE = 'kubectl -n e2e get service web -o name';

describe('the API server', () => {
  test('kubectl reaches one on the loopback of the host', async () => {
    const { code, stdout, stderr } = await inSandbox(GET_SERVICE);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'service/web\n', stderr: '' });
  });

  test('kubectl forwards to a pod, over an upgraded connection, and finishes when it is told to', async () => {
    const { stdout } = await inSandbox(
      `kubectl -n e2e port-forward service/web 18080:80 >/dev/null &
       until curl -sS http://127.0.0.1:18080/healthz 2>/dev/null; do sleep 0.1; done; kill $!`,
    );
    expect(stdout).toBe('ok\n');
  });

  test.each([
    ['a name', () => hostname()],
    ['localhost', () => 'localhost'],
    ['the unspecified address, as k3d writes it', () => '0.0.0.0'],
  ])('kubectl reaches one that the kubeconfig names by %s', async (_, host) => {
    const path = kubeconfigs.write('named', (config) => {
      for (const { cluster } of config.clusters) {
        cluster['server'] = String(cluster['server']).replace('127.0.0.1', host());
        // Its certificate has other names, and that is another matter.
        delete cluster['certificate-authority-data'];
        cluster['insecure-skip-tls-verify'] = true;
      }
    });
    const { code, stdout, stderr } = await inSandbox(GET_SERVICE, { env: { KUBECONFIG: path } });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'service/web\n', stderr: '' });
  });

  test.each(addressesOfHost())(
    'kubectl reaches one that the kubeconfig names by the address %s',
    async (address) => {
      const relay = new Relay(new URL(String(suitesConfig().clusters[0].cluster['server'])));
      const url = await relay.start(address);
      const path = kubeconfigs.write('literal', ({ clusters: [{ cluster }] }) => {
        cluster['server'] = url.origin;
        // Its certificate has other names, and that is another matter.
        delete cluster['certificate-authority-data'];
        cluster['insecure-skip-tls-verify'] = true;
      });
      try {
        const { code, stdout, stderr } = await inSandbox(GET_SERVICE, { env: { KUBECONFIG: path } });
        expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'service/web\n', stderr: '' });
      } finally {
        await relay.cut();
      }
    },
  );

  describe('behind a proxy that alone knows its name', () => {
    const NAME = 'api.behind.test';

    function named(proxyUrl?: string): string {
      return kubeconfigs.write('proxied', (config) => {
        for (const { cluster } of config.clusters) {
          cluster['server'] = String(cluster['server']).replace('127.0.0.1', NAME);
          delete cluster['certificate-authority-data'];
          cluster['insecure-skip-tls-verify'] = true;
          if (proxyUrl !== undefined) cluster['proxy-url'] = proxyUrl;
        }
      });
    }

    const SCRIPT = `${GET_SERVICE} && curl -sSk -o /dev/null https://kubernetes.default.svc/ && echo reached`;

    test('which the kubeconfig names', async () => {
      const proxy = await connectProxy({ names: { [NAME]: '127.0.0.1' } });
      const env = { KUBECONFIG: named(`http://127.0.0.1:${proxy.port}`) };
      const { code, stdout, stderr } = await inSandbox(SCRIPT, { env });
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'service/web\nreached\n', stderr: '' });
    });

    test('which the environment names', async () => {
      const proxy = await connectProxy({ names: { [NAME]: '127.0.0.1' } });
      const env = { KUBECONFIG: named(), HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
      const { code, stdout, stderr } = await inSandbox(SCRIPT, { env });
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'service/web\nreached\n' });
      expect(stderr).toMatch(
        new RegExp(`^kns-rootless: \\$HTTPS_PROXY .* --host-port ${proxy.port} opens it\n$`),
      );
    });
  });

  test('it is at kubernetes.default.svc as well, as in a pod', async () => {
    const { code, stdout } = await inSandbox(
      `for name in kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local; do
         curl -sSk -o /dev/null -w '%{http_code}\\n' https://$name/version
       done`,
    );
    expect(code).toBe(0);
    for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^(?:200|401|403)$/);
  });

  test('no other port of its host is reached', async () => {
    const server = createServer((socket) => socket.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    // It is there, for the host.
    await once(connect(address.port, '127.0.0.1'), 'connect');
    const script = `curl -sS http://127.0.0.1:${address.port}/ || curl -sS http://kubernetes.default:${address.port}/`;
    const { code, stderr } = await inSandbox(script);
    server.close();
    expect(code).toBe(7);
    expect(stderr.match(/Couldn't connect to server/g)).toHaveLength(2);
  });

  test('--no-api-server leaves it out', async () => {
    const script = `${GET_SERVICE} || getent hosts kubernetes.default.svc`;
    const { code, stdout, stderr } = await runProgram([
      '-n',
      'e2e',
      '--no-api-server',
      '--',
      'sh',
      '-c',
      script,
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/connection refused|was refused/);
  });
});

describe('an HTTP proxy of the user', () => {
  /** Nobody listens there, inside or outside. */
  const proxy = 'http://127.0.0.1:9';

  test.each(['web', 'web.e2e', 'web.e2e.svc', 'web.e2e.svc.cluster.local'])(
    'does not swallow http://%s/',
    async (name) => {
      const { code, stdout } = await inSandbox(`curl -sS http://${name}/healthz`, {
        env: { http_proxy: proxy },
      });
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'ok\n' });
    },
  );

  test('gets what is not of the cluster', async () => {
    const { code, stderr } = await inSandbox('curl -sS http://example.com/', { env: { http_proxy: proxy } });
    expect(code).toBe(7);
    expect(stderr).toMatch(
      /^kns-rootless: \$http_proxy is a proxy on the host's loopback.*\ncurl: .*127\.0\.0\.1/,
    );
  });

  const told = async (...options: string[]) => {
    const { stderr } = await runProgram(['-v', '-n', 'e2e', ...options, 'true'], {
      env: { http_proxy: proxy },
    });
    return stderr.split('\n').filter((line) => line.includes('proxy'));
  };

  test('is told of once, and not at all where its port is open in the sandbox', async () => {
    expect(await told()).toHaveLength(1);
    expect(await told('--host-port', '9')).toEqual([]);
  });

  test('keeps its own exceptions', async () => {
    const env = { HTTPS_PROXY: proxy, NO_PROXY: 'intern.example.com' };
    const { stdout } = await inSandbox('echo $NO_PROXY', { env });
    expect(stdout).toMatch(/^intern\.example\.com,.*\.svc,.*\bweb\b/);
  });

  test('without one, the environment stays as it is', async () => {
    const { stdout } = await inSandbox('env | grep -i no_proxy; true');
    expect(stdout).toBe('');
  });
});

describe('--no-kubeconfig', () => {
  test('neither the kubeconfig nor what it names is there, and the Services are', async () => {
    const key = join(kubeconfigs.folder, 'token');
    writeFileSync(key, 'secret');
    const path = kubeconfigs.write('hidden', (config) => {
      config.users.push({ name: 'other', user: { tokenFile: 'token' } });
    });
    const script = `curl -sS http://web/healthz; echo "[$KUBECONFIG]"; cat ${path}; cat ${key}; kubectl -n e2e get services`;
    const args = ['--no-kubeconfig', '-n', 'e2e', '--', 'sh', '-c', script];
    const { code, stdout, stderr } = await runProgram(args, { env: { KUBECONFIG: path } });
    expect(stdout).toBe('ok\n[]\n');
    expect(code).not.toBe(0);
    expect(stderr.match(/cat: .*(?:Permission denied|No such file)/g)).toHaveLength(2);
  });
});
