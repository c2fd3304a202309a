/** Names and addresses as programs inside find them; on the embedded cluster and on a real one. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, connectCluster, loadAccess } from '../../src/cluster/index.ts';
import { fromSetup, inSandbox, runProgram } from '../support/program.ts';

const quiet = { debug() {}, info() {}, warn() {} };

/** What DNS says inside, question by question: what Node's resolver makes of it, or its error's code. */
async function resolve(questions: readonly (readonly [name: string, type: string])[]): Promise<unknown[]> {
  const script = `
    const { Resolver } = require('node:dns').promises;
    const ask = ([name, type]) =>
      (type === 'PTR' ? new Resolver().reverse(name) : new Resolver().resolve(name, type)).catch((e) => e.code);
    (async () => {
      for (const question of JSON.parse(process.argv[1])) console.log(JSON.stringify(await ask(question)));
    })();`;
  const { code, stdout, stderr } = await inSandbox(
    `${process.execPath} -e "${script}" '${JSON.stringify(questions)}'`,
  );
  // Names of outside are not looked up in tests, and that is told.
  expect({ code, stderr: stderr.replaceAll(/^kns-rootless: look-up of .*\n/gm, '') }).toEqual({
    code: 0,
    stderr: '',
  });
  return stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

describe('DNS', () => {
  test('has addresses of both families for a name, whatever its case, and none for what there is not', async () => {
    const [ipv4, ipv6, upper, none, text] = await resolve([
      ['web', 'A'],
      ['web.e2e', 'AAAA'],
      ['WEB.e2e.SVC', 'A'],
      ['nope.e2e.svc', 'A'],
      ['web.e2e', 'TXT'],
    ]);
    expect(ipv4).toEqual([expect.stringMatching(/^10\.0\.1\.\d+$/)]);
    expect(ipv6).toEqual([expect.stringMatching(/^fd6b:6e73::[0-9a-f]+$/)]);
    expect([upper, none, text]).toEqual([ipv4, 'ENOTFOUND', 'ENODATA']);
  });

  test('finds ports and pods by SRV, along the search list', async () => {
    const [port, pods] = await resolve([
      ['_https._tcp.multi', 'SRV'],
      ['_echo._tcp.db.e2e.svc', 'SRV'],
    ]);
    expect(port).toMatchObject([{ name: 'multi.e2e.svc.cluster.local', port: 443 }]);
    expect(pods).toHaveLength(2);
    expect(pods).toEqual(
      expect.arrayContaining(
        ['db-0', 'db-1'].map((pod) =>
          expect.objectContaining({ name: `${pod}.db.e2e.svc.cluster.local`, port: 7000 }),
        ),
      ),
    );
  });

  test('an ExternalName is a name for another one', async () => {
    const answers = await resolve([
      ['external', 'CNAME'],
      ['external', 'A'],
    ]);
    expect(answers).toEqual([['example.invalid'], 'ENOTFOUND']);
  });

  test('an address has its names, by PTR and in /etc/hosts', async () => {
    const [[ipv4], [ipv6]] = (await resolve([
      ['web', 'A'],
      ['web', 'AAAA'],
    ])) as string[][];
    const script = `getent hosts ${ipv4} && getent hosts ${ipv6}`;
    const { stdout } = await inSandbox(script);
    const names = 'web web.e2e web.e2e.svc web.e2e.svc.cluster.local';
    expect(stdout.replaceAll(/ +/g, ' ')).toBe(`${ipv4} ${names}\n${ipv6} ${names}\n`);
    const found = await resolve([[ipv6, 'PTR']]);
    expect(found[0]).toContain('web.e2e.svc.cluster.local');
  });

  test('resolv.conf is as in a pod', async () => {
    const { stdout } = await inSandbox('cat /etc/resolv.conf');
    expect(stdout).toMatch(
      /^nameserver 10\.0\.1\.1\nsearch e2e\.svc\.cluster\.local svc\.cluster\.local cluster\.local/,
    );
    expect(stdout).toMatch(/^options ndots:5/m);
  });
});

test('a Service answers by IPv6 as well, under its name and at its address', async () => {
  const address = `$(getent ahostsv6 web | head -n 1 | cut -d ' ' -f 1)`;
  const { code, stdout, stderr } = await inSandbox(
    `curl -6 -sS http://web/whoami && curl -sS "http://[${address}]/whoami"`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const answers = stdout.trim().split('\n');
  expect(answers.map((line) => JSON.parse(line).host)).toEqual([
    expect.stringMatching(/^web-/),
    expect.stringMatching(/^web-/),
  ]);
});

describe('addresses of the cluster', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    const access = await loadAccess({ kubeconfig: fromSetup('KNS_TEST_KUBECONFIG') });
    cluster = await connectCluster(access, { namespaces: ['e2e'], log: quiet });
  });
  afterAll(() => cluster.close());

  const found = (name: string) => {
    const service = cluster.find('e2e', name);
    if (service === undefined) throw new Error(`no Service ${name}`);
    return service;
  };

  test('a ClusterIP leads to its Service, and one of no Service nowhere', async () => {
    const [clusterIP] = found('web').clusterIPs;
    const { stdout } = await inSandbox(
      `curl -sS http://${clusterIP}/whoami; curl -sS --max-time 5 http://10.96.255.254/ 2>&1; echo $?`,
    );
    const [answer, ...rest] = stdout.trim().split('\n');
    expect(JSON.parse(answer).host).toMatch(/^web-/);
    expect(rest.at(-1)).toBe('7');
  });

  test("a pod's own address leads to that pod, at any of its ports", async () => {
    const pods = cluster.podsOf(found('db'));
    expect(pods).toHaveLength(2);
    const script = pods.map(({ addresses }) => `curl -sS http://${addresses[0]}:8080/whoami`).join(' && ');
    const { stdout } = await inSandbox(script);
    const hosts = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).host);
    expect(hosts).toEqual(pods.map(({ name }) => name));
  });

  test('a pod is found by its address with dashes, over UDP and over TCP', async () => {
    const [pod] = cluster.podsOf(found('db'));
    const name = `${pod.addresses[0].replaceAll('.', '-')}.db`;
    const script = `getent ahostsv4 ${name} && RES_OPTIONS=use-vc getent ahostsv4 ${name} && getent ahostsv4 ${pod.label}.db`;
    const { code, stdout } = await inSandbox(`{ ${script}; } | cut -d ' ' -f 1`);
    expect(code).toBe(0);
    expect(new Set(stdout.trim().split('\n')).size).toBe(1);
  });
});

test('ranges and domain are as the user says', async () => {
  const options = ['--cidr', '172.16.0.0/20', '--cidr6', 'fd00:7::/64', '--cluster-domain', 'k8s.example'];
  const script =
    'getent ahostsv4 web.e2e.svc.k8s.example; getent ahostsv6 web; getent hosts web.e2e.svc.cluster.local; ' +
    'curl -sS http://web.e2e.svc.k8s.example/whoami';
  const { code, stdout } = await runProgram(['-n', 'e2e', ...options, '--', 'sh', '-c', script]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^172\.16\.\d+\.\d+ /);
  expect(stdout).toMatch(/^fd00:7::[0-9a-f]+ /m);
  expect(stdout).not.toContain('cluster.local');
  expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '').host).toMatch(/^web-/);
});
