/** Where a connection may go. */
import type { Target } from '../../discovery/endpoints.ts';
import type { Balanced } from '../balancer.ts';

export interface Route extends Balanced {
  /** For messages: `web.e2e:80`. */
  readonly name: string;
  /**
   * The pods that may take it.
   *
   * @param retrying one has failed, so what is known of the pods may be out of date
   * @throws RemoteStreamError where it is known that no pod will ever do
   */
  targets(retrying: boolean): Promise<readonly Target[]>;
}
