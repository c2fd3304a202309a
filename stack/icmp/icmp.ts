/**
 * ICMP and ICMPv6 in (RFC 792, RFC 1122 3.2.2, RFC 4443): echo requests go to
 * the application, which may answer, refuse or ignore them, at once or after it
 * has asked the real host.
 *
 * Errors go to error-input.ts. Neighbour discovery and its like have no meaning
 * on a link of two.
 */
import type { Counters } from '../counters.ts';
import type { InboundPacket } from '../ip/packet/packet.ts';
import type { Path } from '../ip/path/path.ts';
import { finishChecksum, sumBytes } from '../wire/checksum.ts';
import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_BYTES,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_TIME_EXCEEDED,
  icmpType,
} from '../wire/icmp.ts';
import { PROTOCOL_ICMPV6 } from '../wire/ipv4.ts';
import { EchoRequest } from './echo.ts';
import type { IcmpErrorInput } from './error-input.ts';
import type { IcmpErrorSender } from './error-sender.ts';
import type { IcmpMessageSender } from './message-sender.ts';

export class IcmpLayer {
  onEcho: ((request: EchoRequest) => void) | null = null;
  readonly errors: IcmpErrorSender;
  readonly #messages: IcmpMessageSender;
  readonly #counters: Counters;
  readonly #errorInput: IcmpErrorInput;

  constructor(
    messages: IcmpMessageSender,
    errors: IcmpErrorSender,
    errorInput: IcmpErrorInput,
    counters: Counters,
  ) {
    this.#messages = messages;
    this.errors = errors;
    this.#counters = counters;
    this.#errorInput = errorInput;
  }

  receive(packet: InboundPacket): void {
    const { buffer, offset, length } = packet;
    const counters = this.#counters;
    if (length < ICMP_HEADER_BYTES) {
      counters.icmpHeaderBad++;
      return;
    }
    const pseudoSum = packet.version === 4 ? 0 : packet.pseudoHeaderSum(PROTOCOL_ICMPV6, length);
    if (!packet.checksumTrusted && finishChecksum(sumBytes(buffer, offset, length, pseudoSum)) !== 0) {
      counters.icmpChecksumBad++;
      return;
    }
    const type = icmpType(buffer, offset);
    if (packet.version === 4) this.#receiveIpv4(packet, type);
    else this.#receiveIpv6(packet, type);
  }

  sendEchoReply(path: Path, rest: number, data: Uint8Array): void {
    this.#counters.icmpEchoOut++;
    this.#messages.send(path, path.version === 4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY, 0, rest, data);
  }

  #receiveIpv4(packet: InboundPacket, type: number): void {
    switch (type) {
      case ICMP_ECHO_REQUEST:
        this.#echoArrives(packet);
        return;
      case ICMP_DESTINATION_UNREACHABLE:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAMETER_PROBLEM:
        this.#errorInput.receive(packet);
        return;
      default:
        // RFC 1122 3.2.2: an unknown type is discarded silently. Source quench is obsolete (RFC 6633).
        this.#counters.icmpTypeIgnored++;
    }
  }

  #receiveIpv6(packet: InboundPacket, type: number): void {
    switch (type) {
      case ICMPV6_ECHO_REQUEST:
        this.#echoArrives(packet);
        return;
      case ICMPV6_DESTINATION_UNREACHABLE:
      case ICMPV6_PACKET_TOO_BIG:
      case ICMPV6_TIME_EXCEEDED:
      case ICMPV6_PARAMETER_PROBLEM:
        this.#errorInput.receive(packet);
        return;
      default:
        this.#counters.icmpTypeIgnored++;
    }
  }

  #echoArrives(packet: InboundPacket): void {
    this.#counters.icmpEchoIn++;
    if (this.onEcho === null) this.#counters.icmpEchoIgnored++;
    else this.onEcho(new EchoRequest(this, packet));
  }
}
