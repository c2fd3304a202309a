/**
 * A command that tries its way around policy: by how it spells addresses, by
 * names, by packets that no kernel would make, and by numbers. What counts is
 * what policy has decided (the audit has each flow) and what has come to the
 * near host itself, whose servers nobody may reach.
 */

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { processesMarked } from '../../support/processes.ts';
import type { Serving } from '../../support/serving.ts';
import { until } from '../../support/until.ts';
import { ipv4Frame, ipv6Frame, tcpFrame, udpDatagram, udpFrame } from '../../stack/harness/packets.ts';
import type { Step } from './inside/steps.ts';
import { FAR, NOBODY, Outside } from './outside.ts';

// Several runs of the program in a test, on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const NEAR_PORT = 7777;
const GUEST_6 = 'fd6b:6e73::2';
/** Of a packet for the link, what stands in front is the device's. */
const VIRTIO_BYTES = 10;
const UDP = 17;
/** Node has about 80 MiB of its own, and the demo's cluster runs in the same process. */
const MOST_MEMORY_KIB = 400 << 10;
const [DENIED_4, DENIED_6] = ['EHOSTUNREACH', 'EACCES'];

let outside: Outside;
let near: Serving;
let audit: string;
beforeAll(async () => {
  outside = await Outside.start();
  const source = join(import.meta.dirname, 'inside/inject.c');
  execFileSync(process.env['CC'] ?? 'cc', ['-Wall', '-o', join(outside.folder, 'inject'), source]);
  near = await outside.serveNear([process.execPath, '-e', NEAR_SERVER]);
  audit = join(outside.folder, 'audit.jsonl');
});
afterAll(() => outside.close());
beforeEach(() => rmSync(audit, { force: true }));

const NEAR_SERVER = `
const tell = (what) => () => console.log(what);
require('node:net').createServer(tell('connection')).listen(${NEAR_PORT}, '::', tell('ready'));
for (const type of ['udp4', 'udp6']) {
  const socket = require('node:dgram').createSocket({ type, ipv6Only: type === 'udp6' });
  socket.on('message', tell('datagram')).bind(${NEAR_PORT});
}`;

/** Each flow that was decided on, but for those of the tests' own last word. */
function decided(): string[] {
  const lines = readFileSync(audit, 'utf8').trimEnd().split('\n');
  return lines
    .map((line) => JSON.parse(line))
    .filter(({ event, port }) => event === 'start' && port !== LAST_WORD[2])
    .map(({ protocol, address, port, verdict }) => `${verdict} ${protocol} ${address} ${port}`);
}

/** When it is answered, all that was sent before has been looked at: the link keeps the order. */
const LAST_WORD = ['udp', FAR[4], 7001, 'over'] as const;

async function inject(frames: readonly Uint8Array[], args: readonly string[] = []): Promise<string[]> {
  const packets = frames.map((frame) => Buffer.from(frame.subarray(VIRTIO_BYTES)).toString('hex'));
  const script = `${outside.folder}/inject ${packets.join(' ')}\n${outside.commandOf([LAST_WORD])}`;
  const said = await outside.output(script, { args: ['--net-admin', '--audit', audit, ...args] });
  expect(JSON.parse(said)).toMatchObject({ said: 'over' });
  return decided();
}

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
  expect(near.lines).toEqual(['ready']);
});

test('what opens an address opens that one', async () => {
  const steps: readonly Step[] = [
    ['udp', '192.0.2.1', NEAR_PORT],
    ['udp', '2001:db8::1', NEAR_PORT],
  ];
  expect(await outside.said(steps, { args: ['--allow', '192.0.2.1'] })).toEqual(['silence', DENIED_6]);
  expect(near.lines).toEqual(['ready', 'datagram']);
});

