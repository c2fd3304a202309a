/**
 * A connection as its application has it.
 *
 * Calls never call back: whatever happens is told by `onReadable`, `onWritable`
 * and `onClosed` from within `Stack.poll`, so an application need not guard
 * against being entered in the middle of its own call.
 */
import { abortTcb, discardReceived } from '../close/lifecycle.ts';
import { tuneReceiveBuffer } from '../receive/receive-tuning.ts';
import { urgentBytes } from '../receive/urgent.ts';
import { updateWorthwhile } from '../receive/window.ts';
import type { TcpContext } from '../state/context.ts';
import { sendRoom } from '../state/send-room.ts';
import { CLOSED, type StateName, stateName, TIME_WAIT } from '../state/state.ts';
import {
  type CloseReason,
  type ConnectionEvents,
  EVENT_CLOSED,
  type SoftError,
  type Tcb,
} from '../state/tcb.ts';
import { setKeepAlive } from '../timers/keep-alive.ts';

export class TcpConnection implements ConnectionEvents {
  /** A connection of ours is open; of one that was accepted, nothing is told. */
  onEstablished: (() => void) | null = null;
  /** Urgent data was announced; it stays in the stream, see `urgentBytes`. */
  onUrgent: (() => void) | null = null;
  /** New bytes, or the peer's FIN, since the last call. */
  onReadable: (() => void) | null = null;
  /** `sendRoom` was 0 and half the buffer or more is free again. */
  onWritable: (() => void) | null = null;
  /** The peer has acknowledged bytes: chunks written before the last `sendQueued` bytes are the writer's again. */
  onAcknowledged: (() => void) | null = null;
  /**
   * The connection is over; called once.
   *
   * - `finished`: both sides' FINs are acknowledged, and all received bytes were read
   * - `reset`: by the peer
   * - `refused`: by the peer, a connection of ours that was never open
   * - `timeout`: the peer stopped answering
   * - `aborted`: by `reset` or `Stack.abortAll`, or since the peer has sent text behind its own FIN
   */
  onClosed: ((reason: CloseReason) => void) | null = null;
  readonly #tcb: Tcb;
  readonly #context: TcpContext;

  constructor(context: TcpContext, tcb: Tcb) {
    this.#context = context;
    this.#tcb = tcb;
    tcb.events = this;
  }

