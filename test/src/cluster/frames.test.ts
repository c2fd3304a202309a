/** Both framings: whatever the boundaries of the chunks, and against another implementation. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  FrameReader as WebSocketReader,
  OPCODE,
  WEBSOCKET_FRAMING,
} from '../../../src/cluster/pipe/websocket-frames.ts';
import { WebSocketPipe, webSocketHandshake } from '../../../src/cluster/pipe/websocket-pipe.ts';
import {
  CONTROL,
  FrameReader,
  encodeDataHeader,
  encodePing,
  encodeRstStream,
  encodeSynStream,
} from '../../../src/cluster/spdy/frames.ts';
import { HeaderBlockEncoder } from '../../../src/cluster/spdy/header-block.ts';

/** The frame alone, wherever in a buffer it was put. */
function encodeFrame(opcode: number, head: Uint8Array, payload?: Uint8Array, at = 0): Uint8Array {
  const length = head.length + (payload?.length ?? 0);
  const target = new Uint8Array(at + length + WEBSOCKET_FRAMING.overhead + 8);
  const end = WEBSOCKET_FRAMING.put(target, at, opcode, head, payload);
  expect(
    [target.subarray(0, at), target.subarray(end)].every((rest) => rest.every((byte) => byte === 0)),
  ).toBe(true);
  return target.subarray(at, end);
}

/** Bytes in chunks of the given sizes, the last of them as long as it has to be. */
function chop(bytes: Uint8Array, sizes: number[]): Uint8Array[] {
  const chunks = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  chunks.push(bytes.subarray(Math.min(at, bytes.length)));
  return chunks;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function readingSpdy(wire: string): () => void {
  return () => new FrameReader({ onData: () => {}, onControl: () => {} }).feed(Buffer.from(wire, 'hex'));
}

/** Masking (RFC 6455, section 5.3) to the letter. */
function unmask(frame: Uint8Array, headerLength: number): Uint8Array {
  const key = frame.subarray(headerLength - 4, headerLength);
  return frame.subarray(headerLength).map((byte, i) => byte ^ key[i % 4]);
}

const sizes = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 });
const streamId = fc.integer({ min: 1, max: 0x7fffffff });

describe('SPDY', () => {
  test('frames are read whatever the chunks', () => {
    const dataFrame = fc.record({ streamId, payload: fc.uint8Array({ maxLength: 60 }), fin: fc.boolean() });
    const controlFrame = fc.record({ streamId, status: fc.integer({ min: 0, max: 0xffffffff }) });
    fc.assert(
      fc.property(fc.array(fc.oneof(dataFrame, controlFrame), { maxLength: 10 }), sizes, (frames, sizes) => {
        const wire = frames.flatMap((frame) =>
          'payload' in frame
            ? [encodeDataHeader(frame.streamId, frame.fin ? 1 : 0, frame.payload.length), frame.payload]
            : [encodeRstStream(frame.streamId, frame.status)],
        );
        const read: string[] = [];
        let data = '';
        const reader = new FrameReader({
          onData: (streamId, piece, fin) => {
            data += Buffer.from(piece).toString('hex');
            if (fin) data += '.';
            read.push(`${streamId}`);
          },
          onControl: (type, _flags, first, second) => read.push(`${type} ${first} ${second}`),
        });
        for (const chunk of chop(Buffer.concat(wire), sizes)) reader.feed(chunk);
        const wanted = frames.map((frame) =>
          'payload' in frame ? `${frame.streamId}` : `${CONTROL.rstStream} ${frame.streamId} ${frame.status}`,
        );
        expect(read.filter((entry, i) => entry !== read[i - 1])).toEqual(
          wanted.filter((entry, i) => entry !== wanted[i - 1]),
        );
        expect(data).toBe(
          frames
            .map((frame) =>
              'payload' in frame ? Buffer.from(frame.payload).toString('hex') + (frame.fin ? '.' : '') : '',
            )
            .join(''),
        );
      }),
    );
  });

  test('frames are the bytes of the specification', () => {
    expect(hex(encodePing(1))).toBe('800300060000000400000001');
    expect(hex(encodeRstStream(5, 5))).toBe('80030003000000080000000500000005');
    expect(hex(encodeDataHeader(3, 1, 0x010203))).toBe('0000000301010203');
    expect(hex(encodeSynStream(1, Uint8Array.of(0xaa)))).toBe('800300010000000b00000001000000000000aa');
  });

  test('only the first header block names the dictionary, and each ends with a sync flush', () => {
    const encoder = new HeaderBlockEncoder();
    const [first, second] = [encoder.encode([['port', '80']]), encoder.encode([['port', '80']])];
    expect(hex(first.subarray(0, 6))).toBe('78bbe3c6a7c2');
    expect(first.subarray(6)).toEqual(second);
    expect(hex(second)).toBe(
      ['001200edff', '00000001', '00000004706f7274', '000000023830', '000000ffff'].join(''),
    );
  });

  test('what is not SPDY is not read', () => {
    expect(readingSpdy('8002000600000004')).toThrow('not a SPDY/3 frame');
    expect(readingSpdy('0000000000000004')).toThrow('without a stream');
  });
});

