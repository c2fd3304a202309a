/**
 * struct virtio_net_hdr (linux/virtio_net.h), the ten bytes in front of each
 * packet of a tun with IFF_VNET_HDR.
 *
 * A tun device uses the byte order of the machine unless told otherwise; the
 * machines this runs on are little-endian, and so are these getters.
 */
import { getUint16LittleEndian, setUint16LittleEndian } from './bytes.ts';

export const VIRTIO_NET_HEADER_BYTES = 10;

const FLAGS = 0;
const GSO_TYPE = 1;
const HEADER_LENGTH = 2;
const GSO_SIZE = 4;
const CHECKSUM_START = 6;
const CHECKSUM_OFFSET = 8;

/** The checksum field holds the sum of the pseudo-header; whoever puts it on a wire finishes it. */
export const FLAG_NEEDS_CHECKSUM = 1;
/** Somebody before us has checked it. */
export const FLAG_DATA_VALID = 2;

export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
/** UDP datagrams of one flow and size, the last of which may be smaller; of either IP version. */
export const GSO_UDP_L4 = 5;
/** A bit beside the type: the first segment alone carries CWR (RFC 3168). */
export const GSO_ECN = 0x80;

export function virtioFlags(buffer: Uint8Array, offset: number): number {
  return buffer[offset + FLAGS];
}

export function virtioGsoType(buffer: Uint8Array, offset: number): number {
  return buffer[offset + GSO_TYPE];
}

export function virtioHeaderLength(buffer: Uint8Array, offset: number): number {
  return getUint16LittleEndian(buffer, offset + HEADER_LENGTH);
}

export function virtioGsoSize(buffer: Uint8Array, offset: number): number {
  return getUint16LittleEndian(buffer, offset + GSO_SIZE);
}

export function virtioChecksumStart(buffer: Uint8Array, offset: number): number {
  return getUint16LittleEndian(buffer, offset + CHECKSUM_START);
}

export function virtioChecksumOffset(buffer: Uint8Array, offset: number): number {
  return getUint16LittleEndian(buffer, offset + CHECKSUM_OFFSET);
}

/** A packet that is complete as it stands. */
export function writeVirtioPlain(buffer: Uint8Array, offset: number): void {
  for (let i = 0; i < VIRTIO_NET_HEADER_BYTES; i++) buffer[offset + i] = 0;
}

/** A packet whose checksum the device is to finish; start is counted from the packet's first byte. */
export function writeVirtioChecksum(buffer: Uint8Array, offset: number, start: number, field: number): void {
  buffer[offset + FLAGS] = FLAG_NEEDS_CHECKSUM;
  buffer[offset + GSO_TYPE] = GSO_NONE;
  setUint16LittleEndian(buffer, offset + HEADER_LENGTH, 0);
  setUint16LittleEndian(buffer, offset + GSO_SIZE, 0);
  setUint16LittleEndian(buffer, offset + CHECKSUM_START, start);
  setUint16LittleEndian(buffer, offset + CHECKSUM_OFFSET, field);
}

/** Turns a packet written with a checksum to finish into one to be cut into segments, or datagrams, of `size` bytes. */
export function writeVirtioSegmentation(
  buffer: Uint8Array,
  offset: number,
  type: number,
  size: number,
  headerLength: number,
): void {
  buffer[offset + GSO_TYPE] = type;
  setUint16LittleEndian(buffer, offset + HEADER_LENGTH, headerLength);
  setUint16LittleEndian(buffer, offset + GSO_SIZE, size);
}
