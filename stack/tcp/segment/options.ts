/**
 * TCP options (RFC 9293 3.2): what a SYN negotiates (MSS, window scale of
 * RFC 7323 2, timestamps of RFC 7323 3, SACK of RFC 2018), and what later
 * segments carry of it.
 *
 * Unknown options are skipped by their length (MUST-6); a bad length ends the
 * list (MUST-7). Timestamps laid out as everybody lays them out are read
 * without a walk.
 */
import { getInt32, getUint16 } from '../../wire/bytes.ts';
import {
  ALIGNED_TIMESTAMPS,
  ALIGNED_TIMESTAMPS_BYTES,
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
  SACK_BLOCK_BYTES,
  writeMssOption,
  writeSackPermittedOption,
  writeTimestampsOption,
  writeWindowScaleOption,
} from '../../wire/tcp.ts';

/** RFC 9293 MUST-15: what a peer takes that does not say, over each version of IP. */
export const DEFAULT_MSS = 536;
export const DEFAULT_MSS_IPV6 = 1220;
/** The peer does not say. */
export const NO_MSS = 0;
/** A smaller one would make a flood of headers out of each write; Linux draws the line at 48. */
const MIN_MSS = 48;
/** RFC 7323 2.3 */
const MAX_WINDOW_SCALE = 14;
export const NO_WINDOW_SCALE = -1;
/** As many as 40 bytes of options hold. */
export const MAX_SACK_BLOCKS = 4;

/** What a SYN offers, or a SYN-ACK answers. */
export class SynOptions {
  mss = NO_MSS;
  windowScale = NO_WINDOW_SCALE;
  sackPermitted = false;
  timestamps = false;
  timestampValue = 0;

  copyFrom(other: SynOptions): void {
    this.mss = other.mss;
    this.windowScale = other.windowScale;
    this.sackPermitted = other.sackPermitted;
    this.timestamps = other.timestamps;
    this.timestampValue = other.timestampValue;
  }
}

export function parseSynOptions(
  options: SynOptions,
  buffer: Uint8Array,
  offset: number,
  length: number,
): void {
  options.mss = NO_MSS;
  options.windowScale = NO_WINDOW_SCALE;
  options.sackPermitted = false;
  options.timestamps = false;
  const end = offset + length;
  let at = offset;
  while (at < end) {
    const kind = buffer[at];
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const size = optionSize(buffer, at, end);
    if (size === 0) return;
    if (kind === OPTION_MSS && size === OPTION_MSS_BYTES) {
      options.mss = Math.max(MIN_MSS, getUint16(buffer, at + 2));
    } else if (kind === OPTION_WINDOW_SCALE && size === OPTION_WINDOW_SCALE_BYTES) {
      options.windowScale = Math.min(MAX_WINDOW_SCALE, buffer[at + 2]);
    } else if (kind === OPTION_SACK_PERMITTED && size === OPTION_SACK_PERMITTED_BYTES) {
      options.sackPermitted = true;
    } else if (kind === OPTION_TIMESTAMPS && size === OPTION_TIMESTAMPS_BYTES) {
      options.timestamps = true;
      options.timestampValue = getInt32(buffer, at + 2);
    }
    at += size;
  }
}

/** What segments after the handshake carry. */
export class SegmentOptions {
  hasTimestamps = false;
  timestampValue = 0;
  timestampEcho = 0;
  /** Left and right edges in turn, in the peer's order. */
  readonly sackEdges = new Int32Array(2 * MAX_SACK_BLOCKS);
  sackBlocks = 0;
}

export function parseSegmentOptions(
  options: SegmentOptions,
  buffer: Uint8Array,
  offset: number,
  length: number,
): void {
  options.hasTimestamps = false;
  options.sackBlocks = 0;
  const end = offset + length;
  let at = offset;
  if (length >= ALIGNED_TIMESTAMPS_BYTES && getInt32(buffer, at) === ALIGNED_TIMESTAMPS) {
    readTimestamps(options, buffer, at + 2);
    at += ALIGNED_TIMESTAMPS_BYTES;
  }
  while (at < end) {
    const kind = buffer[at];
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const size = optionSize(buffer, at, end);
    if (size === 0) return;
    if (kind === OPTION_SACK) readSack(options, buffer, at, size);
    else if (kind === OPTION_TIMESTAMPS && size === OPTION_TIMESTAMPS_BYTES) {
      readTimestamps(options, buffer, at);
    }
    at += size;
  }
}

/** @returns the length of the option at `at`, or 0 where the list ends there */
function optionSize(buffer: Uint8Array, at: number, end: number): number {
  if (buffer[at] === OPTION_END || at + 1 >= end) return 0;
  const size = buffer[at + 1];
  return size < 2 || at + size > end ? 0 : size;
}

function readTimestamps(options: SegmentOptions, buffer: Uint8Array, at: number): void {
  options.hasTimestamps = true;
  options.timestampValue = getInt32(buffer, at + 2);
  options.timestampEcho = getInt32(buffer, at + 6);
}

function readSack(options: SegmentOptions, buffer: Uint8Array, at: number, size: number): void {
  const blocks = Math.min(MAX_SACK_BLOCKS, Math.floor((size - 2) / SACK_BLOCK_BYTES));
  for (let i = 0; i < 2 * blocks; i++) options.sackEdges[i] = getInt32(buffer, at + 2 + 4 * i);
  options.sackBlocks = blocks;
}

/**
 * The options of a SYN or SYN-ACK.
 *
 * @returns the bytes written, a multiple of four
 */
export function writeSynOptions(
  buffer: Uint8Array,
  offset: number,
  options: SynOptions,
  timestampEcho: number,
): number {
  let at = offset;
  writeMssOption(buffer, at, options.mss);
  at += 4;
  if (options.windowScale !== NO_WINDOW_SCALE) {
    writeWindowScaleOption(buffer, at, options.windowScale);
    at += 4;
  }
  if (options.sackPermitted) {
    writeSackPermittedOption(buffer, at);
    at += 4;
  }
  if (options.timestamps) {
    writeTimestampsOption(buffer, at, options.timestampValue, timestampEcho);
    at += ALIGNED_TIMESTAMPS_BYTES;
  }
  return at - offset;
}

/** The smallest shift with which 16 bits can express a window of so many bytes. */
export function windowScaleFor(bytes: number): number {
  let shift = 0;
  while (shift < MAX_WINDOW_SCALE && 0xffff << shift < bytes) shift++;
  return shift;
}
