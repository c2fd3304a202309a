/** An embedded cluster of a test's own. */
import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedCluster } from '../../../fixtures/cluster/index.ts';
import { Kubeconfigs } from '../kubeconfig.ts';
import { type ChangeableCluster, TO_WEB } from './contract.ts';

const NAMESPACE = 'e2e';
const WORKLOAD = 'web';
/** Between two steps of a rollout. */
const STEP_MS = 300;

export async function embeddedCluster(): Promise<ChangeableCluster> {
  const cluster = await startEmbeddedCluster();
  const files = new Kubeconfigs();
  const names = (): string[] => cluster.podNames(NAMESPACE, WORKLOAD);
  let drains = false;
  return {
    kubeconfig: files.put('embedded', cluster.kubeconfig),
    namespace: NAMESPACE,
    putService: async (name, spec) => cluster.putService({ namespace: NAMESPACE, name, spec }),
    addService: async (name) => cluster.putService({ namespace: NAMESPACE, name, spec: TO_WEB }),
    removeService: async (name) => cluster.removeService(NAMESPACE, name),
    scale: (replicas) => cluster.scale(NAMESPACE, WORKLOAD, replicas),
    replacePod: async () => {
      const [oldest] = names();
      cluster.addPod(NAMESPACE, WORKLOAD);
      await cluster.removePod(NAMESPACE, oldest);
    },
    drainBeforeEnd: async () => {
      drains = true;
    },
    rollout: async () => {
      for (const name of names()) {
        cluster.addPod(NAMESPACE, WORKLOAD);
        if (drains) cluster.setReady(NAMESPACE, name, false);
        await delay(STEP_MS);
        await cluster.removePod(NAMESPACE, name);
      }
    },
    killPod: async (name) => {
      await cluster.removePod(NAMESPACE, name);
      cluster.addPod(NAMESPACE, name.replace(/-[^-]+$/, ''));
    },
    close: async () => {
      files.remove();
      await cluster.close();
    },
  };
}
