/** The embedded cluster of `--demo`: the one file that knows of fixtures/, loaded only when asked for. */

import { type EmbeddedCluster, startEmbeddedCluster } from '../../fixtures/cluster/index.ts';

export function startDemoCluster(): Promise<EmbeddedCluster> {
  return startEmbeddedCluster();
}
