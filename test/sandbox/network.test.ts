/** The interface kns0: its addresses and routes, and frames that cross it both ways. */

import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FRAME_HEAD, frameHead } from '../support/test-link.ts';
import { Host, type Installation, installHost, runInSandbox } from './support/host.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await installHost();
});
afterAll(() => installation.remove());

const shell = async (script: string) =>
  (await runInSandbox(installation, { command: ['bash', '-c', script] })).stdout;

/** What a UDP program sends: `bash` opens /dev/udp/HOST/PORT itself. */
function talking(script: string): Host {
  return new Host(installation, { command: ['bash', '-c', script] });
}

const ETHERNET_HEADER = FRAME_HEAD - 10;

/** A frame's IP packet: the hex behind the link's own headers. */
const packetOf = (head: string) => Buffer.from(head, 'hex').subarray(FRAME_HEAD);

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An IPv4 UDP datagram from the gateway, without a UDP checksum (RFC 768: zero means none). */
function datagram(fromPort: number, toPort: number, text: string): string {
  const payload = Buffer.from(text);
  const packet = Buffer.alloc(28 + payload.length);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(17, 9);
  packet.set([10, 0, 1, 1], 12);
  packet.set([10, 0, 1, 2], 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  packet.writeUInt16BE(fromPort, 20);
  packet.writeUInt16BE(toPort, 22);
  packet.writeUInt16BE(8 + payload.length, 24);
  packet.set(payload, 28);
  return Buffer.concat([frameHead(4), packet]).toString('hex');
}

/** The answer to a SYN. Its checksum is left open (VIRTIO_NET_HDR_F_NEEDS_CSUM), and a local receiver asks for none. */
function synAck(syn: Buffer, mss: number): string {
  const packet = Buffer.alloc(44);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(44, 2);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(6, 9);
  packet.set(syn.subarray(16, 20), 12);
  packet.set(syn.subarray(12, 16), 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  packet.set(syn.subarray(22, 24), 20);
  packet.set(syn.subarray(20, 22), 22);
  packet.writeUInt32BE(1_000, 24);
  packet.writeUInt32BE((syn.readUInt32BE(24) + 1) >>> 0, 28);
  packet.set([6 << 4, 0x12], 32);
  packet.writeUInt16BE(65_535, 34);
  packet.set([2, 4, mss >> 8, mss & 0xff], 40);
  return Buffer.concat([frameHead(4, { start: 20, field: 16 }), packet]).toString('hex');
}

/** A bubblewrap that mounts no /proc, with the real one next in PATH. */
const WITHOUT_PROC = `#!/bin/bash
args=()
while [ $# -gt 0 ]; do
  if [ "$1" = --proc ]; then shift; else args+=("$1"); fi
  shift
done
PATH=\${PATH#*:} exec bwrap "\${args[@]}"
`;

describe('kns0', () => {
  test('has its address, MTU and state, and a route to everything', async () => {
    const lines = (
      await shell('ip -o -4 addr show dev kns0; ip -4 route; cat /sys/class/net/kns0/mtu')
    ).split('\n');
    expect(lines[0]).toMatch(/kns0\s+inet 10\.0\.1\.2\/24 scope global kns0/);
    expect(lines[1]?.trim()).toBe('default via 10.0.1.1 dev kns0 proto static');
    expect(lines[2]).toContain('10.0.1.0/24 dev kns0');
    expect(lines[3]).toBe('65520');
  });

  test('has an IPv6 address and default route as well, and no other', async () => {
    const lines = (await shell('ip -o -6 addr show dev kns0; ip -6 route')).trim().split('\n');
    expect(lines[0]).toMatch(/kns0\s+inet6 fd6b:6e73::2\/64 scope global nodad\s/);
    expect(lines.slice(1).map((line) => line.split(' metric')[0]?.trim())).toEqual([
      'fd6b:6e73::/64 dev kns0 proto kernel',
      'default via fd6b:6e73::1 dev kns0 proto static',
    ]);
  });

  test('believes no router', async () => {
    const conf = '/proc/sys/net/ipv6/conf/kns0';
    expect(await shell(`cat ${conf}/accept_ra ${conf}/autoconf ${conf}/addr_gen_mode`)).toBe('0\n0\n1\n');
  });

  test('does without IPv6 where there is none, and says so', async () => {
    // Linux has no IPv6 on a link of a smaller MTU than RFC 8200 allows.
    const host = new Host(installation, {
      command: ['bash', '-c', 'ip -6 route; ip -4 route get 10.9.9.9; ls /proc/sys/net/ipv6/conf'],
      link: { mtu: 1000 },
    });
    expect((await host.report('launched')).notes).toEqual([
      expect.stringMatching(/^no IPv6 in the sandbox: ipv6: .* \(E[A-Z]+\)$/),
    ]);
    host.tell({ kind: 'start' });
    await host.ended();
    expect(host.stdout).toMatch(/^10\.9\.9\.9 via 10\.0\.1\.1 dev kns0 /);
    expect(host.stdout).not.toContain('kns0\nlo');
  });

  test('lets a user ping, and bind low ports', async () => {
    const ping = join(installation.folder, 'ping');
    execFileSync('cc', ['-o', ping, join(import.meta.dirname, 'support/ping.c')]);
    const port = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start';
    const { code, stdout } = await runInSandbox(installation, {
      command: ['bash', '-c', `${ping} 127.0.0.1 && ${ping} ::1 && ${ping} 10.0.1.2 && ${port}`],
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '0\n' });
  });

  test('where /proc/sys is read-only, says what is missing and goes on', async () => {
    const bwrap = join(installation.folder, 'bwrap');
    writeFileSync(bwrap, WITHOUT_PROC);
    chmodSync(bwrap, 0o755);
    const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys';
    const host = new Host(installation, {
      command: ['ip', '-o', 'link', 'show', 'dev', 'kns0'],
      hostEnv: { PATH: `${installation.folder}:${process.env['PATH']}` },
      prefix: ['unshare', '--map-root-user', '--mount', 'sh', '-c', `${readOnly} && exec "$@"`, 'sh'],
    });
    const { notes } = await host.report('launched');
    host.tell({ kind: 'start' });
    expect((await host.report('exited')).code).toBe(0);
    await host.ended();
    expect(notes).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^no ping without privilege .* \(EROFS\)$/),
        expect.stringMatching(/^no ports below 1024 .* \(EROFS\)$/),
      ]),
    );
    expect(host.stdout).toContain(',UP,');
  });

  test("ss shows the sandbox's own sockets alone", async () => {
    const lines = (await shell('exec 3<>/dev/udp/10.0.1.1/7; ss -Htuan')).trim().split('\n');
    expect(lines).toEqual([expect.stringMatching(/^udp\s.* 10\.0\.1\.2:\d+\s+10\.0\.1\.1:7\b/)]);
  });

  test('is silent until the command speaks: no router solicitation, no multicast', async () => {
    const host = talking('ip -6 neigh; ip -4 neigh; echo hello > /dev/udp/10.0.1.1/7');
    await host.report('launched');
    host.tell({ kind: 'start' });
    const first = await host.report('frame');
    expect(packetOf(first.head).subarray(28).toString()).toBe('hello\n');
    await host.ended();
    expect(host.reports.filter(({ kind }) => kind === 'frame')).toHaveLength(1);
    expect(host.stdout).toBe('');
  });
});

