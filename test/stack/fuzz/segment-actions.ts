/** What the guest's TCP says, from the likely to the absurd. */
import { type Action, applicationOf, LENGTHS, peerOf, say, writeTo } from './actions-common.ts';
import { ACK, FIN, type Peer, PSH, RST, SYN, URG } from './peer.ts';
import type { Program } from './program.ts';
import type { World } from './world.ts';

const WINDOWS = [0, 1, 20, 300, 1000, 65_535];

const dial: Action = (world, program) => {
  const peer = peerOf(world, program);
  const bits = program.below(16);
  peer.next = (peer.next + [0, 100_000, -100_000, 1][program.below(4)]) | 0;
  peer.timestamps = (bits & 1) !== 0;
  const options = [2, 4, 5, 180];
  if ((bits & 2) !== 0) options.push(1, 3, 3, 4);
  if ((bits & 4) !== 0) options.push(1, 1, 4, 2);
  if ((bits & 1) !== 0) options.push(1, 1, 8, 10, 0, 0, peer.clock >>> 8, peer.clock & 255, 0, 0, 0, 0);
  const flags = (bits & 8) === 0 ? SYN : program.from([SYN | ACK, SYN | FIN, SYN | ACK, SYN]);
  const sequence = peer.next;
  say(world, peer, { flags, seq: sequence, options });
  peer.next = (sequence + 1) | 0;
};

/** The same SYN again, before anybody has decided. */
const dialTwice: Action = (world, program) => {
  const peer = peerOf(world, program);
  for (let i = 0; i < 2; i++) say(world, peer, { flags: SYN });
};

/** The whole handshake, so that programs need not find it. */
const open: Action = (world, program) => {
  establish(world, program, peerOf(world, program));
};

/** A connection from its beginning to TIME-WAIT, or with both FINs on the way at once to CLOSING. */
const serve: Action = (world, program) => {
  const peer = peerOf(world, program);
  establish(world, program, peer);
  const one = world.applications.at(-1);
  if (one?.peer !== peer || one.closed > 0) return;
  one.connection.finish();
  one.finished = true;
  world.h.poll();
  world.settle();
  say(world, peer, { flags: FIN | ACK, ack: peer.stackNext - program.from([0, 0, 1]) });
  peer.next = (peer.next + 1) | 0;
};

/** Data that answers data, until ACKs wait for it. */
const converse: Action = (world, program) => {
  const one = applicationOf(world, program);
  if (one === undefined) return;
  for (let i = 0; i < 4; i++) {
    say(world, one.peer, { flags: ACK | PSH, length: 10 });
    one.peer.next = (one.peer.next + 10) | 0;
    world.read(one, 1);
    if (i === 3) return;
    writeTo(one, 10);
    world.h.poll();
    world.settle();
  }
};

function establish(world: World, program: Program, peer: Peer): void {
  const bits = program.below(4);
  peer.timestamps = (bits & 1) !== 0;
  peer.window = 1000;
  const stamps = peer.timestamps ? [1, 1, 8, 10, 0, 0, peer.clock >>> 8, peer.clock & 255, 0, 0, 0, 0] : [];
  const options = [2, 4, 5, 180, 1, 3, 3, 4, ...((bits & 2) === 0 ? [1, 1, 4, 2] : []), ...stamps];
  say(world, peer, { flags: SYN, options });
  peer.next = (peer.next + 1) | 0;
  while (world.h.requests.length > 0) world.accept();
  world.h.poll();
  world.settle();
  say(world, peer, { flags: ACK });
}

const text: Action = (world, program) => {
  const peer = peerOf(world, program);
  const length = program.from(LENGTHS);
  // In order, ahead of a gap, from before, across the edge.
  const shift = program.from([0, 0, 0, length, 3 * length, -length, -1, 70_000]);
  const extra = program.from([0, 0, 0, FIN, URG, FIN]);
  say(world, peer, { flags: ACK | PSH | extra, seq: peer.next + shift, length, urgentPointer: 50 });
  if (shift === 0) peer.next = (peer.next + length + (extra & FIN)) | 0;
};

