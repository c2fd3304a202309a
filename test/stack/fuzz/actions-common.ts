/** What the actions share: who acts, and the ways to do it. */
import { stream } from '../harness/packets.ts';
import type { Peer } from './peer.ts';
import type { Program } from './program.ts';
import type { Application, World } from './world.ts';

export type Action = (world: World, program: Program) => void;

export const LENGTHS = [1, 100, 1460, 5000, 20_000, 60_000];

export function peerOf(world: World, program: Program): Peer {
  return program.from(world.peers);
}

export function say(world: World, peer: Peer, fields: Parameters<Peer['segment']>[0]): void {
  world.segment(peer, peer.segment(fields), fields.seq ?? peer.next);
}

/** The latest that is open, or one before it. */
export function applicationOf(world: World, program: Program): Application | undefined {
  const open = world.applications.filter((one) => one.closed === 0);
  return open.at(-1 - program.below(Math.max(1, open.length)));
}

export function writeTo(one: Application, length: number): void {
  if (one.connection.sendRoom === 0 || one.finished) return;
  one.connection.write(stream(one.written, length));
  one.written += length;
}
