/**
 * ICMP errors out (RFC 792, RFC 1812 4.3.2 and 5.2.7; RFC 4443 3).
 *
 * Rate-limited for the whole stack, and never sent about an ICMP error, a
 * fragment other than the first, or a packet to or from more than one host
 * (RFC 1122 3.2.2, RFC 4443 2.4 (e)). Input lets no packet of the last two kinds
 * get so far, so this checks the quoted packet for the first alone.
 *
 * They come from the address that the guest wanted: there is no router here to
 * name instead.
 */
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import {
  type ErrorReporter,
  PROBLEM_NEXT_HEADER,
  type UnreachableReason,
} from '../ip/packet/error-reporter.ts';
import type { PacketQuote } from '../ip/packet/packet.ts';
import type { StackLimits } from '../limits.ts';
import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO_REQUEST,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_REDIRECT,
  ICMPV6_TIME_EXCEEDED,
  icmpType,
} from '../wire/icmp.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from '../wire/ipv4.ts';
import type { IcmpMessageSender } from './message-sender.ts';
import { TokenBucket } from './token-bucket.ts';

const IPV4_CODES: Readonly<Record<UnreachableReason, number>> = {
  net: 0,
  host: 1,
  protocol: 2,
  port: 3,
  'admin-prohibited': 13,
};
const IPV4_FRAGMENTATION_NEEDED = 4;

/** IPv6 has no code for protocols: a next header that nobody knows is a parameter problem. */
const IPV6_CODES: Readonly<Record<Exclude<UnreachableReason, 'protocol'>, number>> = {
  net: 0,
  host: 3,
  port: 4,
  'admin-prohibited': 1,
};

/** Of time exceeded, in both versions. */
const REASSEMBLY_TIME_EXCEEDED = 1;

export class IcmpErrorSender implements ErrorReporter {
  readonly #messages: IcmpMessageSender;
  readonly #counters: Counters;
  readonly #bucket: TokenBucket;
  readonly #clock: Clock;

  constructor(messages: IcmpMessageSender, limits: StackLimits, counters: Counters, clock: Clock) {
    this.#messages = messages;
    this.#counters = counters;
    this.#bucket = new TokenBucket(limits.icmpErrorsPerSecond, limits.icmpErrorBurst, clock.nowMs);
    this.#clock = clock;
  }

  unreachable(quote: PacketQuote, reason: UnreachableReason): void {
    if (quote.path.version === 4) {
      this.#send(quote, ICMP_DESTINATION_UNREACHABLE, IPV4_CODES[reason], 0);
    } else if (reason === 'protocol') {
      this.parameterProblem(quote, PROBLEM_NEXT_HEADER, quote.protocolOffset);
    } else {
      this.#send(quote, ICMPV6_DESTINATION_UNREACHABLE, IPV6_CODES[reason], 0);
    }
  }

  /** The way on, which the embedding program knows, carries packets of `mtu` bytes (RFC 1191 4, RFC 4443 3.2). */
  tooBig(quote: PacketQuote, mtu: number): void {
    if (quote.path.version === 4) {
      this.#send(quote, ICMP_DESTINATION_UNREACHABLE, IPV4_FRAGMENTATION_NEEDED, mtu & 0xffff);
    } else {
      this.#send(quote, ICMPV6_PACKET_TOO_BIG, 0, mtu);
    }
  }

  reassemblyTimeout(quote: PacketQuote): void {
    const type = quote.path.version === 4 ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEEDED;
    this.#send(quote, type, REASSEMBLY_TIME_EXCEEDED, 0);
  }

  parameterProblem(quote: PacketQuote, code: number, pointer: number): void {
    this.#send(quote, ICMPV6_PARAMETER_PROBLEM, code, pointer);
  }

  #send(quote: PacketQuote, type: number, code: number, rest: number): void {
    if (isAboutIcmpError(quote)) {
      this.#counters.icmpErrorsUnsuitable++;
      return;
    }
    if (!this.#bucket.take(this.#clock.nowMs)) {
      this.#counters.icmpErrorsLimited++;
      return;
    }
    this.#counters.icmpErrorsOut++;
    this.#messages.send(quote.path, type, code, rest, quote.bytes);
  }
}

/** Of IPv4 anything but a ping is treated as one; of IPv6 types below 128, and redirects. */
function isAboutIcmpError(quote: PacketQuote): boolean {
  const { bytes, protocol, transportOffset } = quote;
  // A type that was not quoted or did not come may be an error's.
  const type =
    transportOffset < bytes.length ? icmpType(bytes, transportOffset) : ICMP_DESTINATION_UNREACHABLE;
  if (quote.path.version === 4) return protocol === PROTOCOL_ICMP && type !== ICMP_ECHO_REQUEST;
  return protocol === PROTOCOL_ICMPV6 && (type < ICMPV6_ECHO_REQUEST || type === ICMPV6_REDIRECT);
}
