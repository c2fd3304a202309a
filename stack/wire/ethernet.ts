/** The Ethernet header (IEEE 802.3 with a type field, RFC 894), by offset. */
import { getInt32, getUint16, setInt32, setUint16 } from './bytes.ts';

export const ETHERNET_HEADER_BYTES = 14;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;

const SOURCE = 6;
const TYPE = 12;

/** A station's address, split so that its parts are small integers. */
export interface Mac {
  readonly high16: number;
  readonly low32: number;
}

export function etherType(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + TYPE);
}

/** The lowest bit of the first byte means more than one station. */
export function isGroupSource(buffer: Uint8Array, offset: number): boolean {
  return (buffer[offset + SOURCE] & 1) !== 0;
}

export function isEthernetSource(buffer: Uint8Array, offset: number, mac: Mac): boolean {
  const at = offset + SOURCE;
  return getInt32(buffer, at + 2) === mac.low32 && getUint16(buffer, at) === mac.high16;
}

export function ethernetSource(buffer: Uint8Array, offset: number): Mac {
  return { high16: getUint16(buffer, offset + SOURCE), low32: getInt32(buffer, offset + SOURCE + 2) };
}

export function writeEthernet(
  buffer: Uint8Array,
  offset: number,
  source: Mac,
  destination: Mac,
  type: number,
): void {
  setUint16(buffer, offset, destination.high16);
  setInt32(buffer, offset + 2, destination.low32);
  setUint16(buffer, offset + SOURCE, source.high16);
  setInt32(buffer, offset + SOURCE + 2, source.low32);
  setUint16(buffer, offset + TYPE, type);
}
