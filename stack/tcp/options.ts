/**
 * The options of a SYN (RFC 9293 3.2, RFC 7323 2): read what the peer offers,
 * write what we answer.
 */
import { getUint16 } from '../wire/bytes.ts';
import {
  OPTION_END,
  OPTION_MSS,
  OPTION_MSS_BYTES,
  OPTION_NOP,
  OPTION_WINDOW_SCALE,
  OPTION_WINDOW_SCALE_BYTES,
  writeMssOption,
  writeWindowScaleOption,
} from '../wire/tcp.ts';

/** RFC 9293 MUST-15: what a peer takes that does not say. */
export const DEFAULT_MSS = 536;
/** A smaller one would make a flood of headers out of each write; Linux draws the line at 48. */
const MIN_MSS = 48;
/** RFC 7323 2.3 */
const MAX_WINDOW_SCALE = 14;
export const NO_WINDOW_SCALE = -1;

export class SynOptions {
  mss = DEFAULT_MSS;
  windowScale = NO_WINDOW_SCALE;

  copyFrom(other: SynOptions): void {
    this.mss = other.mss;
    this.windowScale = other.windowScale;
  }
}

/** Unknown options are skipped by their length (MUST-6); a bad length ends the list (MUST-7). */
export function parseSynOptions(
  options: SynOptions,
  buffer: Uint8Array,
  offset: number,
  length: number,
): void {
  options.mss = DEFAULT_MSS;
  options.windowScale = NO_WINDOW_SCALE;
  const end = offset + length;
  let at = offset;
  while (at < end) {
    const kind = buffer[at];
    if (kind === OPTION_END) return;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) return;
    const size = buffer[at + 1];
    if (size < 2 || at + size > end) return;
    if (kind === OPTION_MSS && size === OPTION_MSS_BYTES) {
      options.mss = Math.max(MIN_MSS, getUint16(buffer, at + 2));
    } else if (kind === OPTION_WINDOW_SCALE && size === OPTION_WINDOW_SCALE_BYTES) {
      options.windowScale = Math.min(MAX_WINDOW_SCALE, buffer[at + 2]);
    }
    at += size;
  }
}

/** @returns the bytes written, a multiple of four */
export function writeSynAckOptions(
  buffer: Uint8Array,
  offset: number,
  mss: number,
  windowScale: number,
): number {
  writeMssOption(buffer, offset, mss);
  if (windowScale === NO_WINDOW_SCALE) return 4;
  writeWindowScaleOption(buffer, offset + 4, windowScale);
  return 8;
}

/** The smallest shift with which 16 bits can express a window of so many bytes. */
export function windowScaleFor(bytes: number): number {
  let shift = 0;
  while (shift < MAX_WINDOW_SCALE && 0xffff * 2 ** shift < bytes) shift++;
  return shift;
}
