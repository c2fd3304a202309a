/**
 * Frames written and read the slow and obvious way, apart from stack/wire, so
 * that a fault there cannot hide here.
 */
import { expect } from 'vitest';

export const GUEST = '10.0.1.2';
export const SERVICE = '10.0.1.5';
export const GUEST6 = 'fd00:1::2';
export const SERVICE6 = 'fd00:1::5';
/** Of the guest's interface, as source and, with ARP off, destination of its frames. */
export const GUEST_MAC = [0x06, 1, 2, 3, 4, 5];
const GUEST_PORT = 40_000;
const SERVICE_PORT = 80;

const VNET = 10;

export interface Offload {
  needsChecksum?: boolean;
  dataValid?: boolean;
  gsoType?: number;
  gsoSize?: number;
}

export interface IpFields {
  /** Text with a colon makes the packet IPv6. */
  source?: string;
  destination?: string;
  protocol: number;
  identification?: number;
  /** IPv4: flags and offset as one 16-bit field. */
  fragment?: number;
  /** IPv4 options, or IPv6 extension headers behind the fixed header. */
  options?: Uint8Array;
  payload: Uint8Array;
}

const knownAddresses = new Map<string, number[]>();

export function addressBytes(text: string): number[] {
  const known = knownAddresses.get(text);
  if (known !== undefined) return known;
  const bytes = readAddress(text);
  knownAddresses.set(text, bytes);
  return bytes;
}

function groups(part: string): string[] {
  return part.split(':').filter((group) => group !== '');
}

function readAddress(text: string): number[] {
  if (!text.includes(':')) return text.split('.').map(Number);
  const [head, tail = ''] = text.split('::');
  const missing = Array.from({ length: 8 - groups(head).length - groups(tail).length }, () => '0');
  const all = text.includes('::') ? [...groups(head), ...missing, ...groups(tail)] : groups(head);
  return all.flatMap((group) => word(Number.parseInt(group, 16)));
}

/** Every group in full: enough to compare what was sent with what was meant. */
function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const text = Array.from({ length: 8 }, (_, i) => (bytes[2 * i] * 256 + bytes[2 * i + 1]).toString(16));
  return text.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
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

export function long(value: number): number[] {
  return [...word(value >>> 16), ...word(value & 0xffff)];
}

function vnetHeader(offload: Offload): number[] {
  const flags = (offload.needsChecksum ? 1 : 0) | (offload.dataValid ? 2 : 0);
  const gsoSize = offload.gsoSize ?? 0;
  return [flags, offload.gsoType ?? 0, 0, 0, gsoSize & 255, gsoSize >>> 8, 0, 0, 0, 0];
}

/** Puts an Ethernet header into a frame without one. */
export function withEthernet(
  frame: Uint8Array,
  type = frame[VNET] >>> 4 === 6 ? 0x86dd : 0x0800,
): Uint8Array {
  return concat(frame.subarray(0, VNET), GUEST_MAC, GUEST_MAC, word(type), frame.subarray(VNET));
}

/** `protocol` is the first header behind the fixed one; extension headers come as `options`. */
export function ipv6Frame(fields: IpFields, offload: Offload = {}): Uint8Array {
  const options = fields.options ?? new Uint8Array(0);
  const header = concat(
    [0x60, 0, 0, 0],
    word(options.length + fields.payload.length),
    [fields.protocol, 64],
    addressBytes(fields.source ?? GUEST6),
    addressBytes(fields.destination ?? SERVICE6),
  );
  return concat(vnetHeader(offload), header, options, fields.payload);
}

function ipFrame(fields: IpFields, offload: Offload): Uint8Array {
  return fields.source?.includes(':') ? ipv6Frame(fields, offload) : ipv4Frame(fields, offload);
}

export function ipv4Frame(fields: IpFields, offload: Offload = {}): Uint8Array {
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
  return concat(vnetHeader(offload), header, fields.payload);
}

export function pseudoHeader(
  source: string,
  destination: string,
  protocol: number,
  length: number,
): number[] {
  // Of IPv6 the fields are wider (RFC 8200 8.1), but zero where they are.
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
  urgentPointer?: number;
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
    [0, 0],
    word(fields.urgentPointer ?? 0),
    options,
  );
  const segment = new Uint8Array(header.length + payload.length);
  segment.set(header);
  segment.set(payload, header.length);
  const pseudo = pseudoHeader(source, destination, 6, segment.length);
  const checksum = offload.needsChecksum ? 0 : naiveChecksum(concat(pseudo, segment));
  segment.set(word(fields.badChecksum ? checksum ^ 0x5555 : checksum), 16);
  return ipFrame({ source, destination, protocol: 6, payload: segment }, offload);
}

export function udpFrame(
  payload: Uint8Array,
  options: {
    source?: string;
    destination?: string;
    sourcePort?: number;
    destinationPort?: number;
    checksum?: number;
  } = {},
  offload: Offload = {},
): Uint8Array {
  const source = options.source ?? GUEST;
  const destination = options.destination ?? SERVICE;
  const datagram = udpDatagram(
    payload,
    destination,
    options.sourcePort ?? 5000,
    options.destinationPort ?? 53,
    source,
  );
  if (options.checksum !== undefined) datagram.set(word(options.checksum), 6);
  return ipFrame({ source, destination, protocol: 17, payload: datagram }, offload);
}

