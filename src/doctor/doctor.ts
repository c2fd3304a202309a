/**
 * Whether a run with these options would work, and what to do where it would not.
 *
 *     check.ts     what a check is, and what it finds
 *     examine.ts   runs them: order, limits
 *     host/        this system            bubblewrap ─ user-namespaces ─ proc ─┐
 *                                         native ──────────────────────────────┴─ sandbox ─ self-test
 *     self-test/   a run without a cluster
 *     cluster/     for each context       kubeconfig ─ credentials ─ api-server ─ namespaces, rights ─ services ─ targets, transports
 *     check-of.ts  which check explains an error of the launcher
 *     report.ts    lines and JSON
 *
 * The two rows run side by side. Nothing is changed anywhere, and nothing is
 * left: what checks have made is closed before the last word.
 */

import { AddressPlan } from '../names/address-plan.ts';
import type { ContextOptions } from '../session/contexts.ts';
import type { Check } from './check.ts';
import { apiServer } from './cluster/api-server.ts';
import { clock } from './cluster/clock.ts';
import { type ClusterContext, Clusters } from './cluster/context.ts';
import { credentials } from './cluster/credentials.ts';
import { kubeconfig } from './cluster/kubeconfig.ts';
import { namespaces } from './cluster/namespaces.ts';
import { rights } from './cluster/rights/rights.ts';
import { services } from './cluster/services.ts';
import { targets } from './cluster/targets.ts';
import { transports } from './cluster/transports.ts';
import { examine, type Examined, plan, type Planned } from './examine.ts';
import { bubblewrap } from './host/bubblewrap.ts';
import type { HostContext } from './host/context.ts';
import { limits } from './host/limits.ts';
import { proc, userNamespaces } from './host/namespaces.ts';
import { native } from './host/native.ts';
import { sandbox } from './host/sandbox.ts';
import { seccomp } from './host/seccomp.ts';
import { selfTest } from './self-test/self-test.ts';

export interface DoctorOptions extends ContextOptions, Pick<HostContext, 'link'> {
  readonly cidr: string;
  readonly cidr6: string;
}

/** In the order in which they are told; each comes after those that it needs. */
const HOST_CHECKS: readonly Check<HostContext>[] = [
  bubblewrap,
  userNamespaces,
  proc,
  seccomp,
  native,
  limits,
  sandbox,
  selfTest,
];
const CLUSTER_CHECKS: readonly Check<ClusterContext>[] = [
  credentials,
  apiServer,
  clock,
  namespaces,
  rights,
  services,
  targets,
  transports,
];

/** @param onResult told of each, in order, as soon as it is known. Throws `CIDR_INVALID`. */
export async function consult(
  options: DoctorOptions,
  env: NodeJS.ProcessEnv,
  onResult: (result: Examined) => void,
): Promise<readonly Examined[]> {
  const host: HostContext = { env, link: options.link, plan: new AddressPlan(options.cidr, options.cidr6) };
  const clusters = new Clusters(options, env);
  try {
    const results: Examined[] = [];
    for (const pending of examine([...plan(HOST_CHECKS, host), ...planClusters(clusters)])) {
      const result = await pending;
      results.push(result);
      onResult(result);
    }
    return results;
  } finally {
    await clusters.close();
  }
}

function planClusters(clusters: Clusters): Planned[] {
  const needed = plan([kubeconfig], clusters);
  const several = clusters.all.length > 1;
  const each = clusters.all.flatMap((cluster) => {
    const subject = several && cluster.name !== undefined ? { subject: cluster.name } : {};
    return plan(CLUSTER_CHECKS, cluster, { needed, ...subject });
  });
  return [...needed, ...each];
}
