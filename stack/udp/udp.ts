/**
 * UDP (RFC 768) without sockets: each datagram in goes to the application, which
 * answers from whatever address it likes. Flows are remembered for the sake of
 * ICMP errors alone (flows.ts); who relays keeps its own idle timeout, with the
 * host socket it belongs to.
 *
 * With segmentation offload a frame may hold many datagrams of one flow and size
 * (joined-datagrams.ts), in both directions; the application sees datagrams.
 */
import type { Counters } from '../counters.ts';
import type { ErrorListener } from '../icmp/error-input.ts';
import type { IcmpErrorSender } from '../icmp/error-sender.ts';
import type { DatagramSender } from '../ip/output/datagram-sender.ts';
import type { Transmitter } from '../ip/output/transmitter.ts';
import type { DeliveryError, UnreachableReason } from '../ip/packet/error-reporter.ts';
import type { Endpoint } from '../ip/packet/flow.ts';
import type { InboundPacket, PacketQuote } from '../ip/packet/packet.ts';
import type { Link } from '../ip/path/link.ts';
import { CHECKSUM_DONE, Path } from '../ip/path/path.ts';
import { setUint16 } from '../wire/bytes.ts';
import { finishChecksum, foldSum, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import { PROTOCOL_UDP } from '../wire/ipv4.ts';
import { destinationPort, sourcePort } from '../wire/tcp.ts';
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_BYTES, udpChecksum, udpLength, writeUdp } from '../wire/udp.ts';
import { GSO_UDP_L4, VIRTIO_NET_HEADER_BYTES, writeVirtioSegmentation } from '../wire/virtio-net.ts';
import type { UdpFlows } from './flows.ts';
import { countJoinable, MAX_DATAGRAMS_IN } from './joined-datagrams.ts';

/** What is left of a datagram once its packet is gone, and the ways to answer it. */
export class UdpDatagram {
  readonly localPort: number;
  readonly remotePort: number;
  /** A view of the device's buffer: copy what is to outlive the call. */
  readonly payload: Uint8Array;
  readonly #quote: PacketQuote;
  readonly #udp: UdpLayer;

  constructor(udp: UdpLayer, packet: InboundPacket, quote: PacketQuote, payload: Uint8Array) {
    this.#udp = udp;
    this.localPort = destinationPort(packet.buffer, packet.offset);
    this.remotePort = sourcePort(packet.buffer, packet.offset);
    this.payload = payload;
    this.#quote = quote;
  }

  /** What the guest sent to. */
  get localAddress(): string {
    return this.#quote.path.localAddress;
  }

  /** The guest's own. */
  get remoteAddress(): string {
    return this.#quote.path.remoteAddress;
  }

  /** Whether both are between the same ends: cheaper than to compare what they are called. */
  isOfFlowOf(other: UdpDatagram): boolean {
    return (
      other.localPort === this.localPort &&
      other.remotePort === this.remotePort &&
      other.#quote.path.hasAddressesOf(this.#quote.path)
    );
  }

  /** From the address asked to the one that asked; at any time. @returns false where it was dropped */
  reply(payload: Uint8Array): boolean {
    return this.#udp.send(this.#quote.path, this.localPort, this.remotePort, payload);
  }

  /** Several answers at once, in one frame where the device takes such. @returns how many were not dropped */
  replyAll(payloads: readonly Uint8Array[]): number {
    return this.#udp.sendAll(this.#quote.path, this.localPort, this.remotePort, payloads);
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
    const { datagramBytes } = packet;
    if (datagramBytes === 0 || payload.length <= datagramBytes) {
      this.onDatagram(new UdpDatagram(this, packet, packet.quote(), payload));
    } else if (payload.length > datagramBytes * MAX_DATAGRAMS_IN) {
      counters.udpSegmentsTooMany++;
    } else {
      this.#receiveJoined(packet, payload, this.onDatagram);
    }
  }

  /** An error about any of them quotes the frame's own headers: that is what the guest has sent. */
  #receiveJoined(
    packet: InboundPacket,
    payloads: Uint8Array,
    onDatagram: (datagram: UdpDatagram) => void,
  ): void {
    const { datagramBytes } = packet;
    const quote = packet.quote();
    for (let start = 0; start < payloads.length; start += datagramBytes) {
      const payload = payloads.subarray(start, start + datagramBytes);
      onDatagram(new UdpDatagram(this, packet, quote, payload));
    }
  }

  /** @throws RangeError where an address is none, or the two are of different versions */
  sendBetween(from: Endpoint, to: Endpoint, payload: Uint8Array): boolean {
    return this.send(Path.between(this.#link, from.address, to.address), from.port, to.port, payload);
  }

  /** @throws as sendBetween */
  sendAllBetween(from: Endpoint, to: Endpoint, payloads: readonly Uint8Array[]): number {
    return this.sendAll(Path.between(this.#link, from.address, to.address), from.port, to.port, payloads);
  }

  /** Datagrams of one flow, in their order. @returns how many were not dropped */
  sendAll(path: Path, localPort: number, remotePort: number, payloads: readonly Uint8Array[]): number {
    const mostBytes = this.#link.udpSegmentation ? path.offloadRoom - UDP_HEADER_BYTES : 0;
    const mostEach = path.room - UDP_HEADER_BYTES;
    let sent = 0;
    for (let first = 0, count = 0; first < payloads.length; first += count) {
      count = countJoinable(payloads, first, mostEach, mostBytes);
      const taken =
        count === 1
          ? this.send(path, localPort, remotePort, payloads[first])
          : this.#sendJoined(path, localPort, remotePort, payloads, first, count);
      if (taken) sent += count;
    }
    return sent;
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

  #sendJoined(
    path: Path,
    localPort: number,
    remotePort: number,
    payloads: readonly Uint8Array[],
    first: number,
    count: number,
  ): boolean {
    const { frame } = this.#transmitter;
    const at = path.transportOffset;
    let length = UDP_HEADER_BYTES;
    for (let i = 0; i < count; i++) {
      const payload = payloads[first + i];
      frame.pieces[i] = payload;
      frame.pieceOffset[i] = 0;
      frame.pieceLength[i] = payload.length;
      length += payload.length;
    }
    frame.pieceCount = count;
    frame.headLength = at + UDP_HEADER_BYTES;
    path.writeHead(frame.head, PROTOCOL_UDP, length, UDP_CHECKSUM_OFFSET);
    // Length and checksum are of all together: whoever cuts them apart makes each one's own.
    const pseudo = pseudoHeaderSum(path.addressSum, PROTOCOL_UDP, length);
    writeUdp(frame.head, at, localPort, remotePort, length, foldSum(pseudo));
    const headerBytes = frame.headLength - VIRTIO_NET_HEADER_BYTES;
    writeVirtioSegmentation(frame.head, 0, GSO_UDP_L4, payloads[first].length, headerBytes);
    if (!this.#transmitter.sendOrQueue()) return false;
    this.#counters.udpOut += count;
    this.#counters.udpFramesJoined++;
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
