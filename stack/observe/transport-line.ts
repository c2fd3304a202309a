/** The part of a trace line that speaks of TCP, UDP or ICMP. */
import { getInt32, getUint16 } from '../wire/bytes.ts';
import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_BYTES,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_TIME_EXCEEDED,
  icmpCode,
  icmpIdentifier,
  icmpRest,
  icmpSequence,
  icmpType,
} from '../wire/icmp.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ipv4.ts';
import {
  ACK,
  destinationPort,
  FIN,
  OPTION_END,
  OPTION_MSS,
  OPTION_MSS_BYTES,
  OPTION_NOP,
  OPTION_SACK,
  OPTION_SACK_PERMITTED,
  OPTION_SACK_PERMITTED_BYTES,
  OPTION_TIMESTAMPS,
  OPTION_TIMESTAMPS_BYTES,
  OPTION_WINDOW_SCALE,
  OPTION_WINDOW_SCALE_BYTES,
  PSH,
  RST,
  SACK_BLOCK_BYTES,
  sourcePort,
  SYN,
  TCP_HEADER_BYTES,
  tcpAcknowledgment,
  tcpFlags,
  tcpHeaderLength,
  tcpSequence,
  tcpWindow,
  URG,
} from '../wire/tcp.ts';
import { UDP_HEADER_BYTES, udpLength } from '../wire/udp.ts';

/** As tcpdump orders and spells them. */
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [FIN, 'F'],
  [SYN, 'S'],
  [RST, 'R'],
  [PSH, 'P'],
  [ACK, '.'],
  [URG, 'U'],
  [0x40, 'E'],
  [0x80, 'W'],
];

const ICMP_NAMES: Readonly<Record<number, string>> = {
  [ICMP_ECHO_REPLY]: 'echo reply',
  [ICMP_DESTINATION_UNREACHABLE]: 'unreachable',
  [ICMP_ECHO_REQUEST]: 'echo request',
  [ICMP_TIME_EXCEEDED]: 'time exceeded',
  [ICMP_PARAMETER_PROBLEM]: 'parameter problem',
};

const ICMPV6_NAMES: Readonly<Record<number, string>> = {
  [ICMPV6_DESTINATION_UNREACHABLE]: 'unreachable',
  [ICMPV6_PACKET_TOO_BIG]: 'packet too big',
  [ICMPV6_TIME_EXCEEDED]: 'time exceeded',
  [ICMPV6_PARAMETER_PROBLEM]: 'parameter problem',
  [ICMPV6_ECHO_REQUEST]: 'echo request',
  [ICMPV6_ECHO_REPLY]: 'echo reply',
};

/** @param end of what was captured, from `at` on */
export function describeTransport(
  frame: Uint8Array,
  protocol: number,
  at: number,
  end: number,
  source: string,
  destination: string,
): string {
  const available = end - at;
  const ends = `${source} > ${destination}`;
  if (protocol === PROTOCOL_TCP && available >= TCP_HEADER_BYTES) {
    return `${withPorts(frame, at, source, destination)}: ${describeTcp(frame, at, end)}`;
  }
  if (protocol === PROTOCOL_UDP && available >= UDP_HEADER_BYTES) {
    const length = Math.max(0, udpLength(frame, at) - UDP_HEADER_BYTES);
    return `${withPorts(frame, at, source, destination)}: UDP, length ${length}`;
  }
  if (protocol === PROTOCOL_ICMP && available >= ICMP_HEADER_BYTES) {
    return `${ends}: ICMP ${describeIcmp(frame, at, ICMP_NAMES)}, length ${available}`;
  }
  if (protocol === PROTOCOL_ICMPV6 && available >= ICMP_HEADER_BYTES) {
    return `${ends}: ICMP6, ${describeIcmp(frame, at, ICMPV6_NAMES)}, length ${available}`;
  }
  return `${ends}: protocol ${protocol}, length ${available}`;
}

function withPorts(frame: Uint8Array, at: number, source: string, destination: string): string {
  return `${source}.${sourcePort(frame, at)} > ${destination}.${destinationPort(frame, at)}`;
}

function describeTcp(frame: Uint8Array, at: number, end: number): string {
  const headerEnd = Math.min(end, at + Math.max(TCP_HEADER_BYTES, tcpHeaderLength(frame, at)));
  const bits = tcpFlags(frame, at);
  const letters = FLAG_LETTERS.filter(([bit]) => (bits & bit) !== 0).map(([, letter]) => letter);
  const length = end - headerEnd;
  const sequence = tcpSequence(frame, at);
  const parts = [`Flags [${letters.join('') || 'none'}]`];
  if (length > 0) parts.push(`seq ${sequence >>> 0}:${(sequence + length) >>> 0}`);
  else if ((bits & (SYN | FIN | RST)) !== 0) parts.push(`seq ${sequence >>> 0}`);
  if ((bits & ACK) !== 0) parts.push(`ack ${tcpAcknowledgment(frame, at) >>> 0}`);
  parts.push(`win ${tcpWindow(frame, at)}`);
  const options = describeOptions(frame, at + TCP_HEADER_BYTES, headerEnd);
  if (options.length > 0) parts.push(`options [${options.join(',')}]`);
  parts.push(`length ${length}`);
  return parts.join(', ');
}

function describeOptions(frame: Uint8Array, from: number, end: number): string[] {
  const options: string[] = [];
  let at = from;
  while (at < end) {
    const kind = frame[at];
    if (kind === OPTION_END) return [...options, 'eol'];
    if (kind === OPTION_NOP) {
      options.push('nop');
      at++;
      continue;
    }
    const length = at + 1 < end ? frame[at + 1] : 0;
    if (length < 2 || at + length > end) return [...options, 'bad'];
    options.push(describeOption(frame, at, kind, length));
    at += length;
  }
  return options;
}

function describeOption(frame: Uint8Array, at: number, kind: number, length: number): string {
  if (kind === OPTION_MSS && length === OPTION_MSS_BYTES) return `mss ${getUint16(frame, at + 2)}`;
  if (kind === OPTION_WINDOW_SCALE && length === OPTION_WINDOW_SCALE_BYTES) return `wscale ${frame[at + 2]}`;
  if (kind === OPTION_SACK_PERMITTED && length === OPTION_SACK_PERMITTED_BYTES) return 'sackOK';
  if (kind === OPTION_TIMESTAMPS && length === OPTION_TIMESTAMPS_BYTES) {
    return `TS val ${getInt32(frame, at + 2) >>> 0} ecr ${getInt32(frame, at + 6) >>> 0}`;
  }
  if (kind === OPTION_SACK && (length - 2) % SACK_BLOCK_BYTES === 0) {
    const blocks: string[] = [];
    for (let block = at + 2; block < at + length; block += SACK_BLOCK_BYTES) {
      blocks.push(`{${getInt32(frame, block) >>> 0}:${getInt32(frame, block + 4) >>> 0}}`);
    }
    return `sack ${blocks.length} ${blocks.join('')}`;
  }
  return `unknown-${kind}`;
}

function describeIcmp(frame: Uint8Array, at: number, names: Readonly<Record<number, string>>): string {
  const type = icmpType(frame, at);
  const name = names[type] ?? `type ${type}`;
  if (name.startsWith('echo'))
    return `${name}, id ${icmpIdentifier(frame, at)}, seq ${icmpSequence(frame, at)}`;
  if (name === 'packet too big') return `${name}, mtu ${icmpRest(frame, at) >>> 0}`;
  return `${name}, code ${icmpCode(frame, at)}`;
}
