import type { OutgoingFrame } from '../../../stack/device.ts';

/** A frame as it would be on the wire: its headers and the pieces of its payload in one array. */
export function flatten(frame: OutgoingFrame): Uint8Array {
  let length = frame.headLength;
  for (let i = 0; i < frame.pieceCount; i++) length += frame.pieceLength[i];
  const bytes = new Uint8Array(length);
  bytes.set(frame.head.subarray(0, frame.headLength));
  let at = frame.headLength;
  for (let i = 0; i < frame.pieceCount; i++) {
    const start = frame.pieceOffset[i];
    bytes.set(frame.pieces[i].subarray(start, start + frame.pieceLength[i]), at);
    at += frame.pieceLength[i];
  }
  return bytes;
}
