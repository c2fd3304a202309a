import type { PauseRange } from './watch/backoff.ts';

/** Every wait and bound of discovery, by name. A session may be given others (tests are). */
export interface DiscoveryLimits {
  /** Objects in one page of a list while the command runs: a page is parsed in a few milliseconds. */
  pageItems: number;
  /** Pages of one list; past them something is wrong with the server's `continue`. */
  pages: number;
  /** A watch is asked to end after this, and up to half as long again, and is then resumed. */
  watchMs: number;
  /**
   * A watch without an event or a bookmark for this long is dead. Servers send
   * a bookmark each minute; those that know none are asked anew, which costs
   * one request.
   */
  silenceMs: number;
  /** The longest line of a watch: one object, which the server bounds to 1.5 MiB in etcd. */
  lineBytes: number;
  /** Pauses after failures in a row, where the server does not answer or is in trouble: its return is to be noticed soon. */
  failureBackoff: PauseRange;
  /** Where it refuses (401, 403), or there are no credentials: asking may start a login plugin each time. */
  refusalBackoff: PauseRange;
  /** Where watching is not allowed: between lists, and up to half as long again. */
  pollMs: number;
  /** Where watching was not allowed: it is tried again after this. */
  watchRetryMs: number;
  /** Between looks at a namespace that is left out, of all of them: a right may be given a moment after the namespace. */
  leftOutBackoff: PauseRange;
  /** A watch that ends sooner than this, without having said anything, counts as a failure. */
  watchMinMs: number;
  /** Nothing has been heard of the API server for this long: the user is told. */
  reportMs: number;
  /** Between looks at the two clocks. */
  clockMs: number;
  /** The wall clock has run ahead of the monotonic one by this: the machine was asleep. */
  clockJumpMs: number;
  /** Changes within this are told together. */
  coalesceMs: number;
  /** Namespaces that are watched one by one, where the account may not watch all; the others are polled. */
  watchedNamespaces: number;
}

export const DISCOVERY_LIMITS: DiscoveryLimits = {
  pageItems: 100,
  pages: 1_000,
  watchMs: 5 * 60_000,
  silenceMs: 130_000,
  lineBytes: 8 * 1024 * 1024,
  failureBackoff: { firstMs: 100, maxMs: 2_000 },
  refusalBackoff: { firstMs: 1_000, maxMs: 30_000 },
  pollMs: 10_000,
  watchRetryMs: 5 * 60_000,
  leftOutBackoff: { firstMs: 1_000, maxMs: 5 * 60_000 },
  watchMinMs: 1_000,
  reportMs: 5_000,
  clockMs: 2_000,
  clockJumpMs: 5_000,
  coalesceMs: 5,
  watchedNamespaces: 64,
};
