/** What the application calls, what its device does, and the time that passes. */
import { type Action, applicationOf, LENGTHS, peerOf, say, writeTo } from './actions-common.ts';
import { ACK, RST } from './peer.ts';

const STEPS_MS = [0.05, 1, 45, 250, 1000, 3000, 11_000, 61_000];

const answer: Action = (world, program) => {
  switch (program.below(6)) {
    case 0:
      return world.h.requests.shift()?.refuse();
    case 1:
      return world.h.requests.shift()?.drop();
    case 2:
      return world.h.requests.shift()?.unreachable('host');
    default:
      return world.accept();
  }
};

const write: Action = (world, program) => {
  const one = applicationOf(world, program);
  if (one !== undefined) writeTo(one, program.from(LENGTHS));
  world.h.poll();
};

const close: Action = (world, program) => {
  const one = applicationOf(world, program);
  if (one === undefined) return;
  if (program.below(4) === 0) one.connection.reset();
  else one.connection.finish();
  one.finished = true;
  world.h.poll();
};

const read: Action = (world, program) => {
  const one = applicationOf(world, program);
  if (one !== undefined) world.read(one, 1 + program.below(4));
  world.h.poll();
};

const settings: Action = (world, program) => {
  const one = applicationOf(world, program);
  if (one === undefined) return;
  one.connection.keepAlive = program.below(2) === 0;
  one.connection.keepAliveIdleMs = program.from([0, 300]);
  one.connection.diffserv = program.below(64);
  one.connection.giveUpAfterMs = program.from([0, 500, Infinity]);
};

const connect: Action = (world, program) => {
  const peer = peerOf(world, program);
  world.connect(peer);
  world.h.poll();
  world.settle();
  if (program.below(4) === 3) say(world, peer, { flags: RST | ACK });
};

const wait: Action = (world, program) => {
  const ms = program.from(STEPS_MS);
  for (const peer of world.peers) peer.clock += Math.ceil(ms);
  world.h.advance(ms);
};

const deviceFull: Action = (world, program) => {
  world.h.device.room = program.below(3);
};

const deviceWritable: Action = (world) => {
  world.h.device.room = Infinity;
  world.h.stack.deviceWritable(world.h.nowMs);
};

export const APPLICATION_ACTIONS: readonly Action[] = [
  answer,
  write,
  write,
  close,
  read,
  read,
  settings,
  connect,
  wait,
  wait,
  deviceFull,
  deviceWritable,
];
