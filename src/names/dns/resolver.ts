/**
 * What the DNS of the sandbox knows: a question in, records out.
 *
 * | of a name               | question  | answer                                                |
 * |-------------------------|-----------|-------------------------------------------------------|
 * | Service, pod            | A, AAAA   | its addresses, turned around from answer to answer    |
 * | spells a pod's address  | A, AAAA   | that address                                          |
 * | Service                 | SRV       | each port of it, at each of its pods where headless   |
 * | `_port._proto.` Service | SRV       | the port of that name                                 |
 * | ExternalName            | any       | CNAME, and what there is to the name that it leads to |
 * | address                 | PTR       | its whole name                                        |
 * | the cluster's domain    | SOA, NS   | this server                                           |
 * | any of these            | ANY       | what is asked for most: addresses, PTR, SRV or SOA     |
 * | known                   | any other | NODATA at once                                        |
 * | only names below it     | any       | NODATA (RFC 8020)                                     |
 * | unknown, in a zone      | any       | NXDOMAIN                                              |
 *
 * Who asks for ANY gets one kind of record, or both kinds of addresses (RFC 8482,
 * 4.1): NODATA would say that there is nothing at all.
 *
 * Zones are what only the cluster can know: its domain, and the `svc` of
 * names that are not whole. Any other name is one of outside, and left to the
 * caller. Negative answers carry an SOA whose minimum is the time that they may
 * be kept (RFC 2308).
 */

import type { Answer, Question } from 'dns-packet';
import ipaddr from 'ipaddr.js';
import { canonicalName, type NameRecord, type NameTable } from '../name-table.ts';
import { NOERROR, NXDOMAIN, REFUSED } from './codes.ts';
import { addressOfReverseName } from './reverse.ts';

/** Seconds that an answer may be kept. Short: Services come and go. */
const ANSWER_TTL_S = 5;
/** ExternalNames that lead to one another; a circle ends here. */
const MAX_ALIASES = 8;
/** SRV: there is one priority, and the pods share the load alike. */
const SRV_PRIORITY = 0;
const SRV_TOTAL_WEIGHT = 100;
/** The types that addresses have. */
const FAMILIES = ['A', 'AAAA'] as const;

/** What is looked at of the sandbox's names and addresses. */
export interface Knowledge {
  readonly names: Pick<NameTable, 'lookup' | 'hasBelow'>;
  /** Domains below which only the cluster knows what there is; the first is its own. */
  readonly zones: readonly string[];
  /** The whole name of an address, in the spelling of RFC 5952. */
  nameOf(address: string): string | undefined;
  /** The address that a name spells out, where it is that of a pod: `10-244-0-5.shop.pod.cluster.local`. */
  addressSpelledBy(canonicalName: string): string | undefined;
  /** Whether an address is of our own ranges, so that nobody else has a name for it. */
  owns(address: string): boolean;
}

export interface Resolution {
  readonly rcode: number;
  readonly answers: Answer[];
  readonly authorities: Answer[];
  readonly additionals: Answer[];
  /** The name at which what is known here ends, and that may be known outside. */
  readonly outside?: string;
}

export class Resolver {
  readonly #knowledge: Knowledge;
  /** Turns addresses around. A and AAAA of a look-up are asked in pairs: only the first of them counts. */
  #turn = 0;

  constructor(knowledge: Knowledge) {
    this.#knowledge = knowledge;
  }

  resolve(question: Question): Resolution {
    if (question.class !== undefined && question.class !== 'IN') return refused();
    if (question.type === 'AXFR' || question.type === 'IXFR') return refused();
    const aliases: Answer[] = [];
    let { name } = question;
    for (let i = 0; i < MAX_ALIASES; i++) {
      const record = this.#knowledge.names.lookup(name);
      if (record?.alias === undefined) break;
      aliases.push({ type: 'CNAME', class: 'IN', name, ttl: ANSWER_TTL_S, data: record.alias });
      if (question.type === 'CNAME' || isAny(question.type)) return positive(aliases);
      name = record.alias;
    }
    const last = this.#resolveOne(name, question.type);
    return aliases.length === 0 ? last : { ...last, answers: [...aliases, ...last.answers] };
  }