  get state(): StateName {
    return stateName(this.#tcb.state);
  }

  /** What the guest dialled. */
  get localAddress(): string {
    return this.#tcb.flow.localAddress;
  }

  get localPort(): number {
    return this.#tcb.flow.localPort;
  }

  /** The guest's own. */
  get remoteAddress(): string {
    return this.#tcb.flow.remoteAddress;
  }

  get remotePort(): number {
    return this.#tcb.flow.remotePort;
  }

  /**
   * What an ICMP error last said of segments that are still on their way, or `unanswered` where they have been
   * repeated several times (RFC 9293 3.8.3, R1); null where nothing is wrong. It is no end: the way may recover.
   * After `timeout` it is the likely reason.
   */
  get softError(): SoftError | null {
    return this.#tcb.currentSoftError;
  }

  /** How long to go on without any sign of the peer (RFC 9293 3.8.3, R2), may be Infinity; 0 for the stack's limits. */
  set giveUpAfterMs(ms: number) {
    if (!(ms >= 0)) throw new RangeError('giveUpAfterMs must be a time');
    this.#tcb.giveUpAfterMs = ms;
  }

  get giveUpAfterMs(): number {
    return this.#tcb.giveUpAfterMs;
  }

  /** The Differentiated Services code point of what is sent (RFC 2474 3), 0 to 63; 0 at first. */
  set diffserv(codePoint: number) {
    if (!Number.isInteger(codePoint) || codePoint < 0 || codePoint > 63) {
      throw new RangeError('diffserv is a number of six bits');
    }
    this.#tcb.flow.path.diffserv = codePoint;
  }

  get diffserv(): number {
    return this.#tcb.flow.path.diffserv;
  }

  /**
   * The next received bytes, or null. They are a view of a pooled block: the
   * caller's until `release`, and counted against the window until then.
   */
  read(): Uint8Array | null {
    const tcb = this.#tcb;
    const chunk = tcb.receiveQueue.read();
    if (tcb.closeReason !== null && !tcb.closeTold) this.#context.wantEvent(tcb, EVENT_CLOSED);
    return chunk;
  }

  /** Gives back the oldest `bytes` that were read, in the order of reading. */
  release(bytes: number): void {
    const tcb = this.#tcb;
    // After a reset the blocks are nobody's; the views stay valid as long as they are held.
    if (tcb.closeReason !== null && tcb.closeReason !== 'finished') return;
    tcb.receiveQueue.release(bytes);
    tuneReceiveBuffer(this.#context, tcb, bytes);
    tcb.receiveQueue.trim(tcb.outOfOrder !== null && tcb.outOfOrder.count > 0);
    if (this.#context.waitingWindows.size > 0) this.#context.wake();
    if (!tcb.ackWanted && updateWorthwhile(tcb)) {
      tcb.ackWanted = true;
      this.#context.counters.tcpWindowUpdates++;
      this.#context.wantOutput(tcb);
    }
  }

  /** The peer has sent its FIN, and all before it has been read. */
  get remoteFinished(): boolean {
    return this.#tcb.finReceived && this.#tcb.receiveQueue.unreadBytes === 0;
  }

  /**
   * Queues bytes, by reference until the peer has acknowledged them. A chunk is
   * taken whole even where it is larger than `sendRoom`; who writes on with no
   * room breaks its own bound. On a connection that is over it is dropped.
   */
  write(chunk: Uint8Array): void {
    const tcb = this.#tcb;
    if (tcb.finWanted) throw new Error('write after finish');
    if (tcb.closeReason !== null || chunk.length === 0) return;
    tcb.sendQueue.push(chunk);
    this.#context.sendQueuedBytes += chunk.length;
    if (sendRoom(this.#context, tcb) === 0) tcb.roomExhausted = true;
    this.#context.wantOutput(tcb);
  }

  /** Bytes written and not yet acknowledged. */
  get sendQueued(): number {
    return this.#tcb.sendQueue.bytes;
  }

  /** How much more fits the send buffer, and what all of them may hold together. */
  get sendRoom(): number {
    const room = sendRoom(this.#context, this.#tcb);
    // Others may have taken it since the last write: who sees that waits as well.
    if (room === 0) this.#tcb.roomExhausted = true;
    return room;
  }

  /** Bytes up to the peer's urgent pointer that are still to be read (RFC 9293 3.8.5). */
  get urgentBytes(): number {
    return urgentBytes(this.#tcb);
  }

  /** Whether a silent peer is asked if it is still there (RFC 9293 3.8.4); off at first. */
  set keepAlive(on: boolean) {
    setKeepAlive(this.#context, this.#tcb, on);
  }

  get keepAlive(): boolean {
    return this.#tcb.keepAliveAt !== Infinity;
  }

  /** How long a peer is silent before it is asked; 0 for the stack's limit. */
  set keepAliveIdleMs(ms: number) {
    if (!(ms >= 0 && ms < Infinity)) throw new RangeError('keepAliveIdleMs must be a time');
    this.#tcb.keepAliveIdleMs = ms;
    if (this.keepAlive) setKeepAlive(this.#context, this.#tcb, true);
  }

  get keepAliveIdleMs(): number {
    return this.#tcb.keepAliveIdleMs;
  }

  /** FIN after all that was written. The peer may go on sending. */
  finish(): void {
    const tcb = this.#tcb;
    if (tcb.finWanted || tcb.closeReason !== null) return;
    tcb.finWanted = true;
    this.#context.wantOutput(tcb);
  }

  /** RST at once; what was written or received and not yet passed on is dropped. */
  reset(): void {
    const tcb = this.#tcb;
    if (tcb.state !== CLOSED && tcb.state !== TIME_WAIT) {
      abortTcb(this.#context, tcb, 'aborted');
    } else if (!tcb.closeTold) {
      // It ended well and is not read to the end: nobody is left to be told by RST.
      if (tcb.closeReason === 'finished') {
        discardReceived(tcb);
        tcb.closeReason = 'aborted';
      }
      this.#context.wantEvent(tcb, EVENT_CLOSED);
    }
  }
}
