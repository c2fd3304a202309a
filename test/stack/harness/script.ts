/**
 * TCP segments as lines of text, in the manner of tcpdump:
 *
 *     PA seq=1 ack=1 win=502 len=100
 *
 * Flags are letters (S F R P A U). Numbers count from each side's initial sequence
 * number, which is 0. A line for a segment that goes in may leave fields out and
 * gets sensible ones; in a line that is expected, `len`, the flags and whether
 * there are options are always compared, other fields where they are given.
 *
 * `urg` is the urgent pointer. Options: `mss`, `ws`, `sackok=1`; `ts` and `te` for timestamps, counted like
 * sequence numbers; `sack=101-201,301-401` for blocks, in their order.
 */
import { expect } from 'vitest';
import { long, type ParsedFrame, stream, streamByte, type TcpFields } from './packets.ts';

const FLAG_BITS: readonly (readonly [string, number])[] = [
  ['S', 2],
  ['F', 1],
  ['R', 4],
  ['P', 8],
  ['A', 16],
  ['U', 32],
];

export interface Line {
  flags: string;
  fields: Map<string, number>;
  sack: string;
}

/** Where each side's numbers start. */
export interface Origins {
  guestIsn: number;
  stackIsn: number;
  guestTs: number;
  stackTs: number;
}

export function parseLine(text: string): Line {
  const [flags, ...rest] = text.split(' ');
  const fields = new Map<string, number>();
  let sack = '';
  for (const item of rest) {
    const [name, value] = item.split('=');
    if (name === 'sack') sack = value;
    else fields.set(name, Number(value));
  }
  return { flags, fields, sack };
}

/** A guest's segment; its payload is the stream at its sequence number. */
export function toFields(line: Line, origins: Origins): TcpFields {
  const { guestIsn, stackIsn } = origins;
  const sequence = line.fields.get('seq') ?? 0;
  const length = line.fields.get('len') ?? 0;
  const options: number[] = [];
  const mss = line.fields.get('mss');
  const scale = line.fields.get('ws');
  if (mss !== undefined) options.push(2, 4, mss >>> 8, mss & 255);
  if (scale !== undefined) options.push(1, 3, 3, scale);
  if (line.fields.has('sackok')) options.push(1, 1, 4, 2);
  if (line.fields.has('ts')) {
    options.push(1, 1, 8, 10);
    options.push(...long((line.fields.get('ts') ?? 0) + origins.guestTs));
    const echo = line.fields.get('te');
    options.push(...(echo === undefined ? [0, 0, 0, 0] : long(echo + origins.stackTs)));
  }
  if (line.sack !== '') {
    const edges = line.sack.split(/[-,]/).map(Number);
    options.push(1, 1, 5, 2 + 4 * edges.length);
    for (const edge of edges) options.push(...long(edge + stackIsn));
  }
  let flags = 0;
  for (const [letter, bit] of FLAG_BITS) if (line.flags.includes(letter)) flags |= bit;
  const first = line.flags.includes('S') ? sequence : sequence - 1;
  return {
    sequence: (guestIsn + sequence) | 0,
    acknowledgment: (flags & 16) === 0 ? 0 : (stackIsn + (line.fields.get('ack') ?? 0)) | 0,
    flags,
    window: line.fields.get('win') ?? 502,
    options,
    urgentPointer: line.fields.get('urg') ?? 0,
    payload: length > 0 ? stream(first, length) : new Uint8Array(0),
    ...(line.fields.has('sport') ? { sourcePort: line.fields.get('sport') ?? 0 } : {}),
  };
}

export interface SeenSegment extends Line {
  text: string;
}

/** A segment of the stack, with its payload checked against the stream. */
export function readSegment(frame: ParsedFrame, origins: Origins): SeenSegment {
  const { guestIsn, stackIsn } = origins;
  const { payload: segment } = frame;
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  const bits = view.getUint8(13);
  const flags = FLAG_BITS.filter(([, bit]) => (bits & bit) !== 0)
    .map(([letter]) => letter)
    .join('');
  const headerLength = (view.getUint8(12) >>> 4) * 4;
  const isReset = flags.includes('R');
  const fields = new Map<string, number>([
    ['dport', view.getUint16(2)],
    ['seq', (view.getInt32(4) - (isReset && view.getInt32(4) === 0 ? 0 : stackIsn)) | 0],
    ['win', view.getUint16(14)],
    ['len', segment.length - headerLength],
    ['gso', frame.offload.gsoSize],
  ]);
  let sack = '';
  if (flags.includes('A')) fields.set('ack', (view.getInt32(8) - guestIsn) | 0);
  for (let at = 20; at < headerLength; at += segment[at] === 1 ? 1 : segment[at + 1]) {
    if (segment[at] === 2) fields.set('mss', view.getUint16(at + 2));
    if (segment[at] === 3) fields.set('ws', segment[at + 2]);
    if (segment[at] === 4) fields.set('sackok', 1);
    if (segment[at] === 8) {
      fields.set('ts', (view.getInt32(at + 2) - origins.stackTs) | 0);
      fields.set('te', (view.getInt32(at + 6) - origins.guestTs) | 0);
    }
    if (segment[at] === 5) {
      const blocks: string[] = [];
      for (let edge = at + 2; edge < at + segment[at + 1]; edge += 8) {
        blocks.push(`${(view.getInt32(edge) - guestIsn) | 0}-${(view.getInt32(edge + 4) - guestIsn) | 0}`);
      }
      sack = blocks.join(',');
    }
  }
  const first = (fields.get('seq') ?? 0) - 1;
  const payload = segment.subarray(headerLength);
  for (let i = 0; i < payload.length; i += payload.length > 4096 ? 101 : 1) {
    if (payload[i] !== streamByte(first + i)) expect.fail(`wrong byte at stream position ${first + i}`);
  }
  const text = [flags, ...[...fields].map(([name, value]) => `${name}=${value}`), `sack=${sack}`].join(' ');
  return { text, flags, fields, sack };
}

const ALWAYS_COMPARED = ['len', 'mss', 'ws', 'sackok'];

export function matchLine(seen: SeenSegment, expected: string): void {
  const line = parseLine(expected);
  const compared = new Set([...ALWAYS_COMPARED, ...line.fields.keys()]);
  const shown = ({ flags, fields, sack }: Line): string =>
    [
      flags,
      ...[...compared].map((name) => `${name}=${fields.get(name) ?? (name === 'len' ? 0 : '-')}`),
      `sack=${sack}`,
    ].join(' ');
  expect(shown(seen), `sent: ${seen.text}`).toBe(shown(line));
}
