/** Which link a sandbox gets, and that the one looks like the other from inside. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LinkKind } from '../../sandbox/index.ts';
import { Host, type HostOptions, type Installation, installHost } from './support/host.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await installHost();
});
afterAll(() => installation.remove());

const WITHOUT_TUN = [
  'unshare',
  '--map-root-user',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs none /dev/net && exec "$@"',
  'sh',
];

async function run(command: string, options: Omit<HostOptions, 'command'>) {
  const host = new Host(installation, { command: ['bash', '-c', command], ...options });
  const { notes, link } = await host.report('launched');
  host.tell({ kind: 'start' });
  const { code } = await host.report('exited');
  await host.ended();
  return { host, notes, link, code };
}

describe('which one', () => {
  test('a tun device where one can be had, without a word', async () => {
    const { link, notes } = await run('true', { link: { kind: 'auto' } });
    expect({ link, notes }).toEqual({ link: 'tun', notes: [] });
  });

  test('a veth pair where /dev/net/tun is missing, and a note says why', async () => {
    const { link, notes, code } = await run('true', { link: { kind: 'auto' }, prefix: WITHOUT_TUN });
    expect({ link, code }).toEqual({ link: 'veth', code: 0 });
    expect(notes).toEqual([
      expect.stringMatching(/^kns0 is a veth pair, .*: open \/dev\/net\/tun: .*\(ENOENT\)$/),
    ]);
  });
});

describe.each<LinkKind>(['tun', 'veth'])('%s', (kind) => {
  test('lo and kns0, both up, and nothing else', async () => {
    const { host } = await run("ip -o link | awk '{print $2, $3}'; ls /sys/class/net", { link: { kind } });
    expect(host.stdout).toMatch(/^lo: <LOOPBACK,UP.*>\nkns0[:@].*<.*NOARP.*UP.*LOWER_UP>\nkns0\nlo\n$/);
  });

  test('the MTU that was asked for', async () => {
    const { host } = await run('cat /sys/class/net/kns0/mtu', { link: { kind, mtu: 1400 } });
    expect(host.stdout).toBe('1400\n');
  });

  test('offload off: no segment larger than the MTU, each with its checksum', async () => {
    const send = 'head -c 3000 /dev/zero > /dev/udp/10.0.1.9/9';
    const { host } = await run(send, { link: { kind, mtu: 1500, offload: false } });
    const frames = host.reports.flatMap((report) => (report.kind === 'frame' ? [report] : []));
    expect(frames.length).toBeGreaterThanOrEqual(2);
    for (const { length, head } of frames) {
      expect(length).toBeLessThanOrEqual(10 + 14 + 1500);
      expect(head.slice(0, 20)).toBe('00'.repeat(10));
    }
  });
});
