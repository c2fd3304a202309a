/**
 * UDP (RFC 768) without sockets: each datagram in goes to the application, which
 * answers from whatever address it likes. Flows are remembered for the sake of
 * ICMP errors alone (flows.ts); who relays keeps its own idle timeout, with the
 * host socket it belongs to.
 */
import type { Counters } from '../counters.ts';
import type { ErrorListener } from '../icmp/error-input.ts';
import type { IcmpErrorSender } from '../icmp/error-sender.ts';
import type { DatagramSender } from '../ip/datagram-sender.ts';
import type { DeliveryError, UnreachableReason } from '../ip/error-reporter.ts';
import type { Endpoint } from '../ip/flow.ts';
import type { Link } from '../ip/link.ts';
import type { InboundPacket, PacketQuote } from '../ip/packet.ts';
import { CHECKSUM_DONE, Path } from '../ip/path.ts';
import type { Transmitter } from '../ip/transmitter.ts';
import { finishChecksum, foldSum, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import { setUint16 } from '../wire/bytes.ts';
import { PROTOCOL_UDP } from '../wire/ipv4.ts';
import { destinationPort, sourcePort } from '../wire/tcp.ts';
import type { UdpFlows } from './flows.ts';
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_BYTES, udpChecksum, udpLength, writeUdp } from '../wire/udp.ts';

/** What is left of a datagram once its packet is gone, and the ways to answer it. */
export class UdpDatagram {
  readonly localPort: number;
  readonly remotePort: number;
  /** A view of the device's buffer: copy what is to outlive the call. */
  readonly payload: Uint8Array;
  readonly #quote: PacketQuote;
  readonly #udp: UdpLayer;

  constructor(udp: UdpLayer, packet: InboundPacket, payload: Uint8Array) {
    this.#udp = udp;
    this.localPort = destinationPort(packet.buffer, packet.offset);
    this.remotePort = sourcePort(packet.buffer, packet.offset);
    this.payload = payload;
    this.#quote = packet.quote();
  }

  /** What the guest sent to. */
  get localAddress(): string {
    return this.#quote.path.localAddress;
  }

  /** The guest's own. */
  get remoteAddress(): string {
    return this.#quote.path.remoteAddress;
  }

  /** From the address asked to the one that asked; at any time. @returns false where it was dropped */
  reply(payload: Uint8Array): boolean {
    return this.#udp.send(this.#quote.path, this.localPort, this.remotePort, payload);
  }

  /** Answers with an ICMP error, at any time. */
  unreachable(reason: UnreachableReason): void {
    this.#udp.errors.unreachable(this.#quote, reason);
  }

  /** The way on carries packets of `mtu` bytes, and this was a larger one. */
  tooBig(mtu: number): void {
    this.#udp.errors.tooBig(this.#quote, mtu);
  }
}

/** What an ICMP error says of datagrams sent lately. */
export interface UdpError {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly reason: DeliveryError;
}

export class UdpLayer implements ErrorListener {
  onDatagram: ((datagram: UdpDatagram) => void) | null = null;
  onError: ((error: UdpError) => void) | null = null;
  readonly errors: IcmpErrorSender;
  readonly #link: Link;
  readonly #transmitter: Transmitter;
  readonly #sender: DatagramSender;
  readonly #flows: UdpFlows;
  readonly #counters: Counters;

  constructor(
    link: Link,
    transmitter: Transmitter,
    sender: DatagramSender,
    errors: IcmpErrorSender,
    flows: UdpFlows,
    counters: Counters,
  ) {
    this.#link = link;
    this.#transmitter = transmitter;
    this.#sender = sender;
    this.errors = errors;
    this.#flows = flows;
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
    if (!packet.checksumTrusted && !this.#isChecksumRight(packet, datagramLength)) return;
    if (this.onDatagram === null) {
      counters.udpNoHandler++;
      this.errors.unreachable(packet.quote(), 'port');
      return;
    }
    const payload = buffer.subarray(offset + UDP_HEADER_BYTES, offset + datagramLength);
    this.onDatagram(new UdpDatagram(this, packet, payload));
  }

  /** @throws RangeError where an address is none, or the two are of different versions */
  sendBetween(from: Endpoint, to: Endpoint, payload: Uint8Array): boolean {
    return this.send(Path.between(this.#link, from.address, to.address), from.port, to.port, payload);
  }

  send(path: Path, localPort: number, remotePort: number, payload: Uint8Array): boolean {
    const { head } = this.#transmitter.frame;
    const at = path.transportOffset;
    const length = UDP_HEADER_BYTES + payload.length;
    const pseudo = pseudoHeaderSum(path.addressSum, PROTOCOL_UDP, length);
    const cut = length > path.room;
    // The device finishes the checksum of one packet; across fragments it cannot.
    writeUdp(head, at, localPort, remotePort, length, cut ? 0 : foldSum(pseudo));
    if (cut) {
      const headerSum = sumBytes(head, at, UDP_HEADER_BYTES, pseudo);
      const checksum = finishChecksum(sumBytes(payload, 0, payload.length, headerSum));
      // 0 would say that there is none; its ones' complement twin says the same sum (RFC 768).
      setUint16(head, at + UDP_CHECKSUM_OFFSET, checksum === 0 ? 0xffff : checksum);
    }
    const field = cut ? CHECKSUM_DONE : UDP_CHECKSUM_OFFSET;
    const sent = this.#sender.send(path, PROTOCOL_UDP, UDP_HEADER_BYTES, payload, field);
    if (!sent) return false;
    this.#counters.udpOut++;
    this.#flows.sent(path, localPort, remotePort);
    return true;
  }

  /** An ICMP error quotes a datagram of ours. */
  errorArrives(quoted: InboundPacket, reason: DeliveryError, mtu: number): boolean {
    const flow = this.#flows.find(quoted);
    if (flow === null) return false;
    if (reason === 'too-big') flow.path.reportTooBig(quoted.sentBytes, mtu);
    const { localAddress, localPort, remoteAddress, remotePort } = flow;
    this.onError?.({ localAddress, localPort, remoteAddress, remotePort, reason });
    return true;
  }

  /** A zero checksum is none, which IPv4 allows (RFC 768) and IPv6 does not (RFC 8200 8.1). */
  #isChecksumRight(packet: InboundPacket, length: number): boolean {
    const { buffer, offset } = packet;
    if (udpChecksum(buffer, offset) === 0) {
      if (packet.version === 6) this.#counters.udpChecksumMissing++;
      return packet.version === 4;
    }
    const pseudo = packet.pseudoHeaderSum(PROTOCOL_UDP, length);
    if (finishChecksum(sumBytes(buffer, offset, length, pseudo)) === 0) return true;
    this.#counters.udpChecksumBad++;
    return false;
  }
}
