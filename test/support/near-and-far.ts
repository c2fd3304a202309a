/**
 * A network of the test's own: a host that dials, and a second one outside.
 *
 *     near (the program under test)                far (its servers)
 *     192.0.2.1, 2001:db8::1 ──── veth pair ──── 192.0.2.2, 2001:db8::2
 *
 * Both are network namespaces, made by an ordinary user, with one mount namespace
 * for files of their own. A process is put there by a prefix to its command: it
 * has the user's own id, and no right over the network. The namespaces end with
 * a pipe that this process holds, and commands with this process.
 */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ordinaryUser } from './ordinary-user.ts';

/** Where it is told that all stands, $FAR is the pid by which nsenter finds the far namespace. */
const PROLOGUE = `set -e
exec 3<&0
unshare --net cat <&3 3<&- & FAR=$!
while [ "$(readlink /proc/$FAR/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
far() { nsenter -t $FAR -n "$@"; }
ip link set lo up
ip link add near type veth peer name far netns $FAR
ip addr add 192.0.2.1/24 dev near
ip addr add 2001:db8::1/64 dev near nodad
ip link set near up
far ip link set lo up
far ip addr add 192.0.2.2/24 dev far
far ip addr add 2001:db8::2/64 dev far nodad
far ip link set far up
far sh -c 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start'
`;
const EPILOGUE = `
echo "$$ $FAR"
exec cat <&3
`;

export interface Network {
  /** What goes before a command for it to run there. It has to be started as the ordinary user. */
  readonly near: readonly string[];
  readonly far: readonly string[];
  close(): Promise<void>;
}

/** @param setUp shell commands with all rights over both namespaces, `far COMMAND` in the far one */
export async function startNetwork(setUp = ''): Promise<Network> {
  const { uid, gid } = ordinaryUser();
  const script = PROLOGUE + setUp + EPILOGUE;
  const holder = spawn('unshare', ['--map-root-user', '--net', '--mount', 'sh', '-c', script], {
    uid,
    gid,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  holder.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  const pids = await Promise.race([
    new Promise<string>((resolve) => createInterface(holder.stdout).once('line', resolve)),
    ended.then(() => ''),
  ]);
  if (pids === '') throw new Error(`no network: ${stderr}`);
  const [near, far] = pids.split(' ').map((pid) => into(pid, uid, gid));
  return {
    near,
    far,
    async close() {
      holder.stdin.end();
      await ended;
    },
  };
}

/** The second user namespace is for the user's own id: in the first one they are root. */
function into(pid: string, uid: number, gid: number): string[] {
  const enter = ['nsenter', '--preserve-credentials', '-t', pid, '-U', '-m', '-n', '--'];
  const ownId = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];
  return [...enter, ...ownId, 'setpriv', '--pdeathsig', 'KILL', '--'];
}
