/**
 * The TCP segment being received.
 *
 * One instance, filled anew for each packet and dead at the next; the payload
 * stays in the device's buffer.
 */
import {
  SYN,
  TCP_HEADER_BYTES,
  tcpAcknowledgment,
  tcpFlags,
  tcpHeaderLength,
  tcpSequence,
  tcpUrgentPointer,
  tcpWindow,
} from '../../wire/tcp.ts';
import { parseSegmentOptions, parseSynOptions, SegmentOptions, SynOptions } from './options.ts';

export class Segment {
  buffer: Uint8Array = new Uint8Array(0);
  sequence = 0;
  acknowledgment = 0;
  flags = 0;
  /** As in the header, not scaled. */
  window = 0;
  /** Meaningful with URG alone. */
  urgentPointer = 0;
  payloadOffset = 0;
  payloadLength = 0;
  /** Meaningful with SYN alone. */
  readonly synOptions = new SynOptions();
  readonly options = new SegmentOptions();
}

/** @returns false for a header that is too short or longer than the segment */
export function parseSegment(segment: Segment, buffer: Uint8Array, offset: number, length: number): boolean {
  if (length < TCP_HEADER_BYTES) return false;
  const headerLength = tcpHeaderLength(buffer, offset);
  if (headerLength < TCP_HEADER_BYTES || headerLength > length) return false;
  segment.buffer = buffer;
  segment.sequence = tcpSequence(buffer, offset);
  segment.acknowledgment = tcpAcknowledgment(buffer, offset);
  segment.flags = tcpFlags(buffer, offset);
  segment.window = tcpWindow(buffer, offset);
  segment.urgentPointer = tcpUrgentPointer(buffer, offset);
  segment.payloadOffset = offset + headerLength;
  segment.payloadLength = length - headerLength;
  const optionsAt = offset + TCP_HEADER_BYTES;
  const optionsLength = headerLength - TCP_HEADER_BYTES;
  // A SYN's timestamps are wanted in both ways: to negotiate, and against old duplicates.
  if ((segment.flags & SYN) !== 0) parseSynOptions(segment.synOptions, buffer, optionsAt, optionsLength);
  parseSegmentOptions(segment.options, buffer, optionsAt, optionsLength);
  return true;
}
