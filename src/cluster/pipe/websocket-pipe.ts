/**
 * A pipe of binary WebSocket messages on an upgraded socket, from the client's side.
 *
 * A server that ends the pipe in order says so by a Close frame. A connection
 * that ends without one was cut (RFC 6455, section 7.1.5: "1006"), even where TCP
 * and TLS have ended in order: the kernel closes the sockets of a server that was
 * killed, and no byte of what it had still to say will come.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { oneLine } from '../errors.ts';
import type { BytePipe, BytePipeEvents } from './pipe.ts';
import { SocketPipe } from './socket-pipe.ts';
import { FrameReader, OPCODE, WEBSOCKET_FRAMING } from './websocket-frames.ts';

/** RFC 6455, section 1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const CLOSE_NORMAL = 1000;
/** No status in the Close frame (RFC 6455, section 7.1.5); golang.org/x/net/websocket sends none. */
const CLOSE_NO_STATUS = 1005;
const NOTHING = new Uint8Array(0);

export interface WebSocketHandshake {
  readonly headers: Record<string, string>;
  /** Whether the server's answer takes up this handshake and this protocol. */
  accepted(answer: Record<string, string | string[] | undefined>): boolean;
}

export function webSocketHandshake(protocol: string): WebSocketHandshake {
  const key = randomBytes(16).toString('base64');
  const expected = createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
  return {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Protocol': protocol,
    },
    accepted: (answer) =>
      answer['sec-websocket-accept'] === expected && answer['sec-websocket-protocol'] === protocol,
  };
}

export class WebSocketPipe implements BytePipe {
  readonly #pipe: SocketPipe;
  readonly #events: BytePipeEvents;
  readonly #reader: FrameReader;
  #closeSent = false;
  #closeCause: Error | undefined;

  constructor(socket: Duplex, early: Uint8Array, events: BytePipeEvents) {
    this.#events = events;
    this.#reader = new FrameReader({
      onPiece: (opcode, piece, startsMessage) => this.#onPiece(opcode, piece, startsMessage),
      onControl: (opcode, payload) => this.#onControl(opcode, payload),
    });
    const pipeEvents: BytePipeEvents = {
      onData: (chunk) => {
        try {
          this.#reader.feed(chunk);
        } catch (cause) {
          this.destroy(cause instanceof Error ? cause : new Error(String(cause)));
        }
      },
      onClosed: (cause) => events.onClosed(this.#closeCause ?? cause ?? this.#cutOff()),
    };
    this.#pipe = new SocketPipe(socket, early, pipeEvents, WEBSOCKET_FRAMING);
  }

  write(head: Uint8Array, payload: Uint8Array | undefined, done: (() => void) | undefined): void {
    if (this.#closeSent) {
      if (done) queueMicrotask(done);
      return;
    }
    this.#pipe.write(head, payload, done, OPCODE.binary);
  }

  pause(): void {
    this.#pipe.pause();
  }

  resume(): void {
    this.#pipe.resume();
  }

  pathIsAlive(): boolean {
    return this.#pipe.pathIsAlive();
  }

  ping(): void {
    if (!this.#closeSent) this.#control(OPCODE.ping, NOTHING);
  }

  end(): void {
    this.#sendClose();
    this.#pipe.end();
  }

  destroy(cause?: Error): void {
    this.#pipe.destroy(cause);
  }

  #onPiece(opcode: number, piece: Uint8Array, startsMessage: boolean): void {
    if (opcode === OPCODE.text) {
      // Neither protocol has text; what comes as text is the server's complaint.
      throw new Error(`the server says: ${oneLine(Buffer.from(piece).toString())}`);
    }
    this.#events.onData(piece, startsMessage);
  }

  #onControl(opcode: number, payload: Uint8Array): void {
    if (opcode === OPCODE.ping) {
      this.#control(OPCODE.pong, payload);
    } else if (opcode === OPCODE.pong) {
      this.#events.onPong?.();
    } else if (opcode === OPCODE.close) {
      const status = payload.length >= 2 ? (payload[0] << 8) | payload[1] : CLOSE_NO_STATUS;
      if (status !== CLOSE_NORMAL && status !== CLOSE_NO_STATUS) {
        const said = oneLine(Buffer.from(payload.subarray(2)).toString());
        this.#closeCause = new Error(`the server closed the WebSocket with ${status} ${said}`.trimEnd());
      }
      this.end();
    }
  }

  /** Where neither side has said Close. */
  #cutOff(): Error | undefined {
    return this.#closeSent ? undefined : new Error('the API server has gone in mid-connection');
  }

  #sendClose(): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    this.#control(OPCODE.close, Uint8Array.of(CLOSE_NORMAL >> 8, CLOSE_NORMAL & 0xff));
  }

  #control(opcode: number, payload: Uint8Array): void {
    this.#pipe.write(payload, undefined, undefined, opcode);
  }
}
