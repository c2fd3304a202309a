/**
 * A cluster whose contents a test may change: a Service `web` in front of the
 * pods of a Deployment `web`, in a namespace that nobody else looks at.
 *
 * On the embedded cluster that is one of the test's own. On a real one it is a
 * new namespace, made by kubectl and taken away again.
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEmbeddedCluster } from '../../fixtures/cluster/index.ts';
import { fromSetup } from './program.ts';

export interface ChangeableCluster {
  /** A file that the ordinary user can read. */
  readonly kubeconfig: string;
  readonly namespace: string;
  /** A Service whose port 80 leads to the HTTP port of the same pods. */
  addService(name: string): Promise<void>;
  removeService(name: string): Promise<void>;
  scale(replicas: number): Promise<void>;
  /** Ends one pod, whose place another takes. */
  replacePod(): Promise<void>;
  close(): Promise<void>;
}

const WORKLOAD = 'web';
const execute = promisify(execFile);

export async function startChangeableCluster(): Promise<ChangeableCluster> {
  const { stdout } = await execute('kubectl', ['get', '--raw', '/version'], { env: kubectlEnv() });
  return stdout.includes('+embedded') ? embedded() : real();
}

async function embedded(): Promise<ChangeableCluster> {
  const cluster = await startEmbeddedCluster();
  const folder = mkdtempSync(join(tmpdir(), 'kns-changeable-'));
  chmodSync(folder, 0o755);
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, cluster.kubeconfig);
  const namespace = 'e2e';
  return {
    kubeconfig,
    namespace,
    addService: async (name) => {
      const ports = [{ port: 80, targetPort: 'http' }];
      cluster.putService({ namespace, name, spec: { selector: { app: WORKLOAD }, ports } });
    },
    removeService: async (name) => cluster.removeService(namespace, name),
    scale: (replicas) => cluster.scale(namespace, WORKLOAD, replicas),
    replacePod: async () => {
      const [oldest] = cluster.podNames(namespace, WORKLOAD);
      cluster.addPod(namespace, WORKLOAD);
      await cluster.removePod(namespace, oldest);
    },
    close: async () => {
      await cluster.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function real(): Promise<ChangeableCluster> {
  const namespace = `live-${process.pid}`;
  const kubectl = async (...args: string[]): Promise<string> => {
    const { stdout } = await execute('kubectl', ['-n', namespace, ...args], { env: kubectlEnv() });
    return stdout;
  };
  const folder = mkdtempSync(join(tmpdir(), 'kns-changeable-'));
  const apply = async (...objects: object[]): Promise<void> => {
    const file = join(folder, 'objects.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    await kubectl('apply', '-f', file);
  };
  const close = async (): Promise<void> => {
    await kubectl('delete', 'namespace', namespace, '--wait=false');
    rmSync(folder, { recursive: true });
  };
  const addService = (name: string): Promise<void> => apply(service(name));
  await kubectl('create', 'namespace', namespace);
  try {
    await apply(deployment(), service(WORKLOAD));
    await kubectl('rollout', 'status', `deployment/${WORKLOAD}`, '--timeout=60s');
  } catch (error) {
    await close();
    throw error;
  }
  return {
    kubeconfig: fromSetup('KNS_TEST_KUBECONFIG'),
    namespace,
    addService,
    removeService: async (name) => {
      await kubectl('delete', 'service', name);
    },
    scale: async (replicas) => {
      await kubectl('scale', `deployment/${WORKLOAD}`, `--replicas=${replicas}`);
    },
    replacePod: async () => {
      // Those that end already are older.
      const byAge = '--sort-by=.metadata.creationTimestamp';
      const names = await kubectl('get', 'pods', '-l', `app=${WORKLOAD}`, byAge, '-o', 'name');
      await kubectl('delete', names.trim().split('\n').at(-1) ?? '', '--wait=false');
    },
    close,
  };
}

function deployment(): object {
  const labels = { app: WORKLOAD };
  const container = {
    name: 'podserver',
    image: 'kube.test/podserver:1',
    imagePullPolicy: 'Never',
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: WORKLOAD },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 1, containers: [container] },
      },
    },
  };
}

function service(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: WORKLOAD }, ports: [{ port: 80, targetPort: 'http' }] },
  };
}

function kubectlEnv(): NodeJS.ProcessEnv {
  return { ...process.env, KUBECONFIG: fromSetup('KNS_TEST_KUBECONFIG') };
}
