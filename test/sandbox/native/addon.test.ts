/** The addon's functions one by one, on real sockets, processes and pipes. */

import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants as osConstants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Addon,
  type DatagramsHandle,
  type DeviceHandle,
  loadNative,
} from '../../../sandbox/native/addon.ts';
import { buildNative } from '../../../sandbox/native/build.ts';
import { NATIVE } from '../support/host.ts';

let api: Addon;
let scratch: string;
beforeAll(async () => {
  await buildNative(NATIVE);
  ({ api } = await loadNative());
  scratch = mkdtempSync(join(tmpdir(), 'kns-addon-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const openFiles = () => readdirSync('/proc/self/fd').length;
const text = (string: string) => new TextEncoder().encode(string);

/** FD_CLOEXEC shows as 02000000 in fdinfo (proc(5)). */
const isCloseOnExec = (fd: number) =>
  /^flags:\s+0*[2-7]\d{6}$/m.test(
    execFileSync('cat', [`/proc/${process.pid}/fdinfo/${fd}`], { encoding: 'utf8' }),
  );

describe('what it asks of the system', () => {
  test('no symbol of a newer C library than 2.17, on x64', () => {
    const symbols = execFileSync('readelf', ['--dyn-syms', '--wide', join(NATIVE, 'addon.node')], {
      encoding: 'utf8',
    });
    const minors = [...symbols.matchAll(/@GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    expect(minors.length).toBeGreaterThan(0);
    if (process.arch === 'x64') expect(Math.max(...minors)).toBeLessThanOrEqual(17);
  });

  test.each(['kns-netns', 'kns-stub'])('%s needs no shared library', (name) => {
    const header = execFileSync('readelf', ['--program-headers', join(NATIVE, name)], { encoding: 'utf8' });
    expect(header).not.toContain('INTERP');
  });
});

describe('messages', () => {
  test('keep their borders, on sockets that are close-on-exec', () => {
    const [ours, theirs] = api.socketPair();
    expect(api.sendMessage(ours, text('one'))).toBe(true);
    expect(api.sendMessage(ours, text('two'))).toBe(true);
    expect([ours, theirs].map(isCloseOnExec)).toEqual([true, true]);
    for (const sent of ['one', 'two'])
      expect(Buffer.from(api.receiveMessage(theirs)?.bytes ?? []).toString()).toBe(sent);
    expect(api.receiveMessage(theirs)).toBeNull();
    for (const fd of [ours, theirs]) closeSync(fd);
  });

  test('end with no bytes when the peer is gone, and sending then fails', () => {
    const [ours, theirs] = api.socketPair();
    closeSync(theirs);
    expect(api.receiveMessage(ours)).toEqual({ bytes: new Uint8Array(), fds: [] });
    expect(() => api.sendMessage(ours, text('x'))).toThrow(
      expect.objectContaining({ code: 'EPIPE', syscall: 'send' }),
    );
    closeSync(ours);
  });

  test('a peer that closed with a message unread is gone as well', () => {
    const [ours, theirs] = api.socketPair();
    api.sendMessage(ours, text('unread'));
    closeSync(theirs);
    expect(api.receiveMessage(ours)?.bytes).toHaveLength(0);
    closeSync(ours);
  });

  test('say so when the buffer is full', () => {
    const [ours, theirs] = api.socketPair();
    let sent = 0;
    while (api.sendMessage(ours, new Uint8Array(4096))) sent++;
    expect(sent).toBeGreaterThan(0);
    for (let left = sent; left > 0; left--) expect(api.receiveMessage(theirs)?.bytes).toHaveLength(4096);
    expect(api.sendMessage(ours, text('again'))).toBe(true);
    closeSync(ours);
    closeSync(theirs);
  });

  test('beyond the bounds are refused', () => {
    const [ours, theirs] = api.socketPair();
    expect(() => api.sendMessage(ours, new Uint8Array(4097))).toThrow(
      expect.objectContaining({ code: 'EMSGSIZE' }),
    );
    closeSync(ours);
    closeSync(theirs);
  });

  test('arguments of the wrong kind throw a TypeError', () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a caller without types may pass
    expect(() => api.receiveMessage('0' as unknown as number)).toThrow(TypeError);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
    expect(() => api.sendMessage(0, 'text' as unknown as Uint8Array)).toThrow(TypeError);
  });
});

describe('watches', () => {
  test('call back when the fd is readable, until they are closed', async () => {
    const [ours, theirs] = api.socketPair();
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      const watch = api.watchReadable(ours, () => {
        seen.push(Buffer.from(api.receiveMessage(ours)?.bytes ?? []).toString());
        if (seen.length === 2) {
          api.closeWatch(watch);
          api.closeWatch(watch);
          resolve();
        }
      });
      api.sendMessage(theirs, text('one'));
      api.sendMessage(theirs, text('two'));
    });
    expect(seen).toEqual(['one', 'two']);
    closeSync(ours);
    closeSync(theirs);
  });

  test('what a callback throws is an uncaught exception, and an open watch dies with its worker', () => {
    const script = `
      const api = require(${JSON.stringify(join(NATIVE, 'addon.node'))});
      const { Worker, isMainThread } = require('node:worker_threads');
      const [ours, theirs] = api.socketPair();
      if (isMainThread) {
        const worker = new Worker(__filename);
        worker.on('message', () => worker.terminate());
        worker.on('exit', () => {
          process.on('uncaughtException', (error) => { console.log('caught', error.message); process.exit(0); });
          api.watchReadable(ours, () => { throw new Error('from the callback'); });
          api.sendMessage(theirs, new Uint8Array(1));
        });
      } else {
        api.watchReadable(ours, () => {});
        require('node:worker_threads').parentPort.postMessage('watching');
      }`;
    const file = join(scratch, 'worker.cjs');
    writeFileSync(file, script);
    expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('caught from the callback\n');
  });
});

const nothing = () => {};

function open(fd: number, arena: Uint8Array, lengths: Int32Array): DeviceHandle {
  return api.openDevice(fd, arena, 64, new Int32Array(lengths.length), lengths, nothing, nothing, nothing);
}

describe('device handles, on sockets that keep the borders of what is written as a tun does', () => {
  test('gather a frame from its pieces', () => {
    const [ours, theirs] = api.socketPair();
    const device = open(ours, new Uint8Array(64), new Int32Array(1));
    const [head, offsets, lengths] = [new Uint8Array(16), new Int32Array(16), new Int32Array(16)];
    api.bindFrame(device, head, offsets, lengths);
    head.set(text('head'));
    offsets.set([1, 0]);
    lengths.set([3, 2]);
    expect(api.writeFrame(device, 4, [text('.abc.'), text('de.')], 2)).toBe(0);
    expect(Buffer.from(api.receiveMessage(theirs)?.bytes ?? []).toString()).toBe('headabcde');
    expect(api.writeFrame(device, 2, [], 0)).toBe(0);
    expect(Buffer.from(api.receiveMessage(theirs)?.bytes ?? []).toString()).toBe('he');
    api.closeDevice(device, false);
    closeSync(theirs);
  });

  test('refuse pieces that lie outside their buffers', () => {
    const [ours, theirs] = api.socketPair();
    const device = open(ours, new Uint8Array(64), new Int32Array(1));
    const [offsets, lengths] = [new Int32Array(16), new Int32Array(16)];
    expect(() => api.writeFrame(device, 1, [], 0)).toThrow(RangeError);
    api.bindFrame(device, new Uint8Array(16), offsets, lengths);
    expect(() => api.writeFrame(device, 17, [], 0)).toThrow(RangeError);
    expect(() => api.writeFrame(device, 1, [], 17)).toThrow(RangeError);
    for (const [offset, length] of [
      [0, 4],
      [3, 1],
      [-1, 1],
      [1, -1],
      [2_147_483_647, 2_147_483_647],
    ] as const) {
      offsets[0] = offset;
      lengths[0] = length;
      expect(() => api.writeFrame(device, 1, [new Uint8Array(3)], 1)).toThrow(RangeError);
    }
    expect(() => api.bindFrame(device, new Uint8Array(16), new Int32Array(15), lengths)).toThrow(RangeError);
    expect(api.receiveMessage(theirs)).toBeNull();
    api.closeDevice(device, false);
    closeSync(theirs);
  });

  test('refuse an arena that is smaller than its slots', () => {
    expect(() => open(0, new Uint8Array(127), new Int32Array(2))).toThrow(RangeError);
  });

  test('close the fd, once, and refuse all use afterwards', () => {
    const before = openFiles();
    const [ours, theirs] = api.socketPair();
    const device = open(ours, new Uint8Array(64), new Int32Array(1));
    api.closeDevice(device, false);
    api.closeDevice(device, false);
    expect(() => api.startDevice(device)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    closeSync(theirs);
    expect(openFiles()).toBe(before);
  });
});

describe('datagram sockets', () => {
  const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
  const [UDP, WORDS] = [0, 10];
  /** Of a kilobyte: more than a usual buffer has, and what twice rmem_max holds where it is small. */
  const BURST = 150;

  /** A socket, and a promise for when something is there. */
  function openUdp(): { socket: DatagramsHandle; readable: () => Promise<void> } {
    let wake = nothing;
    return {
      socket: api.openDatagrams(4, UDP, () => wake()),
      readable: () => new Promise((resolve) => (wake = resolve)),
    };
  }

  test('take what has come by batches, with who has sent it', async () => {
    const { socket, readable } = openUdp();
    const peer = createSocket('udp4').bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const asked = once(peer, 'message');
    expect(api.sendDatagram(socket, LOOPBACK, peer.address().port, text('question'))).toBe(0);
    const [question, { port }] = (await asked) as [Buffer, { port: number }];
    expect(question.toString()).toBe('question');
    const [arena, records] = [new Uint8Array(2 * 64), new Int32Array(2 * WORDS)];
    expect(api.receiveDatagrams(socket, arena, 64, records)).toBe(0);
    const some = readable();
    peer.send('answer', port, '127.0.0.1');
    await some;
    expect(api.receiveDatagrams(socket, arena, 64, records)).toBe(1);
    expect([...records.subarray(0, 6)]).toEqual([6, peer.address().port, 0x7f000001, 0, 0, 0]);
    expect(Buffer.from(arena.subarray(0, 6)).toString()).toBe('answer');
    peer.close();
    api.closeDatagrams(socket);
  });

  test('hold a burst that nobody reads meanwhile', async () => {
    const { socket, readable } = openUdp();
    const peer = createSocket('udp4').bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const asked = once(peer, 'message');
    api.sendDatagram(socket, LOOPBACK, peer.address().port, text('question'));
    const [, { port }] = (await asked) as [Buffer, { port: number }];
    const some = readable();
    for (let i = 0; i < BURST; i++) peer.send(new Uint8Array(1000), port, '127.0.0.1');
    await some;
    const [arena, records] = [new Uint8Array(1000), new Int32Array(WORDS)];
    let held = 0;
    while (api.receiveDatagrams(socket, arena, 1000, records) > 0) held++;
    expect(held).toBe(BURST);
    peer.close();
    api.closeDatagrams(socket);
  });

  test('tell whose port is closed, and go on', async () => {
    const { socket, readable } = openUdp();
    const closed = createSocket('udp4').bind(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address();
    closed.close();
    const failed = readable();
    api.sendDatagram(socket, LOOPBACK, port, text('x'));
    await failed;
    const record = new Int32Array(WORDS);
    const slot = new Uint8Array(64);
    expect(api.receiveError(socket, slot, record)).toBe(true);
    const [DESTINATION_UNREACHABLE, PORT] = [3, 3];
    expect([...record.subarray(0, 9)]).toEqual([
      1,
      port,
      0x7f000001,
      0,
      0,
      0,
      osConstants.errno.ECONNREFUSED,
      DESTINATION_UNREACHABLE,
      PORT,
    ]);
    expect(api.receiveError(socket, slot, record)).toBe(false);
    const again = readable();
    expect(api.sendDatagram(socket, LOOPBACK, port, text('y'))).toBe(0);
    await again;
    api.closeDatagrams(socket);
  });

  test('refuse what would lie outside of the arena, an address of the other version, and use once closed', () => {
    const before = openFiles();
    const { socket } = openUdp();
    const receive = (bytes: number, slot: number, words: number) => () =>
      api.receiveDatagrams(socket, new Uint8Array(bytes), slot, new Int32Array(words));
    expect(receive(127, 64, 2 * WORDS)).toThrow(RangeError);
    expect(receive(64, 0, WORDS)).toThrow(RangeError);
    expect(receive(64, 64, WORDS - 1)).toThrow(RangeError);
    expect(() => api.receiveError(socket, new Uint8Array(1), new Int32Array(WORDS - 1))).toThrow(RangeError);
    expect(() => api.sendDatagram(socket, new Uint8Array(16), 1, text('x'))).toThrow(RangeError);
    api.closeDatagrams(socket);
    api.closeDatagrams(socket);
    expect(receive(64, 64, WORDS)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(openFiles()).toBe(before);
  });
});

describe('signals to a process', () => {
  test('by pidfd, and false once it is gone', async () => {
    // kns-stub hands over a pidfd of its own; here one is had by opening /proc/PID, which the call takes as well.
    const child = spawn('sleep', ['1000']);
    const pidfd = openSync(`/proc/${child.pid}`, constants.O_DIRECTORY);
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    expect(api.pidfdSendSignal(pidfd, osConstants.signals.SIGTERM)).toBe(true);
    expect(await ended).toBe('SIGTERM');
    expect(api.pidfdSendSignal(pidfd, 0)).toBe(false);
    closeSync(pidfd);
  });
});

describe('signals to this process', () => {
  test('tell who sent them, and the dispositions found come back', async () => {
    const before = openFiles();
    const pipe = api.takeSignals([osConstants.signals.SIGUSR2]);
    expect(() => api.takeSignals([])).toThrow('once a process');
    const record = await new Promise<Int32Array>((resolve) => {
      const watch = api.watchReadable(pipe, () => {
        const bytes = new Uint8Array(12);
        readSync(pipe, bytes);
        api.closeWatch(watch);
        resolve(new Int32Array(bytes.buffer));
      });
      process.kill(process.pid, 'SIGUSR2');
    });
    api.giveBackSignals();
    const SI_USER = 0;
    expect([...record]).toEqual([osConstants.signals.SIGUSR2, SI_USER, process.pid]);
    expect(() => api.takeSignals([osConstants.signals.SIGKILL])).toThrow('sigaction');
    expect(openFiles()).toBe(before);
  });

  test('a Ctrl-C of the terminal is told from a kill', async () => {
    const file = join(scratch, 'terminal.cjs');
    writeFileSync(
      file,
      `const api = require(${JSON.stringify(join(NATIVE, 'addon.node'))});
      const pipe = api.takeSignals([2]);
      const watch = api.watchReadable(pipe, () => {
        const record = Buffer.alloc(12);
        require('node:fs').readSync(pipe, record);
        console.log('got ' + new Int32Array(record.buffer, record.byteOffset, 3).join(' '));
        api.closeWatch(watch);
      });
      console.log('ready');`,
    );
    // script(1) runs it on a terminal of its own, and types what it is given.
    const terminal = spawn('script', ['-qec', `${process.execPath} ${file}`, '/dev/null']);
    let output = '';
    terminal.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (chunk.includes('ready')) terminal.stdin.write('\u0003');
    });
    await new Promise((resolve) => terminal.once('close', resolve));
    const SI_KERNEL = 128;
    expect(output).toContain(`got 2 ${SI_KERNEL} 0`);
  });
});
