/**
 * ICMP errors in: what they say, in words of neither version, and to whom.
 *
 * Nothing is believed but for what it quotes: a packet of ours, whose transport
 * recognizes it (RFC 5927 4). What then comes of it is the transport's part.
 */
import type { Counters } from '../counters.ts';
import type { DeliveryError } from '../ip/packet/error-reporter.ts';
import type { InboundPacket } from '../ip/packet/packet.ts';
import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO_REPLY,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_ECHO_REPLY,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_TIME_EXCEEDED,
  icmpCode,
  icmpRest,
  icmpType,
} from '../wire/icmp.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ipv4.ts';
import { parseQuoted } from './quoted-packet.ts';

/** A transport, as far as it is told of errors. */
export interface ErrorListener {
  /**
   * @param quoted a packet from us, down to the first eight bytes of its transport
   * @param mtu with `too-big`, what the way carries; 0 where nobody said
   * @returns whether that packet may have been sent
   */
  errorArrives(quoted: InboundPacket, error: DeliveryError, mtu: number): boolean;
}

/** RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1, by code of destination unreachable. */
const IPV4_UNREACHABLE: readonly DeliveryError[] = [
  'net',
  'host',
  'protocol',
  'port',
  'too-big',
  'net',
  'net',
  'host',
  'host',
  'admin-prohibited',
  'admin-prohibited',
  'net',
  'host',
  'admin-prohibited',
];

/** RFC 4443 3.1, by code of destination unreachable. */
const IPV6_UNREACHABLE: readonly DeliveryError[] = [
  'net',
  'admin-prohibited',
  'net',
  'host',
  'port',
  'admin-prohibited',
  'net',
];

export class IcmpErrorInput {
  readonly #tcp: ErrorListener;
  readonly #udp: ErrorListener;
  readonly #counters: Counters;
  /** The packet of ours that the error quotes. */
  readonly #quoted: InboundPacket;

  constructor(tcp: ErrorListener, udp: ErrorListener, counters: Counters, quoted: InboundPacket) {
    this.#tcp = tcp;
    this.#udp = udp;
    this.#counters = counters;
    this.#quoted = quoted;
  }

  receive(packet: InboundPacket): void {
    const counters = this.#counters;
    const quoted = this.#quoted;
    const { buffer, offset } = packet;
    if (!parseQuoted(quoted, packet)) {
      counters.icmpHeaderBad++;
      return;
    }
    const error = packet.version === 4 ? ipv4Error(buffer, offset) : ipv6Error(buffer, offset);
    const rest = icmpRest(buffer, offset);
    const mtu = packet.version === 4 ? rest & 0xffff : Math.min(0xffff, rest >>> 0);
    if (quoted.protocol === PROTOCOL_TCP && this.#tcp.errorArrives(quoted, error, mtu)) {
      counters.icmpErrorsInTcp++;
    } else if (quoted.protocol === PROTOCOL_UDP && this.#udp.errorArrives(quoted, error, mtu)) {
      counters.icmpErrorsInUdp++;
    } else if (isEchoReply(quoted)) {
      counters.icmpErrorsInEcho++;
    } else {
      counters.icmpErrorsInUnmatched++;
    }
  }
}

function isEchoReply({ version, protocol, buffer, offset }: InboundPacket): boolean {
  if (version === 4) return protocol === PROTOCOL_ICMP && icmpType(buffer, offset) === ICMP_ECHO_REPLY;
  return protocol === PROTOCOL_ICMPV6 && icmpType(buffer, offset) === ICMPV6_ECHO_REPLY;
}

function ipv4Error(buffer: Uint8Array, offset: number): DeliveryError {
  switch (icmpType(buffer, offset)) {
    case ICMP_DESTINATION_UNREACHABLE:
      return IPV4_UNREACHABLE[icmpCode(buffer, offset)] ?? 'net';
    case ICMP_TIME_EXCEEDED:
      return 'time-exceeded';
    default:
      return 'parameter-problem';
  }
}

function ipv6Error(buffer: Uint8Array, offset: number): DeliveryError {
  switch (icmpType(buffer, offset)) {
    case ICMPV6_DESTINATION_UNREACHABLE:
      return IPV6_UNREACHABLE[icmpCode(buffer, offset)] ?? 'net';
    case ICMPV6_PACKET_TOO_BIG:
      return 'too-big';
    case ICMPV6_TIME_EXCEEDED:
      return 'time-exceeded';
    default:
      return 'parameter-problem';
  }
}
