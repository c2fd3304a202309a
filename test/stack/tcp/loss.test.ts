import { describe, expect } from 'vitest';
import { type Harness, scenario, writeStream } from '../harness/harness.ts';

/** @param echo of the repeated SYN-ACK's timestamp, which is 0 */
function afterTwoSynAcks(h: Harness, echo: number): void {
  h.guest('S seq=0 mss=1460 ws=7 ts=1');
  const connection = h.request().accept();
  h.poll();
  h.sends('SA mss=1460 ws=7');
  h.advance(1000);
  h.sends('SA mss=1460 ws=7');
  h.advance(30);
  h.guest(`A seq=1 ack=1 ts=1 te=${echo}`);
  writeStream(connection, 0, 2896);
  h.poll();
}

describe('loss', () => {
  scenario('is repaired when nothing comes, at doubling intervals', (h) => {
    const connection = h.establish();
    writeStream(connection, 0, 100);
    h.poll();
    h.sends('PA seq=1 len=100');
    for (const wait of [200, 400, 800, 1600, 3200]) {
      h.advance(wait - 1);
      h.sends();
      h.advance(1);
      h.sends('PA seq=1 len=100');
    }
    h.guest('A seq=1 ack=101');
    // The timer's old time comes once more, and finds nothing to do.
    h.advance(10_000);
    h.sends();
    expect(h.stack.pollAt()).toBe(Infinity);
  });

  scenario('without end closes the connection as timed out', (h) => {
    const connection = h.establish();
    const reasons: string[] = [];
    connection.onClosed = (reason) => reasons.push(reason);
    h.advance(500_000);
    writeStream(connection, 0, 100);
    h.poll();
    h.advance(99_000);
    expect([...new Set(h.frames().map((frame) => frame.payload.length))]).toEqual([120]);
    h.advance(60_000);
    expect(reasons).toEqual(['timeout']);
    h.sends('RA seq=101');
    expect([...h.stack.connections()]).toEqual([]);
  });

  scenario('is repaired at the third duplicate ACK', (h) => {
    const connection = h.establish();
    writeStream(connection, 0, 6000);
    h.poll();
    h.sends('A len=1460', 'A len=1460', 'A len=1460', 'A len=1460', 'PA len=160');
    h.guest('A seq=1 ack=1461');
    h.guest('A seq=1 ack=1461', 'A seq=1 ack=1461');
    h.sends();
    h.guest('A seq=1 ack=1461');
    h.sends('PA seq=1461 len=1460');
    h.guest('A seq=1 ack=1461');
    h.sends();
    h.guest('A seq=1 ack=6001');
    expect(h.stack.counters.tcpFastRetransmits).toBe(1);
  });

  scenario('after a timeout goes again in slow start (RFC 5681 3.1)', (h) => {
    const connection = h.establish();
    writeStream(connection, 0, 5840);
    h.poll();
    h.sends('A len=1460', 'A len=1460', 'A len=1460', 'PA len=1460');
    h.advance(200);
    h.sends('PA seq=1 len=1460');
    h.guest('A seq=1 ack=2921');
    h.sends('PA seq=2921 len=1460', 'PA seq=4381 len=1460');
    h.guest('A seq=1 ack=5841');
    h.advance(10_000);
    h.sends();
  });

  scenario('makes no measurement of what was sent twice (Karn)', (h) => {
    const connection = h.establish();
    writeStream(connection, 0, 10);
    h.poll();
    h.sends('PA seq=1 len=10');
    h.advance(200);
    h.sends('PA seq=1 len=10');
    h.advance(150);
    h.guest('A seq=1 ack=11');
    expect([...h.stack.connections()][0]).toMatchObject({ srttMs: 0, rtoMs: 200 });
  });

  scenario(
    'of the SYN-ACK: the first flight is one segment, and has three seconds (RFC 5681 3.1, RFC 6298 5.7)',
    (h) => {
      h.guest('S seq=0 mss=1460 ws=7');
      const connection = h.request().accept();
      h.poll();
      h.sends('SA mss=1460 ws=7');
      h.advance(1000);
      h.sends('SA mss=1460 ws=7');
      h.guest('A seq=1 ack=1');
      writeStream(connection, 0, 5000);
      h.poll();
      h.sends('A seq=1 len=1460');
      h.advance(2999);
      h.sends();
      h.advance(1);
      h.sends('PA seq=1 len=1460');
      h.guest('A seq=1 ack=1461');
      h.sends('A seq=1461 len=1460', 'A seq=2921 len=1460');
      connection.reset();
      h.sends('RA seq=4381');
    },
  );

  scenario('of the SYN-ACK: an echo of the second measures the round trip', (h) => {
    afterTwoSynAcks(h, 0);
    h.sends('A seq=1 len=1448');
    expect([...h.stack.connections()][0]).toMatchObject({ srttMs: 30, rtoMs: 230 });
    h.guest('A seq=1 ack=1449 ts=1 te=30');
    h.sends('PA seq=1449 len=1448');
    h.guest('A seq=1 ack=2897 ts=1 te=30');
  });

  scenario('of the SYN-ACK: an echo of the first says that none was lost', (h) => {
    afterTwoSynAcks(h, -1000);
    h.sends('A seq=1 len=1448', 'PA seq=1449 len=1448');
    expect([...h.stack.connections()][0]).toMatchObject({ srttMs: 1030 });
    h.guest('A seq=1 ack=2897 ts=1 te=30');
  });

  scenario('a slow link is given the time it takes (RFC 6298)', (h) => {
    const connection = h.establish();
    let at = 1;
    for (let i = 0; i < 40; i++) {
      writeStream(connection, at - 1, 10);
      h.poll();
      h.advance(i % 2 === 0 ? 190 : 130);
      h.sends(`PA seq=${at} len=10`);
      at += 10;
      h.guest(`A seq=1 ack=${at}`);
    }
    const [seen] = h.stack.connections();
    expect(seen.srttMs).toBeGreaterThan(150);
    expect(seen.rtoMs).toBeGreaterThan(200);
    expect(h.stack.counters.tcpRetransmits).toBe(0);
  });

  scenario('of our FIN: it is repeated', (h) => {
    const connection = h.establish();
    writeStream(connection, 0, 10);
    connection.finish();
    h.poll();
    h.sends('FPA seq=1 len=10');
    h.guest('A seq=1 ack=11');
    h.advance(200);
    h.sends('FA seq=11');
    h.guest('A seq=1 ack=12');
    expect(connection.state).toBe('FIN-WAIT-2');
    h.advance(1_000_000);
    h.sends();
  });
});
