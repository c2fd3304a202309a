/** Messages as such: their header, EDNS, size and transport, and what is no question at all. */

import { EventEmitter, once } from 'node:events';
import dnsPacket, { type Packet } from 'dns-packet';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DnsStream } from '../../../../src/names/dns/stream.ts';
import type { DnsServer, OutsideAnswer, OutsideNames } from '../../../../src/names/dns/server.ts';
import { ask, atOnce, data, decoded, query, server, WEB } from './knowledge.ts';

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

  test('an answer that does not fit is truncated over UDP and whole over TCP', () => {
    expect(ask('many', 'A')).toMatchObject({ flag_tc: true, answers: [] });
    expect(ask('many', 'A').size).toBeLessThanOrEqual(512);
    expect(ask('many', 'A', { additionals: edns })).toMatchObject({ flag_tc: true });
    expect(ask('many', 'A', {}, 'tcp').answers).toHaveLength(100);
  });

  test('what comes along with an answer is left out where it does not fit', () => {
    const plain = ask('wide', 'SRV');
    expect(plain).toMatchObject({ flag_tc: false, additionals: [] });
    expect(plain.answers).toHaveLength(6);
    expect(ask('wide', 'SRV', {}, 'tcp').additionals).toHaveLength(4);
  });

  test('speaks EDNS when spoken to in it', () => {
    expect(ask('db', 'A', { additionals: edns }).additionals).toMatchObject([
      { type: 'OPT', udpPayloadSize: 1232 },
    ]);
    expect(ask('db', 'A').additionals).toEqual([]);
  });

  test('refuses other operations and messages without a question', () => {
    expect(ask('db', 'A', { questions: [] })).toMatchObject({ rcode: 'FORMERR' });
    const update = query('db', 'A');
    update[2] = 5 << 3;
    const answer = atOnce(server().answer(update, 'udp'));
    expect(answer[3] & 15).toBe(4);
    expect(answer[2] >> 3).toBe(0x10 | 5);
  });

  test('a question that could not be repeated as it was asked is an error, not an answer to another', () => {
    const header = query('db', 'A').subarray(0, 12);
    const ask = (...name: number[]) => {
      const message = Buffer.concat([header, Buffer.from([...name, 0, 0, 1, 0, 1])]);
      return atOnce(server().answer(message, 'udp'));
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
        if (reply !== undefined) expect(decoded(atOnce(reply)).id).toBe(message.readUInt16BE(0));
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
        expect(reply === undefined || (atOnce(reply)[2] & 0x80) !== 0).toBe(true);
      }),
    );
  });
});

/** Says the same to everything, by an answer of its own or as a part of ours. */
function outside(answering: () => Promise<OutsideAnswer> | undefined, asked: unknown[] = []): OutsideNames {
  return {
    ask: (message, name, transport) => {
      const { id, flags, questions, additionals } = decoded(message);
      asked.push({ name, transport, edns: additionals?.length });
      return answering()?.then(({ rcode, answers }) =>
        dnsPacket.encode({ type: 'response', id, flags: (flags ?? 0) | rcode, questions, answers }),
      );
    },
    resolve: (question) => {
      asked.push(question);
      return answering();
    },
  };
}

const found = (): Promise<OutsideAnswer> =>
  Promise.resolve({
    rcode: 0,
    answers: [{ type: 'A', class: 'IN', name: 'example.com', ttl: 60, data: '192.0.2.1' }],
    authorities: [],
  });

async function lookUp(dns: DnsServer, name: string, transport: 'udp' | 'tcp' = 'udp') {
  return decoded((await dns.answer(query(name, 'A'), transport)) ?? new Uint8Array());
}

