/**
 * The DNS server of the near host's resolv.conf (53, UDP and TCP). What a name
 * is called is what it does; each question is told.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import dnsPacket, { type Answer, type Packet, type Question } from 'dns-packet';

const FAR_4 = '192.0.2.2';
const FAR_6 = '2001:db8::2';
const TTL_S = 60;
const SLOW_MS = 1500;
const NXDOMAIN = 3;
const PLAIN_UDP_LIMIT = 512;

/** `1 svc.example. alpn=h2`: RFC 9460, which dns-packet has as bytes. */
const HTTPS_DATA = Buffer.from('000103737663076578616d706c650000010003026832', 'hex');

type Record = { type: string; data: unknown; ttl?: number; name?: string };

const RECORDS: Readonly<{ [name: string]: readonly Record[] }> = {
  'web.example': [a(FAR_4), aaaa(FAR_6)],
  'v4.example': [a(FAR_4)],
  'v6.example': [aaaa(FAR_6)],
  'alias.example': [
    { type: 'CNAME', data: 'web.example' },
    { ...a(FAR_4), name: 'web.example' },
  ],
  'text.example': [{ type: 'TXT', data: ['hello', 'world'] }],
  '_sip._tcp.example': [{ type: 'SRV', data: { priority: 1, weight: 2, port: 5060, target: 'web.example' } }],
  'mail.example': [{ type: 'MX', data: { preference: 10, exchange: 'web.example' } }],
  'svc.example': [{ type: 'UNKNOWN_65', data: HTTPS_DATA }],
  'big.example': [{ type: 'TXT', data: Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(200, '.')) }],
  'slow.example': [a(FAR_4)],
  // The near host has no way to its second address.
  'half.example': [a(FAR_4), aaaa('2001:db8:ff::1')],
  'lied.example': [a(FAR_4)],
  'here.corp.example': [a(FAR_4)],
  // What the ExternalName Service of the embedded cluster leads to.
  'example.invalid': [a(FAR_4), aaaa(FAR_6)],
  'loopback.example': [a('127.0.0.1'), aaaa('::1')],
  'own.example': [a('192.0.2.1'), aaaa('2001:db8::1')],
  'metadata.example': [a('169.254.169.254')],
  'mapped.example': [aaaa('::ffff:127.0.0.1')],
  'everlasting.example': [{ ...a(FAR_4), ttl: 0x7fff_ffff }],
};

/** A name that is at the far host when it is asked for first, and at none of its addresses after that. */
const REBOUND = 'rebound.example';
const REBOUND_TO = ['127.0.0.1', '192.0.2.1', '169.254.169.254'];
let timesRebound = 0;

/** Whatever is asked for below it is there. */
const ANY_BELOW = '.any.example';

function a(data: string): Record {
  return { type: 'A', data };
}

function aaaa(data: string): Record {
  return { type: 'AAAA', data };
}

export async function serveDns(tell: (what: object) => void): Promise<void> {
  const udp = createSocket('udp4');
  udp.bind(53, FAR_4);
  await once(udp, 'listening');
  udp.on('message', (raw, { address, port }) => {
    const query = dnsPacket.decode(raw);
    const [{ name, type }] = questionsOf(query);
    tell({ asked: `${name} ${type}`, transport: 'udp' });
    const send = (message: Buffer): void => udp.send(message, port, address);
    if (name === 'silent.example') return;
    if (name === 'lied.example') for (const lie of liesFor(query)) send(lie);
    const whole = answerTo(query);
    const fits = whole.length <= PLAIN_UDP_LIMIT;
    const answer = fits ? whole : dnsPacket.encode({ ...header(query), flags: 0x0200 });
    if (name === 'slow.example') setTimeout(send, SLOW_MS, answer);
    else send(answer);
  });
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (raw) => {
      const query = dnsPacket.decode(raw.subarray(2));
      const [{ name, type }] = questionsOf(query);
      tell({ asked: `${name} ${type}`, transport: 'tcp' });
      const answer = answerTo(query);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.end(Buffer.concat([length, answer]));
    });
  });
  tcp.listen(53, FAR_4);
  await once(tcp, 'listening');
}

function questionsOf({ questions = [] }: Packet): Question[] {
  return questions;
}

function header({ id, questions = [] }: Packet): Packet {
  return { type: 'response', id: id ?? 0, questions };
}

function answerTo(query: Packet): Buffer {
  const [{ name, type }] = questionsOf(query);
  const records = recordsOf(name.toLowerCase(), type);
  if (records === undefined) return dnsPacket.encode({ ...header(query), flags: NXDOMAIN });
  const answers = records
    .filter((record) => record.type === type || record.type === 'CNAME' || record.name !== undefined)
    .map((record) => Object.assign({ name, ttl: TTL_S, class: 'IN' }, record) as Answer);
  return dnsPacket.encode({ ...header(query), answers });
}

function recordsOf(name: string, type: string): readonly Record[] | undefined {
  if (name.endsWith(ANY_BELOW)) return [a(FAR_4)];
  if (name !== REBOUND) return RECORDS[name];
  if (type !== 'A') return [];
  const address = timesRebound === 0 ? FAR_4 : REBOUND_TO[(timesRebound - 1) % REBOUND_TO.length];
  timesRebound += 1;
  return [{ ...a(address), ttl: 0 }];
}

/** With another id, and to another question: what somebody off the path could send. */
function liesFor(query: Packet): Buffer[] {
  const answers = [
    { type: 'A', class: 'IN', name: 'lied.example', ttl: TTL_S, data: '203.0.113.66' } as const,
  ];
  const questions: Question[] = [{ type: 'A', class: 'IN', name: 'other.example' }];
  return [
    dnsPacket.encode({ ...header(query), id: ((query.id ?? 0) + 1) & 0xffff, answers }),
    dnsPacket.encode({ ...header(query), questions, answers }),
  ];
}
