/**
 * A cluster whose contents a test may change and disturb: a Deployment `web`
 * behind the Services `web` (HTTP) and `multi` (six ports, echo at 7), a StatefulSet
 * `db` behind the headless Service of its name, and a pod `sick` that is never
 * ready, in a namespace that nobody else looks at.
 *
 * On the embedded cluster that is one of the test's own. On a real one it is a
 * new namespace, made by kubectl and taken away again.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { ChangeableCluster } from './changeable/contract.ts';
import { embeddedCluster } from './changeable/embedded.ts';
import { realNamespace } from './changeable/real.ts';
import type { Kubeconfig } from './kubeconfig.ts';
import { fromSetup } from './program.ts';

export { type ChangeableCluster, REPLICAS, TO_WEB } from './changeable/contract.ts';

/** The kubeconfig of all suites, as data. */
export function suitesConfig(): Kubeconfig {
  return parse(readFileSync(fromSetup('KNS_TEST_KUBECONFIG'), 'utf8'));
}

/** Whether the suites run against a real cluster. */
export function isReal(): boolean {
  return suitesConfig()['current-context'] !== 'embedded';
}

export function startChangeableCluster(): Promise<ChangeableCluster> {
  return isReal() ? realNamespace(fromSetup('KNS_TEST_KUBECONFIG')) : embeddedCluster();
}
