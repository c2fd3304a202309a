import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import dnsPacket, { type OptAnswer, type Packet } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import type { NameServer, ResolverConfig } from '../../../../src/egress/dns/resolver-config.ts';
import { UpstreamDns } from '../../../../src/egress/dns/upstream.ts';
import { LogLines } from '../../cluster/probe.ts';
import { closedPort } from '../../session/api-server/support.ts';
import { Heard } from '../support/heard.ts';
import { a, answerTo, dnsServer, type TestServer } from './servers.ts';

interface Rig {
  readonly dns: UpstreamDns;
  readonly named: string[];
  /** Moves the clock of the cache. */
  readonly pass: (seconds: number) => void;
  readonly setConfig: (config: Partial<ResolverConfig>) => void;
}

function at({ port }: Pick<TestServer, 'port'>): NameServer {
  return { address: '127.0.0.1', port };
}

function upstream(servers: readonly Pick<TestServer, 'port'>[], config: Partial<ResolverConfig> = {}): Rig {
  const named: string[] = [];
  let skippedMs = 0;
  let current: ResolverConfig = {
    servers: servers.map(at),
    timeoutMs: 5_000,
    attempts: 2,
    rotate: false,
    tcpOnly: false,
    search: [],
    ...config,
  };
  const dns = new UpstreamDns({
    resolvers: { current: () => current },
    onNamed: (name, address, ttlS) => named.push(`${name} ${address} ${ttlS}`),
    log: new LogLines(),
    now: () => performance.now() + skippedMs,
  });
  return {
    dns,
    named,
    pass: (seconds) => (skippedMs += seconds * 1000),
    setConfig: (changed) => (current = { ...current, ...changed }),
  };
}

let nextId = 1;
function query(name: string, more: Partial<Packet> = {}): Buffer {
  return dnsPacket.encode({
    type: 'query',
    id: nextId++,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'A', class: 'IN', name }],
    ...more,
  });
}

async function ask(dns: UpstreamDns, message: Uint8Array, transport: 'udp' | 'tcp' = 'udp'): Promise<Packet> {
  const answer = await dns.ask(message, transport);
  if (answer === undefined) throw new Error('no answer is due');
  const packet = dnsPacket.decode(Buffer.from(answer));
  expect(packet.id).toBe(Buffer.from(message).readUInt16BE());
  return packet;
}

const addresses = ({ answers = [] }: Packet): unknown[] =>
  answers.flatMap((one) => ('data' in one ? [one.data] : []));
const rcode = ({ flags = 0 }: Packet): number => flags & 15;
const soa = (minimum: number, ttl = 600) => ({
  type: 'SOA' as const,
  class: 'IN' as const,
  name: 'example.com',
  ttl,
  data: {
    mname: 'ns.example.com',
    rname: 'h.example.com',
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum,
  },
});

describe('a question', () => {
  test('is asked once while its answer lasts, whose TTL goes down', async () => {
    const server = await dnsServer((asked) =>
      asked.reply(answerTo(asked, [a('example.com', '192.0.2.1', 60)])),
    );
    const { dns, named, pass } = upstream([server]);
    expect(addresses(await ask(dns, query('example.com')))).toEqual(['192.0.2.1']);
    pass(20);
    const second = await ask(dns, query('ExAmPle.com'));
    expect(second.questions?.[0]?.name).toBe('ExAmPle.com');
    expect(second.answers?.[0]).toMatchObject({ ttl: 40 });
    expect(server.asked).toHaveLength(1);
    expect(named).toEqual(['example.com 192.0.2.1 60', 'example.com 192.0.2.1 40']);
    pass(41);
    await ask(dns, query('example.com'));
    expect(server.asked).toHaveLength(2);
  });

  test('asked by many at once goes on once, and each has its own id back', async () => {
    const server = await dnsServer(() => {});
    const { dns } = upstream([server]);
    const answers = Array.from({ length: 20 }, () => ask(dns, query('example.com')));
    await once(server.udp, 'message');
    for (const asked of server.asked) asked.reply(answerTo(asked, [a('example.com', '192.0.2.1')]));
    for (const answer of await Promise.all(answers)) expect(addresses(answer)).toEqual(['192.0.2.1']);
    expect(server.asked).toHaveLength(1);
  });

  test('goes on as it is, EDNS and DNSSEC included, and so does what comes back', async () => {
    const edns = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 1232,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: dnsPacket.DNSSEC_OK,
      flag_do: true,
      options: [{ code: 10, data: Buffer.from('cookie!!') }],
    } as unknown as OptAnswer;
    const rare = {
      type: 'UNKNOWN_65280' as never,
      class: 'IN' as const,
      name: 'example.com',
      ttl: 9,
      data: Buffer.from('x'),
    };
    const server = await dnsServer((asked) =>
      asked.reply(answerTo(asked, [a('example.com', '192.0.2.1'), rare], { additionals: [edns] })),
    );
    const { dns } = upstream([server]);
    const sent = query('example.com', { additionals: [edns] });
    const answer = await dns.ask(sent, 'udp');
    expect(server.asked[0]?.raw.subarray(2)).toEqual(sent.subarray(2));
    const expected = answerTo({ query: dnsPacket.decode(sent) }, [a('example.com', '192.0.2.1'), rare], {
      additionals: [edns],
    });
    expect(Buffer.from(answer ?? [])).toEqual(expected);
  });

  test('with another EDNS is another one', async () => {
    const server = await dnsServer((asked) => asked.reply(answerTo(asked, [a('example.com', '192.0.2.1')])));
    const { dns } = upstream([server]);
    await ask(dns, query('example.com'));
    await ask(
      dns,
      query('example.com', { flags: dnsPacket.RECURSION_DESIRED | dnsPacket.CHECKING_DISABLED }),
    );
    expect(server.asked).toHaveLength(2);
  });

  test('that is none has no answer', () => {
    const { dns } = upstream([]);
    expect(dns.ask(new Uint8Array(11), 'udp')).toBeUndefined();
    expect(dns.ask(query('example.com').subarray(0, 20), 'udp')).toBeUndefined();
    expect(dns.ask(dnsPacket.encode({ type: 'query', id: 1, questions: [] }), 'udp')).toBeUndefined();
  });
});

