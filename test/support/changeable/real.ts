/** A namespace of a real cluster that a test may change, by kubectl. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { until } from '../until.ts';
import { type ChangeableCluster, REPLICAS, TO_WEB } from './contract.ts';

const KUBECTL_LIMIT_MS = 90_000;
const WORKLOAD = 'web';
const ECHO_PORT = 7000;
/** As those of the embedded cluster (fixtures/cluster/blueprint.ts). */
const MULTI_PORTS = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'https', port: 443, targetPort: 8443 },
  { name: 'echo', port: 7, targetPort: ECHO_PORT },
  { name: 'line', port: 79, targetPort: 7001 },
  { name: 'source', port: 19, targetPort: 7002 },
  { name: 'sink', port: 9, targetPort: 7003 },
];
/** A server that reads and answers only at the end of data: a request to it takes all the time that there is. */
const SILENT_PORT = 7003;

/** The hook makes a pod run on for the whole of its grace period. */
const DRAINING = {
  terminationGracePeriodSeconds: 3,
  containers: [{ name: 'podserver', lifecycle: { preStop: { httpGet: { path: '/', port: SILENT_PORT } } } }],
};

export async function realNamespace(kubeconfig: string): Promise<ChangeableCluster> {
  const namespace = `live-${process.pid}`;
  const run = async (args: readonly string[], input = ''): Promise<string> => {
    const words = ['--kubeconfig', kubeconfig, '-n', namespace, ...args];
    const child = execFile('kubectl', words, { timeout: KUBECTL_LIMIT_MS });
    if (!child.stdin || !child.stdout || !child.stderr) throw new Error('no pipes');
    child.stdin.end(input);
    const [out, complaint] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    if (child.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${complaint}`);
    return out;
  };
  const kubectl = (...args: string[]): Promise<string> => run(args);
  const apply = async (...items: object[]): Promise<void> => {
    await run(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  };
  const rolledOut = async (...workloads: string[]): Promise<void> => {
    for (const workload of workloads) await kubectl('rollout', 'status', workload);
  };
  const readyEndpoints = async (): Promise<number> => {
    const path = '-o=jsonpath={.subsets[*].addresses[*].ip}';
    return (await kubectl('get', 'endpoints', WORKLOAD, path)).split(' ').filter(Boolean).length;
  };
  const close = async (): Promise<void> => {
    await kubectl('delete', 'namespace', namespace, '--wait=false');
  };

  await kubectl('create', 'namespace', namespace);
  try {
    // A controller makes it a moment later, and until then no pod is taken.
    await until(async () => (await kubectl('get', 'serviceaccounts', '-o=name')).includes('/default'));
    await apply(
      workload('Deployment', WORKLOAD, {}),
      workload('StatefulSet', 'db', { serviceName: 'db', podManagementPolicy: 'Parallel' }),
      SICK_POD,
      service(WORKLOAD, TO_WEB),
      service('multi', { selector: { app: WORKLOAD }, ports: MULTI_PORTS }),
      service('db', { selector: { app: 'db' }, clusterIP: 'None', ports: [{ port: ECHO_PORT }] }),
    );
    await rolledOut(`deployment/${WORKLOAD}`, 'statefulset/db');
    await until(async () => (await readyEndpoints()) === REPLICAS);
  } catch (error) {
    await close();
    throw error;
  }

  return {
    kubeconfig,
    namespace,
    putService: (name, spec) => apply(service(name, spec)),
    addService: (name) => apply(service(name, TO_WEB)),
    removeService: async (name) => {
      await kubectl('delete', 'service', name);
    },
    scale: async (replicas) => {
      await kubectl('scale', `deployment/${WORKLOAD}`, `--replicas=${replicas}`);
      await until(async () => (await readyEndpoints()) === replicas);
    },
    replacePod: async () => {
      // Those that end already are older.
      const byAge = '--sort-by=.metadata.creationTimestamp';
      const names = await kubectl('get', 'pods', '-l', `app=${WORKLOAD}`, byAge, '-o', 'name');
      await kubectl('delete', names.trim().split('\n').at(-1) ?? '', '--wait=false');
    },
    drainBeforeEnd: async () => {
      const change = JSON.stringify({ spec: { template: { spec: DRAINING } } });
      await kubectl('patch', `deployment/${WORKLOAD}`, '--patch', change);
      await rolledOut(`deployment/${WORKLOAD}`);
    },
    rollout: async () => {
      await kubectl('rollout', 'restart', `deployment/${WORKLOAD}`);
      await rolledOut(`deployment/${WORKLOAD}`);
    },
    killPod: async (name) => {
      await kubectl('delete', 'pod', name, '--grace-period=0', '--force');
    },
    close,
  };
}

const CONTAINER = {
  name: 'podserver',
  image: 'kube.test/podserver:1',
  imagePullPolicy: 'Never',
  ports: [{ name: 'http', containerPort: 8080 }],
};

function readyAt(path: string): object {
  return { ...CONTAINER, readinessProbe: { httpGet: { path, port: 'http' }, periodSeconds: 1 } };
}

const SICK_POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'sick', labels: { app: 'sick' } },
  spec: {
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false, // older servers refuse the pod until there is one
    containers: [readyAt('/no-such-page')],
  },
};

function workload(kind: 'Deployment' | 'StatefulSet', name: string, more: object): object {
  const labels = { app: name };
  const podSpec = { terminationGracePeriodSeconds: 1, containers: [readyAt('/healthz')] };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec },
      ...more,
    },
  };
}

function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
}
