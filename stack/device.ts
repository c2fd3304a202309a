/**
 * The edge of the stack: where packets leave, and what the link can do.
 *
 * A frame is a virtio-net header (10 bytes, `struct virtio_net_hdr` of
 * linux/virtio_net.h, little-endian) followed by one IP packet, or by an
 * Ethernet frame with one (the stack's `framing`, of which sizes here know
 * nothing: `mtu` and `maxPacket` count from the IP header on). With
 * segmentation offload one frame may carry up to 64 KiB, which the kernel on
 * the other side cuts up, or never cuts at all.
 *
 * Packets come in by `Stack.receive(nowMs, buffer, offset, length)`, called by
 * whoever drives the device; that way nothing here knows of an event loop.
 */

/** Most payload pieces that one frame gathers; a segment that would need more is cut shorter. */
export const MAX_FRAME_PIECES = 16;

/** Room for the headers of virtio-net (10), Ethernet (14), IPv6 with a fragment's (48) and TCP (60), rounded up. */
export const MAX_FRAME_HEAD = 256;

/**
 * One frame on its way out: headers in `head`, payload by reference.
 *
 * The stack owns a single instance and fills it anew for each frame, so a
 * device must have taken all it needs when `send` returns.
 */
export class OutgoingFrame {
  readonly head = new Uint8Array(MAX_FRAME_HEAD);
  headLength = 0;
  /** Payload, in order: bytes [pieceOffset[i], pieceOffset[i] + pieceLength[i]) of pieces[i]. */
  readonly pieces: Uint8Array[] = [];
  readonly pieceOffset = new Int32Array(MAX_FRAME_PIECES);
  readonly pieceLength = new Int32Array(MAX_FRAME_PIECES);
  pieceCount = 0;
}

export interface Device {
  /** The largest IP packet of the link, in bytes, where no segmentation offload applies. */
  readonly mtu: number;
  /** The largest IP packet that may be handed over with segmentation offload; `mtu` where there is none. */
  readonly maxPacket: number;
  /**
   * Whether it finishes the checksums of frames, as virtio-net's VIRTIO_NET_F_CSUM says. Where it does not, the
   * stack does, and no frame is larger than `mtu`: segmentation rests on it (virtio 1.2, 5.1.3.1). Default: true.
   */
  readonly checksumOffload?: boolean;
  /**
   * Whether it cuts a frame of UDP datagrams of one flow and size apart (VIRTIO_NET_F_HOST_USO; TUN_F_USO4 and
   * USO6 of a tun), within `maxPacket`. Frames that come in so are understood in any case. Default: false.
   */
  readonly udpSegmentation?: boolean;
  /**
   * Takes one frame.
   *
   * @returns false when the device is full and the frame was not taken; the
   *   stack keeps what it wanted to send and goes on at `Stack.deviceWritable`.
   */
  send(frame: OutgoingFrame): boolean;
}
