/**
 * The packet being received, parsed down to its transport.
 *
 * There is one instance, filled anew for each packet, and `buffer` is the
 * device's arena: nothing of it may be kept when the call that was given it
 * returns. What is to outlive it is a PacketQuote.
 */
import { getInt32 } from '../../wire/bytes.ts';
import { pseudoHeaderSum, sumBytes } from '../../wire/checksum.ts';
import { ipv4TotalLength } from '../../wire/ipv4.ts';
import { IPV6_HEADER_BYTES, ipv6PayloadLength } from '../../wire/ipv6.ts';
import { sourcePort, destinationPort } from '../../wire/tcp.ts';
import { addressBytes, type IpVersion } from '../address.ts';
import type { Link } from '../path/link.ts';
import { Path } from '../path/path.ts';
import { Flow } from './flow.ts';

export class InboundPacket {
  buffer: Uint8Array = new Uint8Array(0);
  version: IpVersion = 4;
  /** Of the IP header, within `buffer`. */
  ipOffset = 0;
  /** Of the source address; the destination follows it. */
  addressesOffset = 0;
  /** From the IP header to the end, by the header's own word (padding is not counted). */
  totalLength = 0;
  /** Of the transport's header. */
  offset = 0;
  /** From the transport's header to the end. */
  length = 0;
  protocol = 0;
  /** Of the field that says `protocol`. */
  protocolOffset = 0;
  /** The kernel vouches for the transport's checksum, or leaves it unfinished. */
  checksumTrusted = false;
  /** The packet is many UDP datagrams with so much payload each, under one header; 0 where it is one. */
  datagramBytes = 0;
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** The pseudo-header's part of a checksum over `length` bytes. */
  pseudoHeaderSum(protocol: number, length: number): number {
    const addressSum = sumBytes(this.buffer, this.addressesOffset, 2 * addressBytes(this.version), 0);
    return pseudoHeaderSum(addressSum, protocol, length);
  }

  /** How long the packet was that an ICMP error quotes, by the header's own word. */
  get sentBytes(): number {
    const { buffer, ipOffset } = this;
    if (this.version === 4) return ipv4TotalLength(buffer, ipOffset);
    return IPV6_HEADER_BYTES + ipv6PayloadLength(buffer, ipOffset);
  }

  /** The way back: from where the packet was sent to, to where it came from. */
  path(): Path {
    const { buffer, version, addressesOffset: at } = this;
    // Literals, since an array that grows by `push` reserves room for sixteen more.
    const addresses =
      version === 4
        ? [getInt32(buffer, at + 4), getInt32(buffer, at)]
        : [
            getInt32(buffer, at + 16),
            getInt32(buffer, at + 20),
            getInt32(buffer, at + 24),
            getInt32(buffer, at + 28),
            getInt32(buffer, at),
            getInt32(buffer, at + 4),
            getInt32(buffer, at + 8),
            getInt32(buffer, at + 12),
          ];
    return new Path(this.#link, version, addresses);
  }

  /** The flow of a packet with ports. */
  flow(): Flow {
    const { buffer, offset } = this;
    return new Flow(this.path(), destinationPort(buffer, offset), sourcePort(buffer, offset));
  }

  quote(path: Path = this.path()): PacketQuote {
    return new PacketQuote(this, path);
  }
}

/** RFC 1812 4.3.2.3: an error is a message of 576 bytes at most, IP and ICMP header among them. */
const MAX_QUOTE_IPV4 = 576 - 28;
/** RFC 4443 2.4 (c): of 1280. */
const MAX_QUOTE_IPV6 = 1280 - 48;

/** What of a packet an ICMP error needs, however much later it is sent. */
export class PacketQuote {
  /** From the IP header on, as much as an error may quote. */
  readonly bytes: Uint8Array;
  /** The way back. */
  readonly path: Path;
  readonly protocol: number;
  /** Of the transport's header, and of the field that names it, within the packet. */
  readonly transportOffset: number;
  readonly protocolOffset: number;

  constructor(packet: InboundPacket, path: Path) {
    const { buffer, ipOffset } = packet;
    const most = packet.version === 4 ? MAX_QUOTE_IPV4 : MAX_QUOTE_IPV6;
    this.bytes = buffer.slice(ipOffset, ipOffset + Math.min(packet.totalLength, most));
    this.path = path;
    this.protocol = packet.protocol;
    this.transportOffset = packet.offset - ipOffset;
    this.protocolOffset = packet.protocolOffset - ipOffset;
  }
}
