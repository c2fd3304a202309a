/**
 * How an upgraded connection can end in the middle of an answer, on each transport.
 *
 * The kernel ends the connections of a server that is killed, by FIN or by RST
 * as it happens, wherever in a frame it was. Nothing of that is the end of a
 * stream: who took it for one would have half a file, and think it whole.
 */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChannelConnection } from '../../../../src/cluster/channels.ts';
import type {
  PodConnection,
  PodConnectionEvents,
  StreamOutcome,
} from '../../../../src/cluster/forward/transport.ts';
import { DEFAULT_LIMITS } from '../../../../src/cluster/index.ts';
import { SocketPipe } from '../../../../src/cluster/pipe/socket-pipe.ts';
import { WebSocketPipe } from '../../../../src/cluster/pipe/websocket-pipe.ts';
import { SpdyConnection } from '../../../../src/cluster/spdy/connection.ts';
import { FLAG_FIN, encodeDataHeader } from '../../../../src/cluster/spdy/frames.ts';

const NOTHING = Buffer.alloc(0);
const ERROR_STREAM = 1;
const DATA_STREAM = 3;
const BODY = 'half of the answer';
/** How much of a frame comes before the cut. */
const CUT_AT = 5;

interface Transport {
  readonly connect: (socket: net.Socket, events: PodConnectionEvents) => PodConnection;
  readonly body: Buffer;
  /** What ends a stream in order. */
  readonly end: Buffer;
}

const inMessage = (...parts: Uint8Array[]): Buffer => {
  const payload = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(0x82, payload.length), payload]);
};
const close = (status: number): Buffer => Buffer.of(0x88, 2, status >> 8, status & 0xff);
const spdyData = (streamId: number, body: string, fin: boolean): Buffer =>
  Buffer.concat([encodeDataHeader(streamId, fin ? FLAG_FIN : 0, body.length), Buffer.from(body)]);

const spdyEnd = [spdyData(DATA_STREAM, '', true), spdyData(ERROR_STREAM, '', true)];
const limits = DEFAULT_LIMITS;

const TRANSPORTS: Record<string, Transport> = {
  'SPDY in a WebSocket': {
    connect: (socket, events) =>
      new SpdyConnection((pipeEvents) => new WebSocketPipe(socket, NOTHING, pipeEvents), limits, events),
    body: inMessage(spdyData(DATA_STREAM, BODY, false)),
    end: Buffer.concat(spdyEnd.map((frame) => inMessage(frame))),
  },
  SPDY: {
    connect: (socket, events) =>
      new SpdyConnection((pipeEvents) => new SocketPipe(socket, NOTHING, pipeEvents), limits, events),
    body: spdyData(DATA_STREAM, BODY, false),
    end: Buffer.concat(spdyEnd),
  },
  'a WebSocket': {
    connect: (socket, events) =>
      new ChannelConnection(
        80,
        (pipeEvents) => new WebSocketPipe(socket, NOTHING, pipeEvents),
        limits,
        events,
      ),
    body: Buffer.concat([inMessage(Buffer.of(0, 80, 0)), inMessage(Buffer.of(0), Buffer.from(BODY))]),
    end: close(1000),
  },
};

let listener: net.Server;
let server: net.Socket;
let near: net.Socket;

beforeEach(async () => {
  listener = net.createServer({ allowHalfOpen: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  near = net.connect((listener.address() as AddressInfo).port, '127.0.0.1');
  [server] = (await accepted) as [net.Socket];
  server.on('error', () => {}); // whom it is writing to may be gone
  server.resume();
});

afterEach(() => {
  near.destroy();
  server.destroy();
  listener.close();
});

/** Says something to a stream that is being read, and tells what came of it. */
async function outcomeOf(
  transport: Transport,
  say: () => void,
): Promise<{ read: string; end: StreamOutcome }> {
  let read = '';
  const end = await new Promise<StreamOutcome>((resolve) => {
    const connection = transport.connect(near, { onEased: () => {}, onClosed: () => {} });
    connection.open(80, {
      onReply: () => {},
      onData: (chunk) => {
        read += Buffer.from(chunk).toString();
      },
      onClosed: resolve,
    });
    say();
  });
  return { read, end };
}

const cut = { read: BODY, end: { kind: 'lost', cause: expect.any(Error) } };

describe.each(Object.entries(TRANSPORTS))('%s', (_name, transport) => {
  const { body, end } = transport;

  test('a stream that has ended in order has', async () => {
    const outcome = await outcomeOf(transport, () => void server.end(Buffer.concat([body, end])));
    expect(outcome).toEqual({ read: BODY, end: { kind: 'ended' } });
  });

  test('a FIN between two frames is none of the stream', async () => {
    expect(await outcomeOf(transport, () => void server.end(body))).toEqual(cut);
  });

  test('nor is one in the middle of a frame', async () => {
    const more = body.subarray(0, CUT_AT);
    const { end: outcome } = await outcomeOf(transport, () => void server.end(Buffer.concat([body, more])));
    expect(outcome).toMatchObject({ kind: 'lost' });
  });

  test('nor one in the middle of what would have ended it', async () => {
    const most = end.subarray(0, -1);
    expect(await outcomeOf(transport, () => void server.end(Buffer.concat([body, most])))).toEqual(cut);
  });

  test('nor is a reset', async () => {
    const { end: outcome } = await outcomeOf(transport, () => {
      server.write(body, () => server.resetAndDestroy());
    });
    expect(outcome).toMatchObject({ kind: 'lost' });
  });
});

test('SPDY: the data stream’s FIN alone is not the end, since the reason may have been cut off', async () => {
  const { SPDY: transport } = TRANSPORTS;
  const said = Buffer.concat([transport.body, spdyEnd[0]]);
  expect(await outcomeOf(transport, () => void server.end(said))).toEqual(cut);
});

test.each([1000, 1001, 1011])(
  'SPDY in a WebSocket that is closed with %i: its streams have not ended',
  async (status) => {
    const { 'SPDY in a WebSocket': transport } = TRANSPORTS;
    const said = Buffer.concat([transport.body, close(status)]);
    expect(await outcomeOf(transport, () => void server.end(said))).toEqual(cut);
  },
);

test.each([1001, 1011])('a WebSocket that is closed with %i has not ended in order', async (status) => {
  const { 'a WebSocket': transport } = TRANSPORTS;
  const said = Buffer.concat([transport.body, close(status)]);
  expect(await outcomeOf(transport, () => void server.end(said))).toEqual(cut);
});