  /** A name that is no other word for another one. */
  #resolveOne(name: string, type: Question['type']): Resolution {
    const key = canonicalName(name);
    const record = this.#knowledge.names.lookup(key);
    if (record !== undefined) return this.#ofRecord(name, type, record);
    const spelled = this.#knowledge.addressSpelledBy(key);
    if (spelled !== undefined) return this.#ofRecord(name, type, addressRecord(spelled));
    if (key === this.#knowledge.zones[0]) return this.#ofApex(name, type);
    const address = addressOfReverseName(key);
    if (address !== undefined) return this.#ofAddress(name, type, address);
    const below = this.#ofServicePort(name, type, key);
    if (below !== undefined) return below;
    if (this.#knowledge.names.hasBelow(key)) return this.#negative(key, NOERROR);
    return this.#zoneOf(key) === undefined ? this.#outside(name) : this.#negative(key, NXDOMAIN);
  }

  #ofRecord(name: string, type: Question['type'], record: NameRecord): Resolution {
    if (type === 'SRV') return this.#services(name, record, record.ports);
    if (type === 'A' || isAny(type)) this.#turn += 1;
    const answers = FAMILIES.filter((family) => type === family || isAny(type)).flatMap((family) =>
      addressAnswers(name, family, turned(addressesOf(record, family), this.#turn)),
    );
    return answers.length > 0 ? positive(answers) : this.#negative(canonicalName(name), NOERROR);
  }

  /** `_http._tcp.web.shop.svc.cluster.local` (RFC 2782), and `_tcp.web…`, which only has names below it. */
  #ofServicePort(name: string, type: Question['type'], key: string): Resolution | undefined {
    const match = /^(?:_([^.]+)\.)?_(tcp|udp|sctp)\.(.+)$/.exec(key);
    if (match === null) return undefined;
    const [, portName, protocol, owner] = match;
    const record = this.#knowledge.names.lookup(owner);
    const ports = (record?.ports ?? []).filter(
      (port) =>
        port.name !== undefined &&
        port.protocol.toLowerCase() === protocol &&
        (portName === undefined || port.name.toLowerCase() === portName),
    );
    if (record === undefined || ports.length === 0) return undefined;
    if (!(type === 'SRV' || isAny(type)) || portName === undefined) return this.#negative(key, NOERROR);
    return this.#services(name, record, ports);
  }

  #services(name: string, { targets }: NameRecord, ports: NameRecord['ports']): Resolution {
    if (targets.length === 0 || ports.length === 0) return this.#negative(canonicalName(name), NOERROR);
    const weight = Math.max(1, Math.floor(SRV_TOTAL_WEIGHT / targets.length));
    const answers = ports.flatMap(({ port }) =>
      targets.map(
        (target): Answer => ({
          type: 'SRV',
          class: 'IN',
          name,
          ttl: ANSWER_TTL_S,
          data: { priority: SRV_PRIORITY, weight, port, target },
        }),
      ),
    );
    const additionals = targets.flatMap((target) => {
      const record = this.#knowledge.names.lookup(target);
      if (record === undefined) return [];
      return FAMILIES.flatMap((type) => addressAnswers(target, type, addressesOf(record, type)));
    });
    return { ...positive(answers), additionals };
  }

  #ofAddress(name: string, type: Question['type'], address: string): Resolution {
    const key = canonicalName(name);
    const owner = this.#knowledge.nameOf(address);
    if (owner !== undefined) {
      if (!(type === 'PTR' || isAny(type))) return this.#negative(key, NOERROR);
      return positive([{ type: 'PTR', class: 'IN', name, ttl: ANSWER_TTL_S, data: owner }]);
    }
    return this.#knowledge.owns(address) ? this.#negative(key, NXDOMAIN) : this.#outside(name);
  }

  #ofApex(name: string, type: Question['type']): Resolution {
    if (type === 'SOA' || isAny(type)) return positive([this.#startOfAuthority(name)]);
    if (type !== 'NS') return this.#negative(name, NOERROR);
    return positive([
      { type: 'NS', class: 'IN', name, ttl: ANSWER_TTL_S, data: serverName(this.#knowledge.zones[0]) },
    ]);
  }

  #outside(name: string): Resolution {
    return { ...this.#negative(canonicalName(name), NXDOMAIN), outside: name };
  }

  #negative(key: string, rcode: number): Resolution {
    const authority = this.#startOfAuthority(this.#zoneOf(key) ?? '.');
    return { rcode, answers: [], authorities: [authority], additionals: [] };
  }

  #zoneOf(key: string): string | undefined {
    return this.#knowledge.zones.find((zone) => key === zone || key.endsWith(`.${zone}`));
  }

  #startOfAuthority(zone: string): Answer {
    const [domain] = this.#knowledge.zones;
    return {
      type: 'SOA',
      class: 'IN',
      name: zone,
      ttl: ANSWER_TTL_S,
      data: {
        mname: serverName(domain),
        rname: `hostmaster.${domain}`,
        serial: 1,
        refresh: 7200,
        retry: 1800,
        expire: 86_400,
        minimum: ANSWER_TTL_S,
      },
    };
  }
}

/** What this server is called itself. */
export function serverName(domain: string): string {
  return `ns.dns.${domain}`;
}

/** The decoder knows it as a type of question, and its types do not. */
function isAny(type: string | undefined): boolean {
  return type === 'ANY';
}

function positive(answers: Answer[]): Resolution {
  return { rcode: NOERROR, answers, authorities: [], additionals: [] };
}

function refused(): Resolution {
  return { rcode: REFUSED, answers: [], authorities: [], additionals: [] };
}

function addressRecord(address: string): NameRecord {
  return { addresses: [address], ports: [], targets: [], inHosts: false };
}

function addressesOf({ addresses }: NameRecord, type: 'A' | 'AAAA'): string[] {
  return addresses.filter((address) => ipaddr.IPv6.isValid(address) === (type === 'AAAA'));
}

function addressAnswers(name: string, type: 'A' | 'AAAA', addresses: readonly string[]): Answer[] {
  return addresses.map((data): Answer => ({ type, class: 'IN', name, ttl: ANSWER_TTL_S, data }));
}

function turned<T>(list: readonly T[], turn: number): T[] {
  const start = list.length === 0 ? 0 : turn % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
