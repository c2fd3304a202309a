import dnsPacket, { type Packet, type Question } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DnsServer } from '../../../src/names/dns.ts';
import { DnsStream } from '../../../src/names/dns-stream.ts';
import { NameTable } from '../../../src/names/name-table.ts';

function server(): DnsServer {
  const names = new NameTable();
  names.add('web.e2e.svc.cluster.local', ['10.0.1.7']);
  names.add('db', ['10.0.1.8', '10.0.1.9']);
  names.add(
    'many',
    Array.from({ length: 100 }, (_, i) => `10.0.2.${i}`),
  );
  return new DnsServer(names);
}

const query = (name: string, type: Question['type'], more: Partial<Packet> = {}) =>
  dnsPacket.encode({
    type: 'query',
    id: 0x1234,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type }],
    ...more,
  });

const edns: NonNullable<Packet['additionals']> = [
  {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 4096,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  },
];

function ask(
  name: string,
  type: Question['type'],
  more: Partial<Packet> = {},
  transport: 'udp' | 'tcp' = 'udp',
) {
  const bytes = server().answer(query(name, type, more), transport);
  if (bytes === undefined) throw new Error('no answer');
  return { ...dnsPacket.decode(Buffer.from(bytes)), size: bytes.length };
}

describe('DNS server', () => {
  test('answers A with the address, the question as it was asked', () => {
    const answer = ask('WEB.e2e.svc.Cluster.local', 'A');
    expect(answer).toMatchObject({
      id: 0x1234,
      rcode: 'NOERROR',
      flag_aa: true,
      flag_ra: true,
      flag_rd: true,
    });
    expect(answer.questions).toMatchObject([{ name: 'WEB.e2e.svc.Cluster.local', type: 'A' }]);
    expect(answer.answers).toMatchObject([
      { name: 'WEB.e2e.svc.Cluster.local', type: 'A', data: '10.0.1.7', ttl: 5 },
    ]);
  });

  test.each(['AAAA', 'TXT', 'MX', 'SRV'] as const)('%s of a known name is NODATA with an SOA', (type) => {
    const answer = ask('web.e2e.svc.cluster.local', type);
    expect(answer).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(answer.authorities).toMatchObject([{ type: 'SOA', name: 'cluster.local' }]);
  });

  test('a name with names below it is NODATA, an unknown one NXDOMAIN', () => {
    expect(ask('svc.cluster.local', 'A')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    const unknown = ask('nope.e2e.svc.cluster.local', 'A');
    expect(unknown).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    expect(unknown.authorities).toMatchObject([{ type: 'SOA' }]);
  });

  test('turns the addresses of a headless Service around', () => {
    const dns = server();
    const first = () => {
      const bytes = dns.answer(query('db', 'A'), 'udp') ?? new Uint8Array();
      return dnsPacket.decode(Buffer.from(bytes)).answers?.map((a) => ('data' in a ? a.data : ''));
    };
    expect(first()).toEqual(['10.0.1.8', '10.0.1.9']);
    expect(first()).toEqual(['10.0.1.9', '10.0.1.8']);
  });

  test('an answer that does not fit is truncated over UDP and whole over TCP', () => {
    expect(ask('many', 'A')).toMatchObject({ flag_tc: true, answers: [] });
    expect(ask('many', 'A').size).toBeLessThanOrEqual(512);
    expect(ask('many', 'A', { additionals: edns })).toMatchObject({ flag_tc: true });
    expect(ask('many', 'A', {}, 'tcp').answers).toHaveLength(100);
  });

  test('speaks EDNS when spoken to in it', () => {
    expect(ask('db', 'A', { additionals: edns }).additionals).toMatchObject([
      { type: 'OPT', udpPayloadSize: 1232 },
    ]);
    expect(ask('db', 'A').additionals).toEqual([]);
  });

  test('refuses other classes, other operations and messages without a question', () => {
    expect(ask('db', 'A', { questions: [{ name: 'db', type: 'A', class: 'CH' }] })).toMatchObject({
      rcode: 'REFUSED',
    });
    expect(ask('db', 'A', { questions: [] })).toMatchObject({ rcode: 'FORMERR' });
    const update = query('db', 'A');
    update[2] = 5 << 3;
    const answer = server().answer(update, 'udp') ?? new Uint8Array();
    expect(answer[3] & 15).toBe(4);
    expect(answer[2] >> 3).toBe(0x10 | 5);
  });

  test('a question that could not be repeated as it was asked is an error, not an answer to another', () => {
    const header = query('db', 'A').subarray(0, 12);
    const ask = (...name: number[]) => {
      const reply = server().answer(Buffer.concat([header, Buffer.from([...name, 0, 0, 1, 0, 1])]), 'udp');
      return Buffer.from(reply ?? []);
    };
    const bytesThatAreNoText = ask(60, ...Array.from({ length: 60 }, () => 0xff));
    const dotWithinALabel = ask(6, ...Buffer.from('db.e2e'));
    for (const reply of [bytesThatAreNoText, dotWithinALabel]) {
      expect(reply).toHaveLength(12);
      expect(reply[3] & 15).toBe(1);
    }
  });

  test('answers a later version of EDNS with BADVERS', () => {
    const reply = ask('db', 'A', {
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 1232,
          extendedRcode: 0,
          ednsVersion: 1,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    });
    expect(reply.answers).toEqual([]);
    expect(reply.additionals).toMatchObject([{ extendedRcode: 1, ednsVersion: 0 }]);
  });

  test('survives queries with bytes changed at random', () => {
    const dns = server();
    const whole = query('web.e2e.svc.cluster.local', 'A');
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(changes, fc.nat(whole.length), (bytes, cut) => {
        const message = Buffer.from(whole);
        for (const [at, value] of bytes) message[at] = value;
        const reply = dns.answer(message.subarray(0, whole.length - cut), 'tcp');
        if (reply !== undefined)
          expect(dnsPacket.decode(Buffer.from(reply)).id).toBe(message.readUInt16BE(0));
      }),
      { numRuns: 2000 },
    );
  });

  test('never answers an answer, and never throws', () => {
    const answer = query('db', 'A');
    answer[2] |= 0x80;
    expect(server().answer(answer, 'udp')).toBeUndefined();
    const dns = server();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reply = dns.answer(bytes, 'udp');
        expect(reply === undefined || (reply[2] & 0x80) !== 0).toBe(true);
      }),
    );
  });
});

