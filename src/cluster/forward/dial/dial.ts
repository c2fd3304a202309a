/**
 * One connection of the near side, carried to a pod: the states that it goes through.
 *
 *     trying ──reply──▶ grace ──▶ established ──▶ heard ──▶ far side ended ──▶ over
 *       ▲─────────────────┴────────────┘ another pod
 *
 * Establishing. The server replies to a stream before it dials the pod, and
 * says nothing more when the dial succeeds; a failure comes as text, a little
 * later. So a connection counts as established on the pod's first byte, or when
 * no refusal has come within a grace after the reply, or at once where either
 * was so lately for this pod and port. A refusal leads to the next ready pod.
 *
 * Replaying. That guess can be wrong. As long as the pod has not said anything,
 * a text that shows that nobody took the connection shows as well that nobody
 * has read what the near side wrote: it is told to the next pod. Where that
 * cannot be shown (the connection to the API server broke, the pod reset the
 * connection, a text we do not know) and something was written, the near side
 * is reset: a request must not be carried out twice. Where nothing was written
 * yet, what ends a pod that has left the Service is no answer, and another pod
 * is tried.
 *
 * Ending. The near side's FIN is held back (held-fin.ts); the pod's FIN has
 * been told from its reset by the transport (spdy/stream-pair.ts). The runtimes
 * close both directions with the pod's FIN, so what the near side writes after
 * it reaches nobody, and is answered by a reset.
 */
import { ReadBlocks } from '../../../relay/read-blocks.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../../relay/stream.ts';
import type { Target } from '../../discovery/endpoints.ts';
import { ClusterError, oneLine } from '../../errors.ts';
import type { Forwarder } from '../forwarder.ts';
import type { PodStream, StreamOutcome } from '../transport.ts';
import { Attempt, type AttemptEvents } from './attempt.ts';
import { Candidates } from './candidates.ts';
import { gistOf, meaningOf } from './error-text.ts';
import { HeldFin } from './held-fin.ts';
import { Outbox } from './outbox.ts';
import type { Route } from './route.ts';

/** Of the time that SYN_REPLY took; see `establishGraceMinMs`. */
const GRACE_ROUND_TRIPS = 2;

export class Dial implements RemoteStream, AttemptEvents {
  readonly #forwarder: Forwarder;
  readonly #events: RemoteStreamEvents;
  readonly #candidates: Candidates;
  readonly #outbox: Outbox;
  readonly #reads: ReadBlocks;
  readonly #heldFin: HeldFin;
  readonly #deadline: NodeJS.Timeout;
  /** Of the last attempt. */
  #target: Target | undefined;
  #attempt: Attempt | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #established = false;
  /** The pod has said something: no other can take its place. */
  #heard = false;
  #paused = false;
  #unwritten = 0;
  #nearEnded = false;
  #farEnded = false;
  #over = false;

