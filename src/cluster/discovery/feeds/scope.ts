/** Which part of the cluster a feed follows. */
export interface Scope {
  /** Absent: all of them. */
  readonly namespace?: string;
  /** Of Services, as kubectl's -l has it; the server checks it. */
  readonly labelSelector?: string;
  /** One Service by its name. */
  readonly name?: string;
  /** Lists at intervals, and never watches. */
  readonly pollOnly?: boolean;
}