describe('names of outside', () => {
  test('are asked of whoever knows them, by the query as it came', async () => {
    const heard: unknown[] = [];
    const dns = server(outside(found, heard));
    const reply = await lookUp(dns, 'Example.com', 'tcp');
    expect(data(reply.answers)).toEqual(['192.0.2.1']);
    expect(reply).toMatchObject({ id: 0x1234, rcode: 'NOERROR', flag_aa: false });
    expect(heard).toEqual([{ name: 'Example.com', transport: 'tcp', edns: 0 }]);
  });

  test('may keep the query, whose bytes are of nobody after the call', async () => {
    const { promise, resolve } = pending<undefined>();
    const dns = server({
      ask: (message) => promise.then(() => message),
      resolve: () => undefined,
    });
    const message = query('example.com', 'A');
    const answer = dns.answer(message, 'udp');
    message.fill(0);
    resolve(undefined);
    expect(decoded((await answer) ?? new Uint8Array()).questions?.[0].name).toBe('example.com');
  });

  test('end a chain that begins in the cluster', async () => {
    const heard: unknown[] = [];
    const reply = await lookUp(server(outside(found, heard)), 'outer.e2e');
    expect(data(reply.answers)).toEqual(['example.com', '192.0.2.1']);
    expect(reply.rcode).toBe('NOERROR');
    expect(heard).toEqual([{ name: 'example.com', type: 'A', class: 'IN' }]);
  });

  test('are SERVFAIL where that fails, and where too many are under way', async () => {
    const failing = server(outside(() => Promise.reject(new Error('no network'))));
    for (const name of ['example.com', 'outer.e2e'])
      expect((await lookUp(failing, name)).rcode).toBe('SERVFAIL');
    const { promise, resolve } = pending<OutsideAnswer>();
    const slow = server(outside(() => promise));
    const answers = Array.from({ length: 513 }, () => lookUp(slow, 'example.com'));
    resolve({ rcode: 3, answers: [], authorities: [] });
    const codes = (await Promise.all(answers)).map(({ rcode }) => rcode);
    expect(codes.slice(-2)).toEqual(['NXDOMAIN', 'SERVFAIL']);
    expect((await lookUp(slow, 'example.com')).rcode).toBe('NXDOMAIN');
  });

  test('are unknown where nobody may be asked, and the chain to them is told', () => {
    const dns = server(outside(() => undefined));
    expect(ask('example.com', 'A', {}, 'udp', dns).rcode).toBe('NXDOMAIN');
    expect(data(ask('outer.e2e', 'A', {}, 'udp', dns).answers)).toEqual(['example.com']);
  });

  test('are unknown, without authority, where nobody is asked', () => {
    expect(ask('example.com', 'A')).toMatchObject({ rcode: 'NXDOMAIN', flag_aa: false });
    expect(ask('nope.e2e.svc.cluster.local', 'A')).toMatchObject({ rcode: 'NXDOMAIN', flag_aa: true });
  });

  test('do not overtake one another over TCP', async () => {
    const { promise, resolve } = pending<OutsideAnswer>();
    const received: Uint8Array[] = [];
    const over = pending<undefined>();
    const stream = new DnsStream(server(outside(() => promise)), {
      onEstablished: () => {},
      onData: (chunk) => received.push(chunk),
      onEnd: () => over.resolve(undefined),
      onError: (error) => {
        throw error;
      },
    });
    for (const name of ['example.com', 'db']) stream.write(framed(query(name, 'A')), () => {});
    stream.end();
    expect(received).toEqual([]);
    resolve({ rcode: 0, answers: [], authorities: [] });
    await over.promise;
    const names = received.map((each) => decoded(each.subarray(2)).questions?.[0]?.name);
    expect(names).toEqual(['example.com', 'db']);
  });
});

/** A promise that the test settles. */
function pending<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  const events = new EventEmitter();
  const promise = once(events, 'settled').then(([value]): T => value);
  return { promise, resolve: (value) => void events.emit('settled', value) };
}

function framed(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

test('over TCP, messages are answered in order however they are cut up', async () => {
  const sent = Buffer.concat(['db', 'nope', WEB].map((name) => framed(query(name, 'A'))));
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
  const one = framed(query('db', 'A'));
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

/** A client that asks by `ask`, and what comes of it. */
function connected() {
  const log: string[] = [];
  const stream = new DnsStream(server(), {
    onEstablished: () => {},
    onData: () => log.push('answer'),
    onEnd: () => log.push('end'),
    onError: ({ reason }) => log.push(reason),
  });
  return { stream, log, ask: () => stream.write(framed(query('db', 'A')), () => {}) };
}

describe('over TCP, a client that says nothing more', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('gets a FIN, and a reset where it does not close', () => {
    const { log, ask } = connected();
    for (let i = 0; i < 3; i++) {
      ask();
      vi.advanceTimersByTime(9_000);
    }
    expect(log).toEqual(['answer', 'answer', 'answer']);
    vi.advanceTimersByTime(1_000);
    expect(log.slice(3)).toEqual(['end']);
    ask();
    vi.advanceTimersByTime(10_000);
    expect(log.slice(3)).toEqual(['end', 'timeout']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('and half a message is no question', () => {
    const { stream, log } = connected();
    vi.advanceTimersByTime(9_000);
    let taken = false;
    stream.write(framed(query('db', 'A')).subarray(0, 5), () => {
      taken = true;
    });
    vi.advanceTimersByTime(1_000);
    expect(log).toEqual(['end']);
    expect(taken).toBe(true);
    stream.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });
});

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
