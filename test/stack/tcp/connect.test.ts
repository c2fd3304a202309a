import { describe, expect } from 'vitest';
import { ConnectError, type TcpConnection } from '../../../stack/index.ts';
import { drain, type Harness, scenario, writeStream } from '../harness/harness.ts';
import { GUEST, SERVICE, tcpFrame } from '../harness/packets.ts';

/** The harness's guest is at port 40000, and dialled from port 80 here. */
function dial(h: Harness): { connection: TcpConnection; told: string[] } {
  const connection = h.stack.connect({ address: SERVICE, port: 80 }, { address: GUEST, port: 40_000 });
  const told: string[] = [];
  connection.onEstablished = () => told.push('established');
  connection.onClosed = (reason) => told.push(reason);
  h.poll();
  h.sends('S seq=0 win=65535 mss=1460 ws=7 sackok=1 te=0');
  expect(connection.state).toBe('SYN-SENT');
  return { connection, told };
}

function dialFresh(h: Harness): { connection: TcpConnection; told: string[] } {
  // In a SYN there is nothing to echo yet, so the field is 0 on the wire.
  h.guestTs = 0;
  return dial(h);
}

describe('active open', () => {
  scenario('SYN, SYN-ACK, ACK; the options are those both sides offer', (h) => {
    const { connection, told } = dialFresh(h);
    h.guest('SA seq=0 ack=1 win=64240 mss=1000 ws=3 sackok=1 ts=500 te=0');
    h.sends('A seq=1 ack=1 te=500');
    expect([connection.state, told]).toEqual(['ESTABLISHED', ['established']]);
    const [seen] = h.stack.connections();
    expect(seen).toMatchObject({ mss: 1000, options: { timestamps: true, sack: true, windowScale: true } });
    h.guest('PA seq=1 ack=1 len=10 ts=501 te=0');
    h.sends('A ack=11 te=501');
    expect(drain(connection, 0)).toBe(10);
  });

  scenario('a peer without options is spoken to without', (h) => {
    const { connection } = dialFresh(h);
    writeStream(connection, 0, 600);
    h.guest('SA seq=0 ack=1 win=64240');
    const frames = h.frames();
    expect(frames.map((frame) => frame.payload.length)).toEqual([20 + 536, 20 + 64]);
    h.guest('A seq=1 ack=601');
  });

  scenario('refused by RST', (h) => {
    const { connection, told } = dialFresh(h);
    h.guest('RA seq=0 ack=1');
    expect([connection.state, told, h.stack.pollAt()]).toEqual(['CLOSED', ['refused'], Infinity]);
  });

  scenario('is not ended by a RST that acknowledges nothing, or something else', (h) => {
    const { connection } = dialFresh(h);
    h.guest('R seq=0', 'RA seq=0 ack=9', 'A seq=5 ack=1');
    expect([connection.state, h.stack.counters.tcpSynAnswersBad]).toEqual(['SYN-SENT', 2]);
    h.guest('SA seq=0 ack=9');
    h.sends('R seq=9');
    connection.reset();
    h.poll();
  });

  scenario('the SYN is repeated, and given up after three minutes', (h) => {
    const { told } = dialFresh(h);
    h.advance(7000);
    h.sends('S seq=0 mss=1460 ws=7 sackok=1', 'S mss=1460 ws=7 sackok=1', 'S mss=1460 ws=7 sackok=1');
    h.advance(170_000);
    expect(told).toEqual([]);
    h.frames();
    h.advance(60_000);
    expect(told).toEqual(['timeout']);
    h.sends();
  });

  scenario('at the same time as the guest (RFC 9293 figure 7)', (h) => {
    const { connection, told } = dialFresh(h);
    h.guest('S seq=0 win=64240 mss=1460 ws=7');
    h.sends('SA seq=0 ack=1 mss=1460 ws=7');
    expect(connection.state).toBe('SYN-RECEIVED');
    h.guest('SA seq=0 ack=1 win=64240 mss=1460 ws=7');
    h.sends('A seq=1 ack=1');
    expect([connection.state, told]).toEqual(['ESTABLISHED', ['established']]);
  });

  scenario('at the same time: the window of the SYN-ACK is not scaled, and no SYN was lost', (h) => {
    const { connection } = dialFresh(h);
    h.guest('S seq=0 win=64240 mss=1460 ws=7');
    h.sends('SA seq=0 ack=1 mss=1460 ws=7');
    h.guest('SA seq=0 ack=1 win=3000 mss=1460 ws=7');
    h.sends('A seq=1 ack=1');
    writeStream(connection, 0, 5000);
    h.poll();
    h.sends('A seq=1 len=1460', 'A seq=1461 len=1460');
    h.guest('A seq=1 ack=2921 win=502');
    h.sends('A seq=2921 len=1460', 'PA seq=4381 len=620');
    h.guest('A seq=1 ack=5001 win=502');
  });

  scenario('at the same time, with an ACK in place of the SYN-ACK', (h) => {
    const { connection } = dialFresh(h);
    h.guest('S seq=0 win=64240 mss=1460');
    h.sends('SA seq=0 ack=1 mss=1460');
    h.guest('A seq=1 ack=1');
    expect(connection.state).toBe('ESTABLISHED');
  });

  scenario('from a port that is in use is an error with a remedy', (h) => {
    h.establish();
    const error = ((): unknown => {
      try {
        return h.stack.connect({ address: SERVICE, port: 80 }, { address: GUEST, port: 40_000 });
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: 'CONNECT_FLOW_IN_USE', remedy: expect.stringContaining('port') });
  });

  scenario('from port 0 takes dynamic ports, each once', (h) => {
    const ports = Array.from({ length: 50 }, () => {
      return h.stack.connect({ address: SERVICE, port: 0 }, { address: GUEST, port: 22 }).localPort;
    });
    expect([new Set(ports).size, Math.min(...ports) >= 49_152]).toEqual([50, true]);
    h.stack.abortAll();
    h.poll();
  });

  scenario(
    'past the limit of connections is an error',
    (h) => {
      h.establish();
      const dialMore = (): unknown =>
        h.stack.connect({ address: SERVICE, port: 0 }, { address: GUEST, port: 22 });
      expect(dialMore).toThrow(expect.objectContaining({ code: 'CONNECT_LIMIT' }));
    },
    { limits: { maxConnections: 1 } },
  );
});

describe('keep-alive (RFC 9293 3.8.4)', () => {
  const LIMITS = {
    limits: { keepAliveIdleMs: 10_000, keepAliveIntervalMs: 1000, keepAliveProbes: 3 },
  };

  scenario('is off unless asked for', (h) => {
    const connection = h.establish();
    h.advance(20_000_000);
    h.sends();
    expect(connection.keepAlive).toBe(false);
  });

  scenario(
    'asks a silent peer, and one that answers stays',
    (h) => {
      const connection = h.establish();
      connection.keepAlive = true;
      h.advance(5000);
      h.guest('A seq=1 ack=1');
      h.advance(9999);
      h.sends();
      h.advance(1);
      h.sends('A seq=0 ack=1');
      h.guest('A seq=1 ack=1');
      h.advance(9000);
      h.sends();
      connection.keepAlive = false;
      h.advance(100_000);
    },
    LIMITS,
  );

  scenario(
    'asks after a silence of its own, if it has one',
    (h) => {
      const connection = h.establish();
      connection.keepAlive = true;
      connection.keepAliveIdleMs = 500;
      h.advance(499);
      h.sends();
      h.advance(1);
      h.sends('A seq=0 ack=1');
      h.guest('A seq=1 ack=1');
      h.advance(499);
      h.sends();
      connection.keepAliveIdleMs = 0;
      h.advance(9500);
      h.sends();
      h.advance(1);
      h.sends('A seq=0 ack=1');
      expect(() => {
        connection.keepAliveIdleMs = Infinity;
      }).toThrow('keepAliveIdleMs');
    },
    LIMITS,
  );

  scenario(
    'gives up only after several probes without an answer',
    (h) => {
      const connection = h.establish();
      const reasons: string[] = [];
      connection.onClosed = (reason) => reasons.push(reason);
      connection.keepAlive = true;
      h.advance(12_999);
      h.sends('A seq=0', 'A seq=0', 'A seq=0');
      expect(reasons).toEqual([]);
      h.advance(1);
      h.sends('RA seq=1');
      expect(reasons).toEqual(['timeout']);
    },
    LIMITS,
  );
});

describe('urgent data (RFC 9293 3.8.5)', () => {
  scenario('is announced, stays in the stream, and counts down as it is read', (h) => {
    const connection = h.establish();
    let announced = 0;
    connection.onUrgent = () => {
      announced++;
    };
    const urgent = (sequence: number, pointer: number, length: number): void => {
      h.receive(
        tcpFrame({
          sequence: (h.guestIsn + sequence) | 0,
          acknowledgment: (h.stackIsn + 1) | 0,
          flags: 0x30,
          urgentPointer: pointer,
          payload: new Uint8Array(length),
        }),
      );
      h.poll();
    };
    urgent(1, 30, 10);
    h.sends('A ack=11');
    expect([announced, connection.urgentBytes]).toEqual([1, 30]);
    connection.read();
    expect(connection.urgentBytes).toBe(20);
    urgent(11, 20, 25);
    h.sends('A ack=36');
    expect(announced).toBe(1);
    connection.read();
    expect(connection.urgentBytes).toBe(0);
  });
});

function finishOursFirst(h: Harness): void {
  const connection = h.establish({ ts: 100 });
  connection.finish();
  h.poll();
  h.sends('FA seq=1 ack=1');
  h.guest('FA seq=1 ack=2 ts=100 te=0');
  h.sends('A seq=2 ack=2 te=100');
}

describe('TIME-WAIT with timestamps (RFC 6191)', () => {
  scenario('a SYN with a later one takes over, whatever its number', (h) => {
    finishOursFirst(h);
    h.guest('S seq=-5000 mss=1460 ts=101');
    h.request().accept();
    h.poll();
    h.sends('SA ack=-4999 mss=1460 te=101');
    expect(h.stack.counters.tcpTimeWaitTakenOver).toBe(1);
  });

  scenario('at the same one the number decides; an older one is an old duplicate', (h) => {
    finishOursFirst(h);
    h.guest('S seq=-5000 mss=1460 ts=100', 'S seq=90000 mss=1460 ts=99');
    h.sends('A seq=2 ack=2 te=100', 'A seq=2 ack=2 te=100');
    h.guest('S seq=5000 mss=1460 ts=100');
    h.request().refuse();
    h.sends('RA ack=5001');
  });

  scenario('our timestamps go on from connection to connection', (h) => {
    finishOursFirst(h);
    const before = h.stackTs;
    h.advance(50);
    h.guest('S seq=3 mss=1460 ts=150');
    h.request().accept();
    h.poll();
    h.sends('SA ack=4 mss=1460');
    expect((h.stackTs - before) | 0).toBe(50);
  });
});

describe('the receive buffer', () => {
  const LIMITS = { limits: { receiveBufferInitialBytes: 20_000 } };

  scenario(
    'doubles where the application takes half of it in a round trip, until it is twice what is taken',
    (h) => {
      const connection = h.establish({ rttMs: 10 });
      const sizes: number[] = [];
      let at = 1;
      for (let round = 0; round < 6; round++) {
        for (let i = 0; i < 10; i++, at += 1400) h.guest(`A seq=${at} ack=1 len=1400`);
        drain(connection, at - 1 - 14_000);
        h.poll();
        h.frames();
        sizes.push([...h.stack.connections()][0].receiveBuffer);
        h.advance(10);
      }
      expect([sizes[0], sizes.at(-1)]).toEqual([40_000, 40_000]);
    },
    LIMITS,
  );

  scenario(
    'stays as it is where the application is slow',
    (h) => {
      const connection = h.establish({ rttMs: 10 });
      for (let i = 0; i < 10; i++) {
        h.guest(`A seq=${1 + i * 1000} ack=1 len=1000`);
        h.advance(11);
        drain(connection, i * 1000);
      }
      h.poll();
      h.frames();
      expect([...h.stack.connections()][0].receiveBuffer).toBe(20_000);
    },
    LIMITS,
  );
});
