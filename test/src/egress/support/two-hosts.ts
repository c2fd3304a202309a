/**
 * What egress.test.ts runs in its two namespaces: `far SCENARIO` serves, and says
 * when it is ready; `near SCENARIO` dials, and prints what it sees as JSON lines.
 */

import { randomFillSync } from 'node:crypto';
import { OTHER_UDP_PORT, serveEchoes, TCP_PORT, UDP_PORT } from '../../../support/echo-services.ts';
import { TEST_LINK } from '../../../support/test-link.ts';
import type { DatagramFlowEvents, EgressDestination } from '../../../../src/egress/dialer.ts';
import { DirectDialer } from '../../../../src/egress/direct.ts';
import { DatagramRelay } from '../../../../src/egress/udp/relay.ts';
import { UpstreamDns } from '../../../../src/egress/dns/upstream.ts';
import { Policy } from '../../../../src/policy/policy.ts';
import { parseRuleOption, type Protocol } from '../../../../src/policy/rule.ts';
import { relay } from '../../../../src/relay/relay.ts';
import type { RemoteStreamError } from '../../../../src/relay/stream.ts';
import { Driver } from '../../../../src/session/driver.ts';
import {
  launch,
  type LinkOptions,
  openDatagramSockets,
  openStreamSockets,
} from '../../../../sandbox/index.ts';
import { Stack } from '../../../../stack/index.ts';
import { Heard } from './heard.ts';

const FAR = { 4: '192.0.2.2', 6: '2001:db8::2' } as const;

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

// The near host.

const lines: string[] = [];
const log = { warn: keep, info: keep, debug: keep };
function keep(line: string): void {
  lines.push(line);
}
const direct = new DirectDialer(await openDatagramSockets(), await openStreamSockets(), log);

interface Outcome {
  readonly established: boolean;
  readonly text: string;
  readonly bytes: number;
  readonly ending: string;
  readonly unreachable?: string;
}

/** Dials, sends, ends where it is asked to, and waits for the end. */
function dial(
  destination: EgressDestination,
  first: string | Uint8Array,
  { end = true, timeoutMs = 0, slow = false } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let established = false;
    const settle = (ending: string, error?: RemoteStreamError): void => {
      const all = Buffer.concat(chunks);
      const text = all.length > 100 ? '' : all.toString();
      const unreachable = error?.reason === 'unreachable' ? { unreachable: error.unreachable } : {};
      stream.destroy();
      resolve({ established, text, bytes: all.length, ending, ...unreachable });
    };
    const stream = direct.stream(destination, {
      onEstablished: () => {
        established = true;
        stream.write(typeof first === 'string' ? Buffer.from(first) : first, () => {});
        if (end) stream.end();
      },
      onData: (chunk) => {
        chunks.push(chunk);
        if (!slow) return;
        stream.pause();
        setImmediate(() => stream.resume());
      },
      onEnd: () => settle('end'),
      onError: (error) => settle(error.reason, error),
    });
    if (timeoutMs > 0) setTimeout(() => settle('nothing yet'), timeoutMs);
  });
}

/** A flow that tells what comes: a datagram, or an error. */
function flowOf(
  port: ReturnType<DirectDialer['openPort']>,
  destination: EgressDestination,
): { send(payload: string | Uint8Array): void; next(): Promise<unknown>; close(): void } {
  const heard = new Heard<object | string>();
  const events: DatagramFlowEvents = {
    onDatagrams: (payloads, from) => {
      for (const payload of payloads) {
        const said = payload.length > 100 ? `${payload.length} bytes` : Buffer.from(payload).toString();
        heard.push({ from, said });
      }
    },
    onUnreachable: (reason) => heard.push(reason),
    onTooBig: (mtu) => heard.push({ mtu }),
  };
  const flow = port.flow(destination, events);
  return {
    send: (payload) => flow.send(typeof payload === 'string' ? Buffer.from(payload) : payload),
    next: () => heard.next(),
    close: () => flow.close(),
  };
}

