/** Which files name the clusters, and what they say of the contexts that are asked for. */

import { existsSync } from 'node:fs';
import { candidateFiles } from '../../cluster/index.ts';
import type { ContextAccess } from '../../session/contexts.ts';
import { type Check, failedBy, ok } from '../check.ts';
import type { Clusters } from './context.ts';

export const kubeconfig: Check<Clusters> = {
  id: 'kubeconfig',
  title: 'kubeconfig',
  needs: [],
  timeoutMs: 10_000,
  async run(clusters) {
    const files = filesOf(clusters);
    const facts = { files: files.found, missing: files.missing };
    try {
      const contexts = await clusters.load();
      const skipped = files.missing.length > 0 ? `; not there: ${files.missing.join(', ')}` : '';
      return ok(
        `${contexts.map((one) => text(one)).join('; ')}; from ${sourceText(clusters, files.found)}${skipped}`,
        {
          facts: { ...facts, contexts: contexts.map(({ access }) => access.contextName) },
        },
      );
    } catch (error) {
      return failedBy(error, { facts });
    }
  },
};

function filesOf({ options, env }: Clusters): { found: readonly string[]; missing: readonly string[] } {
  if (options.kubeconfigText !== undefined) return { found: [], missing: [] };
  const files = candidateFiles(options.kubeconfig, env);
  return {
    found: files.filter((file) => existsSync(file)),
    missing: files.filter((file) => !existsSync(file)),
  };
}

function sourceText({ options }: Clusters, found: readonly string[]): string {
  if (options.kubeconfigText !== undefined) return 'the embedded cluster';
  return found.length > 0 ? found.join(', ') : "the pod's service account";
}

function text({ access, namespaces }: ContextAccess): string {
  const { contextName, clusterName, server } = access;
  return `context ${contextName} (cluster ${clusterName}, ${server.origin}, namespace ${namespaces.join(', ')})`;
}
