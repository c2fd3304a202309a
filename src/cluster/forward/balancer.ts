/**
 * Which of a Service's pods the next connection goes to.
 *
 * The pod with the fewest open connections, over all Services that it stands
 * behind; among equals the one whose turn was longest ago for this Service
 * (round robin, whichever pods come and go). A pod that has lately refused a
 * connection comes after all others, until it has had time to recover.
 *
 * `sessionAffinity: ClientIP` has one client here, the sandbox: its connections
 * keep to one pod for as long as that is among the targets and has not refused,
 * and the time starts anew with each connection, as with kube-proxy.
 *
 * `take` counts a connection, `giveBack` ends it: exactly once for each.
 */
import { type Target, podKey } from '../discovery/endpoints.ts';
import type { ForwardLimits } from './limits.ts';

/** What is remembered of more Services than these, or more refusals, gives way, oldest first. */
const MAX_REMEMBERED = 4096;

/** Connections that share their pods between them. */
export interface Balanced {
  /** The key of the Service. */
  readonly service: string;
  /** `sessionAffinity: ClientIP`, and for how long. */
  readonly affinityMs?: number;
}

interface ServiceMemory {
  /** When each pod was last chosen, as a count of choices. */
  readonly turns: Map<string, number>;
  sticky: { readonly pod: string; readonly untilMs: number } | undefined;
}

export class Balancer {
  readonly #knownBadMs: number;
  readonly #services = new Map<string, ServiceMemory>();
  /** Open connections, by pod. */
  readonly #open = new Map<string, number>();
  readonly #badUntilMs = new Map<string, number>();
  #choices = 0;

  constructor({ knownBadMs }: Pick<ForwardLimits, 'knownBadMs'>) {
    this.#knownBadMs = knownBadMs;
  }

  /** The pod for a new connection, which counts from now on. @param triedPods by `podKey` */
  take(
    balanced: Balanced,
    targets: readonly Target[],
    triedPods: ReadonlySet<string>,
    nowMs: number,
  ): Target | undefined {
    const memory = this.#memory(balanced.service);
    const target = this.#choose(memory, balanced, targets, triedPods, nowMs);
    if (!target) return undefined;
    const key = podKey(target.pod);
    this.#open.set(key, this.open(target) + 1);
    if (memory.turns.size > targets.length) forgetOthers(memory.turns, targets);
    memory.turns.set(key, ++this.#choices);
    memory.sticky =
      balanced.affinityMs === undefined ? undefined : { pod: key, untilMs: nowMs + balanced.affinityMs };
    return target;
  }

  /** The pod that a new connection would go to. */
  peek(balanced: Balanced, targets: readonly Target[], nowMs: number): Target | undefined {
    return this.#choose(this.#memory(balanced.service), balanced, targets, new Set(), nowMs);
  }

  /** A connection that `take` has counted is over, or goes to another pod. */
  giveBack({ pod }: Target): void {
    const key = podKey(pod);
    const left = (this.#open.get(key) ?? 0) - 1;
    if (left > 0) this.#open.set(key, left);
    else this.#open.delete(key);
  }

  /** The pod has not taken a connection. */
  refused({ pod }: Target, nowMs: number): void {
    remember(this.#badUntilMs, podKey(pod), nowMs + this.#knownBadMs);
  }

  /** It has refused so lately that it comes after all others. */
  isBad({ pod }: Target, nowMs: number): boolean {
    return this.#isBad(podKey(pod), nowMs);
  }

  /** Connections to the pod that are open. */
  open({ pod }: Target): number {
    return this.#open.get(podKey(pod)) ?? 0;
  }

  #choose(
    { turns, sticky }: ServiceMemory,
    { affinityMs }: Balanced,
    targets: readonly Target[],
    triedPods: ReadonlySet<string>,
    nowMs: number,
  ): Target | undefined {
    let best: Target | undefined;
    let bestRank: readonly number[] = [];
    for (const target of targets) {
      const key = podKey(target.pod);
      if (triedPods.has(key)) continue;
      const bad = this.#isBad(key, nowMs);
      if (affinityMs !== undefined && sticky?.pod === key && nowMs < sticky.untilMs && !bad) return target;
      const rank = [Number(bad), this.#open.get(key) ?? 0, turns.get(key) ?? 0];
      if (!best || precedes(rank, bestRank)) {
        best = target;
        bestRank = rank;
      }
    }
    return best;
  }

  #isBad(key: string, nowMs: number): boolean {
    const untilMs = this.#badUntilMs.get(key);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#badUntilMs.delete(key);
    return false;
  }

  #memory(service: string): ServiceMemory {
    const known = this.#services.get(service);
    if (known) return known;
    const memory: ServiceMemory = { turns: new Map(), sticky: undefined };
    remember(this.#services, service, memory);
    return memory;
  }
}

function precedes(rank: readonly number[], other: readonly number[]): boolean {
  const at = rank.findIndex((value, i) => value !== other[i]);
  return at >= 0 && rank[at] < other[at];
}

/** Drops the turns of pods that are no more. */
function forgetOthers(turns: Map<string, number>, targets: readonly Target[]): void {
  const keys = new Set(targets.map(({ pod }) => podKey(pod)));
  for (const key of turns.keys()) if (!keys.has(key)) turns.delete(key);
}

function remember<T>(table: Map<string, T>, key: string, value: T): void {
  table.delete(key);
  table.set(key, value);
  if (table.size <= MAX_REMEMBERED) return;
  const [oldest] = table.keys();
  table.delete(oldest);
}
