/** Every kind of Service, from inside a sandbox, as an ordinary user; on the embedded cluster and on a real one. */

import { describe, expect, test } from 'vitest';
import { fromSetup, inSandbox } from '../support/program.ts';
import { guest, tcp } from './guest.ts';

/** Refusals come at once, as from kube-proxy; what is measured includes the start of a program. */
const AT_ONCE_MS = 1000;
const MIB = 1 << 20;

describe('names', () => {
  test('a Service answers under each of its four names, by hosts file and by DNS', async () => {
    const forms = ['web', 'web.e2e', 'web.e2e.svc', 'web.e2e.svc.cluster.local'];
    const script = forms.map((name) => `curl -sS http://${name}/whoami`).join(' && ');
    const { code, stdout, stderr } = await inSandbox(`set -e; ${script}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const answers = stdout.trim().split('\n');
    expect(answers.map((line) => JSON.parse(line).hostHeader)).toEqual(forms);
    for (const line of answers) expect(JSON.parse(line).host).toMatch(/^web-/);
  });

  test('a pod of a StatefulSet answers under its own name, and no other does', async () => {
    const script = ['db-0', 'db-1'].map((pod) => `curl -sS http://${pod}.db:8080/whoami`).join(' && ');
    const { stdout } = await inSandbox(script);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).host),
    ).toEqual(['db-0', 'db-1']);
    const [[byPort], [byTarget]] = await tcp([
      { host: 'db-0.db', port: 7000, send: 'ping', until: 'ping' },
      { host: 'db', port: 5432, send: 'ping', until: 'ping' },
    ]);
    expect([byPort.text, byTarget.text]).toEqual(['ping', 'ping']);
  });
});

test('an account that may look things up and forward, and nothing else, has all of it', async () => {
  const { code, stdout, stderr } = await inSandbox('curl -sS http://web/whoami http://db-0.db:8080/whoami', {
    env: { KUBECONFIG: fromSetup('KNS_TEST_FORWARDER_KUBECONFIG') },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const hosts = stdout.trim().split('\n');
  expect(hosts.map((line) => JSON.parse(line).host)).toEqual([expect.stringMatching(/^web-/), 'db-0']);
});

describe('ports', () => {
  test('a port leads to its targetPort, by number or by name', async () => {
    const { code, stdout } = await inSandbox('curl -sSk https://multi/whoami');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ tls: true, hostHeader: 'multi' });
    const [[line], [echo], [other]] = await tcp([
      { host: 'multi', port: 79, send: 'hello\n', until: '\n' },
      { host: 'multi', port: 7, send: 'hello', until: 'hello' },
      { host: 'pair', port: 80, send: 'GET /healthz HTTP/1.0\r\n\r\n' },
    ]);
    expect([line.text, echo.text]).toEqual(['1: hello\n', 'hello']);
    expect(other.text).toMatch(/200 OK[^]*ok\n$/);
  });

  test('a port that a Service lacks, and a Service without ready pods, refuse at once', async () => {
    const targets = [
      ['web', 81],
      ['empty', 80],
      ['sick', 80],
    ] as const;
    const results = await tcp(targets.map(([host, port]) => ({ host, port })));
    for (const [result] of results) {
      expect(result).toMatchObject({ connected: false, error: 'ECONNREFUSED' });
      expect(result.ms).toBeLessThan(AT_ONCE_MS);
    }
  });

  test('a port on which the pod does not listen is refused, not accepted and reset', async () => {
    const [[result]] = await tcp([{ host: 'db-0.db', port: 1 }]);
    expect(result).toMatchObject({ connected: false, error: 'ECONNREFUSED' });
  });

  test('UDP to a Service is refused, and so is what has no route', async () => {
    const script = `
      const net = require('node:net'), dgram = require('node:dgram');
      const tcp = (host) => new Promise((r) => net.connect(80, host).on('error', (e) => r(e.code)));
      const udp = (host) => new Promise((r) => {
        const s = dgram.createSocket('udp4').on('error', (e) => r(e.code));
        s.connect(80, host, (e) => e ? r(e.code) : s.send('x'));
      });
      const hosts = require('node:fs').readFileSync('/etc/hosts', 'utf8');
      const unassigned = Array.from({ length: 250 }, (_, i) => '10.0.1.' + (i + 3)).find(
        (address) => !hosts.includes(address + '\\t'),
      );
      (async () => console.log(await udp('web'), await tcp('192.0.2.1'), await tcp(unassigned)))()
        .then(() => process.exit());`;
    const { stdout } = await inSandbox(`${process.execPath} -e "${script}"`);
    expect(stdout.trim()).toBe('ECONNREFUSED EHOSTUNREACH EHOSTUNREACH');
  });
});

describe('bytes', () => {
  test('64 MiB down and 64 MiB up, each byte compared', { timeout: 60_000 }, async () => {
    const size = String(64 * MIB);
    const script = [
      guest('transfer', 'down', `http://web/bytes?n=${size}`, size),
      guest('transfer', 'echo', 'http://web/echo', size),
      guest('transfer', 'up', 'http://web/sink', size),
    ].join(' && ');
    const { code, stdout, stderr } = await inSandbox(script, { timeoutMs: 50_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`${size} bytes as expected\n${size} bytes as expected\n${size} <nil>\n`);
  });

  test('a client that half-closes still gets its whole answer', async () => {
    const body = 8 * MIB;
    const [[http], [line]] = await tcp(
      [
        { host: 'web', port: 80, send: `GET /bytes?n=${body} HTTP/1.0\r\n\r\n`, end: true },
        { host: 'multi', port: 79, send: 'a\nb\n', end: true },
      ],
      { timeoutMs: 40_000 },
    );
    expect(http).toMatchObject({ ended: true });
    expect(http.error).toBeUndefined();
    expect(http.bytes).toBeGreaterThan(body);
    expect(line.text).toMatch(/^1: a\n2: b\n/);
    expect(line.ended).toBe(true);
  });

  test("a pod's FIN and its reset are told apart", async () => {
    const [[fin], [reset]] = await tcp([
      { host: 'db-0.db', port: 7005 },
      { host: 'db-0.db', port: 7006, send: 'x' },
    ]);
    expect(fin).toMatchObject({ connected: true, text: 'half\n', ended: true });
    expect(fin.error).toBeUndefined();
    // The pod resets as soon as it has accepted: that may meet the runtime while it still dials, as a refusal.
    expect(reset).toMatchObject({ error: expect.stringMatching(/^ECONN(RESET|REFUSED)$/), ended: false });
  });

  test('a server that speaks first is heard', async () => {
    const [[banner]] = await tcp([{ host: 'db-0.db', port: 7004, until: '\r\n' }]);
    expect(banner.text).toBe('220 db-0\r\n');
  });
});

describe('many', () => {
  test('200 connections at once', async () => {
    const [results] = await tcp([
      { host: 'multi', port: 7, send: 'hello', until: 'hello', count: 200, parallel: 200 },
    ]);
    expect(results.filter(({ text }) => text === 'hello')).toHaveLength(200);
  });

  test('connections are spread over the ready pods', async () => {
    const { stdout } = await inSandbox('for i in 1 2 3 4 5 6; do curl -sS http://web/whoami; done');
    const hosts = new Set(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).host),
    );
    expect(hosts.size).toBe(2);
  });
});
