/**
 * A pipe of bytes to the API server, after an upgrade: SPDY frames run in it.
 *
 * Either the upgraded socket itself, or the binary messages of a WebSocket on
 * it. Small writes are gathered: the frames that open a stream leave as one
 * packet, at the end of the tick in which they were written.
 */
export interface BytePipe {
  /**
   * Queues `head` and then `payload`, as one message where the pipe has
   * messages. Both are referenced until `done`, which is called exactly once:
   * when the socket has taken them, or when the pipe has failed.
   */
  write(head: Uint8Array, payload: Uint8Array | undefined, done: (() => void) | undefined): void;
  /** Stops reading; what has been read may still arrive. */
  pause(): void;
  resume(): void;
  /** Whether the kernel sees the far end acknowledge; true where it cannot tell. */
  pathIsAlive(): boolean;
  /** Ends the pipe in order, after what was written. */
  end(): void;
  /** Ends the pipe at once. */
  destroy(cause?: Error): void;
}

/** A pipe that can ask its far end for a sign of life. */
export interface PingablePipe extends BytePipe {
  ping(): void;
}

export interface BytePipeEvents {
  /**
   * @param chunk the receiver's until it returns
   * @param startsMessage whether `chunk` is the beginning of a message, where the pipe has messages
   */
  onData(chunk: Uint8Array, startsMessage: boolean): void;
  /** The answer to a ping of the pipe's own. */
  onPong?(): void;
  /** Once, and last; without a cause it was ended in order, as far as the pipe has an order for that. */
  onClosed(cause: Error | undefined): void;
}

/** How long a connection that was ended in order may linger until the far end has closed it too. */
export const CLOSE_WAIT_MS = 1_000;
