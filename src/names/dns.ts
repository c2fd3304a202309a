/**
 * The DNS server at the gateway: one query in, one answer out (RFC 1035).
 *
 * It is authoritative for the names of the sandbox and knows no others:
 *
 * - a name with addresses: A records; any other type is NODATA at once, so
 *   that a resolver that asks for AAAA first does not wait
 * - a name that only has names below it: NODATA (RFC 8020)
 * - an unknown name: NXDOMAIN
 *
 * A question that would not be repeated byte for byte (compressed, or with
 * labels that are no text) is FORMERR: no Service has such a name.
 *
 * NODATA and NXDOMAIN carry an SOA whose minimum is the negative TTL (RFC
 * 2308). An answer that does not fit is cut to nothing and marked truncated;
 * the resolver then asks again over TCP (RFC 7766).
 */

import dnsPacket, { type Answer, type OptAnswer, type Packet, type Question } from 'dns-packet';
import { CLUSTER_DOMAIN, type NameTable } from './name-table.ts';

/** Seconds that an answer may be kept. Short: Services come and go. */
const ANSWER_TTL_S = 5;
/** What a resolver without EDNS takes over UDP (RFC 1035, 4.2.1). */
const PLAIN_UDP_LIMIT = 512;
/** What we take and send at most over UDP with EDNS (RFC 6891): what most resolvers settled on. */
const EDNS_UDP_LIMIT = 1232;
const TCP_LIMIT = 65_535;
const HEADER_LENGTH = 12;

// RCODEs of RFC 1035, 4.1.1, as the low bits of dns-packet's flags.
const NOERROR = 0;
const FORMERR = 1;
const NXDOMAIN = 3;
const NOTIMP = 4;
const REFUSED = 5;

/** RFC 6891, 6.1.3: an extended RCODE, of which this is the upper part and NOERROR the lower. */
const BADVERS_UPPER = 1;

const QR_BIT = 0x80;
const OPCODE_MASK = 0x78;

interface Resolution {
  readonly rcode: number;
  readonly answers: Answer[];
  readonly authorities: Answer[];
}

const EMPTY: Resolution = { rcode: NOERROR, answers: [], authorities: [] };

export class DnsServer {
  readonly #names: NameTable;
  /** Turns the addresses of a headless Service around from answer to answer. */
  #turn = 0;

  constructor(names: NameTable) {
    this.#names = names;
  }

  /**
   * @param query a DNS message without TCP's length prefix
   * @returns the answer, or undefined where none is due (no query, or too short to be answered)
   */
  answer(query: Uint8Array, transport: 'udp' | 'tcp'): Uint8Array | undefined {
    if (query.length < HEADER_LENGTH || (query[2] & QR_BIT) !== 0) return undefined;
    const message = decode(query);
    if (message === undefined) return errorWithoutQuestion(query, FORMERR);
    if ((query[2] & OPCODE_MASK) !== 0) return errorWithoutQuestion(query, NOTIMP);
    const question = message.questions?.[0];
    if (question === undefined || message.questions?.length !== 1 || !isRepeatable(question, query))
      return errorWithoutQuestion(query, FORMERR);

    const edns = message.additionals?.find((record): record is OptAnswer => record.type === 'OPT');
    const badVersion = edns !== undefined && edns.ednsVersion !== 0;
    const { rcode, answers, authorities } = badVersion ? EMPTY : this.#resolve(question);
    const recursionDesired = (message.flags ?? 0) & dnsPacket.RECURSION_DESIRED;
    const response: Packet = {
      type: 'response',
      id: message.id ?? 0,
      flags: dnsPacket.AUTHORITATIVE_ANSWER | dnsPacket.RECURSION_AVAILABLE | recursionDesired | rcode,
      questions: [question],
      answers,
      authorities,
      additionals: edns === undefined ? [] : [ednsRecord(badVersion ? BADVERS_UPPER : 0)],
    };
    const encoded = dnsPacket.encode(response);
    if (encoded.length <= sizeLimit(transport, edns)) return encoded;
    return dnsPacket.encode({
      ...response,
      flags: (response.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE,
      answers: [],
      authorities: [],
    });
  }

  #resolve(question: Question): Resolution {
    if (question.class !== undefined && question.class !== 'IN')
      return { rcode: REFUSED, answers: [], authorities: [] };
    const addresses = this.#names.lookup(question.name);
    if (addresses === undefined || addresses.length === 0 || question.type !== 'A') {
      const rcode = addresses === undefined ? NXDOMAIN : NOERROR;
      return { rcode, answers: [], authorities: [startOfAuthority(question.name)] };
    }
    const start = this.#turn++ % addresses.length;
    const turned = [...addresses.slice(start), ...addresses.slice(0, start)];
    const answers = turned.map(
      (data): Answer => ({ type: 'A', class: 'IN', name: question.name, ttl: ANSWER_TTL_S, data }),
    );
    return { rcode: NOERROR, answers, authorities: [] };
  }
}

/** Whether the question comes out of the decoder as it went in: a resolver compares it with its own. */
function isRepeatable(question: Question, query: Uint8Array): boolean {
  const encoded = dnsPacket.encode({ type: 'query', questions: [question] }).subarray(HEADER_LENGTH);
  return encoded.equals(query.subarray(HEADER_LENGTH, HEADER_LENGTH + encoded.length));
}

function decode(query: Uint8Array): Packet | undefined {
  try {
    return dnsPacket.decode(Buffer.from(query.buffer, query.byteOffset, query.byteLength));
  } catch {
    return undefined; // dns-packet throws on anything it can't parse
  }
}

/** A header alone, with the query's id and opcode: what can be said of a message that can't be read. */
function errorWithoutQuestion(query: Uint8Array, rcode: number): Uint8Array {
  const answer = new Uint8Array(HEADER_LENGTH);
  answer.set(query.subarray(0, 3));
  answer[2] |= QR_BIT;
  answer[3] = rcode;
  return answer;
}

function startOfAuthority(name: string): Answer {
  const lower = name.toLowerCase();
  const zone = lower === CLUSTER_DOMAIN || lower.endsWith(`.${CLUSTER_DOMAIN}`) ? CLUSTER_DOMAIN : '.';
  return {
    type: 'SOA',
    class: 'IN',
    name: zone,
    ttl: ANSWER_TTL_S,
    data: {
      mname: `ns.dns.${CLUSTER_DOMAIN}`,
      rname: `hostmaster.${CLUSTER_DOMAIN}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ANSWER_TTL_S,
    },
  };
}

function ednsRecord(extendedRcode: number): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: EDNS_UDP_LIMIT,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

function sizeLimit(transport: 'udp' | 'tcp', edns: OptAnswer | undefined): number {
  if (transport === 'tcp') return TCP_LIMIT;
  if (edns === undefined) return PLAIN_UDP_LIMIT;
  return Math.min(Math.max(edns.udpPayloadSize, PLAIN_UDP_LIMIT), EDNS_UDP_LIMIT);
}
