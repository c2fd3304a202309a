/**
 * One connection of the sandbox, spliced to a remote stream.
 *
 *     guest ── TcpConnection ──read──▶ write ── RemoteStream ── pod
 *                            ◀─write── onData
 *
 * The guest's SYN is answered when the remote end is established: refused
 * there is refused here, and silence there is silence here. From then on each
 * side's backpressure reaches the other. Towards the pod, bytes count against
 * the guest's receive window until the transport has taken them. Towards the
 * guest, the remote stream is paused while the send buffer is full.
 *
 * A FIN is passed on as one, and so is a reset, each behind the bytes that came
 * before it. The remote stream is destroyed as soon as the guest's connection is
 * over, however it ended.
 *
 * A guest that has ended may be gone, and its kernel keeps what it has left of
 * the connection for a minute (tcp(7), tcp_fin_timeout). A far end that does not
 * end would hold it here for ever, so the guest is asked whether it is there
 * still: a kernel that knows nothing of it answers by RST.
 */

import type { TcpConnection, TcpRequest } from '../../stack/index.ts';
import { LINGER_TIMEOUT_MS } from './linger.ts';
import type { RemoteStream, RemoteStreamError, RemoteStreamEvents } from './stream.ts';

/** How long a guest that has ended is silent before it is asked. */
const ENDED_GUEST_IDLE_MS = 60_000;

/** Opens the far side; it reports by `events`, the first of them not before this has returned. */
export type Dial = (events: RemoteStreamEvents) => RemoteStream;

/** Splices the request to what `dial` opens. @param onFailure told why the far side could not be reached, or was lost */
export function relay(request: TcpRequest, dial: Dial, onFailure: (error: RemoteStreamError) => void): void {
  const splice = new Relay(request, onFailure);
  splice.start(dial);
}

class Relay implements RemoteStreamEvents {
  readonly #request: TcpRequest;
  readonly #onFailure: (error: RemoteStreamError) => void;
  #remote: RemoteStream | undefined;
  #connection: TcpConnection | undefined;
  #paused = false;
  #finishPassedOn = false;
  /** Nothing more comes from the far end but the reset. */
  #resetWaits = false;
  #lingering: NodeJS.Timeout | undefined;

  constructor(request: TcpRequest, onFailure: (error: RemoteStreamError) => void) {
    this.#request = request;
    this.#onFailure = onFailure;
  }

  start(dial: Dial): void {
    const remote = dial(this);
    this.#remote = remote;
    this.#request.onAbandoned = () => remote.destroy();
  }

  onEstablished(): void {
    const connection = this.#request.accept();
    this.#connection = connection;
    connection.onReadable = () => this.#toRemote(connection);
    connection.onWritable = () => this.#resume();
    connection.onAcknowledged = () => this.#remote?.reclaim?.(connection.sendQueued);
    connection.onClosed = () => this.#remote?.destroy();
  }

  onData(chunk: Uint8Array): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.write(chunk);
    if (connection.sendRoom > 0 || this.#paused) return;
    this.#paused = true;
    this.#remote?.pause();
  }

  onEnd(): void {
    this.#connection?.finish();
  }

  onBrokenPipe(): void {
    if (this.#connection !== undefined) this.#readNoMore(this.#connection);
  }

  onError(error: RemoteStreamError): void {
    this.#onFailure(error);
    if (this.#connection !== undefined) this.#reset(this.#connection, error);
    else if (error.reason === 'refused') this.#request.refuse();
    else if (error.reason === 'silent') this.#request.drop();
    else this.#request.unreachable(error.unreachable);
  }

  #reset(connection: TcpConnection, { reason }: RemoteStreamError): void {
    if (reason !== 'reset' || connection.sendQueued === 0) {
      connection.reset();
      return;
    }
    this.#resetWaits = true;
    this.#readNoMore(connection);
  }

  /** What the far end sent before is delivered; what the guest sends from now on is nobody's to read. */
  #readNoMore(connection: TcpConnection): void {
    if (this.#lingering !== undefined) return;
    const lingering = setTimeout(() => connection.reset(), LINGER_TIMEOUT_MS).unref();
    this.#lingering = lingering;
    connection.onReadable = null;
    connection.onAcknowledged = () => {
      this.#remote?.reclaim?.(connection.sendQueued);
      if (this.#resetWaits && connection.sendQueued === 0) connection.reset();
      else lingering.refresh();
    };
    connection.onClosed = () => {
      clearTimeout(lingering);
      this.#remote?.destroy();
    };
  }

  #toRemote(connection: TcpConnection): void {
    for (let chunk = connection.read(); chunk !== null; chunk = connection.read()) {
      const { length } = chunk;
      this.#remote?.write(chunk, () => connection.release(length));
    }
    if (!connection.remoteFinished || this.#finishPassedOn) return;
    this.#finishPassedOn = true;
    this.#remote?.end();
    connection.keepAliveIdleMs = ENDED_GUEST_IDLE_MS;
    connection.keepAlive = true;
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#remote?.resume();
  }
}
