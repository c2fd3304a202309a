/** Which of a Service's pods the next connection goes to: round robin over those not tried yet. */
import { type Target, podKey } from '../discovery/endpoints.ts';

export class Balancer {
  /** Whose turn it is, by Service. */
  readonly #turns = new Map<string, number>();

  /** @param triedPods by `podKey`. */
  choose(service: string, targets: readonly Target[], triedPods: ReadonlySet<string>): Target | undefined {
    const untried = targets.filter(({ pod }) => !triedPods.has(podKey(pod)));
    if (untried.length === 0) return undefined;
    const turn = this.#turns.get(service) ?? 0;
    this.#turns.set(service, turn + 1);
    return untried[turn % untried.length];
  }
}