function ping(address: string, data = 'abcdefgh'): Promise<string> {
  return new Promise((resolve) => {
    direct.echo({
      address,
      data: Buffer.from(data),
      reply: () => resolve('reply'),
      unreachable: (reason) => resolve(reason),
    });
  });
}

const versions = [4, 6] as const;

const LINK: LinkOptions = {
  kind: TEST_LINK,
  address: '10.0.1.2',
  prefixLength: 24,
  gateway: '10.0.1.1',
  ipv6: { address: 'fd6b:6e73::2', prefixLength: 64, gateway: 'fd6b:6e73::1' },
  mtu: 65_520,
};

/** What the command does: each address by TCP, then by UDP, and what came of it. */
const GUEST = `
const { connect } = require('node:net');
const { createSocket } = require('node:dgram');
const say = (value) => console.log(JSON.stringify(value));
const tcp = (host, port) => new Promise((resolve) => {
  const socket = connect({ host, port, allowHalfOpen: true }, () => socket.end('a'));
  let text = '';
  socket.on('data', (data) => (text += data)).on('end', () => resolve(text)).on('error', ({ code }) => resolve(code));
});
const udp = (host, port, text) => new Promise((resolve) => {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const done = (what) => { socket.close(); resolve(what); };
  socket.on('message', (message) => done(String(message).slice(0, 20) + ' ' + message.length));
  socket.on('error', ({ code }) => done(code));
  socket.connect(port, host, () => socket.send(text));
});
(async () => {
  for (const host of ['192.0.2.2', '2001:db8::2']) {
    say([await tcp(host, 7000), await tcp(host, 7005)]);
    say([await udp(host, 7001, 'hello'), await udp(host, 7001, 'x'.repeat(9000)), await udp(host, 7005, 'x')]);
    say(await udp(host, 9, 'x'));
  }
  for (const host of ['192.0.2.1', '2001:db8::1', '169.254.169.254', '198.51.100.3']) say([host, await tcp(host, 80)]);
})();
`;

/** The near host's as well, where the test has set it so: without a carrier, and by routes of type `local`. */
const UNLISTED = [
  '172.17.0.1',
  '172.17.255.255',
  '2001:db8:5::1',
  '203.0.113.5',
  '2001:db8:77::8',
  '198.18.0.1',
];

