/**
 * What a program inside does, step by step, as its command line has it in JSON:
 * `[["tcp", "192.0.2.2", 7000], …]`. What came of a step is printed as JSON, with
 * the time that it took.
 */

import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import dnsPacket, { type DecodedPacket } from 'dns-packet';

const DNS_SERVER = '10.0.1.1';
/** Nothing heard for so long is silence. */
const UDP_SILENCE_MS = 2000;
const TCP_SILENCE_MS = 15_000;
/** Of what is longer than this the length is said. */
const LONG = 1000;
const FIRST_FLOODED_PORT = 10_000;

export type Step =
  /** Sends the text, ends its side, and reads to the end. */
  | readonly ['tcp', host: string, port: number, text?: string]
  /** Waits for one answer. A number is so many bytes. */
  | readonly ['udp', address: string, port: number, text?: string | number]
  /** Asks the sandbox's DNS server. */
  | readonly ['dns', name: string, type: string, transport?: 'udp' | 'tcp']
  /** As programs look names up: getaddrinfo. */
  | readonly ['lookup', name: string]
  /** So many connections at once, whose end is not waited for. */
  | readonly ['dial', address: string, connections: number]
  /** From each of so many sockets datagrams to so many ports. */
  | readonly ['flood', address: string, sockets: number, each: number];

export interface Done {
  readonly said: unknown;
  readonly ms: number;
}

function tcp(host: string, port: number, text = 'a'): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, allowHalfOpen: true }, () => socket.end(text));
    let said = '';
    socket
      .setTimeout(TCP_SILENCE_MS, () => {
        socket.destroy();
        resolve('silence');
      })
      .on('data', (data) => (said += data.toString('latin1')))
      .on('end', () => resolve(said.length > LONG ? said.length : said))
      .on('error', (error) => resolve(`${said}${'code' in error ? String(error.code) : error.message}`))
      .on('close', () => resolve('closed'));
  });
}

function udp(address: string, port: number, text: string | number = 'hello'): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const settle = (what: unknown): void => {
      clearTimeout(timer);
      socket.close();
      resolve(what);
    };
    const timer = setTimeout(() => settle('silence'), UDP_SILENCE_MS);
    socket.on('message', (message) => settle(message.length > LONG ? message.length : message.toString()));
    socket.on('error', (error) => settle('code' in error ? error.code : error.message));
    const payload = typeof text === 'number' ? Buffer.alloc(text) : Buffer.from(text);
    try {
      socket.connect(port, address, () =>
        socket.send(payload, (error) => {
          if (error !== null) settle('code' in error ? error.code : error.message);
        }),
      );
    } catch (error) {
      settle(error instanceof Error && 'code' in error ? error.code : error);
    }
  });
}

async function dns(name: string, type: string, transport: 'udp' | 'tcp' = 'udp'): Promise<unknown> {
  const query = dnsPacket.encode({
    type: 'query',
    id: 7,
    flags: dnsPacket.RECURSION_DESIRED,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- also types that dns-packet has as numbers alone
    questions: [{ name, type: type as 'A' }],
  });
  const answer = transport === 'udp' ? await overUdp(query) : await overTcp(query);
  const {
    rcode,
    flag_tc: truncated,
    answers = [],
  } = dnsPacket.decode(answer) as DecodedPacket & {
    rcode: string;
    flag_tc: boolean;
  };
  return {
    rcode,
    truncated,
    answers: answers.map((record) => `${record.type} ${dataText('data' in record ? record.data : '')}`),
  };
}

function dataText(data: unknown): string {
  const pieces: unknown[] = Array.isArray(data) ? data : [data];
  return pieces
    .map((piece) => (Buffer.isBuffer(piece) ? piece.toString('latin1') : JSON.stringify(piece)))
    .join(' ');
}

function overUdp(query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('message', (message) => {
      socket.close();
      resolve(message);
    });
    socket.once('error', reject);
    socket.send(query, 53, DNS_SERVER);
  });
}

function overTcp(query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    let received = Buffer.alloc(0);
    const socket = connect(53, DNS_SERVER, () => socket.write(Buffer.concat([length, query])));
    socket.on('error', reject).on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE()) return;
      socket.destroy();
      resolve(received.subarray(2));
    });
  });
}

async function namesAddresses(name: string): Promise<unknown> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

function dial(address: string, connections: number): Promise<unknown> {
  for (let i = 0; i < connections; i++)
    connect(80, address)
      .on('error', () => {})
      .unref();
  return Promise.resolve(connections);
}

/** The sockets stay open, as those of a program that means harm would. */
async function flood(address: string, sockets: number, each: number): Promise<unknown> {
  for (let i = 0; i < sockets; i++) {
    const socket = createSocket('udp4')
      .on('error', () => {})
      .unref();
    const sent = Array.from(
      { length: each },
      (_, n) =>
        new Promise<void>((resolve) => socket.send('x', FIRST_FLOODED_PORT + n, address, () => resolve())),
    );
    await Promise.all(sent);
  }
  return sockets * each;
}

function run(step: Step): Promise<unknown> {
  switch (step[0]) {
    case 'tcp':
      return tcp(step[1], step[2], step[3]);
    case 'udp':
      return udp(step[1], step[2], step[3]);
    case 'dns':
      return dns(step[1], step[2], step[3]);
    case 'lookup':
      return namesAddresses(step[1]);
    case 'dial':
      return dial(step[1], step[2]);
    case 'flood':
      return flood(step[1], step[2], step[3]);
  }
}

const steps: readonly Step[] = JSON.parse(process.argv[2]);
for (const step of steps) {
  const startedAt = performance.now();
  const said = await run(step);
  const done: Done = { said, ms: Math.round(performance.now() - startedAt) };
  process.stdout.write(`${JSON.stringify(done)}\n`);
}
// Connections that are still dialled would be waited for.
process.exit();
