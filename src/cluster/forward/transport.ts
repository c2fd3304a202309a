/**
 * What the three wire protocols have in common: a connection to a pod, and
 * streams in it, each of them one TCP connection to a port of the pod.
 */

/** One TCP connection to a port of a pod. */
export interface PodStream {
  /** Not before `onReply`. The chunk is referenced until `done`, which is called exactly once. */
  write(chunk: Uint8Array, done: () => void): void;
  /** Ends our direction, after what was written. */
  finish(): void;
  pause(): void;
  resume(): void;
  /** The near side has nothing more to say: what is left of the answer keeps no other stream away. */
  linger(): void;
  /** Ends both directions at once; no event comes afterwards. */
  abort(): void;
}

export type StreamOutcome =
  /** The far end has ended the connection in order. */
  | { kind: 'ended' }
  /** The far end says why it has failed; "connection refused" comes this way too. */
  | { kind: 'failed'; text: string }
  /** The connection to the pod is gone, and the stream with it. */
  | { kind: 'lost'; cause: Error };

export interface PodStreamEvents {
  /** The server has taken up the stream; it has not dialled the pod yet. */
  onReply(): void;
  /** @param chunk the receiver's until it returns */
  onData(chunk: Uint8Array): void;
  /** Once, and last. */
  onClosed(outcome: StreamOutcome): void;
}

/** An upgraded connection to a pod. */
export interface PodConnection {
  /** It was opened for this port, and for one stream to it; else it takes many streams, to any port. */
  readonly onlyPort: number | undefined;
  /** No further stream can be opened: closed, closing, or at the end of its life. */
  readonly spent: boolean;
  /** A stalled reader holds it up, or it may be dead: no place for a new stream, and silence here says nothing of a pod. */
  readonly doubtful: boolean;
  readonly streamCount: number;
  /** Streams that are at work: all but those that linger. */
  readonly load: number;
  open(port: number, events: PodStreamEvents): PodStream;
  /** There is reason to think that the far end is gone: it has to show a sign of life soon. */
  suspect(): void;
  /** Takes no more streams, and ends with its last one. */
  retire(): void;
  /**
   * The pod's sandbox is no more. What the pod has said may still come; after
   * `podGoneMs` the streams that are left have lost their pod.
   */
  podGone(): void;
  destroy(cause: Error): void;
}

export interface PodConnectionEvents {
  /** A stream has gone, or lingers from now on. */
  onEased(): void;
  /** Once, and last. */
  onClosed(): void;
}
