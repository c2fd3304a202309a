/**
 * Frames written and read the slow and obvious way, apart from stack/wire, so
 * that a fault there cannot hide here.
 */
import { expect } from 'vitest';

export const GUEST = '10.0.1.2';
export const SERVICE = '10.0.1.5';
const GUEST_PORT = 40_000;
const SERVICE_PORT = 80;

const VNET = 10;

export interface Offload {
  needsChecksum?: boolean;
  dataValid?: boolean;
  gsoType?: number;
  gsoSize?: number;
}

export interface Ipv4Fields {
  source?: string;
  destination?: string;
  protocol: number;
  identification?: number;
  /** Flags and offset as one 16-bit field. */
  fragment?: number;
  options?: Uint8Array;
  payload: Uint8Array;
}

function addressBytes(text: string): number[] {
  return text.split('.').map(Number);
}

/** RFC 1071, word by word. */
export function naiveChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] ?? 0) * 256 + (i + 1 < bytes.length ? bytes[i + 1] : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}

export function concat(...parts: (Uint8Array | number[])[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function word(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

function long(value: number): number[] {
  return [...word(value >>> 16), ...word(value & 0xffff)];
}

export function ipv4Frame(fields: Ipv4Fields, offload: Offload = {}): Uint8Array {
  const options = fields.options ?? new Uint8Array(0);
  const headerLength = 20 + options.length;
  const header = concat(
    [0x40 | (headerLength / 4), 0],
    word(headerLength + fields.payload.length),
    word(fields.identification ?? 7),
    word(fields.fragment ?? 0x4000),
    [64, fields.protocol, 0, 0],
    addressBytes(fields.source ?? GUEST),
    addressBytes(fields.destination ?? SERVICE),
    options,
  );
  header.set(word(naiveChecksum(header)), 10);
  const flags = (offload.needsChecksum ? 1 : 0) | (offload.dataValid ? 2 : 0);
  const gsoSize = offload.gsoSize ?? 0;
  const vnet = [flags, offload.gsoType ?? 0, 0, 0, gsoSize & 255, gsoSize >>> 8, 0, 0, 0, 0];
  return concat(vnet, header, fields.payload);
}

function pseudoHeader(source: string, destination: string, protocol: number, length: number): number[] {
  return [...addressBytes(source), ...addressBytes(destination), 0, protocol, ...word(length)];
}

export interface TcpFields {
  source?: string;
  destination?: string;
  sourcePort?: number;
  destinationPort?: number;
  sequence: number;
  acknowledgment?: number;
  flags: number;
  window?: number;
  options?: number[];
  payload?: Uint8Array;
  badChecksum?: boolean;
}

export function tcpFrame(fields: TcpFields, offload: Offload = {}): Uint8Array {
  const source = fields.source ?? GUEST;
  const destination = fields.destination ?? SERVICE;
  const options = fields.options ?? [];
  const payload = fields.payload ?? new Uint8Array(0);
  const header = concat(
    word(fields.sourcePort ?? GUEST_PORT),
    word(fields.destinationPort ?? SERVICE_PORT),
    long(fields.sequence),
    long(fields.acknowledgment ?? 0),
    [((20 + options.length) / 4) << 4, fields.flags],
    word(fields.window ?? 64_240),
    [0, 0, 0, 0],
    options,
  );
  const segment = new Uint8Array(header.length + payload.length);
  segment.set(header);
  segment.set(payload, header.length);
  const summed = new Uint8Array(12 + segment.length);
  summed.set(pseudoHeader(source, destination, 6, segment.length));
  summed.set(segment, 12);
  const checksum = offload.needsChecksum ? 0 : naiveChecksum(summed);
  segment.set(word(fields.badChecksum ? checksum ^ 0x5555 : checksum), 16);
  return ipv4Frame({ source, destination, protocol: 6, payload: segment }, offload);
}

export function udpFrame(
  payload: Uint8Array,
  options: { destination?: string; sourcePort?: number; destinationPort?: number; checksum?: number } = {},
): Uint8Array {
  const destination = options.destination ?? SERVICE;
  const datagram = udpDatagram(
    payload,
    destination,
    options.sourcePort ?? 5000,
    options.destinationPort ?? 53,
  );
  if (options.checksum !== undefined) datagram.set(word(options.checksum), 6);
  return ipv4Frame({ destination, protocol: 17, payload: datagram });
}

export function udpDatagram(
  payload: Uint8Array,
  destination: string,
  sourcePort: number,
  destinationPort: number,
): Uint8Array {
  const length = 8 + payload.length;
  const datagram = concat(word(sourcePort), word(destinationPort), word(length), [0, 0], payload);
  datagram.set(word(naiveChecksum(concat(pseudoHeader(GUEST, destination, 17, length), datagram))), 6);
  return datagram;
}

export function icmpFrame(type: number, code: number, rest: number, body: Uint8Array): Uint8Array {
  const message = concat([type, code, 0, 0], long(rest), body);
  message.set(word(naiveChecksum(message)), 2);
  return ipv4Frame({ protocol: 1, payload: message });
}

/** A frame that the stack sent, taken apart; all checksums are verified on the way. */
export interface ParsedFrame {
  readonly offload: Required<Offload> & {
    headerLength: number;
    checksumStart: number;
    checksumOffset: number;
  };
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly identification: number;
  readonly fragment: number;
  /** The IP payload. */
  readonly payload: Uint8Array;
  /** From the IP header on. */
  readonly packet: Uint8Array;
}

export function parseFrame(frame: Uint8Array): ParsedFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const flags = view.getUint8(0);
  const offload = {
    needsChecksum: (flags & 1) !== 0,
    dataValid: (flags & 2) !== 0,
    gsoType: view.getUint8(1),
    headerLength: view.getUint16(2, true),
    gsoSize: view.getUint16(4, true),
    checksumStart: view.getUint16(6, true),
    checksumOffset: view.getUint16(8, true),
  };
  const packet = frame.subarray(VNET);
  expect(packet[0]).toBe(0x45);
  expect(view.getUint16(VNET + 2)).toBe(packet.length);
  expect(naiveChecksum(packet.subarray(0, 20))).toBe(0);
  const source = packet.subarray(12, 16).join('.');
  const destination = packet.subarray(16, 20).join('.');
  const payload = packet.subarray(20);
  if (offload.needsChecksum) {
    // The field holds the pseudo-header's sum; finishing it as a device would must give a right checksum.
    const at = offload.checksumStart - 20 + offload.checksumOffset;
    const pseudo = concat(pseudoHeader(source, destination, packet[9], payload.length));
    expect(payload[at] * 256 + payload[at + 1]).toBe(~naiveChecksum(pseudo) & 0xffff);
  }
  return {
    offload,
    source,
    destination,
    protocol: packet[9],
    identification: view.getUint16(VNET + 4),
    fragment: view.getUint16(VNET + 6),
    payload,
    packet,
  };
}

/** The byte at a position of the stream that all tests send, in both directions. */
export function streamByte(position: number): number {
  return (position * 31 + (position >>> 8)) & 255;
}

export function stream(position: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => streamByte(position + i));
}

/** As `toEqual`, for large arrays in a fraction of its time. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) if (actual[i] !== expected[i]) expect.fail(`wrong byte at ${i}`);
}
