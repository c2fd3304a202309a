/**
 * ICMP destination unreachable out (RFC 792, RFC 1812 4.3.2 and 5.2.7.1).
 *
 * Rate-limited for the whole stack, and never sent about an ICMP error, a
 * fragment other than the first, or a packet to or from more than one host
 * (RFC 1122 3.2.2). Input lets no such packet through to a transport but ICMP
 * itself, so this checks the quoted packet for the first alone.
 */
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { CHECKSUM_DONE, type DatagramSender, TRANSPORT_OFFSET } from '../ip/datagram-sender.ts';
import type { Transmitter } from '../ip/transmitter.ts';
import type { StackLimits } from '../limits.ts';
import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_BYTES,
  icmpType,
  writeIcmp,
} from '../wire/icmpv4.ts';
import { ipv4Destination, ipv4HeaderLength, ipv4Protocol, ipv4Source, PROTOCOL_ICMP } from '../wire/ipv4.ts';
import { TokenBucket } from './token-bucket.ts';

/** Why a destination cannot be reached, as the guest's system calls will say it. */
export type UnreachableReason = 'net' | 'host' | 'protocol' | 'port' | 'admin-prohibited';

const CODES: Readonly<Record<UnreachableReason, number>> = {
  net: 0,
  host: 1,
  protocol: 2,
  port: 3,
  'admin-prohibited': 13,
};

export class UnreachableSender {
  readonly #transmitter: Transmitter;
  readonly #sender: DatagramSender;
  readonly #counters: Counters;
  readonly #bucket: TokenBucket;
  readonly #clock: Clock;

  constructor(
    transmitter: Transmitter,
    sender: DatagramSender,
    limits: StackLimits,
    counters: Counters,
    clock: Clock,
  ) {
    this.#transmitter = transmitter;
    this.#sender = sender;
    this.#counters = counters;
    this.#bucket = new TokenBucket(limits.icmpErrorsPerSecond, limits.icmpErrorBurst, clock.nowMs);
    this.#clock = clock;
  }

  /** @param quote the offending packet from its IP header on, whole or cut */
  send(quote: Uint8Array, reason: UnreachableReason): void {
    if (
      ipv4Protocol(quote, 0) === PROTOCOL_ICMP &&
      icmpType(quote, ipv4HeaderLength(quote, 0)) !== ICMP_ECHO_REQUEST
    ) {
      this.#counters.icmpErrorsUnsuitable++;
      return;
    }
    if (!this.#bucket.take(this.#clock.nowMs)) {
      this.#counters.icmpErrorsLimited++;
      return;
    }
    const head = this.#transmitter.frame.head;
    writeIcmp(head, TRANSPORT_OFFSET, ICMP_DESTINATION_UNREACHABLE, CODES[reason], 0, quote);
    this.#counters.icmpErrorsOut++;
    // From the address that the guest wanted: there is no router here to name instead.
    this.#sender.send(
      PROTOCOL_ICMP,
      ipv4Destination(quote, 0),
      ipv4Source(quote, 0),
      ICMP_HEADER_BYTES,
      quote,
      CHECKSUM_DONE,
    );
  }
}
