/**
 * The link of the tests' sandboxes. KNS_TEST_LINK says which kind, `tun` or
 * `veth`; without it they are what a user gets.
 */

import type { LinkKind } from '../../sandbox/index.ts';

const ETHERNET = 14;
const VIRTIO = 10;

export const TEST_LINK = linkOf(process.env['KNS_TEST_LINK'] ?? 'auto');

function linkOf(text: string): LinkKind | 'auto' {
  if (text === 'tun' || text === 'veth' || text === 'auto') return text;
  throw new Error(`KNS_TEST_LINK is tun or veth, and not ${text}`);
}

/** Of everything before the IP packet of a frame. */
export const FRAME_HEAD = VIRTIO + (TEST_LINK === 'veth' ? ETHERNET : 0);

/** What stands before a packet for kns0: its checksum is complete, or open from `start` on, to be put at `field` of that. */
export function frameHead(version: 4 | 6, checksum?: { start: number; field: number }): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  const ethernet = head.subarray(VIRTIO);
  if (checksum) {
    head.writeUInt8(1, 0);
    head.writeUInt16LE(ethernet.length + checksum.start, 6);
    head.writeUInt16LE(checksum.field, 8);
  }
  if (ethernet.length > 0) {
    ethernet.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    ethernet.writeUInt16BE(version === 4 ? 0x0800 : 0x86dd, 12);
  }
  return head;
}
