import { describe, expect } from 'vitest';
import { drain, type Harness, scenario, writeStream } from '../harness/harness.ts';

describe('SACK blocks that we send (RFC 2018)', () => {
  scenario('are sent only where the peer permits them', (h) => {
    h.establish();
    h.guest('A seq=101 ack=1 len=100');
    h.sends('A ack=1');
  });

  scenario('the latest range first, then the others', (h) => {
    const connection = h.establish({ sack: true });
    h.guest('A seq=101 ack=1 len=100', 'A seq=501 ack=1 len=100', 'A seq=301 ack=1 len=100');
    h.sends('A ack=1 sack=101-201', 'A ack=1 sack=501-601,101-201', 'A ack=1 sack=301-401,501-601,101-201');
    h.guest('A seq=201 ack=1 len=100');
    h.sends('A ack=1 sack=101-401,501-601');
    h.guest('A seq=1 ack=1 len=100');
    h.sends('A ack=401 sack=501-601');
    h.guest('A seq=401 ack=1 len=100');
    h.sends('A ack=601');
    expect(drain(connection, 0)).toBe(600);
  });

  scenario('three fit beside timestamps, four without', (h) => {
    h.establish({ sack: true, ts: 0 });
    for (const seq of [101, 301, 501, 701, 901]) h.guest(`A seq=${seq} ack=1 len=100 ts=1 te=0`);
    expect(h.frames().map((frame) => frame.payload.length)).toEqual([44, 52, 60, 60, 60]);
  });

  scenario('ride on data as well, and come off its size', (h) => {
    const connection = h.establish({ sack: true });
    h.guest('A seq=101 ack=1 len=100');
    h.sends('A ack=1 sack=101-201');
    writeStream(connection, 0, 2000);
    h.poll();
    h.sends('A seq=1 len=1448 sack=101-201', 'PA seq=1449 len=552 sack=101-201');
    h.guest('A seq=1 ack=2001');
  });

  scenario('a duplicate is reported once, below the ACK (RFC 2883)', (h) => {
    h.establish({ sack: true });
    h.guest('A seq=1 ack=1 len=100', 'A seq=51 ack=1 len=50', 'A seq=101 ack=1 len=100');
    h.sends('A ack=101', 'A ack=101 sack=51-101', 'A ack=201');
  });

  scenario('a duplicate past a gap is reported ahead of its range', (h) => {
    h.establish({ sack: true });
    h.guest('A seq=101 ack=1 len=100', 'A seq=121 ack=1 len=20');
    h.sends('A ack=1 sack=101-201', 'A ack=1 sack=121-141,101-201');
    expect(h.stack.counters.tcpDuplicateData).toBe(1);
  });

  scenario(
    'what found no memory is not reported',
    (h) => {
      h.establish({ sack: true });
      h.guest('A seq=11 ack=1 len=1', 'A seq=21 ack=1 len=1');
      h.sends('A ack=1 sack=11-12', 'A ack=1 sack=11-12');
    },
    { limits: { maxOutOfOrderRanges: 1 } },
  );
});

/** Six segments of 1000 bytes in flight, 10 ms from the peer. */
function sixInFlight(h: Harness): void {
  const connection = h.establish({ sack: true, mss: 1000, rttMs: 10 });
  writeStream(connection, 0, 6000);
  h.poll();
  h.sends('A seq=1 len=1000', 'A len=1000', 'A len=1000', 'A len=1000', 'A len=1000', 'PA seq=5001 len=1000');
}

