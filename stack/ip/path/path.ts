/**
 * The way between two addresses, and all in which the versions of IP differ for
 * what is sent along it: the transports know neither header sizes nor
 * pseudo-headers nor offload types.
 *
 * `local` is the address that the stack answers for, `remote` the guest's own.
 * Addresses are plain arrays of words: small typed arrays cost several times as
 * much to make and to collect, and every connection has a path.
 */
import { sumWords } from '../../wire/checksum.ts';
import type { Mac } from '../../wire/ethernet.ts';
import {
  DEFAULT_HOP_LIMIT,
  IPV4_DONT_FRAGMENT,
  IPV4_HEADER_BYTES,
  IPV4_MORE_FRAGMENTS,
  markIpv4,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  writeIpv4,
} from '../../wire/ipv4.ts';
import {
  FRAGMENT_HEADER_BYTES,
  HEADER_FRAGMENT,
  IPV6_HEADER_BYTES,
  markIpv6,
  writeFragmentHeader,
  writeIpv6,
} from '../../wire/ipv6.ts';
import {
  GSO_TCPV4,
  GSO_TCPV6,
  VIRTIO_NET_HEADER_BYTES,
  writeVirtioChecksum,
  writeVirtioPlain,
} from '../../wire/virtio-net.ts';
import { addressWords, formatAddress, type IpVersion, parseAddress } from '../address.ts';
import type { Link } from './link.ts';

/** In place of a checksum field's offset: the checksum is complete, or there is none. */
export const CHECKSUM_DONE = -1;

export class Path {
  readonly version: IpVersion;
  /** The local address's words, then the remote's. */
  readonly addresses: readonly number[];
  /** Of both addresses, for pseudo-headers. */
  readonly addressSum: number;
  /** The Differentiated Services code point of what is sent (RFC 2474 3). */
  diffserv = 0;
  /** What the path carries in one packet, as far as is known. */
  #mtu: number;
  readonly #link: Link;
  /** The remote station, where there are such. */
  readonly #station: Mac;

  constructor(link: Link, version: IpVersion, addresses: readonly number[]) {
    this.version = version;
    this.addresses = addresses;
    this.addressSum = sumWords(addresses);
    this.#mtu = link.pathMtus.find(version, addresses, link.mtu);
    this.#link = link;
    this.#station = link.peer;
  }

  /** @throws RangeError where an address is none, or the two are of different versions */
  static between(link: Link, local: string, remote: string): Path {
    const from = parseAddress(local);
    const to = parseAddress(remote);
    if (from.length !== to.length) throw new RangeError(`${local} and ${remote} are of different versions`);
    return new Path(link, from.length === addressWords(4) ? 4 : 6, [...from, ...to]);
  }

  get localAddress(): string {
    return formatAddress(this.version, this.addresses, 0);
  }

  get remoteAddress(): string {
    return formatAddress(this.version, this.addresses, addressWords(this.version));
  }

  hasAddressesOf({ addresses }: Path): boolean {
    const own = this.addresses;
    if (addresses.length !== own.length) return false;
    for (let i = 0; i < own.length; i++) if (addresses[i] !== own[i]) return false;
    return true;
  }

  /** Of the IP header. */
  get headerBytes(): number {
    return this.version === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
  }

  /** Where the transport's header starts, in a frame's head. */
  get transportOffset(): number {
    return this.#link.headBytes + this.headerBytes;
  }

  /** virtio's number for TCP segments to be cut up. */
  get segmentationType(): number {
    return this.version === 4 ? GSO_TCPV4 : GSO_TCPV6;
  }

  /** This version's ICMP. */
  get icmpProtocol(): number {
    return this.version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
  }

  /** The most a packet carries of a transport's header and payload. */
  get room(): number {
    return this.#mtu - this.headerBytes;
  }

  /** The same of a packet that comes in, which the link alone limits. */
  get linkRoom(): number {
    return this.#link.mtu - this.headerBytes;
  }

  /** The same of a frame that the device cuts up; 0 where it cuts none. */
  get offloadRoom(): number {
    const { maxPacket, mtu } = this.#link;
    return maxPacket > mtu ? maxPacket - this.headerBytes : 0;
  }

  /** The same of a fragment: all but the last carry a multiple of eight bytes. */
  get fragmentRoom(): number {
    return (this.room - this.#fragmentHeaderBytes) & ~7;
  }

  /** Where a fragment's data starts, in a frame's head. */
  get fragmentDataOffset(): number {
    return this.transportOffset + this.#fragmentHeaderBytes;
  }

  /**
   * Somebody says that a packet sent along here was too big, and is believed by the transport.
   *
   * @param mtu what the way carries; 0 where that was not said
   * @returns whether the path is narrower now than it was
   */
  reportTooBig(sentBytes: number, mtu: number): boolean {
    const reported = this.#link.pathMtus.report(this.version, this.addresses, sentBytes, mtu);
    if (reported === 0 || reported >= this.#mtu) return false;
    this.#mtu = reported;
    return true;
  }

  /**
   * Everything in front of a transport's header.
   *
   * A packet that is not cut has "don't fragment" and identification 0, as
   * RFC 6864 4.1 has it for atomic datagrams.
   *
   * @param checksumField offset in that header of a checksum for the device to finish, or CHECKSUM_DONE
   */
  writeHead(head: Uint8Array, protocol: number, transportLength: number, checksumField: number): void {
    if (checksumField === CHECKSUM_DONE) writeVirtioPlain(head, 0);
    else writeVirtioChecksum(head, 0, this.transportOffset - VIRTIO_NET_HEADER_BYTES, checksumField);
    this.#link.writeHead(head, this.version, this.#station);
    const ip = this.#link.headBytes;
    if (this.version === 4) {
      const totalLength = IPV4_HEADER_BYTES + transportLength;
      writeIpv4(head, ip, totalLength, 0, IPV4_DONT_FRAGMENT, protocol, this.addresses, this.addressSum);
    } else {
      writeIpv6(head, ip, transportLength, protocol, this.addresses);
    }
    this.#mark(head);
  }

  /** Everything in front of a fragment's data. */
  writeFragmentHead(
    head: Uint8Array,
    protocol: number,
    identification: number,
    start: number,
    more: boolean,
    length: number,
  ): void {
    writeVirtioPlain(head, 0);
    this.#link.writeHead(head, this.version, this.#station);
    const ip = this.#link.headBytes;
    if (this.version === 4) {
      const fragment = (more ? IPV4_MORE_FRAGMENTS : 0) | (start >>> 3);
      const totalLength = IPV4_HEADER_BYTES + length;
      const id16 = identification & 0xffff;
      writeIpv4(head, ip, totalLength, id16, fragment, protocol, this.addresses, this.addressSum);
    } else {
      writeIpv6(head, ip, FRAGMENT_HEADER_BYTES + length, HEADER_FRAGMENT, this.addresses);
      writeFragmentHeader(head, this.transportOffset, protocol, start, more, identification);
    }
    this.#mark(head);
  }

  /** Seldom anything but the usual, which is written already. */
  #mark(head: Uint8Array): void {
    const { headBytes, hopLimit } = this.#link;
    if (this.diffserv === 0 && hopLimit === DEFAULT_HOP_LIMIT) return;
    // The two low bits are ECN's (RFC 3168 5), which is not done here.
    if (this.version === 4) markIpv4(head, headBytes, this.diffserv << 2, hopLimit);
    else markIpv6(head, headBytes, this.diffserv << 2, hopLimit);
  }

  get #fragmentHeaderBytes(): number {
    return this.version === 4 ? 0 : FRAGMENT_HEADER_BYTES;
  }
}
