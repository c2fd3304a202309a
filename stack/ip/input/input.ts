/**
 * Frames in: what the virtio-net header in front promises, the link's framing,
 * and which version of IP it is.
 */
import type { Counters } from '../../counters.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, etherType, isGroupSource } from '../../wire/ethernet.ts';
import { ipVersion } from '../../wire/ipv4.ts';
import {
  FLAG_DATA_VALID,
  FLAG_NEEDS_CHECKSUM,
  GSO_ECN,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  VIRTIO_NET_HEADER_BYTES,
  virtioFlags,
  virtioGsoSize,
  virtioGsoType,
} from '../../wire/virtio-net.ts';
import type { ErrorReporter } from '../packet/error-reporter.ts';
import type { InboundPacket } from '../packet/packet.ts';
import type { Link } from '../path/link.ts';
import type { FragmentReassembler } from './fragments.ts';
import { parseIpv4 } from './ipv4-input.ts';
import { Ipv6Input } from './ipv6-input.ts';

export class IpInput {
  readonly #link: Link;
  readonly #fragments: FragmentReassembler;
  readonly #counters: Counters;
  readonly #ipv6: Ipv6Input;

  constructor(
    link: Link,
    fragments: FragmentReassembler,
    errors: ErrorReporter,
    counters: Counters,
    maxExtensionHeaders: number,
  ) {
    this.#link = link;
    this.#fragments = fragments;
    this.#counters = counters;
    this.#ipv6 = new Ipv6Input(fragments, errors, counters, maxExtensionHeaders);
  }

  /** @returns true when the packet holds a whole datagram for its transport */
  parse(packet: InboundPacket, buffer: Uint8Array, offset: number, length: number, nowMs: number): boolean {
    const counters = this.#counters;
    counters.framesIn++;
    const { headBytes, framing } = this.#link;
    if (length <= headBytes) {
      counters.frameTooShort++;
      return false;
    }
    const gsoType = virtioGsoType(buffer, offset) & ~GSO_ECN;
    const datagramBytes = gsoType === GSO_UDP_L4 ? virtioGsoSize(buffer, offset) : 0;
    if (gsoType !== GSO_NONE && gsoType !== GSO_TCPV4 && gsoType !== GSO_TCPV6 && datagramBytes === 0) {
      counters.offloadUnknown++;
      return false;
    }
    packet.datagramBytes = datagramBytes;
    packet.checksumTrusted = (virtioFlags(buffer, offset) & (FLAG_NEEDS_CHECKSUM | FLAG_DATA_VALID)) !== 0;
    packet.buffer = buffer;
    packet.ipOffset = offset + headBytes;
    const version = ipVersion(buffer, packet.ipOffset);
    if (framing === 'ethernet' && !this.#isFrameOf(version, buffer, offset + VIRTIO_NET_HEADER_BYTES)) {
      return false;
    }
    const available = length - headBytes;
    switch (version) {
      case 4:
        return parseIpv4(packet, available, this.#fragments, nowMs, counters);
      case 6:
        return this.#ipv6.parse(packet, available, nowMs);
      default:
        counters.ipVersionUnknown++;
        return false;
    }
  }

  /** The type must say what the packet says; ARP and all else that is not IP has no meaning here. */
  #isFrameOf(version: number, buffer: Uint8Array, offset: number): boolean {
    const type = etherType(buffer, offset);
    if (type === ETHERTYPE_IPV4 ? version !== 4 : type !== ETHERTYPE_IPV6 || version !== 6) {
      this.#counters.etherTypeUnknown++;
      return false;
    }
    if (isGroupSource(buffer, offset)) {
      this.#counters.etherSourceBad++;
      return false;
    }
    this.#link.heard(buffer, offset);
    return true;
  }
}
