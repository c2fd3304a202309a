/** Rules as the user writes them, and what is told of how they were kept. */

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FAR, Outside } from './outside.ts';

// Several runs of the program in a test, on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let outside: Outside;
beforeAll(async () => {
  outside = await Outside.start();
});
afterAll(() => outside.close());

const GET = 'GET / HTTP/1.0\r\n\r\n';

let files = 0;
function file(text: string): string {
  const path = join(outside.folder, `policy-${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

interface AuditLine {
  readonly event: 'start' | 'end' | 'name' | 'dropped';
  readonly id?: number;
  readonly protocol?: string;
  readonly address?: string;
  readonly port?: number;
  readonly names?: readonly string[];
  readonly verdict?: string;
  readonly name?: string;
}

function readAudit(path: string): AuditLine[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line): AuditLine => JSON.parse(line));
}

describe('rules', () => {
  test('by name, address, port and protocol; the first one counts, and those of the command line first', async () => {
    const policy = file(`egress: deny
rules:
  - deny: 192.0.2.2
    ports: [7002]
  - allow: v4.example
    protocol: tcp
    ports: [7000]
  - allow: "2001:db8::/32"
    protocol: udp
`);
    expect(
      await outside.said(
        [
          ['tcp', FAR[4], 7000], // not looked up yet: it has no name
          ['tcp', 'v4.example', 7000, 'echo'],
          ['tcp', 'v4.example', 9],
          ['udp', FAR[4], 7001],
          ['udp', FAR[6], 7001],
          ['udp', FAR[6], 7002, 'port'],
          ['tcp', FAR[6], 7000],
        ],
        { args: ['--policy', policy, '--deny', '[2001:db8::2]:7002'] },
      ),
    ).toEqual(['EHOSTUNREACH', 'echo', 'EHOSTUNREACH', 'EHOSTUNREACH', 'hello', 'EACCES', 'EACCES']);
  });

  test('a Service may be closed, and is open under --egress deny', async () => {
    const steps = [
      ['tcp', 'multi', 7],
      ['tcp', 'web', 80, GET],
    ] as const;
    expect(await outside.said(steps, { args: ['--egress', 'deny', '--deny', 'svc/multi'] })).toEqual([
      expect.stringMatching(/EHOSTUNREACH|EACCES/),
      expect.stringMatching(/^HTTP\/1\.1 200/),
    ]);
  });

  test('one that is about nothing is told at the start', async () => {
    const rules = ['web', 'web.e2e.svc.cluster.local:80', 'svc/wbe', 'web.example', 'kubernetes.default.svc'];
    const { stdout, stderr } = await outside.inside('curl -sS http://web.e2e.svc.cluster.local/healthz', {
      args: rules.flatMap((rule) => ['--deny', rule]),
    });
    expect(stdout).toBe('ok\n');
    expect(stderr.trimEnd().split('\n').toSorted()).toEqual([
      'kns-rootless: --deny kubernetes.default.svc: kubernetes.default.svc is reached whatever rules say; --no-api-server leaves it out',
      'kns-rootless: --deny svc/wbe: no Service of this run matches it so far',
      'kns-rootless: --deny web.e2e.svc.cluster.local:80: web.e2e.svc.cluster.local is a Service here: write e2e/svc/web for it',
      'kns-rootless: --deny web: web is a Service here: write e2e/svc/web for it',
    ]);
  });

  test('the environment has the default, and the option and the file go before it', async () => {
    const env = { KNS_ROOTLESS_EGRESS: 'deny' };
    const step = [['tcp', FAR[4], 7000, 'echo']] as const;
    expect(await outside.said(step, { env })).toEqual(['EHOSTUNREACH']);
    expect(await outside.said(step, { env, args: ['--egress', 'allow'] })).toEqual(['echo']);
    expect(await outside.said(step, { env, args: ['--policy', file('egress: allow\n')] })).toEqual(['echo']);
  });

  test.each([
    ['a file with a misspelt key', 'rules:\n  - alow: x.example\n', /:2:5: .*POLICY_INVALID/],
    [
      'a rule for a proxy that is not there',
      'rules:\n  - allow: x.example\n    via: office\n',
      /:3:10: .*POLICY_INVALID/,
    ],
  ])('%s is an error before anything starts', async (_name, text, told) => {
    const { code, stderr } = await outside.program(['--demo', '--policy', file(text), '--', 'true']);
    expect([code, stderr]).toEqual([125, expect.stringMatching(told)]);
  });
});

test('denied: one line for each destination, and the count at the end', async () => {
  const { stderr } = await outside.inside(
    outside.commandOf([
      ['tcp', FAR[4], 7000],
      ['tcp', FAR[4], 7000],
      ['udp', FAR[4], 7001],
      ['tcp', 'web.example', 7000],
    ]),
    { args: ['-v', '--deny', FAR[4], '--deny', 'web.example'] },
  );
  const lines = stderr.split('\n').filter((line) => /denied/.test(line));
  expect(lines).toEqual([
    expect.stringContaining('tcp 192.0.2.2:7000: denied by 192.0.2.2'),
    expect.stringContaining('udp 192.0.2.2:7001: denied by 192.0.2.2'),
    expect.stringContaining('look-up of web.example: denied by web.example'),
    expect.stringContaining('flows denied: 3'),
  ]);
});

test("names that come about by the host's search list are no warnings", async () => {
  const curl =
    'curl -sS -o /dev/null http://web.example; curl -sS http://other.example || true; curl -sS http://nosuch || true';
  const { stderr } = await outside.inside(curl, { args: ['--egress', 'deny', '--allow', 'web.example'] });
  const told = stderr.split('\n').filter((line) => line.includes('look-up'));
  expect(told.map((line) => / of (\S+):/.exec(line)?.[1])).toEqual(['other.example', 'nosuch.corp.example']);
});

test('--audit has each flow and its verdict, at its end the bytes, and is the user alone to read', async () => {
  const audit = join(outside.folder, 'audit.jsonl');
  await outside.said(
    [
      ['tcp', 'v4.example', 7000, 'echo'],
      ['udp', FAR[4], 7001, 'hello'],
      ['tcp', FAR[4], 9],
      ['tcp', 'web', 80, GET],
      ['tcp', 'web', 81],
      ['dns', 'secret.example', 'A'],
    ],
    { args: ['--audit', audit, '--deny', '192.0.2.2:9', '--deny', 'secret.example'] },
  );
  expect(statSync(audit).mode & 0o777).toBe(0o600);
  const lines = readAudit(audit);
  const starts = lines.filter(({ event }) => event === 'start');
  expect(starts).toMatchObject([
    { protocol: 'tcp', address: FAR[4], port: 7000, names: ['v4.example'], verdict: 'allow', via: 'direct' },
    { protocol: 'udp', address: FAR[4], port: 7001, verdict: 'allow', rule: 'default: allow' },
    { protocol: 'tcp', port: 9, verdict: 'deny', rule: '192.0.2.2:9' },
    { service: { namespace: 'e2e', name: 'web' }, verdict: 'allow', via: 'cluster' },
    // By its IPv6 address, and by its IPv4 address.
    { service: { namespace: 'e2e', name: 'web' }, port: 81, verdict: 'allow', via: 'cluster' },
    { service: { namespace: 'e2e', name: 'web' }, port: 81, verdict: 'allow', via: 'cluster' },
  ]);
  const [echo, datagram, denied, service, lacking] = starts.map(({ id }) =>
    lines.find((line) => line.event === 'end' && line.id === id),
  );
  expect(echo).toMatchObject({ sent: 4, received: 4 });
  expect(datagram).toMatchObject({ sent: 5, received: 5 });
  expect(denied).toBeUndefined();
  expect(service).toMatchObject({ sent: GET.length, pod: expect.stringMatching(/^e2e\/web-.*:8080$/) });
  expect(echo).not.toHaveProperty('pod');
  expect(lacking).toMatchObject({ sent: 0, received: 0, error: 'the Service has no such port' });
  expect(lines.filter(({ event }) => event === 'name')).toMatchObject([
    { name: 'secret.example', verdict: 'deny', rule: 'secret.example' },
  ]);
});

test('a rule set is learned from a dry run, and holds', async () => {
  const audit = join(outside.folder, 'learned.jsonl');
  const needed = [
    ['tcp', 'v4.example', 7000, 'echo'],
    ['udp', FAR[6], 7001, 'hello'],
  ] as const;
  const learning = ['--egress', 'deny', '--dry-run', '--audit', audit];
  expect(await outside.said(needed, { args: learning })).toEqual(['echo', 'hello']);

  const rules = readAudit(audit)
    .filter(({ event, verdict }) => event === 'start' && verdict === 'audit-would-deny')
    .map(({ protocol, address = '', port, names: [name] = [] }) => {
      const host = name ?? (address.includes(':') ? `[${address}]` : address);
      return `--allow=${protocol}:${host}:${port}`;
    });
  expect(rules).toEqual(['--allow=tcp:v4.example:7000', '--allow=udp:[2001:db8::2]:7001']);

  const learned = ['--egress', 'deny', ...rules];
  const more = [...needed, ['tcp', FAR[6], 7000], ['tcp', FAR[4], 7002]] as const;
  expect(await outside.said(more, { args: learned })).toEqual(['echo', 'hello', 'EACCES', 'EHOSTUNREACH']);
});

test('what is protected is told without -v, with what opens it', async () => {
  const toItself = 'curl -sS -m 5 http://192.0.2.1:9/; curl -sS -m 5 http://192.0.2.1:9/; true';
  const { stderr } = await outside.inside(toItself);
  const line = "tcp 192.0.2.1:9: denied by protected: the host's own address; --allow 192.0.2.1 opens it";
  expect(stderr.split('\n').filter((one) => one.startsWith('kns-rootless:'))).toEqual([
    `kns-rootless: ${line}`,
  ]);
});

test('a dry run opens nothing that is protected', async () => {
  expect(await outside.said([['tcp', '192.0.2.1', 80]], { args: ['--egress', 'deny', '--dry-run'] })).toEqual(
    ['EHOSTUNREACH'],
  );
});

async function explain(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await outside.program(['policy', 'explain', ...args]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

describe('policy explain', () => {
  test('a name is looked up by the host, and each of its addresses decided', async () => {
    const said = await explain('web.example:443', '--deny', '2001:db8::/32', '--allow', 'web.example');
    expect(said).toContain('look-up of web.example: allowed');
    expect(said).toMatch(/tcp 192\.0\.2\.2:443 \(web\.example\)\n.*\n.*\* allow web\.example.*\nallow/);
    expect(said).toMatch(/tcp \[2001:db8::2\]:443 \(web\.example\)\n.*\* deny 2001:db8::\/32.*\ndeny/);
  });

  test('what is protected says so', async () => {
    expect(await explain('192.0.2.1:80')).toContain("protected: the host's own address");
    expect(await explain('loopback.example:80')).toMatch(/protected: the loopback\n[^]*deny/);
  });

  test('a whole name of a Service is that Service, in the domain of the clusters', async () => {
    const kubeconfig = file(`apiVersion: v1
kind: Config
current-context: one
contexts: [{name: one, context: {cluster: c, user: u}}, {name: two, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://192.0.2.7:6443'}}]
users: [{name: u, user: {}}]
`);
    const access = ['--kubeconfig', kubeconfig, '--cluster-domain', 'k8s.test'];
    const rules = ['--deny', 'web.shop.svc.k8s.test', '--deny', 'two/shop/svc/web'];
    const both = [...access, '--context', 'one', '--context', 'two', ...rules];
    expect(
      await explain('web.shop.svc.k8s.test:80', ...access, ...rules),
    ).toBe(`web.shop.svc.k8s.test is the name of a Service
tcp one/shop/svc/web:80
  - deny web.shop.svc.k8s.test (--deny): it is a Service
  - deny two/shop/svc/web (--deny): another Service
allow, by default: allow, via cluster
  whether there is such a Service is not looked up
`);
    expect(await explain('web.shop.svc.two:80', ...both)).toContain('deny, by two/shop/svc/web\n');
  });

  test('with --demo, a Service without a namespace is one of the embedded cluster', async () => {
    const args = ['policy', 'explain', 'svc/web:80', '--demo', '--deny', 'ns/demo'];
    const { code, stdout } = await outside.program(args, { env: { KUBECONFIG: '/nonexistent' } });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `tcp embedded/demo/svc/web:80
  * deny ns/demo (--deny): decides
deny, by ns/demo
  whether there is such a Service is not looked up
`,
    });
  });

  test('as JSON', async () => {
    const { flows } = JSON.parse(await explain('udp:192.0.2.2:53', '--json', '--egress', 'deny'));
    expect(flows).toMatchObject([{ decision: { verdict: 'deny', rule: 'default: deny' } }]);
  });
});
