/** Packets beside TCP: errors, datagrams, pings, fragments, and what no transport is to see. */
import {
  GUEST6,
  icmpFrame,
  icmpv6Frame,
  ipv4Frame,
  ipv6Frame,
  SERVICE,
  SERVICE6,
  stream,
  udpFrame,
  withEthernet,
} from '../harness/packets.ts';
import { type Action, peerOf } from './actions-common.ts';
import type { Program } from './program.ts';
import type { World } from './world.ts';

const ENDS6 = { source: GUEST6, destination: SERVICE6 };

const icmpError: Action = (world, program) => {
  const peer = peerOf(world, program);
  if (peer.heard === null) return;
  const quote = peer.heard.slice(0, peer.ip === 4 ? 28 : 48);
  if (program.below(4) === 3) quote[program.below(quote.length)] ^= 1 + program.below(255);
  const mtu = program.from([1400, 1300, 600, 0]);
  const [type, code] = peer.ip === 4 ? program.from(ERRORS4) : program.from(ERRORS6);
  world.receive((peer.ip === 4 ? icmpFrame : icmpv6Frame)(type, code, mtu, quote));
};

const ERRORS4 = [
  [3, 4],
  [3, 4],
  [3, 0],
  [3, 3],
  [11, 0],
  [12, 0],
  [4, 0],
  [5, 0],
];
const ERRORS6 = [
  [2, 0],
  [2, 0],
  [1, 0],
  [1, 4],
  [3, 0],
  [4, 1],
  [137, 0],
];

const datagram: Action = (world, program) => {
  const ends = program.from([{}, ENDS6]);
  const ports = { sourcePort: 9, destinationPort: program.from([7, 7, 53]) };
  const payload = stream(0, program.from([0, 10, 1400]));
  const offload = program.from([
    {},
    {},
    { needsChecksum: true, gsoType: 5, gsoSize: program.from([1, 400, 0]) },
  ]);
  const checksum = program.from([{}, {}, {}, { checksum: 0 }, { checksum: 1 }]);
  world.receive(udpFrame(payload, { ...ends, ...ports, ...checksum }, offload));
};

const datagramError: Action = (world, program) => {
  const { h } = world;
  h.stack.sendUdp(
    { address: '10.0.1.5', port: 7 },
    { address: '10.0.1.2', port: 9 },
    stream(0, program.from([10, 1400, 65_508])),
  );
  const packet = h.device.frames.at(-1)?.slice(h.framing === 'ethernet' ? 24 : 10, 128);
  if (packet !== undefined) world.receive(icmpFrame(3, program.from([3, 4]), 1000, packet));
};

const ping: Action = (world, program) => {
  const answer = program.below(3);
  if (answer === 0) world.h.stack.onEcho = null;
  else world.h.stack.onEcho = (request) => (answer === 1 ? request.reply() : request.unreachable('host'));
  world.receive(program.from([icmpFrame(8, 0, 5, stream(0, 30)), icmpv6Frame(128, 0, 5, stream(0, 30))]));
  const packet = world.h.device.frames.at(-1)?.slice(world.h.framing === 'ethernet' ? 24 : 10, 128);
  if (packet?.[0] === 0x45 && packet[9] === 1) world.receive(icmpFrame(3, 1, 0, packet));
};

/** Of a datagram of 300 bytes: its three parts; one that overlaps them; one past what a datagram may be. */
const PARTS = [
  [0, 104],
  [104, 200],
  [200, 300],
  [96, 200],
  [65_528, 65_600],
] as const;
const ORDERS = [[0], [1], [2], [3], [4], [0, 1, 2], [2, 1, 0], [1, 3], [0, 0], [2, 3, 0]] as const;

const fragments: Action = (world, program) => {
  const version = program.from([4, 6] as const);
  const identification = program.below(3);
  // UDP, or a message of ICMP, about which no error may be sent.
  const protocol = program.from([17, 17, 17, version === 4 ? 1 : 58]);
  const whole = udpFrame(stream(0, 292), version === 6 ? ENDS6 : {}).subarray(version === 6 ? 50 : 30);
  const cut = program.below(16) === 15 ? 1 : 0;
  for (const part of program.from(ORDERS)) {
    const [start, end] = PARTS[part];
    const payload = part === 4 ? new Uint8Array(end - start) : whole.slice(start, end - cut);
    const more = part !== 2 && part !== 4;
    world.receive(
      version === 4
        ? ipv4Frame({ protocol, identification, fragment: (more ? 0x2000 : 0) | (start / 8), payload })
        : ipv6Frame({
            protocol: 44,
            options: fragmentHeader(protocol, start, more, identification),
            payload,
          }),
    );
  }
};

function fragmentHeader(next: number, start: number, more: boolean, identification: number): Uint8Array {
  return Uint8Array.of(next, 0, start >>> 8, (start & 0xf8) | (more ? 1 : 0), 0, 0, 0, identification);
}

/** Packets that no transport is to see. */
const nonsense: Action = (world, program) => {
  const { h } = world;
  const payload = stream(0, 64);
  switch (program.below(10)) {
    case 0:
      return h.receiveFrame(payload.slice(0, program.below(12)));
    case 1:
      return world.receive(ipv4Frame({ protocol: program.from([99, 58]), payload }));
    case 2:
      return world.receive(ipv4Frame({ protocol: 17, source: '127.0.0.1', payload }));
    case 3:
      return world.receive(
        ipv4Frame({
          protocol: 6,
          destination: program.from(['224.0.0.1', SERVICE]),
          payload: payload.slice(0, 12),
        }),
      );
    case 4:
      return world.receive(ipv6Frame({ protocol: program.from([99, 59, 1]), payload }));
    case 5:
      // Options that must not be skipped; headers one after another; a routing header with segments left.
      return world.receive(
        ipv6Frame({
          protocol: program.from([0, 60, 43]),
          options: Uint8Array.of(program.from([60, 17]), 0, 0x80, 2, 0, 0, 1, 0, 60, 0, 1, 4, 0, 0, 0, 0),
          payload,
        }),
      );
    case 6:
      return spoilt(world, ipv4Frame({ protocol: 17, payload }), program);
    case 7:
      return spoilt(world, udpFrame(payload), program);
    case 8:
      return spoilt(
        world,
        icmpFrame(program.from([8, 3]), 0, 1, payload.slice(0, program.from([0, 10, 64]))),
        program,
      );
    default:
      return wrongFraming(world, program);
  }
};

/** Of another type or from a group; without Ethernet, no IP at all. */
function wrongFraming({ h }: World, program: Program): void {
  const frame = udpFrame(stream(0, 20));
  if (h.framing === 'ip') {
    frame[10] = program.from([0x90, 0x45, 0x00]);
    return h.receiveFrame(frame);
  }
  const framed = withEthernet(frame, program.from([0x0806, 0x86dd, 0x0800]));
  framed[16] |= 1;
  h.receiveFrame(framed);
}

function spoilt(world: World, frame: Uint8Array, program: Program): void {
  // Anywhere in the IP and transport headers.
  frame[10 + program.below(36)] ^= 1 << program.below(8);
  world.receive(program.below(4) === 3 ? frame.slice(0, 10 + program.below(40)) : frame);
}

export const PACKET_ACTIONS: readonly Action[] = [
  icmpError,
  datagram,
  datagramError,
  ping,
  fragments,
  fragments,
  nonsense,
  nonsense,
];
