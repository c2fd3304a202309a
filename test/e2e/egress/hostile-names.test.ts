/** A command that tries its way around policy by how it spells addresses, and by names. */

import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Step } from './inside/steps.ts';
import { FAR, type Outside } from './outside.ts';
import { NEAR_PORT, Watched } from './watched.ts';

const [DENIED_4, DENIED_6] = ['EHOSTUNREACH', 'EACCES'];

// Several runs of the program in a test, on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let watched: Watched;
let outside: Outside;
beforeAll(async () => {
  watched = await Watched.start();
  ({ outside } = watched);
});
afterAll(() => watched.close());
beforeEach(() => watched.forget());

test("the near host's own addresses are closed, however they are spelled", async () => {
  const steps: readonly Step[] = [
    ['tcp', '192.0.2.1', NEAR_PORT],
    ['udp', '192.0.2.1', NEAR_PORT],
    ['tcp', '2001:db8::1', NEAR_PORT],
    ['udp', '2001:db8::1', NEAR_PORT],
    ['tcp', '2001:0db8:0000:0000:0000:0000:0000:0001', NEAR_PORT],
    ['tcp', '::ffff:192.0.2.1', NEAR_PORT],
    ['tcp', '::ffff:c000:201', NEAR_PORT],
    ['tcp', '64:ff9b::192.0.2.1', NEAR_PORT],
    ['udp', '64:ff9b::7f00:1', NEAR_PORT],
    ['tcp', '2002:c000:201::1', NEAR_PORT],
    ['tcp', '2002:7f00:1::1', NEAR_PORT],
    ['tcp', '3221225985', NEAR_PORT], // 192.0.2.1 to inet_aton(3)
    ['tcp', '0xc0.0.2.1', NEAR_PORT],
    ['tcp', '192.0.513', NEAR_PORT],
    ['tcp', '169.254.169.254', 80],
    ['tcp', '64:ff9b::a9fe:a9fe', 80],
  ];
  const said = await outside.said(steps, {
    args: ['--allow', '0.0.0.0/0', '--allow', '::/0', '--allow', '*'],
  });
  expect(said.map((what, i) => `${steps[i][1]} ${String(what)}`)).toEqual(
    steps.map(([, address]) => {
      const isSix = typeof address === 'string' && address.includes(':') && !address.startsWith('::ffff:');
      return `${address} ${isSix ? DENIED_6 : DENIED_4}`;
    }),
  );
  // What a program calls its own host is the sandbox, and groups end at its edge.
  const own = await outside.said([
    ['tcp', '127.0.0.1', NEAR_PORT],
    ['tcp', '::1', NEAR_PORT],
    ['tcp', '0.0.0.0', NEAR_PORT],
    ['tcp', '127.255.255.254', NEAR_PORT],
    // The gateway has DNS and nothing else; nobody has the rest of the sandbox's range.
    ['tcp', '10.0.1.1', NEAR_PORT],
    ['udp', '10.0.1.1', NEAR_PORT],
    ['tcp', '10.0.1.251', NEAR_PORT],
    ['tcp', 'fd6b:6e73::1', NEAR_PORT],
    ['tcp', 'fd6b:6e73::7:7', NEAR_PORT],
  ]);
  expect(own).toEqual([
    'ECONNREFUSED',
    'ECONNREFUSED',
    'ECONNREFUSED',
    'ECONNREFUSED',
    'ECONNREFUSED',
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'ECONNREFUSED',
    'EHOSTUNREACH',
  ]);
  expect(watched.reached).toEqual([]);
});

test('what opens an address opens that one', async () => {
  const steps: readonly Step[] = [
    ['udp', '192.0.2.1', NEAR_PORT],
    ['udp', '2001:db8::1', NEAR_PORT],
  ];
  expect(await outside.said(steps, { args: ['--allow', '192.0.2.1'] })).toEqual(['silence', DENIED_6]);
  expect(watched.reached).toEqual(['datagram']);
});

test('a name leads nowhere that its address may not', async () => {
  const before = watched.reached.length;
  const rebound: Step = ['tcp', 'rebound.example', NEAR_PORT];
  const args = ['--egress', 'deny', '--allow', '*.example', '--audit', watched.audit];
  const said = await outside.said(
    [
      ['tcp', 'rebound.example', 7000, 'echo'], // 192.0.2.2 for now
      rebound,
      rebound,
      rebound,
      ['tcp', 'loopback.example', NEAR_PORT],
      ['tcp', 'own.example', NEAR_PORT],
      ['tcp', 'metadata.example', 80],
      ['tcp', 'mapped.example', NEAR_PORT],
    ],
    { args },
  );
  expect(said[0]).toBe('echo');
  expect(said.slice(1)).toEqual(
    said.slice(1).map(() => expect.stringMatching(/^E(CONNREFUSED|HOSTUNREACH|ACCES)$/)),
  );
  // What is 127.0.0.1 to a program is its own sandbox: no flow of it comes so far.
  expect(watched.decided().toSorted()).toEqual(
    [
      'allow tcp 192.0.2.2 7000',
      'deny tcp 192.0.2.1 7777',
      'deny tcp 169.254.169.254 7777',
      'deny tcp 192.0.2.1 7777',
      'deny tcp 2001:db8::1 7777',
      'deny tcp 169.254.169.254 80',
    ].toSorted(),
  );
  expect(watched.reached).toHaveLength(before);
});

test('names that no rule could allow are not asked for: nothing leaves by a question', async () => {
  const args = ['--egress', 'deny', '--allow', 'web.example:443'];
  const said = await outside.said(
    [
      ['dns', 'c2VjcmV0.exfil.example', 'A'],
      ['dns', 'c2VjcmV0.exfil.example', 'TXT', 'tcp'],
      ['dns', 'c2VjcmV0.web.example', 'A'],
      ['dns', 'C2VjcmV0.Web.Example.', 'NULL'],
      ['udp', FAR[4], 53, 'c2VjcmV0'],
      ['dns', 'web.example', 'A'],
    ],
    { args },
  );
  const nothing = { rcode: 'NXDOMAIN', truncated: false, answers: [] };
  expect(said.slice(0, 5)).toEqual([nothing, nothing, nothing, nothing, DENIED_4]);
  expect(said[5]).toMatchObject({ answers: ['A "192.0.2.2"'] });
  const told = await outside.told((lines) => lines.some((line) => line.includes('web.example A')));
  expect(told.filter((line) => /c2vjcmv0/i.test(line))).toEqual([]);
});

test('a name is nothing that a proxy could take for its own', async () => {
  const smuggled = 'x:1 HTTP/1.1\r\n\r\nCONNECT 192.0.2.1:7777 HTTP/1.1\r\nx: y.any.example';
  const said = await outside.said(
    [
      ['dns', smuggled, 'A'],
      ['tcp', FAR[4], 7000, 'echo'],
    ],
    { args: ['--egress-proxy', 'http://192.0.2.2:3128'] },
  );
  expect(said).toEqual([expect.objectContaining({ answers: ['A "192.0.2.2"'] }), 'echo']);
  const told = await outside.told((lines) => lines.some((line) => line.includes('"proxy"')));
  expect(told.filter((line) => line.includes('"proxy"'))).toEqual([
    JSON.stringify({ proxy: 3128, authority: '192.0.2.2:7000' }),
  ]);
});