describe('frames', () => {
  test('a datagram arrives with its virtio-net header, and the answer gets back', async () => {
    const host = talking('exec 3<>/dev/udp/10.0.1.1/7; echo ask >&3; dd bs=2000 count=1 status=none <&3');
    await host.report('launched');
    host.tell({ kind: 'start' });
    const packet = packetOf((await host.report('frame')).head);
    expect([packet[0], packet[9]]).toEqual([0x45, 17]);
    expect([...packet.subarray(12, 20)]).toEqual([10, 0, 1, 2, 10, 0, 1, 1]);
    host.tell({
      kind: 'send',
      frame: datagram(7, packet.readUInt16BE(20), 'echo of a frame in two pieces\n'),
    });
    expect((await host.report('sent')).taken).toBe(true);
    await host.printed('echo of a frame in two pieces\n');
    await host.ended();
  });

  test('a TCP checksum is left to us, as the header says', async () => {
    const host = talking('exec 3<>/dev/tcp/10.0.1.9/80');
    await host.report('launched');
    host.tell({ kind: 'start' });
    const header = Buffer.from((await host.report('frame')).head, 'hex');
    // VIRTIO_NET_HDR_F_NEEDS_CSUM, from byte 20 of the packet on, to be put 16 bytes later.
    expect([header.readUInt8(0), header.readUInt16LE(6), header.readUInt16LE(8)]).toEqual([
      1,
      ETHERNET_HEADER + 20,
      16,
    ]);
    host.tell({ kind: 'close' });
    await host.ended();
  });

  test('a TCP stream comes in segments larger than its MSS', async () => {
    const host = talking('exec 3<>/dev/tcp/10.0.1.9/80; head -c 14000 /dev/zero >&3; read -r end <&3');
    await host.report('launched');
    host.tell({ kind: 'start' });
    const syn = packetOf((await host.report('frame')).head);
    host.tell({ kind: 'send', frame: synAck(syn, 1460) });
    const large = await host.until(
      ({ reports }) =>
        reports.flatMap((each) => (each.kind === 'frame' && each.length > 2 * 1460 ? [each] : []))[0],
    );
    const header = Buffer.from(large.head, 'hex');
    // VIRTIO_NET_HDR_GSO_TCPV4, headers of 40 bytes, to be cut into 1,460 bytes each.
    expect([header.readUInt8(1), header.readUInt16LE(2), header.readUInt16LE(4)]).toEqual([
      1,
      ETHERNET_HEADER + 40,
      1460,
    ]);
    host.tell({ kind: 'close' });
    await host.ended();
  });

  test('what was sent before the device was started is not lost', async () => {
    const host = talking('for i in 1 2 3 4 5; do echo $i > /dev/udp/10.0.1.1/7; done');
    await host.report('launched');
    host.tell({ kind: 'start' });
    await host.ended();
    const texts = host.reports.flatMap((each) =>
      each.kind === 'frame' ? [packetOf(each.head).subarray(28).toString()] : [],
    );
    expect(texts).toEqual(['1\n', '2\n', '3\n', '4\n', '5\n']);
  });

  test('a frame that the kernel refuses costs nothing but itself', async () => {
    const host = talking('echo ready; read -r end < /dev/udp/10.0.1.1/9');
    await host.report('launched');
    host.tell({ kind: 'start' });
    await host.printed('ready');
    host.tell({ kind: 'send', frame: '00'.repeat(40) });
    expect((await host.report('sent')).taken).toBe(true);
    host.tell({ kind: 'close' });
    await host.ended();
  });
});
