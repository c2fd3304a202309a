/** What a test may do to a cluster of its own, embedded or real. */
import type { ServiceSpec } from '../../../fixtures/cluster/objects/types.ts';

export interface ChangeableCluster {
  /** A file that the ordinary user can read. */
  readonly kubeconfig: string;
  readonly namespace: string;
  putService(name: string, spec: ServiceSpec): Promise<void>;
  /** A Service whose port 80 leads to the HTTP port of the pods of `web`. */
  addService(name: string): Promise<void>;
  removeService(name: string): Promise<void>;
  /** Resolves when `web` has that many ready endpoints. */
  scale(replicas: number): Promise<void>;
  /** Ends one pod of `web`, whose place another takes. */
  replacePod(): Promise<void>;
  /**
   * From now on a pod of `web` that is told to end first leaves the Service, and runs on for a moment,
   * as a pod under load should: one that ends at once takes along what it has in its hands.
   */
  drainBeforeEnd(): Promise<void>;
  /** Replaces each pod of `web`, a new one being ready before an old one goes. */
  rollout(): Promise<void>;
  /** The pod's processes end at once, and it is replaced. */
  killPod(name: string): Promise<void>;
  close(): Promise<void>;
}

/** What `web` and `db` have when no test disturbs them. */
export const REPLICAS = 2;

/** The Service that `addService` makes. */
export const TO_WEB: ServiceSpec = { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] };