test('a name leads nowhere that its address may not', async () => {
  const before = near.lines.length;
  const rebound: Step = ['tcp', 'rebound.example', NEAR_PORT];
  const args = ['--egress', 'deny', '--allow', '*.example', '--audit', audit];
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
  expect(decided().toSorted()).toEqual(
    [
      'allow tcp 192.0.2.2 7000',
      'deny tcp 192.0.2.1 7777',
      'deny tcp 169.254.169.254 7777',
      'deny tcp 192.0.2.1 7777',
      'deny tcp 2001:db8::1 7777',
      'deny tcp 169.254.169.254 80',
    ].toSorted(),
  );
  expect(near.lines).toHaveLength(before);
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

function piece(bytes: Uint8Array, at: number, more: boolean, identification: number): Uint8Array {
  return ipv4Frame({
    destination: FAR[4],
    protocol: UDP,
    identification,
    fragment: (more ? 0x2000 : 0) | (at / 8),
    payload: bytes,
  });
}

function datagram(destination: string, source?: string, destinationPort = NEAR_PORT): Uint8Array {
  return udpFrame(Buffer.from('x'), {
    destination,
    destinationPort,
    ...(source !== undefined && { source }),
  });
}

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

test('fragments: a flow is decided by the whole datagram, and overlaps make none', async () => {
  const toDenied = udpDatagram(Buffer.alloc(24, 'x'), FAR[4], 5000, 7002);
  const toAllowed = udpDatagram(Buffer.alloc(24, 'x'), FAR[4], 5000, 7003);
  expect(
    await inject(
      [
        // The end first, and the head, with the port, last.
        piece(toDenied.subarray(8), 8, false, 1),
        piece(toDenied.subarray(0, 8), 0, true, 1),
        // A head to an allowed port, which one to a denied port overlaps, and the other way around.
        piece(toAllowed.subarray(0, 16), 0, true, 2),
        piece(toDenied.subarray(0, 8), 0, true, 2),
        piece(toAllowed.subarray(8), 8, false, 2),
        piece(toDenied.subarray(0, 16), 0, true, 3),
        piece(toAllowed.subarray(0, 16), 0, true, 3),
        piece(toDenied.subarray(16), 16, false, 3),
        // All but the head.
        piece(toAllowed.subarray(8, 16), 8, true, 4),
        piece(toAllowed.subarray(16), 16, false, 4),
      ],
      ['--deny', 'udp:192.0.2.2:7002'],
    ),
  ).toEqual(['deny udp 192.0.2.2 7002']);
});

test('packets that no kernel would make lead nowhere, or where their destination does', async () => {
  const before = near.lines.length;
  const sourceRoute = Uint8Array.of(131, 7, 4, 192, 0, 2, 1, 0); // LSRR (RFC 791, 3.1) by way of the near host
  const flows = await inject(
    [
      ipv4Frame({
        destination: FAR[4],
        protocol: UDP,
        options: sourceRoute,
        payload: udpDatagram(Buffer.from('x'), FAR[4], 5000, 7002),
      }),
      // To what is no single host, or not on any network.
      ...[
        '127.0.0.1',
        '127.9.9.9',
        '0.0.0.0',
        '224.0.0.1',
        '255.255.255.255',
        '192.0.2.255',
        '240.0.0.1',
      ].map((address) => datagram(address)),
      ...['::1', '::', 'ff02::1', 'fe80::1', '::ffff:7f00:1', '::ffff:c000:201', '::7f00:1'].map((address) =>
        datagram(address, GUEST_6),
      ),
      // From what is not the sandbox's own.
      datagram(FAR[4], '10.0.1.77', 7002),
      datagram(FAR[4], '198.51.100.7', 7002),
      datagram(FAR[4], '127.0.0.1', 7002),
      datagram(FAR[4], '255.255.255.255', 7002),
      tcpFrame({ destination: FAR[4], destinationPort: 0, sequence: 1, flags: 2 }),
      tcpFrame({ destination: FAR[4], source: FAR[4], destinationPort: 7000, sequence: 1, flags: 2 }),
      udpFrame(Buffer.from('x'), { destination: FAR[4], destinationPort: 0 }),
      // SCTP, and a protocol that nobody has.
      ipv4Frame({ destination: FAR[4], protocol: 132, payload: new Uint8Array(12) }),
      ipv6Frame({ source: GUEST_6, destination: FAR[6], protocol: 253, payload: new Uint8Array(12) }),
    ],
    ['--egress', 'allow'],
  );
  const open = flows.filter((flow) => !flow.startsWith('deny'));
  expect(new Set(open)).toEqual(
    new Set([
      'allow udp 192.0.2.2 7002',
      'allow tcp 192.0.2.2 7000',
      'allow tcp 192.0.2.2 0',
      'allow udp 192.0.2.2 0',
      'allow udp 240.0.0.1 7777',
    ]),
  );
  expect(near.lines).toHaveLength(before);
});

test('TCP and UDP to port 0 end like any other flow', async () => {
  const said = await outside.said([['tcp', FAR[4], 0], ['tcp', FAR[6], 0], LAST_WORD]);
  expect(said).toEqual([expect.stringMatching(/^E/), expect.stringMatching(/^E/), 'over']);
});

test('a flood of flows takes what it may and no more, and nobody starves', async () => {
  const [flooded, go] = ['flooded', 'go'].map((name) => join(outside.folder, name));
  const mark = `KNS_TEST_FLOOD=${randomUUID()}`;
  const [name = '', value] = mark.split('=');
  const running = outside.output(
    `${outside.commandOf([
      ['flood', '203.0.113.9', 1500, 20],
      ['dial', NOBODY, 2000],
      ['tcp', FAR[4], 7000, 'echo'],
      ['tcp', 'web', 80, 'GET / HTTP/1.0\r\n\r\n'],
    ])}
    touch ${flooded}
    until [ -e ${go} ]; do sleep 0.05; done`,
    { env: { [name]: value } },
  );
  await until(() => Promise.resolve(existsSync(flooded)));
  const peaksKiB = processesMarked(mark).map(({ status }) => Number.parseInt(status['VmHWM'] ?? '0', 10));
  writeFileSync(go, '');
  const said = (await running).split('\n').map((line) => JSON.parse(line).said);
  expect(said).toEqual([30_000, 2000, 'echo', expect.stringMatching(/^HTTP/)]);
  expect(Math.max(...peaksKiB)).toBeGreaterThan(0);
  expect(Math.max(...peaksKiB)).toBeLessThan(MOST_MEMORY_KIB);
});
