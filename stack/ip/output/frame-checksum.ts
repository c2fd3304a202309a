/**
 * The checksum of a frame, for a device that finishes none.
 *
 * The transports leave theirs to the device: the field holds the pseudo-header's
 * sum, and the virtio-net header says where it is. What a device with checksum
 * offload would do, this does, so that the transports know of one way only.
 */
import type { OutgoingFrame } from '../../device.ts';
import { setUint16 } from '../../wire/bytes.ts';
import { finishChecksum, foldSum, sumBytes } from '../../wire/checksum.ts';
import { UDP_CHECKSUM_OFFSET } from '../../wire/udp.ts';
import {
  FLAG_NEEDS_CHECKSUM,
  VIRTIO_NET_HEADER_BYTES,
  virtioChecksumOffset,
  virtioChecksumStart,
  virtioFlags,
  writeVirtioPlain,
} from '../../wire/virtio-net.ts';

export function completeChecksum(frame: OutgoingFrame): void {
  const { head, headLength } = frame;
  if ((virtioFlags(head, 0) & FLAG_NEEDS_CHECKSUM) === 0) return;
  const start = VIRTIO_NET_HEADER_BYTES + virtioChecksumStart(head, 0);
  const field = virtioChecksumOffset(head, 0);
  const headSum = sumBytes(head, start, headLength - start, 0);
  const checksum = finishChecksum(sumPieces(frame, (headLength - start) % 2 === 1, headSum));
  // UDP says by 0 that there is none; its ones' complement twin says the same sum (RFC 768).
  const unsaid = checksum === 0 && field === UDP_CHECKSUM_OFFSET;
  setUint16(head, start + field, unsaid ? 0xffff : checksum);
  writeVirtioPlain(head, 0);
}

/** A span that starts at an odd place adds up to its own sum with the bytes exchanged (RFC 1071 2 (B)). */
function sumPieces(frame: OutgoingFrame, startsOdd: boolean, initial: number): number {
  let sum = initial;
  let odd = startsOdd;
  for (let i = 0; i < frame.pieceCount; i++) {
    const length = frame.pieceLength[i];
    const piece = foldSum(sumBytes(frame.pieces[i], frame.pieceOffset[i], length, 0));
    sum += odd ? ((piece & 0xff) << 8) | (piece >>> 8) : piece;
    odd = odd !== (length % 2 === 1);
  }
  return sum;
}
