/**
 * A cluster that a test may disturb: pods that come and go, an API server that is away for a while.
 *
 * Where the suites run against a real cluster, it is that one, disturbed by
 * kubectl; otherwise an embedded one of the test's own. To restart a real API
 * server it takes the command that starts it, in $KNS_TEST_START_API, and the
 * right to end the process that listens. Where there is none, a door in front of
 * the API server (a relay of bytes) is shut instead, which looks the same from
 * the outside: connections are reset, new ones refused.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { startEmbeddedCluster } from '../../fixtures/cluster/index.ts';
import { type Kubeconfig, Kubeconfigs } from '../support/kubeconfig.ts';
import { fromSetup } from '../support/program.ts';

/** What its Deployment `web` has when no test disturbs it. */
export const REPLICAS = 2;
const NAMESPACE = 'e2e';
const WORKLOAD = 'web';
const POLL_MS = 100;
const EMBEDDED_DRAIN_MS = 300;
/** The hook asks a server that never answers, so it takes all the time that there is. */
const GRACEFUL = {
  terminationGracePeriodSeconds: 3,
  containers: [{ name: 'podserver', lifecycle: { preStop: { httpGet: { path: '/', port: 7003 } } } }],
};
const AT_ONCE = {
  terminationGracePeriodSeconds: 1,
  containers: [{ name: 'podserver', lifecycle: null }],
};
const KUBECTL_LIMIT_MS = 90_000;

export interface LiveCluster {
  /** The path of a kubeconfig that the ordinary user can read. */
  readonly kubeconfig: string;
  /** Resolves when the Service `web` has that many ready endpoints. */
  scale(replicas: number): Promise<void>;
  /**
   * From now on a pod of `web` that is told to end first leaves the Service, and runs on for a moment,
   * as a pod under load should: one that ends at once takes along what it has in its hands.
   */
  drainBeforeEnd(): Promise<void>;
  /** Replaces each pod of `web`, a new one being ready before an old one goes. */
  rollout(): Promise<void>;
  /** The pod's processes end at once; a StatefulSet's comes back. */
  killPod(name: string): Promise<void>;
  stopApi(): Promise<void>;
  /** Resolves as soon as the API server answers. */
  startApi(): Promise<void>;
  close(): Promise<void>;
}

/** Whether the suites run against a real cluster. */
export function isReal(): boolean {
  return suitesConfig()['current-context'] !== 'embedded';
}

export async function liveCluster(): Promise<LiveCluster> {
  return isReal() ? real(fromSetup('KNS_TEST_KUBECONFIG')) : embedded();
}

function suitesConfig(): Kubeconfig {
  return parse(readFileSync(fromSetup('KNS_TEST_KUBECONFIG'), 'utf8'));
}

async function embedded(): Promise<LiveCluster> {
  const cluster = await startEmbeddedCluster();
  const files = new Kubeconfigs();
  const kubeconfig = join(files.folder, 'embedded');
  writeFileSync(kubeconfig, cluster.kubeconfig);
  let drainMs = 0;
  const names = (): string[] => cluster.podNames(NAMESPACE, WORKLOAD);
  return {
    kubeconfig,
    scale: async (replicas) => {
      while (names().length < replicas) cluster.addPod(NAMESPACE, WORKLOAD);
      for (const name of names().slice(replicas)) await cluster.removePod(NAMESPACE, name);
    },
    drainBeforeEnd: async () => {
      drainMs = EMBEDDED_DRAIN_MS;
    },
    rollout: async () => {
      for (const name of names()) {
        cluster.addPod(NAMESPACE, WORKLOAD);
        cluster.setReady(NAMESPACE, name, false);
        await delay(drainMs);
        await cluster.removePod(NAMESPACE, name);
      }
    },
    killPod: async (name) => {
      await cluster.removePod(NAMESPACE, name);
      if (/-\d+$/.test(name)) cluster.addPod(NAMESPACE, name.replace(/-\d+$/, ''));
    },
    stopApi: () => cluster.stopApi(),
    startApi: () => cluster.startApi(),
    close: async () => {
      files.remove();
      await cluster.close();
    },
  };
}

