/**
 * ICMP in (RFC 792, RFC 1122 3.2.2): echo requests go to the application, which
 * may answer, refuse or ignore them, at once or after it has asked the real host.
 *
 * Errors are matched with the flow they quote and counted, no more: RFC 5927
 * shows what comes of a TCP that believes them, and the kernel on the other
 * side of this link tells the truth by RST.
 */
import type { Counters } from '../counters.ts';
import { formatIpv4 } from '../ip/address.ts';
import { CHECKSUM_DONE, type DatagramSender, TRANSPORT_OFFSET } from '../ip/datagram-sender.ts';
import type { InboundPacket } from '../ip/packet.ts';
import type { Transmitter } from '../ip/transmitter.ts';
import { finishChecksum, sumBytes } from '../wire/checksum.ts';
import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_BYTES,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  icmpIdentifier,
  icmpSequence,
  icmpType,
  writeIcmp,
} from '../wire/icmpv4.ts';
import {
  IPV4_HEADER_BYTES,
  ipVersion,
  ipv4Destination,
  ipv4HeaderLength,
  ipv4Protocol,
  ipv4Source,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../wire/ipv4.ts';
import { destinationPort, sourcePort, tcpSequence } from '../wire/tcp.ts';
import type { UnreachableReason, UnreachableSender } from './unreachable.ts';

/** Of the transport, in a quote (RFC 792). */
const QUOTED_TRANSPORT_BYTES = 8;

/** Says whether a TCP segment that we sent, quoted in an error, may be in flight. */
export type QuotedSegmentTest = (
  local: number,
  remote: number,
  localPort: number,
  remotePort: number,
  sequence: number,
) => boolean;

/** A ping. It holds a copy of its message, so it may be answered at any time. */
export class EchoRequest {
  readonly identifier: number;
  readonly sequence: number;
  /** What follows identifier and sequence, to be sent back as it is. */
  readonly data: Uint8Array;
  readonly #local: number;
  readonly #remote: number;
  readonly #quote: Uint8Array;
  readonly #icmp: IcmpLayer;

  constructor(icmp: IcmpLayer, packet: InboundPacket) {
    const { buffer, offset, length } = packet;
    this.#icmp = icmp;
    this.#local = packet.destination;
    this.#remote = packet.source;
    this.#quote = packet.quote();
    this.identifier = icmpIdentifier(buffer, offset);
    this.sequence = icmpSequence(buffer, offset);
    this.data = buffer.slice(offset + ICMP_HEADER_BYTES, offset + length);
  }

  /** What the guest pings. */
  get localAddress(): string {
    return formatIpv4(this.#local);
  }

  get remoteAddress(): string {
    return formatIpv4(this.#remote);
  }

  reply(): void {
    const rest = (this.identifier << 16) | this.sequence;
    this.#icmp.sendEchoReply(this.#local, this.#remote, rest, this.data);
  }

  unreachable(reason: UnreachableReason): void {
    this.#icmp.unreachable(this.#quote, reason);
  }
}

export class IcmpLayer {
  onEcho: ((request: EchoRequest) => void) | null = null;
  readonly #transmitter: Transmitter;
  readonly #sender: DatagramSender;
  readonly #unreachable: UnreachableSender;
  readonly #counters: Counters;
  readonly #isSegmentInFlight: QuotedSegmentTest;

  constructor(
    transmitter: Transmitter,
    sender: DatagramSender,
    unreachable: UnreachableSender,
    counters: Counters,
    isSegmentInFlight: QuotedSegmentTest,
  ) {
    this.#transmitter = transmitter;
    this.#sender = sender;
    this.#unreachable = unreachable;
    this.#counters = counters;
    this.#isSegmentInFlight = isSegmentInFlight;
  }

  receive(packet: InboundPacket): void {
    const { buffer, offset, length } = packet;
    const counters = this.#counters;
    if (length < ICMP_HEADER_BYTES) {
      counters.icmpHeaderBad++;
      return;
    }
    if (!packet.checksumTrusted && finishChecksum(sumBytes(buffer, offset, length, 0)) !== 0) {
      counters.icmpChecksumBad++;
      return;
    }
    switch (icmpType(buffer, offset)) {
      case ICMP_ECHO_REQUEST:
        counters.icmpEchoIn++;
        if (this.onEcho === null) counters.icmpEchoIgnored++;
        else this.onEcho(new EchoRequest(this, packet));
        return;
      case ICMP_DESTINATION_UNREACHABLE:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAMETER_PROBLEM:
        this.#errorArrives(packet);
        return;
      default:
        // RFC 1122 3.2.2: an unknown type is discarded silently. Source quench is obsolete (RFC 6633).
        counters.icmpTypeIgnored++;
    }
  }

  sendEchoReply(from: number, to: number, rest: number, data: Uint8Array): void {
    writeIcmp(this.#transmitter.frame.head, TRANSPORT_OFFSET, ICMP_ECHO_REPLY, 0, rest, data);
    this.#counters.icmpEchoOut++;
    this.#sender.send(PROTOCOL_ICMP, from, to, ICMP_HEADER_BYTES, data, CHECKSUM_DONE);
  }

  unreachable(quote: Uint8Array, reason: UnreachableReason): void {
    this.#unreachable.send(quote, reason);
  }

  #errorArrives(packet: InboundPacket): void {
    const { buffer } = packet;
    const counters = this.#counters;
    const quote = packet.offset + ICMP_HEADER_BYTES;
    const quoteLength = packet.length - ICMP_HEADER_BYTES;
    if (quoteLength < IPV4_HEADER_BYTES || ipVersion(buffer, quote) !== 4) {
      counters.icmpHeaderBad++;
      return;
    }
    const headerLength = ipv4HeaderLength(buffer, quote);
    if (headerLength < IPV4_HEADER_BYTES || quoteLength < headerLength + QUOTED_TRANSPORT_BYTES) {
      counters.icmpHeaderBad++;
      return;
    }
    // The quoted packet is one of ours: its source is our side.
    const transport = quote + headerLength;
    const protocol = ipv4Protocol(buffer, quote);
    const local = ipv4Source(buffer, quote);
    const remote = ipv4Destination(buffer, quote);
    if (remote !== packet.source) {
      counters.icmpErrorsInUnmatched++;
    } else if (protocol === PROTOCOL_UDP) {
      counters.icmpErrorsInUdp++;
    } else if (
      protocol === PROTOCOL_TCP &&
      this.#isSegmentInFlight(
        local,
        remote,
        sourcePort(buffer, transport),
        destinationPort(buffer, transport),
        tcpSequence(buffer, transport),
      )
    ) {
      counters.icmpErrorsInTcp++;
    } else {
      counters.icmpErrorsInUnmatched++;
    }
  }
}
