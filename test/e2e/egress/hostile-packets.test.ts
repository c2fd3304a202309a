/** A command that tries its way around policy by packets that no kernel would make, and by numbers. */

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { processesMarked } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import { ipv4Frame, ipv6Frame, tcpFrame, udpDatagram, udpFrame } from '../../stack/harness/packets.ts';
import { FAR, NOBODY, type Outside } from './outside.ts';
import { LAST_WORD, NEAR_PORT, Watched } from './watched.ts';

const GUEST_6 = 'fd6b:6e73::2';
/** Of a packet for the link, what stands in front is the device's. */
const VIRTIO_BYTES = 10;
const UDP = 17;
/** Node has about 80 MiB of its own, and the demo's cluster runs in the same process. */
const MOST_MEMORY_KIB = 400 << 10;

// Several runs of the program in a test, on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let watched: Watched;
let outside: Outside;
beforeAll(async () => {
  watched = await Watched.start();
  ({ outside } = watched);
  const source = join(import.meta.dirname, 'inside/inject.c');
  execFileSync(process.env['CC'] ?? 'cc', ['-Wall', '-o', join(outside.folder, 'inject'), source]);
});
afterAll(() => watched.close());
beforeEach(() => watched.forget());

async function inject(frames: readonly Uint8Array[], args: readonly string[] = []): Promise<string[]> {
  const packets = frames.map((frame) => Buffer.from(frame.subarray(VIRTIO_BYTES)).toString('hex'));
  const script = `${outside.folder}/inject ${packets.join(' ')}\n${outside.commandOf([LAST_WORD])}`;
  const said = await outside.output(script, { args: ['--net-admin', '--audit', watched.audit, ...args] });
  expect(JSON.parse(said)).toMatchObject({ said: 'over' });
  return watched.decided();
}

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
  const before = watched.reached.length;
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
  expect(watched.reached).toHaveLength(before);
});

test('TCP to port 0 ends like any other flow', async () => {
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