describe('negative answers', () => {
  test.each([
    ['NXDOMAIN', 3],
    ['NODATA', 0],
  ])('%s is kept as long as the SOA says', async (_, code) => {
    const server = await dnsServer((asked) =>
      asked.reply(answerTo(asked, [], { flags: 0x8180 | code, authorities: [soa(30)] })),
    );
    const { dns, pass } = upstream([server]);
    expect(rcode(await ask(dns, query('example.com')))).toBe(code);
    pass(29);
    await ask(dns, query('example.com'));
    expect(server.asked).toHaveLength(1);
    pass(2);
    await ask(dns, query('example.com'));
    expect(server.asked).toHaveLength(2);
  });

  test.each([
    ['NXDOMAIN', 3],
    ['NODATA', 0],
  ])('%s behind a CNAME is kept five minutes at most, as any other', async (_, code) => {
    const alias = {
      type: 'CNAME' as const,
      class: 'IN' as const,
      name: 'example.com',
      ttl: 86_400,
      data: 'x.example.com',
    };
    const server = await dnsServer((asked) =>
      asked.reply(answerTo(asked, [alias], { flags: 0x8180 | code, authorities: [soa(86_400, 86_400)] })),
    );
    const { dns, pass } = upstream([server]);
    await ask(dns, query('example.com'));
    pass(299);
    await ask(dns, query('example.com'));
    expect(server.asked).toHaveLength(1);
    pass(2);
    await ask(dns, query('example.com'));
    expect(server.asked).toHaveLength(2);
  });

  test('without a SOA they are not kept', async () => {
    const server = await dnsServer((asked) => asked.reply(answerTo(asked, [], { flags: 0x8183 })));
    const { dns } = upstream([server]);
    await ask(dns, query('example.com'));
    await ask(dns, query('example.com'));
    expect(server.asked).toHaveLength(2);
  });
});

