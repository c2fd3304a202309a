/**
 * CUBIC (RFC 9438): after a loss the window comes back along a cubic curve of
 * time, flat around the size at which the loss happened and steep beyond it.
 * Growth so depends on time rather than on round trips, and on short paths
 * follows what Reno would have done (4.3).
 *
 * The RFC counts in segments and seconds, and so do the formulas here.
 */
import type { CongestionAlgorithm } from './algorithm.ts';

/** 4.6 and 5.1 */
const BETA = 0.7;
/** 5.1: segments per cubic second */
const C = 0.4;
/** 4.3: with this, Reno with BETA takes the same share as Reno with a half. */
const RENO_ALPHA = (3 * (1 - BETA)) / (1 + BETA);
/** 4.2: the window grows by half a window per round trip at most. */
const MAX_GROWTH = 1.5;

export class Cubic implements CongestionAlgorithm {
  #mss: number;
  /** W_max; 0 before the first loss. */
  #maxSegments = 0;
  #beforeReduction = 0;
  /** When congestion avoidance began; -1 where it has to begin anew. */
  #epochAtMs = -1;
  /** The curve's flat point, and how long it takes to get there. */
  #originSegments = 0;
  #originSeconds = 0;
  /** What Reno's window would be. */
  #renoSegments = 0;
  /** cwnd_prior: past this, Reno would grow by a whole segment. */
  #priorSegments = 0;
  #pausedAtMs = -1;

  constructor(mss: number) {
    this.#mss = mss;
  }

  grow(windowBytes: number, ackedBytes: number, rttMs: number, nowMs: number): number {
    const segments = windowBytes / this.#mss;
    if (this.#epochAtMs < 0) this.#begin(segments, nowMs);
    if (this.#pausedAtMs >= 0) {
      this.#epochAtMs += nowMs - this.#pausedAtMs;
      this.#pausedAtMs = -1;
    }
    const acked = ackedBytes / this.#mss;
    const seconds = (nowMs - this.#epochAtMs) / 1000;
    const alpha = this.#renoSegments < this.#priorSegments ? RENO_ALPHA : 1;
    this.#renoSegments += (alpha * acked) / segments;
    if (this.#curve(seconds) < this.#renoSegments) {
      return Math.max(windowBytes, this.#renoSegments * this.#mss);
    }
    const target = Math.min(
      segments * MAX_GROWTH,
      Math.max(segments, this.#curve(seconds + Math.max(0, rttMs) / 1000)),
    );
    return windowBytes + ((target - segments) / segments) * ackedBytes;
  }

  reduce(windowBytes: number): number {
    const segments = windowBytes / this.#mss;
    this.#beforeReduction = this.#maxSegments;
    this.#priorSegments = segments;
    // 4.7: a window that shrinks from loss to loss makes room for others faster.
    this.#maxSegments = segments < this.#maxSegments ? (segments * (1 + BETA)) / 2 : segments;
    this.#epochAtMs = -1;
    return Math.max(windowBytes * BETA, 2 * this.#mss);
  }

  undo(): void {
    this.#maxSegments = this.#beforeReduction;
    this.#epochAtMs = -1;
  }

  /** All that is kept is counted in segments, and stays. */
  setSegmentSize(mss: number): void {
    this.#mss = mss;
  }

  pause(nowMs: number): void {
    if (this.#epochAtMs >= 0 && this.#pausedAtMs < 0) this.#pausedAtMs = nowMs;
  }

  #begin(segments: number, nowMs: number): void {
    this.#epochAtMs = nowMs;
    this.#pausedAtMs = -1;
    this.#renoSegments = segments;
    this.#originSegments = Math.max(segments, this.#maxSegments);
    this.#originSeconds = Math.cbrt((this.#originSegments - segments) / C);
  }

  #curve(seconds: number): number {
    return C * (seconds - this.#originSeconds) ** 3 + this.#originSegments;
  }
}
