/** What fills the catalog: each feed follows some resources of the API for as long as it lives. */
import type { Catalog } from '../catalog.ts';
import type { ServiceId } from '../services.ts';
import type { ReflectorContext } from '../watch/reflector.ts';

export interface FeedContext extends ReflectorContext {
  readonly catalog: Catalog;
}

export interface Feed {
  /** Resolves when the first lists are in. @throws ClusterError where there is nothing to follow */
  start(): Promise<void>;
  /** Brings the endpoints of a Service up to date where no watch does. */
  refresh(service: ServiceId, olderThanMs: number): Promise<void>;
  close(): void;
}
