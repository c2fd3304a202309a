/**
 * Pods that have left all endpoints while connections to them still carry streams.
 *
 * Most of them are being deleted; some have only stopped to match a selector, or
 * to be ready, and their streams go on. Runtimes do not always end the streams
 * of a pod that is gone, so somebody has to ask: at once, and again at growing
 * intervals, since a pod that is told to end has its grace period (30 s by
 * default) in which it lives and may finish what it is at.
 */
import type { EndpointPod } from '../../discovery/endpoints.ts';
import type { ForwardLimits } from '../limits.ts';

export class Departures {
  readonly #exists: (pod: EndpointPod) => Promise<boolean>;
  readonly #limits: ForwardLimits;
  /** By the key of the pod; one watch for each. */
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #closed = false;

  /** @param exists whether the pod still runs; true where that cannot be known */
  constructor(exists: (pod: EndpointPod) => Promise<boolean>, limits: ForwardLimits) {
    this.#exists = exists;
    this.#limits = limits;
  }

  /** @param inUse whether it matters any more @param onGone once, and last */
  watch(key: string, pod: EndpointPod, inUse: () => boolean, onGone: () => void): void {
    if (!this.#timers.has(key)) this.#lookIn(0, key, pod, inUse, onGone);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #lookIn(delayMs: number, key: string, pod: EndpointPod, inUse: () => boolean, onGone: () => void): void {
    const { presenceMinMs, presenceMaxMs } = this.#limits;
    const look = async (): Promise<void> => {
      const exists = !inUse() || (await this.#exists(pod));
      if (this.#closed) return;
      if (exists && inUse()) {
        const nextMs = Math.min(Math.max(2 * delayMs, presenceMinMs), presenceMaxMs);
        this.#lookIn(nextMs, key, pod, inUse, onGone);
        return;
      }
      this.#timers.delete(key);
      if (!exists) onGone();
    };
    const timer = setTimeout(() => void look(), delayMs);
    timer.unref();
    this.#timers.set(key, timer);
  }
}
