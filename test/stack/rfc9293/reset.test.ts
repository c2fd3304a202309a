import { describe, expect } from 'vitest';
import type { StateName, TcpConnection } from '../../../stack/index.ts';
import { type Harness, scenario, writeStream } from '../harness/harness.ts';
import { STATES } from '../harness/states.ts';

/** Those with something to lose on both sides; events.test.ts has the others. */
const OPEN: readonly StateName[] = [
  'ESTABLISHED',
  'CLOSE-WAIT',
  'LAST-ACK',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSING',
];

describe.each(OPEN)('in %s', (state) => {
  function enter(h: Harness): { connection: TcpConnection; next: number; reasons: string[] } {
    const { connection, rcvNxt: next } = STATES[state](h);
    expect(connection.state).toBe(state);
    const reasons: string[] = [];
    connection.onClosed = (reason) => reasons.push(reason);
    return { connection, next, reasons };
  }

  scenario('a RST of the exact number ends it', (h) => {
    const { connection, next, reasons } = enter(h);
    h.guest(`R seq=${next}`);
    expect([connection.state, reasons]).toEqual(['CLOSED', ['reset']]);
    expect(h.stack.pollAt()).toBe(Infinity);
  });

  scenario('a RST elsewhere in the window is asked about, outside it is dropped (RFC 5961 3)', (h) => {
    const { connection, next } = enter(h);
    h.guest(`R seq=${next + 100}`);
    h.sends(`A ack=${next}`);
    h.guest(`R seq=${next - 1}`, `R seq=${next + 5_000_000}`);
    h.sends();
    expect(connection.state).toBe(state);
  });

  scenario('a SYN is asked about (RFC 5961 4)', (h) => {
    const { connection, next } = enter(h);
    h.guest(`S seq=${next + 10}`);
    h.sends(`A ack=${next}`);
    expect(connection.state).toBe(state);
  });

  scenario('our own reset sends RST and tells the application once', (h) => {
    const { connection, reasons } = enter(h);
    connection.reset();
    connection.reset();
    expect(reasons).toEqual([]);
    h.poll();
    const [frame, ...more] = h.frames();
    expect([frame.payload[13], more.length]).toEqual([0x14, 0]);
    expect(reasons).toEqual(['aborted']);
    h.guest('A seq=1 ack=1');
    h.sends('R seq=1');
  });
});

describe('resets', () => {
  scenario(
    'challenges are limited for each connection',
    (h) => {
      h.establish();
      for (let i = 0; i < 8; i++) h.guest(`R seq=${100 + i}`);
      h.sends('A ack=1', 'A ack=1', 'A ack=1');
      expect(h.stack.counters.tcpChallengeAcksLimited).toBe(5);
      h.advance(1000);
      h.guest('R seq=100');
      h.sends('A ack=1');
    },
    { limits: { challengeAcksPerSecond: 3 } },
  );

  scenario('an ACK from too far back is asked about (RFC 5961 5)', (h) => {
    h.establish();
    h.guest('A seq=1 ack=-100000000 len=10');
    h.sends('A ack=1');
    expect(h.stack.counters.tcpAckTooOld).toBe(1);
  });

  scenario('answer segments of no connection, but never a RST', (h) => {
    h.guest('A seq=5 ack=9', 'FA seq=5 ack=9', 'SA seq=5 ack=9');
    h.sends('R seq=9', 'R seq=9', 'R seq=9');
    h.guest('F seq=5 len=10');
    h.sends('RA seq=0 ack=16');
    h.guest('R seq=5', 'RA seq=5 ack=9');
    h.sends();
  });

  scenario('before the SYN-ACK went out: the guest is refused', (h) => {
    h.guest('S seq=0');
    h.request().accept().reset();
    const [frame] = h.frames();
    expect([
      frame.payload[13],
      new DataView(frame.packet.buffer, frame.packet.byteOffset).getInt32(28),
    ]).toEqual([0x14, (h.guestIsn + 1) | 0]);
  });

  scenario('drop what was written; later calls do nothing', (h) => {
    const connection = h.establish();
    writeStream(connection, 0, 100);
    h.guest('R seq=1');
    expect(connection.sendQueued).toBe(0);
    writeStream(connection, 0, 100);
    connection.finish();
    connection.reset();
    expect(connection.read()).toBeNull();
  });

  scenario('abortAll ends connections and requests', (h) => {
    const connection = h.establish();
    const reasons: string[] = [];
    connection.onClosed = (reason) => reasons.push(reason);
    h.guest('S seq=0 sport=9');
    h.stack.abortAll();
    expect(h.frames().map((frame) => frame.payload[13])).toEqual([0x14, 0x14]);
    h.poll();
    expect([reasons, h.requests[0].pending]).toEqual([['aborted'], false]);
  });
});
