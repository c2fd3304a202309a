/**
 * An API server that a test may take away for a while, in front of the Services
 * of the namespace `e2e`.
 *
 * Of the embedded cluster it is the one of a cluster of the test's own. A real
 * one is killed, and started by the command in $KNS_TEST_START_API, which takes
 * the right to end the process that listens. Where there is no such command, the
 * way to it is cut instead (a relay of bytes), which looks the same from the
 * outside: connections are reset, new ones refused.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEmbeddedCluster } from '../../fixtures/cluster/index.ts';
import { isReal, suitesConfig } from './changeable-cluster.ts';
import { Kubeconfigs } from './kubeconfig.ts';
import { fromSetup } from './program.ts';
import { Relay } from './relay.ts';
import { until } from './until.ts';

export interface StoppableApi {
  /** A file that the ordinary user can read. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
  /** Resolves as soon as it answers. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function stoppableApi(): Promise<StoppableApi> {
  if (!isReal()) return embedded();
  const server = new URL(String(suitesConfig().clusters[0].cluster['server']));
  const command = process.env['KNS_TEST_START_API'];
  return command === undefined || command === '' ? behindRelay(server) : apiProcess(server, command);
}

async function embedded(): Promise<StoppableApi> {
  const cluster = await startEmbeddedCluster();
  const files = new Kubeconfigs();
  return {
    kubeconfig: files.put('embedded', cluster.kubeconfig),
    stop: () => cluster.stopApi(),
    start: () => cluster.startApi(),
    close: async () => {
      files.remove();
      await cluster.close();
    },
  };
}

async function behindRelay(server: URL): Promise<StoppableApi> {
  const relay = new Relay(server);
  const files = new Kubeconfigs();
  const { href } = await relay.start();
  return {
    kubeconfig: files.write('relay', ({ clusters: [{ cluster }] }) => {
      cluster['server'] = href;
      if (net.isIP(server.hostname) === 0) cluster['tls-server-name'] = server.hostname;
    }),
    stop: () => relay.cut(),
    start: async () => {
      await relay.start();
    },
    close: async () => {
      files.remove();
      await relay.cut();
    },
  };
}

function apiProcess(server: URL, command: string): StoppableApi {
  let starting: ChildProcess | undefined;
  return {
    kubeconfig: fromSetup('KNS_TEST_KUBECONFIG'),
    stop: async () => {
      process.kill(listenerOf(Number(server.port)), 'SIGKILL');
      await until(async () => !(await accepts(server)));
    },
    start: () =>
      until(async () => {
        if (await answers(server)) return true;
        // It may fail while the one that was killed is not wholly gone.
        if (!starting || starting.exitCode !== null)
          starting = spawn('sh', ['-c', command], { stdio: 'ignore' });
        return false;
      }),
    close: async () => {
      if (starting && starting.exitCode === null) await once(starting, 'exit');
    },
  };
}

async function accepts({ hostname, port }: URL): Promise<boolean> {
  const socket = net.connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
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
