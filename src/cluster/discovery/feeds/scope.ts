/** Which part of the cluster a feed follows. */
export interface Scope {
  /** Absent: all of them. */
  readonly namespace?: string;
  /** The namespace is known to be there, also if it is empty. */
  readonly exists?: boolean;
  /** Of Services, as kubectl's -l has it; the server checks it. */
  readonly labelSelector?: string;
  /** One Service by its name. */
  readonly name?: string;
  /** Lists at intervals, and never watches. */
  readonly pollOnly?: boolean;
}
