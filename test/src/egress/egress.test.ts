/** The direct way out, over real links: what the far host and the routes do is what the sandbox is to see. */

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorld, type World } from './support/world.ts';

const PINGS_ALLOWED = 'echo "0 0" > /proc/sys/net/ipv4/ping_group_range\n';
/** Of each kind that `ip route` has, by its own errors (ip-route(8)). */
const DEAD_ROUTES = `ip route add unreachable 198.51.100.1
ip route add prohibit 198.51.100.2
ip route add unreachable 2001:db8:ff::1
ip route add prohibit 2001:db8:ff::2
`;

let world: World;
beforeAll(async () => {
  world = await makeWorld(join(import.meta.dirname, 'support/two-hosts.ts'));
});
afterAll(() => world.remove());

test('TCP: both directions, each end by itself, reset, a slow reader, and a refusal; over both versions', async () => {
  const seen = await world.run('tcp');
  const each = [
    { established: true, text: 'echo', bytes: 4, ending: 'end' },
    { established: true, text: `had ${(4 << 20) + 1}`, bytes: 11, ending: 'end' },
    { established: true, text: '', bytes: 0, ending: 'reset' },
    { established: true, text: '', bytes: 16 << 20, ending: 'end' },
    { established: false, text: '', bytes: 0, ending: 'refused' },
  ];
  expect(seen).toEqual([...each, ...each]);
});

function failed(address: string, unreachable: string) {
  return { address, established: false, text: '', bytes: 0, ending: 'unreachable', unreachable };
}

test('no way: as the host has it, for TCP, UDP and pings; and silence is silence', async () => {
  const seen = await world.run('unreachable', PINGS_ALLOWED + DEAD_ROUTES);
  const reasons = {
    '198.51.100.1': 'host',
    '198.51.100.2': 'admin-prohibited',
    '198.51.100.3': 'net',
    '2001:db8:ff::1': 'host',
    '2001:db8:ff::2': 'admin-prohibited',
  };
  expect(seen).toEqual([
    ...Object.entries(reasons).map(([address, reason]) => failed(address, reason)),
    { established: false, text: '', bytes: 0, ending: 'nothing yet' },
    ...Object.entries(reasons).map(([address, reason]) => ({ address, udp: reason, echo: reason })),
  ]);
});

test('UDP: there and back, large and empty ones, one port for all peers, and errors to whom they belong', async () => {
  const seen = await world.run('udp');
  const each = [
    { from: 7001, said: 'hello' },
    { from: 7001, said: '60000 bytes' },
    { from: 7001, said: '' },
    { samePort: true },
    { from: 7002, said: 'from another port' },
    'port',
    { from: 7001, said: 'still here' },
  ];
  expect(seen).toEqual([...each, ...each]);
});

test('UDP: one after the other, many', async () => {
  expect(await world.run('many datagrams')).toEqual([{ answered: 2000 }]);
});

test('pings are answered, and each by its own', async () => {
  const seen = await world.run('ping', PINGS_ALLOWED + DEAD_ROUTES);
  expect(seen).toEqual(['reply', 'reply', 'host', { answered: 50 }, { lines: [] }]);
});

test('where ping sockets are forbidden: one line for each version, and no answer', async () => {
  // As a new network namespace has it: nobody may.
  const seen = await world.run('no ping');
  const lines = [4, 6].map(
    (version) =>
      `pings over IPv${version} are not answered: the host has no ping sockets for this user (sysctl net.ipv4.ping_group_range)`,
  );
  expect(seen).toEqual([{ lines }]);
});

test('a command in a sandbox: there and back, refused, denied, and without a way', async () => {
  const seen = await world.run('sandbox');
  const each = [
    ['had 1', 'ECONNREFUSED'],
    ['hello 5', `${'x'.repeat(20)} 9000`, 'ECONNREFUSED'],
  ];
  expect(seen).toEqual([
    ...each,
    'EHOSTUNREACH', // ICMP's "administratively prohibited"
    ...each,
    'EACCES', // and ICMPv6's
    ['192.0.2.1', 'EHOSTUNREACH'],
    ['2001:db8::1', 'EACCES'],
    ['169.254.169.254', 'EHOSTUNREACH'],
    ['198.51.100.3', 'ENETUNREACH'],
  ]);
});

test('DNS servers that can not be reached are passed over at once', async () => {
  expect(await world.run('dns', DEAD_ROUTES)).toEqual([
    { rcode: 2, lines: ['EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED'] },
  ]);
});

/** What `os.networkInterfaces` does not have: like docker0 without a container, and by routes. */
const UNLISTED = `ip link add idle type veth peer name other
ip addr add 172.17.0.1/16 dev idle
ip addr add 2001:db8:5::1/64 dev idle nodad
ip link set idle up
ip route add local 203.0.113.0/24 dev lo
ip route add local 2001:db8:77::/48 dev lo
ip route add local 198.18.0.0/15 dev lo table 100
`;

test("the host's own addresses, by its interfaces and routes, are closed, and its neighbour's are not", async () => {
  expect(await world.run('policy', UNLISTED)).toEqual([
    '192.0.2.1 deny',
    '2001:db8::1 deny',
    '192.0.2.255 deny',
    '192.0.2.2 allow',
    '2001:db8::2 allow',
    '127.0.0.1 deny',
    '172.17.0.1 deny',
    '172.17.255.255 deny',
    '2001:db8:5::1 deny',
    '203.0.113.5 deny',
    '2001:db8:77::8 deny',
    '198.18.0.1 allow', // local to marked packets alone
  ]);
});
