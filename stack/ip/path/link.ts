/**
 * The link as IP sees it: how long its packets may be, and what stands in front
 * of each.
 *
 * With `ethernet` framing the other side has no neighbour tables (`arp off`): it
 * sends to whatever MAC address it made up, its own in the case of Linux. So
 * nothing is resolved here either. An answer goes to the MAC address that its
 * question came from, and what answers nothing to the one heard last; before
 * any was heard, to the station after ours. Not to all: a kernel takes no TCP
 * segment from a frame to all.
 */
import type { Device } from '../../device.ts';
import {
  ETHERNET_HEADER_BYTES,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethernetSource,
  isEthernetSource,
  type Mac,
  writeEthernet,
} from '../../wire/ethernet.ts';
import { VIRTIO_NET_HEADER_BYTES } from '../../wire/virtio-net.ts';
import type { IpVersion } from '../address.ts';
import type { PathMtuTable } from './path-mtu.ts';

/** What follows the virtio-net header: an IP packet, or an Ethernet frame with one. */
export type Framing = 'ip' | 'ethernet';

/** Locally administered (IEEE 802), one station: 02:00:00:00:00:01, and the next. */
const OUR_MAC: Mac = { high16: 0x0200, low32: 1 };
const NEXT_MAC: Mac = { high16: 0x0200, low32: 2 };
const LARGEST_PACKET = 65_535;

export class Link {
  readonly framing: Framing;
  readonly mtu: number;
  /** The largest packet with segmentation offload. */
  readonly maxPacket: number;
  /** Whether the device cuts frames of UDP datagrams apart. */
  readonly udpSegmentation: boolean;
  /** Of everything in front of the IP header. */
  readonly headBytes: number;
  readonly pathMtus: PathMtuTable;
  readonly hopLimit: number;
  /** Whoever was heard last. */
  peer: Mac = NEXT_MAC;

  constructor(device: Device, framing: Framing, pathMtus: PathMtuTable, hopLimit: number) {
    this.hopLimit = hopLimit;
    this.pathMtus = pathMtus;
    this.framing = framing;
    this.mtu = Math.min(LARGEST_PACKET, device.mtu);
    const segmentation = device.checksumOffload ?? true;
    this.maxPacket = segmentation ? Math.max(this.mtu, Math.min(LARGEST_PACKET, device.maxPacket)) : this.mtu;
    this.udpSegmentation = segmentation && (device.udpSegmentation ?? false);
    this.headBytes = VIRTIO_NET_HEADER_BYTES + (framing === 'ethernet' ? ETHERNET_HEADER_BYTES : 0);
  }

  /** A frame came in whose Ethernet header stands at `offset`. */
  heard(buffer: Uint8Array, offset: number): void {
    if (!isEthernetSource(buffer, offset, this.peer)) this.peer = ethernetSource(buffer, offset);
  }

  /** What stands between the virtio-net and the IP header. */
  writeHead(head: Uint8Array, version: IpVersion, to: Mac): void {
    if (this.framing === 'ip') return;
    const type = version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    writeEthernet(head, VIRTIO_NET_HEADER_BYTES, OUR_MAC, to, type);
  }
}
