/**
 * One connection of the near side, carried to a pod.
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
 * cannot be shown (the connection to the API server broke, a text we do not
 * know) and something was written, the near side is reset: a request must not
 * be carried out twice.
 *
 * Ending. The near side's FIN is held back (half-closed.ts); the pod's FIN has
 * been told from its reset by the transport (spdy/stream-pair.ts). The runtimes
 * close both directions with the pod's FIN, so what the near side writes after
 * it reaches nobody, and is answered by a reset.
 */
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../relay/stream.ts';
import { type Target, podKey } from '../discovery/endpoints.ts';
import { ClusterError, oneLine } from '../errors.ts';
import type { Balanced } from './balancer.ts';
import { gistOf, meaningOf } from './error-text.ts';
import type { Forwarder } from './forwarder.ts';
import { Outbox } from './outbox.ts';
import type { PodConnection, PodStream, PodStreamEvents, StreamOutcome } from './transport.ts';

/** Of the time that SYN_REPLY took; see `establishGraceMinMs`. */
const GRACE_ROUND_TRIPS = 2;

/** Where a connection may go. */
export interface Route extends Balanced {
  /** For messages: `web.e2e:80`. */
  readonly name: string;
  /**
   * The pods that may take it.
   *
   * @param retrying one has failed, so what is known of the pods may be out of date
   * @throws RemoteStreamError where it is known that no pod will ever do
   */
  targets(retrying: boolean): Promise<readonly Target[]>;
}

export class Dial implements RemoteStream, PodStreamEvents {
  readonly #route: Route;
  readonly #forwarder: Forwarder;
  readonly #events: RemoteStreamEvents;
  readonly #outbox: Outbox;
  readonly #tried = new Set<string>();
  readonly #deadline: NodeJS.Timeout;
  readonly #finishStream = (): void => this.#finish();
  #attempts = 0;
  #lastFailure = 'it has no ready pod';
  #target: Target | undefined;
  #connection: PodConnection | undefined;
  #stream: PodStream | undefined;
  #openedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #replied = false;
  #established = false;
  /** The pod has said something: no other can take its place. */
  #heard = false;
  #paused = false;
  #unwritten = 0;
  #nearEnded = false;
  #farEnded = false;
  #over = false;

