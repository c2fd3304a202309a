/** A pod as the pool knows it: its connections, and who waits for one. */
import type { EndpointPod, Target } from '../../discovery/endpoints.ts';
import type { PodConnection } from '../transport.ts';

/** A stream that wants a connection. */
export interface Waiter {
  readonly target: Target;
  readonly use: (connection: PodConnection) => void;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
  readonly patience: NodeJS.Timeout;
}

export interface PodEntry {
  readonly pod: EndpointPod;
  /** In the order in which they were opened. */
  readonly connections: Set<PodConnection>;
  readonly waiting: Waiter[];
  opening: number;
  /** Those of them that the server has been asked for, and has given no answer to. */
  readonly asked: Set<Asked>;
}

export interface Asked {
  atMs: number;
}

/** The pod is gone: what it has said may still come, and then its streams end. */
export function endOf({ connections }: PodEntry): void {
  for (const connection of connections) connection.podGone();
}

export function rejectFirst({ waiting }: PodEntry, error: unknown): void {
  const first = waiting.shift();
  clearTimeout(first?.patience);
  first?.failed(error);
}

export function rejectAll(entry: PodEntry, error: unknown): void {
  while (entry.waiting.length > 0) rejectFirst(entry, error);
}
