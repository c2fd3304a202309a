/**
 * The DNS server at the gateway: one message in, one answer out (RFC 1035).
 *
 * resolver.ts knows the names of the sandbox, and an answer from there comes at
 * once. A name of outside is asked of whoever may know it, and is NXDOMAIN where
 * nobody may; such answers come later, and how many are under way is bounded.
 * The question goes out as the client wrote it, with all that we don't know of,
 * and its answer comes back so. Only the end of a chain of CNAMEs that begins
 * here is a question of ours.
 *
 * A question that would not be repeated byte for byte (compressed, or with
 * labels that are no text) is FORMERR: nothing of the cluster has such a name.
 *
 * An answer that does not fit loses its additional records first; then it is
 * cut to nothing and marked truncated, and the client asks again over TCP (RFC
 * 7766).
 */

import dnsPacket, { type Answer, type OptAnswer, type Packet, type Question } from 'dns-packet';
import { FORMERR, NOERROR, NOTIMP, SERVFAIL } from './codes.ts';
import type { Resolution, Resolver } from './resolver.ts';

/** What a client without EDNS takes over UDP (RFC 1035, 4.2.1). */
const PLAIN_UDP_LIMIT = 512;
/** What we take and send at most over UDP with EDNS (RFC 6891): what most resolvers settled on. */
const EDNS_UDP_LIMIT = 1232;
const TCP_LIMIT = 65_535;
const HEADER_LENGTH = 12;
/** Questions asked outside and not answered yet; more are SERVFAIL, and clients ask again. */
const MAX_OUTSIDE_QUESTIONS = 512;

/** RFC 6891, 6.1.3: an extended RCODE, of which this is the upper part and NOERROR the lower. */
const BADVERS_UPPER = 1;

const QR_BIT = 0x80;
const OPCODE_MASK = 0x78;

export type DnsTransport = 'udp' | 'tcp';

/** What somebody outside says to a question. */
export interface OutsideAnswer {
  readonly rcode: number;
  readonly answers: Answer[];
  readonly authorities: Answer[];
}

/**
 * Who knows the names of outside. Undefined where nobody may be asked; a rejection is SERVFAIL.
 * It has to bound its own time.
 */
export interface OutsideNames {
  /** @param query may be kept. @param name what it asks for */
  ask(query: Uint8Array, name: string, transport: DnsTransport): Promise<Uint8Array> | undefined;
  resolve(question: Question): Promise<OutsideAnswer> | undefined;
}

const NOBODY: OutsideNames = { ask: () => undefined, resolve: () => undefined };

/** What of a query is needed once it is read. */
interface Query {
  readonly id: number;
  readonly recursionDesired: number;
  readonly question: Question;
  readonly edns: OptAnswer | undefined;
  readonly sizeLimit: number;
}

export class DnsServer {
  readonly #resolver: Resolver;
  readonly #outside: OutsideNames;
  #outsideQuestions = 0;

  constructor(resolver: Resolver, outside: OutsideNames = NOBODY) {
    this.#resolver = resolver;
    this.#outside = outside;
  }

  /**
   * @param message a DNS message without TCP's length prefix; not looked at after the call
   * @returns the answer, or undefined where none is due (no query, or too short to be answered)
   */
  answer(message: Uint8Array, transport: DnsTransport): Uint8Array | Promise<Uint8Array> | undefined {
    if (message.length < HEADER_LENGTH || (message[2] & QR_BIT) !== 0) return undefined;
    if ((message[2] & OPCODE_MASK) !== 0) return errorWithoutQuestion(message, NOTIMP);
    const query = readQuery(message, transport);
    if (query === undefined) return errorWithoutQuestion(message, FORMERR);
    if (query.edns !== undefined && query.edns.ednsVersion !== 0) return encodeAnswer(query, BAD_VERSION);
    const known = this.#resolver.resolve(query.question);
    return this.#askOutside(message, query, known, transport) ?? encodeAnswer(query, known);
  }

  /** An answer that takes more than is known here; undefined where what is known is all. */
  #askOutside(
    message: Uint8Array,
    query: Query,
    known: Resolution,
    transport: DnsTransport,
  ): Promise<Uint8Array> | undefined {
    const name = known.outside;
    if (name === undefined) return undefined;
    const failed = (): Uint8Array => encodeAnswer(query, { ...known, rcode: SERVFAIL, authorities: [] });
    if (this.#outsideQuestions >= MAX_OUTSIDE_QUESTIONS) return Promise.resolve(failed());
    const asked =
      known.answers.length === 0
        ? this.#outside.ask(new Uint8Array(message), name, transport)
        : this.#outside
            .resolve({ name, type: query.question.type, class: 'IN' })
            ?.then((rest) => encodeAnswer(query, joined(known, rest)));
    if (asked === undefined) return undefined;
    this.#outsideQuestions += 1;
    return asked.catch(failed).finally(() => {
      this.#outsideQuestions -= 1;
    });
  }
}

/** What is known here, and after it what is known outside. */
function joined(known: Resolution, { rcode, answers, authorities }: OutsideAnswer): Resolution {
  return { ...known, rcode, answers: [...known.answers, ...answers], authorities };
}

const BAD_VERSION: Resolution = { rcode: NOERROR, answers: [], authorities: [], additionals: [] };

function readQuery(message: Uint8Array, transport: DnsTransport): Query | undefined {
  const packet = decode(message);
  const question = packet?.questions?.[0];
  if (packet?.questions?.length !== 1 || question === undefined) return undefined;
  if (!isRepeatable(question, message)) return undefined;
  const edns = packet.additionals?.find((record): record is OptAnswer => record.type === 'OPT');
  return {
    id: packet.id ?? 0,
    recursionDesired: (packet.flags ?? 0) & dnsPacket.RECURSION_DESIRED,
    question,
    edns,
    sizeLimit: sizeLimit(transport, edns),
  };
}

function encodeAnswer(query: Query, resolution: Resolution): Uint8Array {
  const { rcode, answers, authorities, additionals, outside } = resolution;
  const authoritative = outside === undefined ? dnsPacket.AUTHORITATIVE_ANSWER : 0;
  const edns = query.edns === undefined ? [] : [ednsRecord(resolution === BAD_VERSION ? BADVERS_UPPER : 0)];
  const packet: Packet = {
    type: 'response',
    id: query.id,
    flags: authoritative | dnsPacket.RECURSION_AVAILABLE | query.recursionDesired | rcode,
    questions: [query.question],
    answers,
    authorities,
    additionals: [...additionals, ...edns],
  };
  const whole = dnsPacket.encode(packet);
  if (whole.length <= query.sizeLimit) return whole;
  const bare = dnsPacket.encode({ ...packet, additionals: edns });
  if (bare.length <= query.sizeLimit) return bare;
  return dnsPacket.encode({
    ...packet,
    flags: (packet.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE,
    answers: [],
    authorities: [],
    additionals: edns,
  });
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

function sizeLimit(transport: DnsTransport, edns: OptAnswer | undefined): number {
  if (transport === 'tcp') return TCP_LIMIT;
  if (edns === undefined) return PLAIN_UDP_LIMIT;
  return Math.min(Math.max(edns.udpPayloadSize, PLAIN_UDP_LIMIT), EDNS_UDP_LIMIT);
}