describe('loss that SACK shows', () => {
  scenario('is repaired once three segments past it have arrived', (h) => {
    sixInFlight(h);
    h.advance(10);
    h.guest('A seq=1 ack=1 sack=1001-2001', 'A seq=1 ack=1 sack=1001-3001');
    h.sends();
    h.guest('A seq=1 ack=1 sack=1001-4001');
    h.sends('PA seq=1 len=1000');
    h.guest('A seq=1 ack=1 sack=1001-6001');
    h.sends();
    h.advance(10);
    h.guest('A seq=1 ack=6001');
    h.advance(10_000);
    h.sends();
    const { counters } = h.stack;
    expect([counters.tcpFastRetransmits, counters.tcpRetransmitTimeouts]).toEqual([1, 0]);
  });

  scenario('is repaired after a quarter of a round trip where fewer have arrived (RFC 8985 6)', (h) => {
    sixInFlight(h);
    h.advance(10);
    h.guest('A seq=1 ack=4001 sack=5001-6001');
    h.sends();
    h.advance(2.4);
    h.sends();
    h.advance(0.2);
    h.sends('PA seq=4001 len=1000');
    h.guest('A seq=1 ack=6001');
  });

  scenario(
    'of several segments is repaired in two round trips, in step with what arrives (RFC 6937)',
    (h) => {
      sixInFlight(h);
      h.advance(10);
      h.guest('A seq=1 ack=1 sack=1001-2001', 'A seq=1 ack=1 sack=3001-4001,1001-2001');
      h.sends();
      h.guest('A seq=1 ack=1 sack=5001-6001,3001-4001,1001-2001');
      h.sends('PA seq=1 len=1000', 'PA seq=2001 len=1000');
      h.advance(10);
      h.guest('A seq=1 ack=2001 sack=5001-6001,3001-4001');
      h.sends('PA seq=4001 len=1000');
      h.guest('A seq=1 ack=4001 sack=5001-6001');
      h.advance(10);
      h.guest('A seq=1 ack=6001');
      expect(h.stack.counters.tcpRetransmitTimeouts).toBe(0);
    },
  );

  scenario('of a repetition, with nothing sent after it, is left to the timer', (h) => {
    sixInFlight(h);
    h.advance(10);
    h.guest('A seq=1 ack=1 sack=1001-5001');
    h.sends('PA seq=1 len=1000');
    h.advance(10);
    h.guest('A seq=1 ack=1 sack=1001-6001');
    h.advance(199);
    h.sends();
    h.advance(1);
    h.sends('PA seq=1 len=1000');
    h.guest('A seq=1 ack=6001');
    expect(h.stack.counters.tcpRetransmitTimeouts).toBe(1);
  });

  scenario('that was only reordering is noticed, and waited for the next time', (h) => {
    sixInFlight(h);
    h.advance(10);
    h.guest('A seq=1 ack=1 sack=1001-2001');
    h.advance(1);
    h.guest('A seq=1 ack=2001');
    h.guest('A seq=1 ack=2001 sack=3001-6001');
    h.sends();
    h.advance(1);
    h.guest('A seq=1 ack=6001');
    h.sends();
    expect(h.stack.counters.tcpRetransmits).toBe(0);
  });

  scenario('taken back by a duplicate report restores the window (RFC 3708)', (h) => {
    sixInFlight(h);
    const [before] = h.stack.connections();
    h.advance(10);
    h.guest('A seq=1 ack=1 sack=1001-5001');
    h.sends('PA seq=1 len=1000');
    h.guest('A seq=1 ack=6001', 'A seq=1 ack=6001 sack=1-1001');
    const [after] = h.stack.connections();
    expect(after.congestionWindow).toBeGreaterThanOrEqual(before.congestionWindow);
    expect(h.stack.counters.tcpSpuriousRecoveries).toBe(1);
  });

  scenario('reported of bytes that are not in flight is no report', (h) => {
    sixInFlight(h);
    h.guest('A seq=1 ack=1 sack=9001-9500', 'A seq=1 ack=1 sack=3001-2001');
    expect(h.stack.counters.tcpSackBad).toBe(2);
    h.guest('A seq=1 ack=6001');
  });

  scenario('after which the peer drops what it reported (RFC 2018 8)', (h) => {
    sixInFlight(h);
    h.advance(10);
    h.guest('A seq=1 ack=1 sack=1001-6001');
    h.sends('PA seq=1 len=1000');
    // The peer acknowledges what was repeated, and has lost the rest.
    h.guest('A seq=1 ack=1001 sack=3001-6001');
    h.guest('A seq=1 ack=1001');
    h.advance(220);
    expect([h.stack.counters.tcpSackReneged, h.stack.counters.tcpRetransmitTimeouts]).toEqual([1, 1]);
    h.sends('PA seq=1001 len=1000');
    h.guest('A seq=1 ack=6001');
  });
});

describe('loss at the tail (RFC 8985 7)', () => {
  scenario('a probe brings the answer, and no timeout is needed', (h) => {
    sixInFlight(h);
    h.advance(10);
    h.guest('A seq=1 ack=3001');
    h.advance(19.9);
    h.sends();
    h.advance(0.2);
    h.sends('PA seq=5001 len=1000');
    h.advance(10);
    h.guest('A seq=1 ack=3001 sack=5001-6001');
    h.sends('PA seq=3001 len=1000', 'PA seq=4001 len=1000');
    h.advance(10);
    h.guest('A seq=1 ack=6001');
    const { counters } = h.stack;
    expect([counters.tcpTailProbes, counters.tcpRetransmitTimeouts]).toEqual([1, 0]);
  });

  scenario('the probe is new data where there is some', (h) => {
    const connection = h.establish({ sack: true, mss: 1000, rttMs: 10, window: 100 });
    writeStream(connection, 0, 30_000);
    h.poll();
    h.sends(...Array.from({ length: 10 }, () => 'A len=1000'));
    h.advance(20);
    h.sends('A seq=10001 len=1000');
    h.guest('A seq=1 ack=11001 win=0');
  });

  scenario('a single segment is given the time of a delayed ACK', (h) => {
    const connection = h.establish({ sack: true, rttMs: 10 });
    writeStream(connection, 0, 100);
    h.poll();
    h.sends('PA len=100');
    h.advance(209);
    h.sends();
    h.advance(1);
    h.sends('PA seq=1 len=100');
    h.guest('A seq=1 ack=101');
    expect(h.stack.counters.tcpRetransmitTimeouts).toBe(0);
  });

  scenario(
    'a probe is one segment, also where the last ones are noted as one',
    (h) => {
      const connection = h.establish({ sack: true, rttMs: 10 });
      writeStream(connection, 0, 14_600);
      h.poll();
      h.sends(...Array.from({ length: 9 }, () => 'A len=1460'), 'PA len=1460');
      h.advance(20);
      h.sends('PA seq=10221 len=1460 gso=0');
      h.guest('A seq=1 ack=14601');
    },
    { limits: { maxTransmissions: 8 } },
  );

  scenario('of a FIN is probed as well', (h) => {
    const connection = h.establish({ sack: true, rttMs: 10 });
    connection.finish();
    h.poll();
    h.sends('FA seq=1');
    h.advance(210);
    h.sends('FA seq=1');
    h.guest('A seq=1 ack=2');
    expect(connection.state).toBe('FIN-WAIT-2');
  });

  scenario('a probe whose both copies arrived changes nothing', (h) => {
    sixInFlight(h);
    h.advance(20);
    h.sends('PA seq=5001 len=1000');
    h.guest('A seq=1 ack=6001', 'A seq=1 ack=6001 sack=5001-6001');
    const [seen] = h.stack.connections();
    expect([seen.congestionWindow >= 10_000, seen.slowStartThreshold]).toEqual([true, null]);
  });
});
