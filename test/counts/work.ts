/**
 * What the command in the sandbox does: plain JavaScript, as `node --eval`
 * takes it. Each piece is done once before it counts, so that buffers have
 * their size and the code is compiled.
 */

/** Of the server, by what it does with a connection. */
export const PORTS = { sink: 7000, source: 7001, echo: 7002 } as const;

/** What one piece of each kind of work moves. */
export const AMOUNTS = {
  upBytes: 32 << 20,
  downBytes: 16 << 20,
  exchanges: 1000,
  pauses: 50,
  connections: 200,
} as const;

/** By the port of the mark that is set before and after it. */
export const KINDS = ['up', 'down', 'exchanges', 'pauses', 'connections'] as const;

export type Kind = (typeof KINDS)[number];

export const WORK = `
const net = require('node:net');
const { once } = require('node:events');
const [server, mark] = process.argv.slice(1);
const PORTS = ${JSON.stringify(PORTS)};
const AMOUNTS = ${JSON.stringify(AMOUNTS)};
const KINDS = ${JSON.stringify(KINDS)};
const MESSAGE = Buffer.alloc(64);

function open(port) {
  return net.connect({ host: server, port, noDelay: true, allowHalfOpen: true });
}

function exchange(socket, left, pauseMs = 0) {
  return new Promise((resolve, reject) => {
    let missing = MESSAGE.length;
    socket.on('error', reject).on('data', (chunk) => {
      missing -= chunk.length;
      if (missing > 0) return;
      missing = MESSAGE.length;
      if (--left === 0) socket.end();
      else if (pauseMs > 0) setTimeout(() => socket.write(MESSAGE), pauseMs);
      else socket.write(MESSAGE);
    });
    socket.on('close', resolve);
    socket.write(MESSAGE);
  });
}

const work = {
  async up() {
    const socket = open(PORTS.sink).resume();
    const chunk = Buffer.alloc(1 << 20);
    for (let left = AMOUNTS.upBytes; left > 0; left -= chunk.length)
      if (!socket.write(chunk)) await once(socket, 'drain');
    socket.end();
    await once(socket, 'close');
  },
  async down() {
    const socket = open(PORTS.source).resume();
    const head = Buffer.alloc(4);
    head.writeUInt32BE(AMOUNTS.downBytes);
    socket.end(head);
    await once(socket, 'close');
  },
  exchanges: () => exchange(open(PORTS.echo), AMOUNTS.exchanges),
  pauses: () => exchange(open(PORTS.echo), AMOUNTS.pauses, 2),
  async connections() {
    for (let i = 0; i < AMOUNTS.connections; i++) await exchange(open(PORTS.echo), 1);
  },
};

function setMark(port) {
  return new Promise((resolve) => net.connect(port, mark).on('error', resolve));
}

(async () => {
  for (const [i, kind] of KINDS.entries()) {
    await work[kind]();
    await setMark(i + 1);
    await work[kind]();
    await setMark(i + 1);
  }
})();
`;