describe('servers that are not as they should be', () => {
  test('truncating: asked again over TCP, and a client of UDP is told to do the same', async () => {
    const many = Array.from({ length: 80 }, (_, i) => a('example.com', `192.0.2.${i}`));
    const server = await dnsServer((asked) =>
      asked.reply(
        asked.transport === 'tcp'
          ? answerTo(asked, many)
          : answerTo(asked, [], { flags: dnsPacket.TRUNCATED_RESPONSE }),
      ),
    );
    const { dns, named } = upstream([server]);
    const overUdp = await ask(dns, query('example.com'));
    expect((overUdp.flags ?? 0) & dnsPacket.TRUNCATED_RESPONSE).not.toBe(0);
    expect(overUdp.answers).toEqual([]);
    expect(addresses(await ask(dns, query('example.com'), 'tcp'))).toHaveLength(80);
    expect(server.asked.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
    expect(named).toHaveLength(160);
  });

  test('liars: another id, another question, no answer at all, and broken ones are passed over', async () => {
    const server = await dnsServer((asked) => {
      const right = answerTo(asked, [a('example.com', '192.0.2.1')]);
      const lie = (change: (message: Buffer) => void): void => {
        const message = Buffer.from(answerTo(asked, [a('example.com', '203.0.113.66')]));
        change(message);
        asked.reply(message);
      };
      lie((message) => message.writeUInt16BE(message.readUInt16BE() ^ 1));
      lie((message) => message.write('f', 13)); // fxample.com
      lie((message) => (message[2] &= 0x7f));
      lie((message) => message.writeUInt16BE(9, 6)); // more records than there are
      asked.reply(Buffer.alloc(3));
      asked.reply(right);
    });
    const { dns } = upstream([server]);
    expect(addresses(await ask(dns, query('example.com')))).toEqual(['192.0.2.1']);
  });

  test('a forger who knows all but has another address is not heard', async () => {
    const forger = createSocket('udp4');
    const server = await dnsServer((asked) => {
      forger.send(answerTo(asked, [a('example.com', '203.0.113.66')]), asked.port, '127.0.0.1', () => {
        asked.reply(answerTo(asked, [a('example.com', '192.0.2.1')]));
      });
    });
    const { dns } = upstream([server]);
    expect(addresses(await ask(dns, query('example.com')))).toEqual(['192.0.2.1']);
    forger.close();
  });

  test('ids and ports can not be foreseen', async () => {
    const server = await dnsServer((asked) => asked.reply(answerTo(asked, [], { flags: 0x8183 })));
    const { dns } = upstream([server]);
    for (let i = 0; i < 8; i++) await ask(dns, query(`${i}.example.com`));
    expect(new Set(server.asked.map(({ query: { id } }) => id)).size).toBeGreaterThan(6);
    expect(new Set(server.asked.map(({ port }) => port)).size).toBeGreaterThan(6);
  });

  test('silent, gone or failing: the next one is asked', async () => {
    const silent = await dnsServer(() => {});
    const failing = await dnsServer((asked) => asked.reply(answerTo(asked, [], { flags: 0x8182 })));
    const good = await dnsServer((asked) => asked.reply(answerTo(asked, [a('example.com', '192.0.2.1')])));
    const { dns } = upstream([{ port: await closedPort() }, failing, silent, good], { timeoutMs: 200 });
    expect(addresses(await ask(dns, query('example.com')))).toEqual(['192.0.2.1']);
    expect([failing, silent, good].map(({ asked }) => asked.length)).toEqual([1, 1, 1]);
  });

  test('one that is slower than a retry is heard all the same, by its first answer', async () => {
    const late: (() => void)[] = [];
    const slow = await dnsServer((asked) => {
      late.push(() => asked.reply(answerTo(asked, [a('example.com', '192.0.2.1')])));
      // The third question comes while the first two are waited for no longer alone.
      if (late.length === 3) late[0]();
    });
    const { dns } = upstream([slow], { timeoutMs: 100, attempts: 4 });
    expect(addresses(await ask(dns, query('example.com')))).toEqual(['192.0.2.1']);
    expect(slow.asked).toHaveLength(3);
  });

  test('nobody answers: SERVFAIL after all attempts, which is not kept', async () => {
    const silent = await dnsServer(() => {});
    const { dns } = upstream([silent], { timeoutMs: 50, attempts: 3 });
    expect(rcode(await ask(dns, query('example.com')))).toBe(2);
    expect(silent.asked).toHaveLength(3);
    await ask(dns, query('example.com'));
    expect(silent.asked).toHaveLength(6);
  });

  test('all refuse: their word is passed on', async () => {
    const refusing = await dnsServer((asked) => asked.reply(answerTo(asked, [], { flags: 0x8185 })));
    const { dns } = upstream([refusing]);
    expect(rcode(await ask(dns, query('example.com')))).toBe(5);
  });
});

test('rotate: each question starts at another server', async () => {
  const servers = await Promise.all(
    ['192.0.2.1', '192.0.2.2'].map((address) =>
      dnsServer((asked) => asked.reply(answerTo(asked, [a('x', address)]))),
    ),
  );
  const { dns } = upstream(servers, { rotate: true });
  for (let i = 0; i < 4; i++) await ask(dns, query(`${i}.example.com`));
  expect(servers.map(({ asked }) => asked.length)).toEqual([2, 2]);
});

test('use-vc: TCP at once', async () => {
  const server = await dnsServer((asked) => asked.reply(answerTo(asked, [a('example.com', '192.0.2.1')])));
  const { dns } = upstream([server], { tcpOnly: true });
  expect(addresses(await ask(dns, query('example.com')))).toEqual(['192.0.2.1']);
  expect(server.asked.map(({ transport }) => transport)).toEqual(['tcp']);
});

test('other resolvers have other answers: what was kept is forgotten', async () => {
  const [home, office] = await Promise.all(
    ['192.0.2.1', '10.0.0.1'].map((address) =>
      dnsServer((asked) => asked.reply(answerTo(asked, [a('example.com', address)]))),
    ),
  );
  const { dns, setConfig } = upstream([home]);
  await ask(dns, query('example.com'));
  setConfig({ servers: [{ address: '127.0.0.1', port: office.port }] });
  expect(addresses(await ask(dns, query('example.com')))).toEqual(['10.0.0.1']);
});

test('other resolvers have other answers: who asks now does not wait for those from before, nor is their word kept', async () => {
  const late = new Heard<() => void>();
  const before = await dnsServer((asked) =>
    late.push(() => asked.reply(answerTo(asked, [a('example.com', '192.0.2.1')]))),
  );
  const behindVpn = await dnsServer((asked) =>
    asked.reply(answerTo(asked, [a('example.com', '10.0.0.1', 0)])),
  );
  const { dns, setConfig } = upstream([before]);
  const early = ask(dns, query('example.com'));
  const answerLate = await late.next();
  setConfig({ servers: [at(behindVpn)] });
  expect(addresses(await ask(dns, query('example.com')))).toEqual(['10.0.0.1']);
  answerLate();
  expect(addresses(await early)).toEqual(['192.0.2.1']);
  expect(addresses(await ask(dns, query('example.com')))).toEqual(['10.0.0.1']);
});

test('all names on the way to an address are told, and none that is beside it', async () => {
  const server = await dnsServer((asked) =>
    asked.reply(
      answerTo(asked, [
        { type: 'CNAME', class: 'IN', name: 'cdn.example.net', ttl: 60, data: 'edge.example.org' },
        { type: 'CNAME', class: 'IN', name: 'www.Example.com', ttl: 60, data: 'cdn.example.net' },
        a('edge.example.org', '192.0.2.1', 30),
        a('bank.example', '192.0.2.66', 30),
      ]),
    ),
  );
  const { dns, named } = upstream([server]);
  await ask(dns, query('www.example.com'));
  expect(named.toSorted()).toEqual([
    'cdn.example.net 192.0.2.1 30',
    'edge.example.org 192.0.2.1 30',
    'www.example.com 192.0.2.1 30',
  ]);
});

const alias = (name: string, data: string) => ({
  type: 'CNAME' as const,
  class: 'IN' as const,
  name,
  ttl: 60,
  data,
});

test('CNAMEs that lead in a circle are followed once', async () => {
  const server = await dnsServer((asked) =>
    asked.reply(
      answerTo(asked, [
        alias('a.example', 'b.example'),
        alias('b.example', 'a.example'),
        a('b.example', '192.0.2.1'),
      ]),
    ),
  );
  const { dns, named } = upstream([server]);
  await ask(dns, query('a.example'));
  expect(named.map((line) => line.split(' ')[0])).toEqual(['a.example', 'b.example']);
});

test('an answer of thousands of names and addresses tells of some, whenever it is given', async () => {
  const aliases = Array.from({ length: 600 }, (_, i) => alias(`n${i}.example`, `n${i + 1}.example`));
  const many = Array.from({ length: 1000 }, (_, i) => a('n0.example', `192.0.${i >> 8}.${i & 255}`));
  const server = await dnsServer((asked) =>
    asked.reply(
      asked.transport === 'tcp'
        ? answerTo(asked, [...aliases.toReversed(), ...many])
        : answerTo(asked, [], { flags: dnsPacket.TRUNCATED_RESPONSE }),
    ),
  );
  const { dns, named } = upstream([server]);
  await ask(dns, query('n0.example'), 'tcp');
  const told = named.splice(0);
  expect(told.slice(0, 17)).toEqual(Array.from({ length: 17 }, (_, i) => `n${i}.example 192.0.0.0 60`));
  expect(told).toHaveLength(17 * 256);
  await ask(dns, query('n0.example'), 'tcp');
  expect(server.asked).toHaveLength(2); // over UDP, and over TCP
  expect(named).toEqual(told);
});

test('the seam of the own server: records, and SERVFAIL as any other word', async () => {
  const server = await dnsServer((asked) => asked.reply(answerTo(asked, [a('example.com', '192.0.2.1')])));
  const { dns } = upstream([server]);
  expect(await dns.resolve({ type: 'A', name: 'example.com' })).toMatchObject({
    rcode: 0,
    answers: [{ type: 'A', data: '192.0.2.1' }],
  });
});
