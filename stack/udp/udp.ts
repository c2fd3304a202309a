/**
 * UDP (RFC 768) without sockets: each datagram in goes to the application, which
 * answers from whatever address it likes. There is no flow to keep here; who
 * wants an idle timeout keeps one with the host socket it belongs to.
 */
import type { Counters } from '../counters.ts';
import type { UnreachableReason, UnreachableSender } from '../icmp/unreachable.ts';
import { formatIpv4, parseIpv4 } from '../ip/address.ts';
import { CHECKSUM_DONE, type DatagramSender, TRANSPORT_OFFSET } from '../ip/datagram-sender.ts';
import type { Endpoint } from '../ip/flow.ts';
import type { InboundPacket } from '../ip/packet.ts';
import type { Transmitter } from '../ip/transmitter.ts';
import { finishChecksum, foldSum, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import { setUint16 } from '../wire/bytes.ts';
import { PROTOCOL_UDP } from '../wire/ipv4.ts';
import { destinationPort, sourcePort } from '../wire/tcp.ts';
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_BYTES, udpChecksum, udpLength, writeUdp } from '../wire/udp.ts';

/** What is left of a datagram once its packet is gone, and the ways to answer it. */
export class UdpDatagram {
  readonly localPort: number;
  readonly remotePort: number;
  /** A view of the device's buffer: copy what is to outlive the call. */
  readonly payload: Uint8Array;
  readonly #local: number;
  readonly #remote: number;
  readonly #quote: Uint8Array;
  readonly #udp: UdpLayer;

  constructor(udp: UdpLayer, packet: InboundPacket, payload: Uint8Array) {
    this.#udp = udp;
    this.#local = packet.destination;
    this.#remote = packet.source;
    this.localPort = destinationPort(packet.buffer, packet.offset);
    this.remotePort = sourcePort(packet.buffer, packet.offset);
    this.payload = payload;
    this.#quote = packet.quote();
  }

  /** What the guest sent to. */
  get localAddress(): string {
    return formatIpv4(this.#local);
  }

  /** The guest's own. */
  get remoteAddress(): string {
    return formatIpv4(this.#remote);
  }

  /** From the address asked to the one that asked; at any time. @returns false where it was dropped */
  reply(payload: Uint8Array): boolean {
    return this.#udp.send(this.#local, this.localPort, this.#remote, this.remotePort, payload);
  }

  /** Answers with an ICMP error, at any time. */
  unreachable(reason: UnreachableReason): void {
    this.#udp.unreachable(this.#quote, reason);
  }
}

export class UdpLayer {
  onDatagram: ((datagram: UdpDatagram) => void) | null = null;
  readonly #transmitter: Transmitter;
  readonly #sender: DatagramSender;
  readonly #unreachable: UnreachableSender;
  readonly #counters: Counters;

  constructor(
    transmitter: Transmitter,
    sender: DatagramSender,
    unreachable: UnreachableSender,
    counters: Counters,
  ) {
    this.#transmitter = transmitter;
    this.#sender = sender;
    this.#unreachable = unreachable;
    this.#counters = counters;
  }

  receive(packet: InboundPacket): void {
    const { buffer, offset, length } = packet;
    const counters = this.#counters;
    counters.udpIn++;
    const datagramLength = length < UDP_HEADER_BYTES ? 0 : udpLength(buffer, offset);
    if (datagramLength < UDP_HEADER_BYTES || datagramLength > length) {
      counters.udpHeaderBad++;
      return;
    }
    // A zero checksum is none (RFC 768), which over IPv4 is allowed.
    if (!packet.checksumTrusted && udpChecksum(buffer, offset) !== 0) {
      const pseudo = pseudoHeaderSum(packet.source, packet.destination, PROTOCOL_UDP, datagramLength);
      if (finishChecksum(sumBytes(buffer, offset, datagramLength, pseudo)) !== 0) {
        counters.udpChecksumBad++;
        return;
      }
    }
    if (this.onDatagram === null) {
      counters.udpNoHandler++;
      this.#unreachable.send(packet.quote(), 'port');
      return;
    }
    const payload = buffer.subarray(offset + UDP_HEADER_BYTES, offset + datagramLength);
    this.onDatagram(new UdpDatagram(this, packet, payload));
  }

  sendBetween(from: Endpoint, to: Endpoint, payload: Uint8Array): boolean {
    return this.send(parseIpv4(from.address), from.port, parseIpv4(to.address), to.port, payload);
  }

  send(local: number, localPort: number, remote: number, remotePort: number, payload: Uint8Array): boolean {
    const head = this.#transmitter.frame.head;
    const length = UDP_HEADER_BYTES + payload.length;
    const pseudo = pseudoHeaderSum(local, remote, PROTOCOL_UDP, length);
    const cut = this.#sender.fragments(length);
    // The device finishes the checksum of one packet; across fragments it cannot.
    writeUdp(head, TRANSPORT_OFFSET, localPort, remotePort, length, cut ? 0 : foldSum(pseudo));
    if (cut) {
      const headerSum = sumBytes(head, TRANSPORT_OFFSET, UDP_HEADER_BYTES, pseudo);
      const checksum = finishChecksum(sumBytes(payload, 0, payload.length, headerSum));
      // 0 would say that there is none; its ones' complement twin says the same sum (RFC 768).
      setUint16(head, TRANSPORT_OFFSET + UDP_CHECKSUM_OFFSET, checksum === 0 ? 0xffff : checksum);
    }
    const sent = this.#sender.send(
      PROTOCOL_UDP,
      local,
      remote,
      UDP_HEADER_BYTES,
      payload,
      cut ? CHECKSUM_DONE : UDP_CHECKSUM_OFFSET,
    );
    if (sent) this.#counters.udpOut++;
    return sent;
  }

  unreachable(quote: Uint8Array, reason: UnreachableReason): void {
    this.#unreachable.send(quote, reason);
  }
}
