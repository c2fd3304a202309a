/**
 * The pods that one connection tries, one after the other, and what is
 * remembered of them for the next connection.
 *
 * A pod is taken from the balancer, where the connection counts until it leaves
 * the pod: for another, or for good. One that has failed the connection is not
 * tried again for it, except where a new sandbox may have taken the place of the
 * old one.
 */
import { monotonicMs } from '../../../monotonic.ts';
import { type Target, podKey } from '../../discovery/endpoints.ts';
import type { Forwarder } from '../forwarder.ts';
import type { Route } from './route.ts';

/** Why a connection is refused that has tried none. */
export const NO_READY_POD = 'it has no ready pod';

export class Candidates {
  readonly #route: Route;
  readonly #forwarder: Forwarder;
  readonly #failed = new Set<string>();
  #attempts = 0;
  #current: Target | undefined;
  #targets: readonly Target[] = [];
  #lastFailure = NO_READY_POD;
  #closed = false;

  constructor(route: Route, forwarder: Forwarder) {
    this.#route = route;
    this.#forwarder = forwarder;
  }

  /** Why there is no pod to try, or none any more. */
  get lastFailure(): string {
    return this.#lastFailure;
  }

  /** Goes on to the next pod. @throws as `Route.targets` */
  async take(): Promise<Target | undefined> {
    const { balancer, limits } = this.#forwarder;
    const attempt = this.#attempts++;
    this.#targets = attempt < limits.attempts ? await this.#route.targets(attempt > 0) : [];
    if (this.#closed) return undefined;
    this.#current = balancer.take(this.#route, this.#targets, this.#failed, monotonicMs());
    return this.#current;
  }

  /** Whether there is another pod to try, of which nothing bad is known. */
  get hasOther(): boolean {
    const { balancer, limits } = this.#forwarder;
    if (this.#attempts >= limits.attempts) return false;
    const others = this.#targets.filter(({ pod }) => {
      const key = podKey(pod);
      return !this.#failed.has(key) && (!this.#current || key !== podKey(this.#current.pod));
    });
    return others.some((target) => !balancer.isBad(target, monotonicMs()));
  }

  /** Has a connection opened ahead to where the next one would go. */
  warmNext(): void {
    const { balancer, pool } = this.#forwarder;
    const next = balancer.peek(this.#route, this.#targets, monotonicMs());
    if (next) pool.warm(next);
  }

  /** The pod has taken connections so lately that this one needs no grace. */
  get knownGood(): boolean {
    return this.#current !== undefined && this.#forwarder.knownGood.has(keyOf(this.#current), monotonicMs());
  }

  /** The pod has taken the connection, as far as can be told. */
  remember(): void {
    if (this.#current) this.#forwarder.knownGood.add(keyOf(this.#current), monotonicMs());
  }

  /** The next connection is not to be accepted before it is known where to. */
  forget(): void {
    if (this.#current) this.#forwarder.knownGood.delete(keyOf(this.#current));
  }

  /** The pod has not taken the connection. @param elsewhere it is not to be tried again */
  fail(why: string, elsewhere: boolean): void {
    this.#lastFailure = why;
    const target = this.#current;
    if (!target) return;
    const { balancer, log } = this.#forwarder;
    this.forget();
    if (elsewhere) {
      this.#failed.add(podKey(target.pod));
      balancer.refused(target, monotonicMs());
    }
    log.debug(`${this.#route.name} by pod ${target.pod.name}: ${why}`);
    this.#leave();
  }

  /** Whether the pod has left the Service, and others are in its place. */
  async replaced(): Promise<boolean> {
    if (!this.#current || this.#attempts >= this.#forwarder.limits.attempts) return false;
    const key = podKey(this.#current.pod);
    try {
      const targets = await this.#route.targets(false);
      return targets.length > 0 && targets.every(({ pod }) => podKey(pod) !== key);
    } catch {
      return false; // the Service has gone as well
    }
  }

  /** The connection is over; nothing is taken any more. */
  close(): void {
    this.#closed = true;
    this.#leave();
  }

  #leave(): void {
    if (this.#current) this.#forwarder.balancer.giveBack(this.#current);
    this.#current = undefined;
  }
}

function keyOf({ pod, port }: Target): string {
  return `${podKey(pod)}:${port}`;
}