describe('WebSocket', () => {
  test.each([
    [0, 6],
    [125, 6],
    [126, 8],
    [65_535, 8],
    [65_536, 14],
  ])('a payload of %i bytes is masked and has a header of %i', (length, headerLength) => {
    const payload = new Uint8Array(length).map((_, i) => i % 251);
    for (let at = 0; at < 4; at++) {
      const frame = encodeFrame(OPCODE.binary, payload.subarray(0, 3), payload.subarray(3), at);
      expect(frame.length).toBe(headerLength + length);
      expect(frame[0]).toBe(0x82);
      expect(unmask(frame, headerLength)).toEqual(payload);
    }
  });

  test('no key is used twice in a row', () => {
    const keys = Array.from({ length: 100 }, () =>
      Buffer.from(encodeFrame(OPCODE.ping, new Uint8Array(0)).subarray(2, 6)).toString('hex'),
    );
    expect(new Set(keys).size).toBe(100);
  });

  test('frames of the server are read whatever the chunks', () => {
    const frame = fc.record({ payload: fc.uint8Array({ maxLength: 300 }), ping: fc.boolean() });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), sizes, (frames, sizes) => {
        const wire = frames.map(({ payload, ping }) => {
          const body = ping ? payload.subarray(0, 125) : payload;
          const opcode = ping ? 0x89 : 0x82;
          const length = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 255];
          return Buffer.concat([Buffer.from([opcode, ...length]), body]);
        });
        let messages = '';
        let pings = '';
        const reader = new WebSocketReader({
          onPiece: (_opcode, piece, starts) => {
            messages += (starts ? '|' : '') + Buffer.from(piece).toString('hex');
          },
          onControl: (_opcode, payload) => {
            pings += `|${Buffer.from(payload).toString('hex')}`;
          },
        });
        for (const chunk of chop(Buffer.concat(wire), sizes)) reader.feed(chunk);
        const wanted = (ping: boolean): string =>
          frames
            .filter((frame) => frame.ping === ping)
            .map(
              ({ payload }) => `|${Buffer.from(ping ? payload.subarray(0, 125) : payload).toString('hex')}`,
            )
            .join('');
        expect([messages, pings]).toEqual([wanted(false), wanted(true)]);
      }),
    );
  });

  test.each([
    ['a masked frame', [0x82, 0x81, 0, 0, 0, 0, 0]],
    ['reserved bits', [0xc2, 0x00]],
    ['a fragmented ping', [0x09, 0x00]],
    ['an unknown opcode', [0x83, 0x00]],
  ])('%s is an error', (_case, bytes) => {
    const reader = new WebSocketReader({ onPiece: () => {}, onControl: () => {} });
    expect(() => reader.feed(Uint8Array.from(bytes))).toThrow(/WebSocket/);
  });

  test('a pipe speaks with another implementation: echo, ping, and an orderly close', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const handshake = webSocketHandshake('v4.channel.k8s.io');
    const { port } = server.address() as AddressInfo;
    const request = http.get({ host: '127.0.0.1', port, headers: handshake.headers });
    const accepted = once(server, 'connection') as Promise<[WebSocket]>;
    const [response, socket, head] = (await once(request, 'upgrade')) as [
      http.IncomingMessage,
      import('node:net').Socket,
      Buffer,
    ];
    expect(handshake.accepted(response.headers)).toBe(true);
    expect(handshake.accepted({ ...response.headers, 'sec-websocket-accept': 'x' })).toBe(false);

    let received = '';
    let onReceived: (() => void) | undefined;
    const closed = new Promise<Error | undefined>((resolve) => {
      const pipe = new WebSocketPipe(socket, head, {
        onData: (chunk) => {
          received += Buffer.from(chunk).toString('latin1');
          onReceived?.();
        },
        onClosed: resolve,
      });
      pipe.write(Buffer.from('head '), Buffer.alloc(70_000, 'x'), undefined);
      pipe.write(Buffer.from('tail'), undefined, undefined);
    });
    const [peer] = await accepted;
    peer.on('message', (message: Buffer) => peer.send(message));
    await new Promise<void>((resolve) => {
      onReceived = () => {
        if (received.length === 5 + 70_000 + 4) resolve();
      };
      onReceived();
    });
    expect(received).toBe(`head ${'x'.repeat(70_000)}tail`);

    peer.ping('are you there');
    const [answer] = (await once(peer, 'pong')) as [Buffer];
    expect(answer.toString()).toBe('are you there');
    peer.close(1000);
    const [code] = (await once(peer, 'close')) as [number];
    expect(code).toBe(1000);
    expect(await closed).toBeUndefined();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
});