test('over TCP, messages are answered in order however they are cut up', async () => {
  const sent = Buffer.concat(
    ['db', 'nope', 'web.e2e.svc.cluster.local'].map((name) => {
      const message = query(name, 'A');
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      return Buffer.concat([length, message]);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: sent.length - 1 })), (cuts) => {
      const received: Uint8Array[] = [];
      const stream = new DnsStream(server(), {
        onEstablished: () => {},
        onData: (chunk) => received.push(chunk),
        onEnd: () => received.push(new Uint8Array()),
        onError: (error) => {
          throw error;
        },
      });
      let at = 0;
      for (const cut of [...cuts.toSorted((a, b) => a - b), sent.length]) {
        stream.write(sent.subarray(at, cut), () => {});
        at = cut;
      }
      stream.end();
      const replies = received.slice(0, -1).map((each) => dnsPacket.decode(Buffer.from(each.subarray(2))));
      expect(replies).toMatchObject([{ rcode: 'NOERROR' }, { rcode: 'NXDOMAIN' }, { rcode: 'NOERROR' }]);
      expect(received.at(-1)).toHaveLength(0);
    }),
  );
});

/** A client that has asked `count` times and reads one answer for each `resume`. */
function asked(count: number) {
  const message = query('db', 'A');
  const one = Buffer.concat([Buffer.from([0, message.length]), message]);
  const log: string[] = [];
  const stream: DnsStream = new DnsStream(server(), {
    onEstablished: () => {},
    onData: () => {
      log.push('answer');
      stream.pause();
    },
    onEnd: () => log.push('end'),
    onError: (error) => {
      throw error;
    },
  });
  for (let i = 0; i < count; i++) stream.write(one, () => log.push('taken'));
  return { stream, log };
}

describe('over TCP, a client that does not read its answers', () => {
  test('is stopped by its own window', () => {
    const { stream, log } = asked(3);
    expect(log).toEqual(['answer', 'taken']);
    stream.resume();
    expect(log).toEqual(['answer', 'taken', 'answer']);
    stream.resume();
    expect(log).toEqual(['answer', 'taken', 'answer', 'answer', 'taken', 'taken']);
  });

  test('gets the FIN after the last answer', () => {
    const { stream, log } = asked(2);
    stream.end();
    expect(log).not.toContain('end');
    stream.resume();
    expect(log.slice(-2)).toEqual(['taken', 'end']);
  });

  test('is let go of with all that it held', () => {
    const { stream, log } = asked(3);
    stream.destroy();
    expect(log).toEqual(['answer', 'taken', 'taken', 'taken']);
  });
});
