/** What flows to the outside meet: there and back, and each kind of end, as the host would have it. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Step } from './inside/steps.ts';
import { FAR, NO_SUCH_HOST, NOBODY, Outside, PROHIBITED } from './outside.ts';

/** What is told at once is told within this, on a busy machine. */
const AT_ONCE_MS = 2000;

// Several runs of the program in a test, on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let outside: Outside;
beforeAll(async () => {
  outside = await Outside.start();
});
afterAll(() => outside.close());

describe.each([FAR[4], FAR[6]])('%s', (far) => {
  test('TCP: each end closes by itself, resets are resets, and bulk comes whole', async () => {
    expect(
      await outside.said([
        ['tcp', far, 7000, 'echo'],
        ['tcp', far, 7000, `a${'x'.repeat(1 << 16)}`],
        ['tcp', far, 7000, 'reset'],
        ['tcp', far, 7000, 'bulk'],
        ['tcp', far, 9],
      ]),
    ).toEqual(['echo', `had ${(1 << 16) + 1}`, 'ECONNRESET', 16 << 20, 'ECONNREFUSED']);
  });

  test('TCP: what a server says before it resets is heard', async () => {
    const said = await outside.said(Array.from({ length: 10 }, () => ['tcp', far, 7000, 'too'] as const));
    // Node takes a reset for an end where bytes come right before it.
    for (const one of said) expect(one).toMatch(/^too large(ECONNRESET)?$/);
  });

  test('UDP: small, large and empty datagrams, and a closed port', async () => {
    expect(
      await outside.said([
        ['udp', far, 7001, 'hello'],
        ['udp', far, 7001, 60_000],
        ['udp', far, 7001, ''],
        ['udp', far, 9],
      ]),
    ).toEqual(['hello', 60_000, '', 'ECONNREFUSED']);
  });

  test('pings are answered', async () => {
    const ping = join(outside.folder, `ping-${far.length}`);
    execFileSync(process.env['CC'] ?? 'cc', [
      '-o',
      ping,
      join(import.meta.dirname, '../../sandbox/support/ping.c'),
    ]);
    expect(await outside.output(`${ping} ${far} && echo yes`)).toBe('yes');
  });
});

describe('urgent data comes in its place, and what is behind it at once', () => {
  const PORT = 7020;
  beforeAll(async () => {
    const urgent = join(outside.folder, 'urgent');
    const cc = process.env['CC'] ?? 'cc';
    execFileSync(cc, ['-o', urgent, join(import.meta.dirname, 'far/urgent.c')]);
    await outside.serve([urgent, String(PORT)], { ready: /ready/ });
    await outside.serveNear([urgent, String(PORT)], { ready: /ready/ });
  });

  test.each([
    ['from the outside', FAR[4], []],
    ["from a port of the host's", '127.0.0.1', ['--host-port', String(PORT)]],
    ["from the host's own name", 'host.kns.internal', ['--host-port', String(PORT)]],
  ])('%s', async (_name, host, args) => {
    const asks = `exec 3<>/dev/tcp/${host}/${PORT}; echo >&3; head -c 12 <&3`;
    expect(await outside.output(`timeout 10 bash -c '${asks}'`, { args })).toBe('before!after');
  });
});

test('what the way says is told at once; where nobody answers there is silence', async () => {
  const steps: readonly Step[] = [
    ['tcp', NO_SUCH_HOST, 80],
    ['tcp', PROHIBITED, 80],
    ['tcp', '198.18.0.1', 80],
    ['udp', '198.18.0.1', 80],
    ['tcp', '2001:db8:ff::1', 80],
    ['udp', NOBODY, 80],
  ];
  const done = await outside.steps(steps);
  expect(done.map(({ said }) => said)).toEqual([
    'EHOSTUNREACH',
    'EHOSTUNREACH', // ICMP's "administratively prohibited"
    'ENETUNREACH',
    // Linux keeps to itself what ICMP says of a way that may come back (udp(7)): who wants it asks by IP_RECVERR.
    'silence',
    'ENETUNREACH',
    'silence',
  ]);
  for (const { said, ms } of done.filter(({ said }) => said !== 'silence'))
    expect([said, ms < AT_ONCE_MS]).toEqual([said, true]);
});

test('what is denied is denied at once, over both versions', async () => {
  const done = await outside.steps(
    [
      ['tcp', FAR[4], 7000],
      ['tcp', FAR[6], 7000],
      ['udp', FAR[4], 7001],
      ['udp', FAR[6], 7001],
    ],
    { args: ['--egress', 'deny'] },
  );
  expect(done.map(({ said }) => said)).toEqual(['EHOSTUNREACH', 'EACCES', 'EHOSTUNREACH', 'EACCES']);
  for (const { ms } of done) expect(ms).toBeLessThan(AT_ONCE_MS);
});

test('a name with an address of either version answers though the host has no way to one of them', async () => {
  // Node tries the next address after 250 ms (RFC 8305); the sandbox says at once that there is no way.
  const [done] = await outside.steps([['tcp', 'half.example', 7000, 'echo']]);
  expect(done.said).toBe('echo');
  expect(done.ms).toBeLessThan(AT_ONCE_MS);
});