async function real(path: string): Promise<LiveCluster> {
  const kubectl = async (...args: string[]): Promise<string> => {
    const words = ['--kubeconfig', path, '-n', NAMESPACE, ...args];
    const { stdout } = await promisify(execFile)('kubectl', words, { timeout: KUBECTL_LIMIT_MS });
    return stdout;
  };
  const ready = async (): Promise<number> => {
    const addresses = await kubectl(
      'get',
      'endpoints',
      WORKLOAD,
      '-o',
      'jsonpath={.subsets[*].addresses[*].ip}',
    );
    return addresses.split(' ').filter(Boolean).length;
  };
  const scale = async (replicas: number): Promise<void> => {
    await kubectl('scale', `deployment/${WORKLOAD}`, `--replicas=${replicas}`);
    await until(async () => (await ready()) === replicas);
  };
  const rolledOut = (): Promise<string> => kubectl('rollout', 'status', `deployment/${WORKLOAD}`);
  const patch = async (podSpec: object): Promise<void> => {
    const change = JSON.stringify({ spec: { template: { spec: podSpec } } });
    await kubectl('patch', `deployment/${WORKLOAD}`, '--patch', change);
    await rolledOut();
  };
  let drains = false;
  const api = await startableApi();
  return {
    kubeconfig: api.kubeconfig ?? path,
    scale,
    drainBeforeEnd: async () => {
      drains = true;
      await patch(GRACEFUL);
    },
    rollout: async () => {
      await kubectl('rollout', 'restart', `deployment/${WORKLOAD}`);
      await rolledOut();
    },
    killPod: async (name) => {
      await kubectl('delete', 'pod', name, '--grace-period=0', '--force');
    },
    stopApi: () => api.stop(),
    startApi: () => api.start(),
    close: async () => {
      await api.close();
      if (drains) await patch(AT_ONCE);
      await scale(REPLICAS);
      await kubectl('rollout', 'status', 'statefulset/db');
    },
  };
}

interface StartableApi {
  /** Another than the cluster's own, where it leads elsewhere. */
  readonly kubeconfig?: string;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

async function startableApi(): Promise<StartableApi> {
  const server = new URL(String(suitesConfig().clusters[0].cluster['server']));
  const command = process.env['KNS_TEST_START_API'];
  return command === undefined || command === '' ? door(server) : apiProcess(server, command);
}

function apiProcess(server: URL, command: string): StartableApi {
  let starting: ChildProcess | undefined;
  return {
    stop: async () => {
      process.kill(listenerOf(Number(server.port)), 'SIGTERM');
      await until(async () => !(await accepts(server)));
    },
    start: async () => {
      starting = spawn('sh', ['-c', command], { stdio: 'ignore' });
      await until(() => answers(server));
    },
    close: async () => {
      if (starting && starting.exitCode === null) await once(starting, 'exit');
    },
  };
}

/** Relays bytes to the API server while it is open. */
async function door(server: URL): Promise<StartableApi> {
  const sockets = new Set<net.Socket>();
  const relay = net.createServer((near) => {
    const far = net.connect(Number(server.port || 443), server.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}); // the other end is told by `close`
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  const listen = async (port: number): Promise<void> => {
    relay.listen(port, '127.0.0.1');
    await once(relay, 'listening');
  };
  await listen(0);
  const { port } = relay.address() as net.AddressInfo;
  const files = new Kubeconfigs();
  const kubeconfig = files.write('door', ({ clusters: [{ cluster }] }) => {
    cluster['server'] = `https://127.0.0.1:${port}`;
    if (net.isIP(server.hostname) === 0) cluster['tls-server-name'] = server.hostname;
  });
  const shut = async (): Promise<void> => {
    if (!relay.listening) return;
    relay.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await once(relay, 'close');
  };
  return {
    kubeconfig,
    stop: shut,
    start: () => listen(port),
    close: async () => {
      await shut();
      files.remove();
    },
  };
}

/** Kubernetes and a restarting process tell nobody here when they are done. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + KUBECTL_LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${KUBECTL_LIMIT_MS / 1000} s`);
    await delay(POLL_MS);
  }
}

function accepts({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), hostname);
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** Anyone may ask whether an API server is ready. */
async function answers(server: URL): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('curl', ['-sk', '-m', '2', new URL('/readyz', server).href]);
    return stdout === 'ok';
  } catch {
    return false;
  }
}

/** The process that listens on a port, by the socket's inode (proc(5)). */
function listenerOf(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'latin1').split('\n'),
  );
  const fields = sockets.map((line) => line.trim().split(/\s+/));
  const inode = fields.find(([, address, , state]) => address?.endsWith(local) && state === '0A')?.[9];
  const pid = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && holds(entry, `socket:[${inode}]`));
  if (pid === undefined) throw new Error(`no process that may be looked into listens on port ${port}`);
  return Number(pid);
}

function holds(pid: string, socket: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => readlinkSync(join(folder, fd)) === socket);
  } catch {
    return false; // it has ended meanwhile, or is not ours to look into
  }
}
