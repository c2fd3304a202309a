/**
 * A line for each frame, in tcpdump's manner:
 *
 *     12:00:00.000000 In  IP 10.0.1.2.40000 > 10.0.1.5.80: Flags [S], seq 7, win 64240, options [mss 1460], length 0
 *
 * Numbers are absolute (as of `tcpdump -S`), since a line is made of its frame
 * alone. A frame may be anything: each part is looked at only as far as it is
 * there, and what is missing reads `truncated`.
 */
import { formatAddress, type IpVersion, addressWords } from '../ip/address.ts';
import type { Framing } from '../ip/path/link.ts';
import { getInt32 } from '../wire/bytes.ts';
import { ETHERNET_HEADER_BYTES, etherType } from '../wire/ethernet.ts';
import {
  IPV4_HEADER_BYTES,
  IPV4_SOURCE,
  ipVersion,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4Identification,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4TotalLength,
} from '../wire/ipv4.ts';
import {
  EXTENSION_UNIT_BYTES,
  extensionLength,
  extensionNextHeader,
  FRAGMENT_HEADER_BYTES,
  HEADER_DESTINATION_OPTIONS,
  HEADER_FRAGMENT,
  HEADER_HOP_BY_HOP,
  HEADER_ROUTING,
  IPV6_HEADER_BYTES,
  IPV6_SOURCE,
  ipv6FragmentOffset,
  ipv6Identification,
  ipv6MoreFragments,
  ipv6NextHeader,
  ipv6PayloadLength,
} from '../wire/ipv6.ts';
import { VIRTIO_NET_HEADER_BYTES, virtioGsoSize, virtioGsoType } from '../wire/virtio-net.ts';
import type { Direction, FrameObserver } from './observed-device.ts';
import { describeTransport } from './transport-line.ts';

const TRUNCATED = 'truncated';

export class TraceObserver implements FrameObserver {
  readonly #sink: (line: string) => void;
  readonly #framing: Framing;

  constructor(sink: (line: string) => void, framing: Framing) {
    this.#sink = sink;
    this.#framing = framing;
  }

  frame(timeMs: number, direction: Direction, frame: Uint8Array): void {
    const way = direction === 'in' ? 'In ' : 'Out';
    this.#sink(`${timeOfDay(timeMs)} ${way} ${describeFrame(frame, this.#framing)}`);
  }
}

/** A frame from its virtio-net header on, without time and direction. */
export function describeFrame(frame: Uint8Array, framing: Framing): string {
  const ipOffset = VIRTIO_NET_HEADER_BYTES + (framing === 'ethernet' ? ETHERNET_HEADER_BYTES : 0);
  if (frame.length <= ipOffset) return `${TRUNCATED} frame, length ${frame.length}`;
  const offload = virtioGsoType(frame, 0) === 0 ? '' : `, gso ${virtioGsoSize(frame, 0)}`;
  switch (ipVersion(frame, ipOffset)) {
    case 4:
      return describeIpv4(frame, ipOffset) + offload;
    case 6:
      return describeIpv6(frame, ipOffset) + offload;
    default:
      if (framing === 'ip') return `unknown IP version, length ${frame.length - ipOffset}`;
      return `ethertype 0x${etherType(frame, VIRTIO_NET_HEADER_BYTES).toString(16).padStart(4, '0')}, length ${frame.length - VIRTIO_NET_HEADER_BYTES}`;
  }
}

function describeIpv4(frame: Uint8Array, at: number): string {
  if (frame.length < at + IPV4_HEADER_BYTES) return `IP ${TRUNCATED}`;
  const headerLength = Math.max(IPV4_HEADER_BYTES, ipv4HeaderLength(frame, at));
  const end = Math.min(frame.length, at + ipv4TotalLength(frame, at));
  const data = at + headerLength;
  const start = ipv4FragmentOffset(frame, at);
  const more = ipv4MoreFragments(frame, at);
  const isFragment = start !== 0 || more;
  const note = isFragment ? fragmentNote(ipv4Identification(frame, at), end - data, start, more) : '';
  return `IP ${describeRest(frame, 4, at + IPV4_SOURCE, ipv4Protocol(frame, at), data, end, note, start)}`;
}

function describeIpv6(frame: Uint8Array, at: number): string {
  if (frame.length < at + IPV6_HEADER_BYTES) return `IP6 ${TRUNCATED}`;
  const end = Math.min(frame.length, at + IPV6_HEADER_BYTES + ipv6PayloadLength(frame, at));
  let header = ipv6NextHeader(frame, at);
  let data = at + IPV6_HEADER_BYTES;
  let start = 0;
  let note = '';
  while (isExtension(header) && data + EXTENSION_UNIT_BYTES <= end) {
    const here = data;
    data += header === HEADER_FRAGMENT ? FRAGMENT_HEADER_BYTES : extensionLength(frame, here);
    if (header === HEADER_FRAGMENT) {
      start = ipv6FragmentOffset(frame, here);
      const id = ipv6Identification(frame, here) >>> 0;
      note = fragmentNote(id, end - data, start, ipv6MoreFragments(frame, here));
    }
    header = extensionNextHeader(frame, here);
    if (start !== 0) break;
  }
  return `IP6 ${describeRest(frame, 6, at + IPV6_SOURCE, header, data, end, note, start)}`;
}

/** Of a later fragment the data is none of the transport's header. */
function describeRest(
  frame: Uint8Array,
  version: IpVersion,
  addresses: number,
  protocol: number,
  data: number,
  end: number,
  note: string,
  start: number,
): string {
  const count = addressWords(version);
  const words = Array.from({ length: 2 * count }, (_, i) => getInt32(frame, addresses + 4 * i));
  const source = formatAddress(version, words, 0);
  const destination = formatAddress(version, words, count);
  if (start !== 0) return `${source} > ${destination}: protocol ${protocol}${note}`;
  return describeTransport(frame, protocol, data, Math.max(data, end), source, destination) + note;
}

function fragmentNote(identification: number, length: number, start: number, more: boolean): string {
  return ` (frag ${identification}:${Math.max(0, length)}@${start}${more ? '+' : ''})`;
}

function isExtension(header: number): boolean {
  return (
    header === HEADER_HOP_BY_HOP ||
    header === HEADER_ROUTING ||
    header === HEADER_FRAGMENT ||
    header === HEADER_DESTINATION_OPTIONS
  );
}

/** UTC, to the microsecond. */
function timeOfDay(timeMs: number): string {
  const microseconds = Math.floor((timeMs % 1000) * 1000);
  const whole = new Date(timeMs).toISOString().slice(11, 19);
  return `${whole}.${String(microseconds).padStart(6, '0')}`;
}
