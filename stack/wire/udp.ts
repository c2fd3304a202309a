/** The UDP header (RFC 768), by offset. The ports are read as TCP's. */
import { getUint16, setUint16 } from './bytes.ts';

export const UDP_HEADER_BYTES = 8;
export const UDP_CHECKSUM_OFFSET = 6;

const LENGTH = 4;

/** Of header and payload. */
export function udpLength(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + LENGTH);
}

/** 0 where the sender made none. */
export function udpChecksum(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + UDP_CHECKSUM_OFFSET);
}

export function writeUdp(
  buffer: Uint8Array,
  offset: number,
  source: number,
  destination: number,
  length: number,
  checksum: number,
): void {
  setUint16(buffer, offset, source);
  setUint16(buffer, offset + 2, destination);
  setUint16(buffer, offset + LENGTH, length);
  setUint16(buffer, offset + UDP_CHECKSUM_OFFSET, checksum);
}