/** Without a way, each for a reason that the test's routes give. */
const NOWHERE = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '2001:db8:ff::1', '2001:db8:ff::2'];

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  async tcp() {
    for (const version of versions) {
      const at = { address: FAR[version], port: TCP_PORT };
      say(await dial(at, 'echo'));
      say(await dial(at, Buffer.concat([Buffer.from('a'), Buffer.alloc(4 << 20)])));
      say(await dial(at, 'reset', { end: false }));
      say(await dial(at, 'bulk', { slow: true }));
      say(await dial({ ...at, port: 9 }, ''));
    }
  },
  /** Reasons that the way has; which ones is said by the routes that the test has set. */
  async unreachable() {
    for (const address of NOWHERE) say({ address, ...(await dial({ address, port: 80 }, '')) });
    say(await dial({ address: '192.0.2.99', port: 80 }, '', { timeoutMs: 300 }));
    const port = direct.openPort();
    for (const address of NOWHERE) {
      const flow = flowOf(port, { address, port: 80 });
      flow.send('x');
      say({ address, udp: await flow.next(), echo: await ping(address) });
    }
    port.close();
  },
  async udp() {
    for (const version of versions) {
      const port = direct.openPort();
      const [one, other, closed] = [UDP_PORT, OTHER_UDP_PORT, 9].map((number) =>
        flowOf(port, { address: FAR[version], port: number }),
      );
      one.send('hello');
      say(await one.next());
      one.send(Buffer.alloc(60_000, 'x'));
      say(await one.next());
      one.send('');
      say(await one.next());
      // One port of ours, whoever is talked to.
      one.send('port');
      other.send('port');
      const [seenByOne, seenByOther] = [await one.next(), await other.next()];
      say({ samePort: saidBy(seenByOne) === saidBy(seenByOther) });
      other.close();
      one.send('elsewhere');
      say(await one.next());
      closed.send('x');
      say(await closed.next());
      one.send('still here');
      say(await one.next());
      port.close();
    }
  },
  async 'many datagrams'() {
    const port = direct.openPort();
    const flow = flowOf(port, { address: FAR[4], port: UDP_PORT });
    let answered = 0;
    for (let i = 0; i < 2000; i++) {
      flow.send(`datagram ${i}`);
      await flow.next();
      answered += 1;
    }
    say({ answered });
    port.close();
  },
  async ping() {
    for (const version of versions) say(await ping(FAR[version]));
    say(await ping('198.51.100.1'));
    const many = await Promise.all(Array.from({ length: 50 }, (_, i) => ping(FAR[4], `data ${i}`)));
    say({ answered: many.filter((what) => what === 'reply').length });
    say({ lines });
  },
  async 'no ping'() {
    for (let i = 0; i < 3; i++) for (const version of versions) void ping(FAR[version]);
    say({ lines });
  },
  /** The whole way of a packet: a command in a sandbox, the stack, one decision, and out. */
  async sandbox() {
    const sandbox = await launch({ command: [process.execPath, '-e', GUEST], link: LINK });
    const stack = new Stack({
      device: sandbox.device,
      framing: sandbox.device.framing,
      now: performance.now(),
      random: (bytes) => randomFillSync(bytes),
    });
    const policy = new Policy({ rules: [parseRuleOption('deny', 'udp:*:9', '--deny')] });
    const decide = (protocol: Protocol, address: string, port: number): boolean =>
      policy.decide({ protocol, address, port, names: [] }).verdict === 'allow';
    const datagrams = new DatagramRelay({
      stack,
      route: ({ localAddress: address, localPort: port }) =>
        decide('udp', address, port) ? { dialer: direct, destination: { address, port } } : undefined,
    });
    stack.onTcpRequest = (request) => {
      const { localAddress: address, localPort: port } = request;
      if (decide('tcp', address, port))
        relay(
          request,
          (events) => direct.stream({ address, port }, events),
          ({ message }) => keep(message),
        );
      else request.unreachable('admin-prohibited');
    };
    stack.onUdp = (datagram) => datagrams.forward(datagram);
    const driver = new Driver(sandbox.device, stack);
    sandbox.start();
    await sandbox.exited;
    datagrams.close();
    driver.stop();
    await sandbox.close();
  },
  /** Servers that there is no way to, and one that refuses, cost no time and no exception. */
  async dns() {
    const servers = ['2001:db8:ff::1', '198.51.100.3', FAR[4]].map((address) => ({ address, port: 53 }));
    const config = { servers, timeoutMs: 60_000, attempts: 1, rotate: false, tcpOnly: false, search: [] };
    const dns = new UpstreamDns({ resolvers: { current: () => config }, onNamed: () => {}, log });
    const { rcode } = (await dns.resolve({ type: 'A', name: 'example.com' })) ?? {};
    say({ rcode, lines: lines.map((line) => /E[A-Z]+/.exec(line)?.[0]) });
  },
  /** The default policy closes what this host has, and leaves the other one open. */
  async policy() {
    const policy = new Policy();
    for (const address of [
      '192.0.2.1',
      '2001:db8::1',
      '192.0.2.255',
      '192.0.2.2',
      '2001:db8::2',
      '127.0.0.1',
      ...UNLISTED,
    ])
      say(`${address} ${policy.decide({ protocol: 'tcp', address, port: 80, names: [] }).verdict}`);
  },
};

function saidBy(heard: unknown): unknown {
  return typeof heard === 'object' && heard !== null && 'said' in heard ? heard.said : heard;
}

const [, , side, scenario = ''] = process.argv;
if (side === 'far') {
  await serveEchoes();
  say('ready');
} else {
  await scenarios[scenario]?.();
  direct.close();
}