  constructor(route: Route, forwarder: Forwarder, events: RemoteStreamEvents) {
    const { limits, halfClosed } = forwarder;
    this.#forwarder = forwarder;
    this.#events = events;
    this.#candidates = new Candidates(route, forwarder);
    this.#reads = new ReadBlocks(forwarder.idleBlocks);
    this.#outbox = new Outbox(limits.replayBytes);
    this.#heldFin = new HeldFin({
      halfClosed,
      limits,
      excused: () => this.#paused || this.#unwritten > 0 || (this.#attempt?.doubtful ?? false),
      onDue: () => this.#attempt?.finish(),
      onOverdue: () => this.#fail('reset', 'the far end does not close the connection'),
    });
    this.#deadline = setTimeout(() => {
      this.#fail('timeout', `no pod has taken the connection within ${limits.dialMs / 1000} s`);
    }, limits.dialMs);
    void this.#tryNext();
  }

  // ---- RemoteStream: what the near side does

  get peer(): string | undefined {
    if (this.#target === undefined) return undefined;
    const { pod, port } = this.#target;
    return `${pod.namespace}/${pod.name}:${port}`;
  }

  write(chunk: Uint8Array, done: () => void): void {
    if (this.#over || this.#farEnded) {
      queueMicrotask(() => {
        done();
        if (this.#farEnded) this.#fail('reset', 'the pod has closed the connection');
      });
      return;
    }
    this.#unwritten++;
    this.#outbox.write(chunk, () => {
      this.#unwritten--;
      done();
    });
  }

  end(): void {
    if (this.#over || this.#nearEnded) return;
    this.#nearEnded = true;
    if (this.#farEnded) this.#release();
    else if (this.#attempt?.replied) this.#holdFin();
  }

  pause(): void {
    this.#paused = true;
    this.#attempt?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#attempt?.resume();
  }

  reclaim(heldBytes: number): void {
    this.#reads.reclaim(heldBytes);
    this.#reads.rest();
  }

  destroy(): void {
    if (!this.#over) this.#release();
  }

  // ---- AttemptEvents: what the pod's side does

  onReply(stream: PodStream, roundTripMs: number): void {
    const { establishGraceMinMs, establishGraceMaxMs } = this.#forwarder.limits;
    this.#outbox.attach(stream);
    if (this.#nearEnded) this.#holdFin();
    if (this.#established) {
      clearTimeout(this.#deadline);
      return;
    }
    const graceMs = Math.min(
      Math.max(GRACE_ROUND_TRIPS * roundTripMs, establishGraceMinMs),
      establishGraceMaxMs,
    );
    this.#graceTimer = setTimeout(() => {
      this.#candidates.remember();
      this.#establish();
    }, graceMs);
  }

  onData(chunk: Uint8Array): void {
    if (!this.#heard) this.#hear();
    if (this.#over) return;
    if (this.#nearEnded) this.#heldFin.touch();
    this.#reads.copy(chunk, this.#pass);
  }

  /** The near side may have had enough in the middle of a chunk. */
  readonly #pass = (piece: Uint8Array): void => {
    if (!this.#over) this.#events.onData(piece);
  };

  onClosed(outcome: StreamOutcome): void {
    const attempt = this.#attempt;
    if (!attempt) return;
    const untouched = this.#untouchedBy(attempt);
    this.#attempt = undefined;
    this.#heldFin.forget();
    clearTimeout(this.#graceTimer);
    this.#outbox.detach();
    switch (outcome.kind) {
      case 'ended':
        if (!attempt.replied) this.#retry('the server has ended the stream without a reply', true);
        else if (untouched) void this.#retryIfReplaced('the pod has ended it', () => this.#endFar());
        else this.#endFar();
        break;
      case 'failed':
        this.#failed(outcome.text, attempt, untouched);
        break;
      case 'lost':
        // The pod may have read what was written, and may be well.
        if (untouched) this.#retry(outcome.cause.message, false);
        else this.#fail('reset', outcome.cause.message, outcome.cause);
        break;
    }
  }

  // ---- attempts

  async #tryNext(): Promise<void> {
    try {
      const target = await this.#candidates.take();
      if (this.#over) return;
      if (!target) {
        this.#fail('refused', this.#candidates.lastFailure);
        return;
      }
      this.#target = target;
      if (this.#candidates.knownGood) this.#establish();
      const attempt = new Attempt(target, this.#forwarder, this);
      this.#attempt = attempt;
      if (this.#paused) attempt.pause();
      await this.#opened(attempt);
      this.#candidates.warmNext();
    } catch (error) {
      this.#notOpened(error);
    }
  }

  /** Resolves when the attempt has a stream, or is none any more. @throws as `Attempt.open` */
  async #opened(attempt: Attempt): Promise<void> {
    const { upgradeMs } = this.#forwarder.limits;
    let patience: NodeJS.Timeout | undefined;
    const wait = (leftMs: number): void => {
      patience = setTimeout(() => {
        // It may be the pod's node that is silent: another may be elsewhere.
        if (this.#over || this.#attempt !== attempt || !this.#candidates.hasOther) return;
        // A login's time is not the pod's.
        const left = upgradeMs - attempt.unansweredMs;
        if (left > 0) {
          wait(left);
          return;
        }
        attempt.abandon();
        this.#retry(`no port-forward within ${upgradeMs / 1000} s`, true);
      }, leftMs);
    };
    wait(upgradeMs);
    try {
      await attempt.open();
    } catch (error) {
      if (this.#attempt === attempt) throw error;
    } finally {
      clearTimeout(patience);
    }
  }

  #notOpened(error: unknown): void {
    if (error instanceof RemoteStreamError) {
      this.#fail(error.reason, error.message, error);
    } else if (error instanceof ClusterError) {
      if (error.code === 'FORWARD_UNANSWERED' && this.#candidates.hasOther) {
        this.#retry(error.message, true);
        return;
      }
      const ordinary = error.code === 'POD_GONE' || error.code === 'CLUSTER_CLOSED';
      if (!this.#over && !ordinary) this.#forwarder.report(error);
      this.#candidates.forget();
      // A pod that is gone, or whose node does not answer, says nothing about the next one.
      if (error.code === 'POD_GONE' || error.code === 'FORWARD_REFUSED') this.#retry(error.message, true);
      else this.#fail('unreachable', error.message, error);
    } else {
      throw error;
    }
  }

  #failed(text: string, attempt: Attempt, untouched: boolean): void {
    const meaning = meaningOf(text);
    const gist = oneLine(gistOf(text));
    const unread = meaning === 'not-connected' || meaning === 'sandbox-gone';
    if (meaning === 'sandbox-gone') attempt.sandboxGone();
    if (meaning === 'broken') {
      const tell = (): void => {
        this.#establish();
        this.#fail('reset', gist);
      };
      if (untouched) void this.#retryIfReplaced(gist, tell);
      else tell();
    } else if (untouched || (!this.#heard && unread && this.#outbox.replayable)) {
      // A new connection to the same pod may find the sandbox that has taken the place of the old one.
      this.#retry(gist, meaning !== 'sandbox-gone');
    } else {
      this.#fail('reset', gist);
    }
  }

  /** The pod has said nothing, and was told nothing; nor has one before it read what it was told. */
  #untouchedBy({ replied }: Attempt): boolean {
    if (this.#heard) return false;
    return this.#outbox.sentBytes === 0 || (!replied && this.#outbox.replayable);
  }

  /** Tells the near side of the pod's end, unless others have taken the pod's place. */
  async #retryIfReplaced(why: string, tell: () => void): Promise<void> {
    if (await this.#candidates.replaced()) this.#retry(why, true);
    else tell();
  }

  #retry(why: string, elsewhere: boolean): void {
    if (this.#over) return;
    this.#attempt = undefined;
    this.#candidates.fail(why, elsewhere);
    void this.#tryNext();
  }

  // ---- states; each is entered once

  #establish(): void {
    if (this.#attempt?.replied) clearTimeout(this.#deadline);
    if (this.#established || this.#over) return;
    this.#established = true;
    this.#events.onEstablished();
  }

  #hear(): void {
    this.#heard = true;
    clearTimeout(this.#graceTimer);
    this.#outbox.forgetCopies();
    // A refusal after all is noted in `#retry`.
    this.#candidates.remember();
    this.#establish();
  }

  /** The near side has said all it has to say. */
  #holdFin(): void {
    this.#attempt?.linger();
    this.#heldFin.touch();
  }

  #endFar(): void {
    if (this.#over || this.#farEnded) return;
    this.#establish();
    this.#farEnded = true;
    this.#outbox.discard();
    clearTimeout(this.#deadline);
    this.#events.onEnd();
    if (this.#nearEnded) this.#release();
  }

  #fail(reason: RemoteStreamError['reason'], message: string, cause?: unknown): void {
    if (this.#over) return;
    const established = this.#established;
    this.#release();
    this.#events.onError(new RemoteStreamError(established ? 'reset' : reason, message, { cause }));
  }

  #release(): void {
    this.#over = true;
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#deadline);
    this.#heldFin.forget();
    this.#attempt?.abandon();
    this.#outbox.discard();
    this.#reads.rest();
    this.#candidates.close();
  }
}