const acknowledge: Action = (world, program) => {
  const peer = peerOf(world, program);
  const outstanding = (peer.stackNext - peer.acked) | 0;
  const share = program.from([1, 1, 0.5, 0, 0.3, 0, 0.9, 1.5, -100]);
  const ack = (peer.acked + Math.floor(outstanding * share)) | 0;
  if (share > 0 && share <= 1) peer.acked = ack;
  const from = program.below(9);
  const to = from + program.below(9 - from);
  const edges = [from, to].map((eighths) => ack + Math.floor((outstanding * eighths) / 8));
  const sack = program.from([[], [], edges, edges, [ack - 1000, ack], [edges[1], edges[0]]]);
  say(world, peer, { flags: ACK, ack, sack });
};

/** Three duplicates, as a sender's repair without SACK needs them. */
const duplicates: Action = (world, program) => {
  const peer = peerOf(world, program);
  for (let i = 0; i < 3; i++) say(world, peer, { flags: ACK, ack: peer.acked });
};

/** Losses that SACK shows; then they turn out to be none, or what was reported is dropped (RFC 2018 8). */
const lose: Action = (world, program) => {
  const one = applicationOf(world, program);
  if (one === undefined) return;
  const { peer } = one;
  writeTo(one, 10_000);
  world.h.poll();
  world.settle();
  const { acked, stackNext } = peer;
  say(world, peer, { flags: ACK, ack: acked, sack: [acked + 3000, stackNext] });
  world.h.advance(program.from([0, 5]));
  world.settle();
  const after = program.below(3);
  if (after === 0) return;
  if (after === 1) {
    say(world, peer, { flags: ACK, ack: acked, sack: [acked, stackNext] });
    world.h.advance(1000);
    return;
  }
  for (const [from, to] of [
    [0, 1500],
    [1500, 3000],
  ]) {
    say(world, peer, {
      flags: ACK,
      ack: acked + 3000,
      sack: [acked + from, acked + to, acked + 3000, stackNext],
    });
  }
};

const offer: Action = (world, program) => {
  const peer = peerOf(world, program);
  peer.window = program.from(WINDOWS);
  say(world, peer, { flags: ACK, ack: peer.acked });
};

const finish: Action = (world, program) => {
  const peer = peerOf(world, program);
  say(world, peer, { flags: FIN | ACK, ack: program.from([peer.stackNext, peer.acked]) });
  peer.next = (peer.next + 1) | 0;
};

const reset: Action = (world, program) => {
  const peer = peerOf(world, program);
  const flags = program.from([RST, RST | ACK]);
  say(world, peer, { flags, seq: peer.next + program.from([0, 0, 1, 9, -1, 90_000]) });
};

const wild: Action = (world, program) => {
  const peer = peerOf(world, program);
  const fields = {
    flags: program.below(64),
    seq: peer.next + program.from([0, 1, -1, 9, -3000, 70_000, 2 ** 30]),
    ack: peer.stackNext + program.from([0, 1, -1, 9, -3000, 70_000, -(2 ** 30)]),
    length: program.from([0, 0, 1, 100]),
    badChecksum: program.below(16) === 15,
  };
  say(world, peer, fields);
};

const oldStamp: Action = (world, program) => {
  const peer = peerOf(world, program);
  say(world, peer, { flags: ACK, timestamp: peer.clock - program.from([1, 100_000]), length: 10 });
};

const noStamp: Action = (world, program) => {
  const peer = peerOf(world, program);
  const { timestamps } = peer;
  peer.timestamps = false;
  say(world, peer, { flags: ACK, length: 10 });
  peer.timestamps = timestamps;
};

const segmented: Action = (world, program) => {
  const peer = peerOf(world, program);
  const offload = {
    needsChecksum: true,
    gsoType: program.from([peer.ip === 4 ? 1 : 4, 0x81, 3]),
    gsoSize: 1460,
  };
  world.segment(peer, peer.segment({ flags: ACK | PSH, length: 15_000 }, offload), peer.next);
  if (offload.gsoType !== 3) peer.next = (peer.next + 15_000) | 0;
};

/** What is likely goes in more than once. */
export const SEGMENT_ACTIONS: readonly Action[] = [
  dial,
  dialTwice,
  serve,
  converse,
  open,
  open,
  text,
  text,
  acknowledge,
  acknowledge,
  duplicates,
  lose,
  lose,
  offer,
  finish,
  finish,
  reset,
  wild,
  oldStamp,
  noStamp,
  segmented,
];