export function udpDatagram(
  payload: Uint8Array,
  destination: string,
  sourcePort: number,
  destinationPort: number,
  source = GUEST,
): Uint8Array {
  const length = 8 + payload.length;
  const datagram = concat(word(sourcePort), word(destinationPort), word(length), [0, 0], payload);
  datagram.set(word(naiveChecksum(concat(pseudoHeader(source, destination, 17, length), datagram))), 6);
  return datagram;
}

export function icmpFrame(type: number, code: number, rest: number, body: Uint8Array): Uint8Array {
  const message = concat([type, code, 0, 0], long(rest), body);
  message.set(word(naiveChecksum(message)), 2);
  return ipv4Frame({ protocol: 1, payload: message });
}

export function icmpv6Message(type: number, code: number, rest: number, body: Uint8Array): Uint8Array {
  const message = concat([type, code, 0, 0], long(rest), body);
  const pseudo = pseudoHeader(GUEST6, SERVICE6, 58, message.length);
  message.set(word(naiveChecksum(concat(pseudo, message))), 2);
  return message;
}

export function icmpv6Frame(type: number, code: number, rest: number, body: Uint8Array): Uint8Array {
  return ipv6Frame({ protocol: 58, payload: icmpv6Message(type, code, rest, body) });
}

/** As `toBe`, for what is asked of every frame: an assertion that holds costs more than all else here. */
function expectSame(actual: number, expected: number, what: string): void {
  if (actual !== expected) expect(actual, what).toBe(expected);
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
  /** Of IPv4's header. */
  readonly identification: number;
  readonly fragment: number;
  readonly trafficClass: number;
  readonly hopLimit: number;
  /** The IP payload. */
  readonly payload: Uint8Array;
  /** From the IP header on. */
  readonly packet: Uint8Array;
}

/** Takes the Ethernet header out of a frame, once it is seen to go to the guest. */
export function withoutEthernet(frame: Uint8Array): Uint8Array {
  const stations = [...GUEST_MAC, 2, 0, 0, 0, 0, 1];
  for (let i = 0; i < 12; i++) expectSame(frame[VNET + i], stations[i], 'a byte of the stations');
  const type = frame[VNET + 12] * 256 + frame[VNET + 13];
  expectSame(type, frame[VNET + 14] >>> 4 === 6 ? 0x86dd : 0x0800, 'the type');
  const rest = concat(frame.subarray(0, VNET), frame.subarray(VNET + 14));
  // The headers that virtio counts start with Ethernet's.
  for (const at of [2, 6]) if (rest[at] !== 0) rest[at] -= 14;
  return rest;
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
  const isIpv6 = packet[0] >>> 4 === 6;
  const headerLength = isIpv6 ? 40 : 20;
  if (isIpv6) {
    expectSame(view.getUint16(VNET + 4), packet.length - 40, 'the payload length');
  } else {
    expectSame(packet[0], 0x45, 'version and header length');
    expectSame(view.getUint16(VNET + 2), packet.length, 'the total length');
    expectSame(naiveChecksum(packet.subarray(0, 20)), 0, 'the header checksum');
  }
  const addresses = packet.subarray(isIpv6 ? 8 : 12, headerLength);
  const source = addressText(addresses.subarray(0, addresses.length / 2));
  const destination = addressText(addresses.subarray(addresses.length / 2));
  const protocol = isIpv6 ? packet[6] : packet[9];
  const payload = packet.subarray(headerLength);
  const isWhole = isIpv6 || (view.getUint16(VNET + 6) & 0x3fff) === 0;
  if (offload.needsChecksum) {
    // The field holds the pseudo-header's sum; finishing it as a device would must give a right checksum.
    const at = offload.checksumStart - headerLength + offload.checksumOffset;
    const pseudo = concat(pseudoHeader(source, destination, protocol, payload.length));
    const unfinished = payload[at] * 256 + payload[at + 1];
    expectSame(unfinished, ~naiveChecksum(pseudo) & 0xffff, 'an unfinished checksum');
  } else if (protocol === 6 || (protocol === 17 && isWhole)) {
    const pseudo = concat(pseudoHeader(source, destination, protocol, payload.length));
    expectSame(naiveChecksum(concat(pseudo, payload)), 0, 'a complete checksum');
  }
  return {
    offload,
    source,
    destination,
    protocol,
    identification: isIpv6 ? 0 : view.getUint16(VNET + 4),
    fragment: isIpv6 ? 0 : view.getUint16(VNET + 6),
    trafficClass: isIpv6 ? (view.getUint16(VNET) >>> 4) & 255 : packet[1],
    hopLimit: packet[isIpv6 ? 7 : 8],
    payload,
    packet,
  };
}

/** The byte at a position of the stream that all tests send, in both directions. */
export function streamByte(position: number): number {
  return (position * 31 + (position >>> 8)) & 255;
}

export function stream(position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = streamByte(position + i);
  return bytes;
}

/** As `toEqual`, for large arrays in a fraction of its time. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) if (actual[i] !== expected[i]) expect.fail(`wrong byte at ${i}`);
}
