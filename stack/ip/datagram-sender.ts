/**
 * Datagrams out: an IPv4 header in front of a transport's header and payload,
 * cut into fragments where the link is narrower.
 *
 * The caller writes its header at TRANSPORT_OFFSET of the frame's head. A
 * datagram that fits goes out with "don't fragment" and identification 0, as
 * RFC 6864 4.1 has it for atomic datagrams; only fragments need a number.
 */
import type { Counters } from '../counters.ts';
import { IPV4_DONT_FRAGMENT, IPV4_HEADER_BYTES, IPV4_MORE_FRAGMENTS, writeIpv4 } from '../wire/ipv4.ts';
import { VIRTIO_NET_HEADER_BYTES, writeVirtioChecksum, writeVirtioPlain } from '../wire/virtio-net.ts';
import type { Transmitter } from './transmitter.ts';

export const TRANSPORT_OFFSET = VIRTIO_NET_HEADER_BYTES + IPV4_HEADER_BYTES;

const MAX_DATAGRAM_BYTES = 65_535;

/** The checksum is complete, or there is none. */
export const CHECKSUM_DONE = -1;

export class DatagramSender {
  readonly #transmitter: Transmitter;
  readonly #counters: Counters;
  #identification: number;

  constructor(transmitter: Transmitter, counters: Counters, firstIdentification: number) {
    this.#transmitter = transmitter;
    this.#counters = counters;
    this.#identification = firstIdentification & 0xffff;
  }

  /** Whether a datagram of this size would have to be cut, which needs its checksum complete. */
  fragments(transportLength: number): boolean {
    return IPV4_HEADER_BYTES + transportLength > this.#transmitter.device.mtu;
  }

  /**
   * @param headerLength of the transport's header, in the frame's head
   * @param checksumField offset in that header of a checksum for the device to finish, or CHECKSUM_DONE
   * @returns false where it was dropped: no room, or more than IP can carry
   */
  send(
    protocol: number,
    source: number,
    destination: number,
    headerLength: number,
    payload: Uint8Array,
    checksumField: number,
  ): boolean {
    const transportLength = headerLength + payload.length;
    const totalLength = IPV4_HEADER_BYTES + transportLength;
    if (totalLength > MAX_DATAGRAM_BYTES) {
      this.#counters.datagramTooLarge++;
      return false;
    }
    if (this.fragments(transportLength)) {
      return this.#sendFragments(protocol, source, destination, headerLength, payload);
    }
    const frame = this.#transmitter.frame;
    if (checksumField === CHECKSUM_DONE) writeVirtioPlain(frame.head, 0);
    else writeVirtioChecksum(frame.head, 0, IPV4_HEADER_BYTES, checksumField);
    writeIpv4(
      frame.head,
      VIRTIO_NET_HEADER_BYTES,
      totalLength,
      0,
      IPV4_DONT_FRAGMENT,
      protocol,
      source,
      destination,
    );
    this.#fillFrame(headerLength, payload, 0, payload.length);
    return this.#transmitter.sendOrQueue();
  }

  #sendFragments(
    protocol: number,
    source: number,
    destination: number,
    headerLength: number,
    payload: Uint8Array,
  ): boolean {
    const transmitter = this.#transmitter;
    const frame = transmitter.frame;
    // All but the last carry a multiple of eight bytes (RFC 791 3.2).
    const room = (transmitter.device.mtu - IPV4_HEADER_BYTES) & ~7;
    const transportLength = headerLength + payload.length;
    const identification = this.#identification;
    this.#identification = (identification + 1) & 0xffff;
    for (let start = 0; start < transportLength; start += room) {
      const length = Math.min(room, transportLength - start);
      const more = start + length < transportLength ? IPV4_MORE_FRAGMENTS : 0;
      const headerPart = start === 0 ? headerLength : 0;
      writeVirtioPlain(frame.head, 0);
      writeIpv4(
        frame.head,
        VIRTIO_NET_HEADER_BYTES,
        IPV4_HEADER_BYTES + length,
        identification,
        more | (start >>> 3),
        protocol,
        source,
        destination,
      );
      this.#fillFrame(headerPart, payload, start + headerPart - headerLength, length - headerPart);
      this.#counters.fragmentsOut++;
      // Without one of its fragments the rest of a datagram is of no use.
      if (!transmitter.sendOrQueue()) return false;
    }
    return true;
  }

  #fillFrame(headerLength: number, payload: Uint8Array, offset: number, length: number): void {
    const frame = this.#transmitter.frame;
    frame.headLength = TRANSPORT_OFFSET + headerLength;
    frame.pieceCount = length > 0 ? 1 : 0;
    frame.pieces[0] = payload;
    frame.pieceOffset[0] = offset;
    frame.pieceLength[0] = length;
  }
}
