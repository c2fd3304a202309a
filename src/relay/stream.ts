import type { UnreachableReason } from '../../stack/index.ts';

/**
 * The far side of a relayed connection: a pod's stream, or a socket of the host's network.
 *
 * It is smaller than a Node Duplex on purpose: one call per chunk, and a
 * completion per chunk that opens the other side's window, so that memory is
 * bounded by the window and by nothing else.
 */
export interface RemoteStream {
  /** Who the far end is, where that is chosen on the way there: a pod and its port, `shop/web-5d9f:8080`. */
  readonly peer?: string | undefined;
  /**
   * Queues a chunk. It is referenced, not copied, until `done` is called:
   * once, when the transport has taken it, or has failed.
   */
  write(chunk: Uint8Array, done: () => void): void;
  /** The near side has sent its FIN, after all that was written. */
  end(): void;
  /** Stops `onData` soon; what is in flight may still arrive. */
  pause(): void;
  resume(): void;
  /** Of what `onData` gave, nothing but the last `heldBytes` is looked at any more: their memory may be used again. */
  reclaim?(heldBytes: number): void;
  /** Ends the stream at once, without `onError`; safe to call twice. */
  destroy(): void;
}

/** What a remote stream reports. After `onError`, or after `onEnd` and `destroy`, nothing more comes. */
export interface RemoteStreamEvents {
  /** The remote end has taken the connection: the near side may be accepted now. Comes before any `onData`. */
  onEstablished(): void;
  /** Bytes from the far end, the receiver's until it has them reclaimed, or for good. */
  onData(chunk: Uint8Array): void;
  /** The far end has sent its FIN. */
  onEnd(): void;
  /** The far end takes nothing any more. What it sent before is still to come, and `onError` behind it. */
  onBrokenPipe?(): void;
  /** The stream has failed. Before `onEstablished` the near side is to be refused, after it, reset. */
  onError(error: RemoteStreamError): void;
}

/**
 * Why a remote stream failed.
 *
 * - `refused`: nobody listens there, or there is no ready pod
 * - `unreachable`: there is no way to the far end (no route, no rights, cluster gone)
 * - `timeout`: a named wait has passed
 * - `silent`: the far end has not answered, as if it were not there
 * - `reset`: the far end reset the connection after it was established
 */
export class RemoteStreamError extends Error {
  readonly reason: 'refused' | 'unreachable' | 'timeout' | 'silent' | 'reset';
  /** What ICMP says of it, where the near side is to hear of it by that. */
  readonly unreachable: UnreachableReason;

  constructor(reason: RemoteStreamError['reason'], message: string, options?: RemoteStreamErrorOptions) {
    super(message, options);
    this.name = 'RemoteStreamError';
    this.reason = reason;
    this.unreachable = options?.unreachable ?? 'host';
  }
}

export interface RemoteStreamErrorOptions extends ErrorOptions {
  /** Default: `host`. */
  readonly unreachable?: UnreachableReason;
}