  constructor(route: Route, forwarder: Forwarder, events: RemoteStreamEvents) {
    this.#route = route;
    this.#forwarder = forwarder;
    this.#events = events;
    this.#outbox = new Outbox(forwarder.limits.replayBytes);
    this.#deadline = setTimeout(() => {
      this.#fail('timeout', `no pod has taken the connection within ${forwarder.limits.dialMs / 1000} s`);
    }, forwarder.limits.dialMs);
    void this.#attempt();
  }

  // ---- RemoteStream: what the near side does

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
    else if (this.#replied) this.#awaitAnswer();
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
  }

  destroy(): void {
    if (!this.#over) this.#release();
  }

  // ---- PodStreamEvents: what the pod's side does

  onReply(): void {
    const { limits } = this.#forwarder;
    const stream = this.#stream;
    if (!stream) return;
    clearTimeout(this.#timer);
    this.#replied = true;
    this.#outbox.attach(stream);
    if (this.#nearEnded) this.#awaitAnswer();
    if (this.#established) {
      clearTimeout(this.#deadline);
      return;
    }
    const roundTripsMs = GRACE_ROUND_TRIPS * (performance.now() - this.#openedAtMs);
    const graceMs = Math.min(Math.max(roundTripsMs, limits.establishGraceMinMs), limits.establishGraceMaxMs);
    this.#timer = setTimeout(() => {
      this.#remember();
      this.#establish();
    }, graceMs);
  }

  onData(chunk: Uint8Array): void {
    if (!this.#heard) this.#hear();
    if (this.#over) return;
    if (this.#nearEnded) this.#forwarder.halfClosed.touch(this.#finishStream);
    this.#events.onData(chunk);
  }

  onClosed(outcome: StreamOutcome): void {
    this.#forwarder.halfClosed.forget(this.#finishStream);
    clearTimeout(this.#timer);
    const replied = this.#replied;
    this.#stream = undefined;
    this.#replied = false;
    this.#outbox.detach();
    switch (outcome.kind) {
      case 'ended':
        if (replied) this.#endFar();
        else this.#retry('the server has ended the stream without a reply', true);
        break;
      case 'failed':
        this.#failed(outcome.text);
        break;
      case 'lost':
        // The pod may have read what was written, and may be well.
        if (this.#heard || this.#outbox.sentBytes > 0)
          this.#fail('reset', outcome.cause.message, outcome.cause);
        else this.#retry(outcome.cause.message, false);
        break;
    }
  }

  // ---- attempts

  async #attempt(): Promise<void> {
    const { balancer, pool, knownGood, limits } = this.#forwarder;
    const attempt = this.#attempts++;
    try {
      const targets = attempt < limits.attempts ? await this.#route.targets(attempt > 0) : [];
      if (this.#over) return;
      const target = balancer.take(this.#route, targets, this.#tried, performance.now());
      if (!target) {
        this.#fail('refused', this.#lastFailure);
        return;
      }
      this.#target = target;
      if (knownGood.has(keyOf(target), performance.now())) this.#establish();
      await pool.withConnection(target, (connection) => {
        if (!this.#over) this.#open(connection, target);
      });
      const next = balancer.peek(this.#route, targets, performance.now());
      if (next) pool.warm(next);
    } catch (error) {
      this.#attemptFailed(error);
    }
  }

  #open(connection: PodConnection, target: Target): void {
    const { limits } = this.#forwarder;
    this.#openedAtMs = performance.now();
    const stream = connection.open(target.port, this);
    this.#connection = connection;
    this.#stream = stream;
    if (this.#paused) stream.pause();
    this.#timer = setTimeout(() => {
      connection.retire();
      stream.abort();
      this.onClosed({ kind: 'lost', cause: new Error(`no reply within ${limits.replyMs / 1000} s`) });
    }, limits.replyMs);
  }

  #attemptFailed(error: unknown): void {
    if (error instanceof RemoteStreamError) {
      this.#fail(error.reason, error.message, error);
    } else if (error instanceof ClusterError) {
      const ordinary = error.code === 'POD_GONE' || error.code === 'CLUSTER_CLOSED';
      if (!this.#over && !ordinary) this.#forwarder.report(error);
      // The next one is not to be accepted before it is known where to.
      if (this.#target) this.#forwarder.knownGood.delete(keyOf(this.#target));
      // A pod that is gone, or whose node does not answer, says nothing about the next one.
      if (error.code === 'POD_GONE' || error.code === 'FORWARD_REFUSED') this.#retry(error.message, true);
      else this.#fail('unreachable', error.message, error);
    } else {
      throw error;
    }
  }

  #failed(text: string): void {
    const meaning = meaningOf(text);
    const gist = oneLine(gistOf(text));
    const unread = meaning === 'not-connected' || meaning === 'sandbox-gone';
    if (meaning === 'sandbox-gone' && this.#connection && this.#target)
      this.#forwarder.pool.sandboxGone(this.#target.pod, this.#connection);
    if (this.#heard || meaning === 'broken') {
      this.#establish();
      this.#fail('reset', gist);
    } else if (this.#outbox.sentBytes > 0 && !(this.#outbox.replayable && unread)) {
      this.#fail('reset', gist);
    } else {
      // A new connection to the same pod may find the sandbox that has taken the place of the old one.
      this.#retry(gist, meaning !== 'sandbox-gone');
    }
  }

  #retry(why: string, elsewhere: boolean): void {
    if (this.#over) return;
    this.#lastFailure = why;
    if (this.#target) {
      const { balancer, knownGood, log } = this.#forwarder;
      knownGood.delete(keyOf(this.#target));
      if (elsewhere) {
        this.#tried.add(podKey(this.#target.pod));
        balancer.refused(this.#target, performance.now());
      }
      log.debug(`${this.#route.name} by pod ${this.#target.pod.name}: ${why}`);
    }
    this.#leavePod();
    void this.#attempt();
  }

  #leavePod(): void {
    if (this.#target) this.#forwarder.balancer.giveBack(this.#target);
    this.#target = undefined;
  }

  // ---- states; each is entered once

  #establish(): void {
    if (this.#replied) clearTimeout(this.#deadline);
    if (this.#established || this.#over) return;
    this.#established = true;
    this.#events.onEstablished();
  }

  #hear(): void {
    this.#heard = true;
    clearTimeout(this.#timer);
    this.#outbox.forgetCopies();
    this.#remember();
    this.#establish();
  }

  /** The next connection there needs no grace; a refusal after all is noted in `#retry`. */
  #remember(): void {
    if (this.#target) this.#forwarder.knownGood.add(keyOf(this.#target), performance.now());
  }

  /** The near side has said all it has to say. */
  #awaitAnswer(): void {
    this.#stream?.linger();
    this.#forwarder.halfClosed.touch(this.#finishStream);
  }

  /** The pod has been silent since the near side's FIN: now it is told, and has to close in turn. */
  #finish(): void {
    const { halfClosed, limits } = this.#forwarder;
    if (this.#paused || this.#unwritten > 0) {
      halfClosed.touch(this.#finishStream);
      return;
    }
    this.#stream?.finish();
    this.#timer = setTimeout(() => {
      this.#stream?.abort();
      this.#stream = undefined;
      this.#endFar();
    }, limits.farEndCloseMs);
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
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    this.#forwarder.halfClosed.forget(this.#finishStream);
    this.#stream?.abort();
    this.#stream = undefined;
    this.#outbox.discard();
    this.#leavePod();
  }
}

function keyOf({ pod, port }: Target): string {
  return `${podKey(pod)}:${port}`;
}
