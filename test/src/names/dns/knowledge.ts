/** Names and addresses for a DNS server under test, and a client that asks it. */

import dnsPacket, { type Answer, type DecodedPacket, type Packet, type Question } from 'dns-packet';
import { DnsServer, type OutsideNames } from '../../../../src/names/dns/server.ts';
import { type Knowledge, Resolver } from '../../../../src/names/dns/resolver.ts';
import { NameTable, type NameRecord } from '../../../../src/names/name-table.ts';

const DOMAIN = 'cluster.local';
export const WEB = `web.e2e.svc.${DOMAIN}`;
export const DB = `db.e2e.svc.${DOMAIN}`;

const plain = (...addresses: string[]): NameRecord => ({ addresses, ports: [], targets: [], inHosts: true });

/**
 * A Service `web` with two named ports, a headless one `db` with two pods,
 * one of them with more ports, a name with a hundred addresses, and names for other names.
 */
export function knowledge(): Knowledge {
  const names = new NameTable();
  const http = { name: 'http', port: 80, protocol: 'TCP' };
  const metrics = { name: 'metrics', port: 9090, protocol: 'TCP' };
  names.claim(WEB, 0, {
    ...plain('10.0.1.7', 'fd6b:6e73::7'),
    ports: [http, metrics],
    targets: [WEB],
  });
  const pods = ['db-0', 'db-1'].map((pod) => `${pod}.${DB}`);
  const sql = { name: 'sql', port: 5432, protocol: 'TCP' };
  const db: NameRecord = {
    ...plain('10.0.1.8', 'fd6b:6e73::8', '10.0.1.9', 'fd6b:6e73::9'),
    ports: [sql],
    targets: pods,
  };
  for (const name of ['db', DB]) names.claim(name, 0, db);
  for (const [i, pod] of pods.entries()) names.claim(pod, 0, plain(`10.0.1.${8 + i}`, `fd6b:6e73::${8 + i}`));
  names.claim('wide', 0, { ...db, ports: [sql, http, metrics] });
  names.claim('ipv4.e2e', 0, plain('10.0.1.10'));
  names.claim('many', 0, plain(...Array.from({ length: 100 }, (_, i) => `10.0.2.${i}`)));
  const alias = (of: string): NameRecord => ({ ...plain(), alias: of, inHosts: false });
  names.claim('inner.e2e', 0, alias(WEB));
  names.claim('outer.e2e', 0, alias('example.com'));
  names.claim('one.e2e', 0, alias('other.e2e'));
  names.claim('other.e2e', 0, alias('one.e2e'));
  const owners = new Map([
    ['10.0.1.7', WEB],
    ['fd6b:6e73::7', WEB],
    ['10.96.0.7', WEB],
  ]);
  return {
    names,
    zones: [DOMAIN, 'svc'],
    nameOf: (address) => owners.get(address),
    addressSpelledBy: (name) => (name === '10-244-0-5.e2e.pod.cluster.local' ? '10.244.0.5' : undefined),
    owns: (address) => address.startsWith('10.0.1.') || address.startsWith('fd6b:6e73::'),
  };
}

export function server(outside?: OutsideNames): DnsServer {
  return new DnsServer(new Resolver(knowledge()), outside);
}

/** The declared types lack ANY, which the encoder knows. */
type QuestionType = Question['type'] | 'ANY';

export function query(name: string, type: QuestionType, more: Partial<Packet> = {}): Buffer {
  return dnsPacket.encode({
    type: 'query',
    id: 0x1234,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type } as Question],
    ...more,
  });
}

/** An answer that is there at once, as all are that need nobody outside. */
export function atOnce(answer: ReturnType<DnsServer['answer']>): Uint8Array {
  if (answer === undefined || answer instanceof Promise) throw new Error('no answer at once');
  return answer;
}

type Reply = DecodedPacket & { readonly rcode: string; readonly size: number };

export function decoded(bytes: Uint8Array): Reply {
  // The declared type lacks the rcode that the decoder gives.
  return { ...dnsPacket.decode(Buffer.from(bytes)), size: bytes.length } as Reply;
}

export function ask(
  name: string,
  type: QuestionType,
  more: Partial<Packet> = {},
  transport: 'udp' | 'tcp' = 'udp',
  of: DnsServer = server(),
): Reply {
  return decoded(atOnce(of.answer(query(name, type, more), transport)));
}

/** What records say, less all that is the same of each. */
export function data(records: readonly Answer[] | undefined): unknown[] {
  return (records ?? []).map((record) => ('data' in record ? record.data : undefined));
}
