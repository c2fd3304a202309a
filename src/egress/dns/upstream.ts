/**
 * Names of outside: the sandbox's questions, asked of the host's resolvers.
 *
 * A query goes on as it is and its answer comes back as it is, but for the id
 * and the TTLs of what was kept. Queries that are the same but for the id are
 * asked once at a time. Servers are tried as resolv.conf(5) says; one that fails,
 * is slow, or has nothing to say leaves it to the next.
 *
 * Which names an answer gave which addresses is told, each time that it is given:
 * policy knows a flow by nothing else than its address.
 */

import dnsPacket, { type Question } from 'dns-packet';
import { monotonicMs } from '../../monotonic.ts';
import { NOTIMP, REFUSED, SERVFAIL } from '../../names/dns/codes.ts';
import type { DnsTransport, OutsideAnswer } from '../../names/dns/server.ts';
import type { Log } from '../../observe/log.ts';
import { type Answer, AnswerCache } from './cache.ts';
import { exchange } from './exchange.ts';
import { askInTurn, type Attempt } from './in-turn.ts';
import {
  aged,
  answerFor,
  ednsSize,
  failureFor,
  keyOf,
  lifetimeOf,
  type NamedAddress,
  namedAddresses,
  questionEnd,
  rcodeOf,
  truncatedFor,
} from './message.ts';
import type { ResolverConfig } from './resolver-config.ts';

/** Different questions under way; more are SERVFAIL, and clients ask again. */
const MAX_QUESTIONS = 512;
/** For all servers and attempts together: no client waits longer. */
const QUESTION_TIMEOUT_MS = 30_000;
/** What a client without EDNS takes over UDP (RFC 1035, 4.2.1), and the most that we send (RFC 9715). */
const PLAIN_UDP_LIMIT = 512;
const EDNS_UDP_LIMIT = 1232;

/** A server that says these may know nothing of it, and another one more. */
const NO_ANSWERS: ReadonlySet<number> = new Set([SERVFAIL, NOTIMP, REFUSED]);

export interface UpstreamOptions {
  readonly resolvers: { current(): ResolverConfig };
  /** Told of each name and address that an answer gives, for how long. */
  readonly onNamed: (name: string, address: string, ttlS: number) => void;
  readonly log: Log;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

/** What some resolvers have said, and are asked now, by question. */
interface Asked {
  readonly config: ResolverConfig;
  readonly cache: AnswerCache;
  readonly underWay: Map<string, Promise<Answer>>;
}

export class UpstreamDns {
  readonly #options: UpstreamOptions;
  readonly #now: () => number;
  #turn = 0;
  #asked: Asked | undefined;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#now = options.now ?? monotonicMs;
  }

  /**
   * The answer to a query, which is SERVFAIL where nobody has one.
   *
   * @param query a message with one question, without TCP's length prefix
   * @returns undefined where it is no such message
   */
  ask(query: Uint8Array, transport: DnsTransport): Promise<Uint8Array> | undefined {
    const end = questionEnd(query);
    if (end === undefined) return undefined;
    return this.#answer(query, end).then(({ message: answer, named }) => {
      this.#tellNames(named);
      const limit = transport === 'tcp' ? Number.POSITIVE_INFINITY : udpLimit(query);
      const own = answerFor(query, end, answer);
      return own.length <= limit ? own : truncatedFor(query, end, answer, EDNS_UDP_LIMIT);
    });
  }

  /** For who has a question and no query. */
  async resolve(question: Question): Promise<OutsideAnswer> {
    const query = dnsPacket.encode({
      type: 'query',
      id: 0,
      flags: dnsPacket.RECURSION_DESIRED,
      questions: [question],
    });
    const answer = await this.ask(query, 'tcp');
    if (answer === undefined) throw new Error('not a question');
    const { answers = [], authorities = [] } = dnsPacket.decode(Buffer.from(answer));
    return { rcode: rcodeOf(answer), answers, authorities };
  }

  /** Of any query of the same question, to be changed by nobody. */
  #answer(query: Uint8Array, end: number): Promise<Answer> {
    const { config, cache, underWay } = this.#ofCurrentResolvers();
    const key = keyOf(query, end);
    const kept = cache.get(key);
    if (kept !== undefined) return Promise.resolve(agedAnswer(kept.answer, kept.ageS));
    const same = underWay.get(key);
    if (same !== undefined) return same;
    const failed: Answer = { message: failureFor(query, end, SERVFAIL, EDNS_UDP_LIMIT), named: [] };
    if (underWay.size >= MAX_QUESTIONS) return Promise.resolve(failed);
    const asking = this.#askServers(query, config)
      .then((message) => {
        if (message === undefined) return failed;
        const answer: Answer = { message, named: namedAddresses(message) };
        cache.put(key, answer, lifetimeOf(message));
        return answer;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, asking);
    return asking;
  }

  /** Other resolvers may know other things: behind a VPN, names have other addresses. */
  #ofCurrentResolvers(): Asked {
    const config = this.#options.resolvers.current();
    if (this.#asked?.config !== config)
      this.#asked = { config, cache: new AnswerCache(this.#now), underWay: new Map() };
    return this.#asked;
  }

  #askServers(
    query: Uint8Array,
    { servers, attempts, timeoutMs, rotate, tcpOnly }: ResolverConfig,
  ): Promise<Uint8Array | undefined> {
    const first = rotate ? this.#turn++ % servers.length : 0;
    const inTurn = Array.from({ length: attempts * servers.length }, (_, i): Attempt => {
      const server = servers[(first + i) % servers.length];
      return {
        ask: (signal) => exchange(server, query, tcpOnly, signal),
        onFailure: (why) => this.#options.log.debug(`DNS server ${server.address}: ${why}`),
      };
    });
    return askInTurn(inTurn, {
      eachMs: timeoutMs,
      allMs: QUESTION_TIMEOUT_MS,
      isAnswer: (answer) => !NO_ANSWERS.has(rcodeOf(answer)),
    });
  }

  #tellNames(named: readonly NamedAddress[]): void {
    for (const { names, address, ttlS } of named)
      for (const name of names) this.#options.onNamed(name, address, ttlS);
  }
}

function udpLimit(query: Uint8Array): number {
  const size = ednsSize(query);
  return size === undefined ? PLAIN_UDP_LIMIT : Math.min(Math.max(size, PLAIN_UDP_LIMIT), EDNS_UDP_LIMIT);
}

function agedAnswer({ message, named }: Answer, seconds: number): Answer {
  return {
    message: aged(message, seconds),
    named: named.map((one) => ({ ...one, ttlS: Math.max(0, one.ttlS - seconds) })),
  };
}
