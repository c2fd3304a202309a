/**
 * Whether the far end of an upgraded connection is still there.
 *
 * Pings keep NATs and load balancers from dropping an idle connection, and
 * their answers show that it lives. Any byte counts as an answer. Silence is
 * counted in pings, not by the clock: after `pingsMissed` of them the
 * connection is dead, so that a machine that has slept does not take all it
 * has for dead when it wakes.
 *
 * Before that it is doubtful, and new streams go elsewhere until a byte comes:
 * after more than one silent ping, after a sleep, when what was just asked for
 * has not been answered within `answerMs`, or when there is reason for
 * suspicion. A suspect has to answer within `suspectMs`.
 *
 * Not all silence is the connection's fault. While its reading is held up here,
 * nothing can be heard. And a pod that does not read what is sent to it stops
 * its server from reading the connection, and so from answering pings (there is
 * no flow control for a single stream): where something was sent since the last
 * sign of life, and the kernel sees the path alive, silence is borne for
 * `cloggedMs`.
 */
import type { ForwardLimits } from '../forward/limits.ts';

/** A timer this late (in ping intervals) means that the process or the machine was asleep. */
const ASLEEP_INTERVALS = 3;
/** Silent intervals after which new streams go elsewhere. */
const DOUBTFUL_AFTER_MISSED = 2;

/** More than this, sent and not answered for, may be more than a pod's server has room for. */
export const CLOGGING_BYTES = 64 * 1024;

/** What a heartbeat asks of its connection. */
export interface Heart {
  ping(): void;
  /** Reading is held up, so nothing can be heard. */
  deaf(): boolean;
  /** Whether the silence may be that of a pod which does not read what was sent. */
  clogged(): boolean;
  /** Nothing at all has come since something was asked for; it is asked for elsewhere. */
  unanswered(): void;
  dead(cause: Error): void;
}

export class Heartbeat {
  readonly #limits: ForwardLimits;
  readonly #heart: Heart;
  readonly #interval: NodeJS.Timeout;
  #answerTimer: NodeJS.Timeout | undefined;
  #suspectTimer: NodeJS.Timeout | undefined;
  #missed = 0;
  #distrusted = false;
  #cloggedSinceMs: number | undefined;
  /** By the wall clock: the monotonic one stands still while the machine sleeps. */
  #lastIntervalMs = Date.now();

  constructor(limits: ForwardLimits, heart: Heart) {
    this.#limits = limits;
    this.#heart = heart;
    this.#interval = setInterval(() => this.#beat(), limits.pingMs);
    this.#interval.unref();
  }

  get doubtful(): boolean {
    return this.#distrusted || this.#missed >= DOUBTFUL_AFTER_MISSED;
  }

  /** A byte has come. */
  heard(): void {
    this.#missed = 0;
    this.#distrusted = false;
    this.#cloggedSinceMs = undefined;
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#suspectTimer);
    this.#answerTimer = undefined;
    this.#suspectTimer = undefined;
  }

  /** Something was asked for that is always answered at once. */
  expectAnswer(): void {
    this.#answerTimer ??= setTimeout(() => {
      this.#answerTimer = undefined;
      if (this.#heart.deaf()) return;
      this.#distrusted = true;
      this.#heart.unanswered();
    }, this.#limits.answerMs);
  }

  /** There is reason to think that the far end is gone. */
  suspect(): void {
    this.#distrusted = true;
    this.#heart.ping();
    this.#suspectTimer ??= setTimeout(() => {
      this.#suspectTimer = undefined;
      if (!this.#heart.deaf() && !this.#heart.clogged()) this.#die(this.#limits.suspectMs);
    }, this.#limits.suspectMs);
  }

  stop(): void {
    clearInterval(this.#interval);
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#suspectTimer);
  }

  #beat(): void {
    const { pingMs, pingsMissed, cloggedMs } = this.#limits;
    const nowMs = Date.now();
    if (nowMs - this.#lastIntervalMs > ASLEEP_INTERVALS * pingMs) {
      this.#distrusted = true;
      this.#missed = 0;
    }
    this.#lastIntervalMs = nowMs;
    if (this.#heart.deaf()) {
      this.#missed = 0;
      return;
    }
    if (this.#missed >= pingsMissed) {
      const sinceMs = this.#heart.clogged() ? (this.#cloggedSinceMs ??= nowMs) : -Infinity;
      if (nowMs - sinceMs >= cloggedMs) this.#die(pingsMissed * pingMs);
      return;
    }
    this.#missed++;
    this.#heart.ping();
  }

  #die(silentMs: number): void {
    this.#heart.dead(new Error(`the API server has been silent for ${silentMs / 1000} s`));
  }
}
