/**
 * Who is at the other end of a control socket, by the kernel's word and not
 * only by the modes of the directories above it: those may be loosened, and in
 * /tmp somebody else's directory may be in the place of ours.
 *
 * A sandbox obeys its owner, and root, who could have its way anyhow; but nobody
 * who is in a sandbox, should the way here not be hidden there. Who asks
 * tells its environment, so it asks nobody but its own user; and not even that
 * one in a sandbox, where a command can make up a socket, but no user namespace
 * that is ours.
 */

import { readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type Peer, peerOf } from '../../sandbox/index.ts';
import { UsageError } from '../errors.ts';
import { fdOf } from '../socket-fd.ts';
import { userId } from './state-directory.ts';

const ROOT = 0;

/** @throws UsageError CONTROL_DENIED */
export async function admitClient(socket: Socket): Promise<void> {
  const { pid, uid } = await peerOf(fdOf(socket));
  if (uid !== userId() && uid !== ROOT)
    throw denied(
      `process ${pid} of user ${uid} may not ask a sandbox of user ${userId()}`,
      'ask as that user, or as root',
    );
  const isBeside = seemsBesideUs(pid);
  if (isBeside === undefined) {
    // Only root itself comes through a directory of another user's.
    if (uid !== userId()) return;
    throw denied("who asks can't be seen from here", 'ask from where its process is seen, or as root');
  }
  if (!isBeside)
    throw denied(
      `process ${pid} is in a sandbox itself, and may ask no other`,
      'ask from outside of sandboxes',
    );
}

function denied(message: string, remedy: string): UsageError {
  return new UsageError('CONTROL_DENIED', message, remedy);
}

/** @param secrets whether it is to be told any. @throws UsageError SANDBOX_FOREIGN */
export async function trustServer(socket: Socket, name: string, secrets: boolean): Promise<Peer> {
  const peer = await peerOf(fdOf(socket));
  if (peer.uid !== userId()) throw foreign(name, peer, `of user ${peer.uid}`);
  if (secrets && !isBesideUs(peer.pid)) throw foreign(name, peer, 'in a sandbox itself');
  return peer;
}

function foreign(name: string, { pid }: Peer, what: string): UsageError {
  return new UsageError(
    'SANDBOX_FOREIGN',
    `what answers as "${name}" is process ${pid}, ${what}`,
    `see what it is: ps -fp ${pid}`,
  );
}

/** One that has ended meanwhile, or lets nobody look, is not. */
function isBesideUs(pid: number): boolean {
  return userNamespaceOf(pid) === userNamespaceOf('self');
}

/**
 * As far as can be told of one that lets nobody look: root's, or a Node with file capabilities (ptrace(2)).
 *
 * @returns undefined where nothing is seen of it: outside of our pid namespace, where its pid is 0, or with hidepid
 */
function seemsBesideUs(pid: number): boolean | undefined {
  if (userNamespaceOf(pid) !== undefined) return isBesideUs(pid);
  const traits = traitsOf(pid);
  return traits === undefined ? undefined : traits === traitsOf('self');
}

function userNamespaceOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch {
    return undefined;
  }
}

/** What anybody may read: a sandbox maps few ids, and a namespace of its own gives a process a further pid (proc(5)). */
function traitsOf(pid: number | 'self'): string | undefined {
  try {
    const [, pids = ''] = /^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return `${readFileSync(`/proc/${pid}/uid_map`, 'utf8')} ${pids.trim().split(/\s+/).length}`;
  } catch {
    return undefined;
  }
}
