import { describe, expect } from 'vitest';
import { drain, scenario, writeStream } from '../harness/harness.ts';

describe('timestamps (RFC 7323)', () => {
  scenario('are on every segment once agreed on, and echo the peer', (h) => {
    const connection = h.establish({ ts: 5 });
    h.advance(30);
    h.guest('PA seq=1 ack=1 len=100 ts=40 te=0');
    h.sends('A ack=101 ts=30 te=40');
    writeStream(connection, 0, 2000);
    h.poll();
    h.sends('A seq=1 len=1448 ts=30 te=40', 'PA seq=1449 len=552 ts=30 te=40');
    h.guest('A seq=101 ack=2001 ts=41 te=30');
  });

  scenario('are left out where the peer does not offer them', (h) => {
    h.establish();
    h.guest('PA seq=1 ack=1 len=100 ts=40');
    const [frame] = h.frames();
    expect(frame.payload).toHaveLength(20);
  });

  scenario('old: the segment is dropped and answered, RST excepted (PAWS)', (h) => {
    const connection = h.establish({ ts: 1000 });
    h.guest('A seq=1 ack=1 len=100 ts=999');
    h.sends('A ack=1 te=1000');
    expect([h.stack.counters.tcpTimestampOld, connection.read()]).toEqual([1, null]);
    h.guest('R seq=1 ts=999');
    expect(connection.state).toBe('CLOSED');
  });

  scenario('old by more than 24 days of idleness are believed again', (h) => {
    const connection = h.establish({ ts: 1000 });
    h.advance(25 * 24 * 3_600_000);
    h.guest('A seq=1 ack=1 len=100 ts=500');
    h.sends('A ack=101 te=500');
    expect(drain(connection, 0)).toBe(100);
  });

  scenario('missing: the segment is taken, since a middlebox may strip them', (h) => {
    const connection = h.establish({ ts: 1000 });
    h.guest('A seq=1 ack=1 len=100');
    h.sends('A ack=101 te=1000');
    expect([drain(connection, 0), h.stack.counters.tcpTimestampMissing]).toEqual([100, 1]);
  });

  scenario('that are echoed are those of the segment at the left edge', (h) => {
    h.establish({ ts: 10 });
    h.guest('A seq=101 ack=1 len=100 ts=30');
    h.sends('A ack=1 te=10');
    h.guest('A seq=1 ack=1 len=100 ts=20');
    h.sends('A ack=201 te=20');
  });

  scenario('measure what was sent twice, where Karn cannot', (h) => {
    const connection = h.establish({ ts: 0, rttMs: 100 });
    writeStream(connection, 0, 10);
    h.poll();
    h.sends('PA len=10');
    h.advance(300);
    h.sends('PA len=10 ts=400');
    h.advance(20);
    h.guest('A seq=1 ack=11 ts=1 te=400');
    const [seen] = h.stack.connections();
    expect(seen.srttMs).toBeCloseTo(0.875 * 100 + 0.125 * 20);
  });

  scenario('measure nothing where the ACK is of a copy that came for nothing (RFC 2883)', (h) => {
    const connection = h.establish({ ts: 0, rttMs: 100, sack: true });
    writeStream(connection, 0, 1552);
    h.poll();
    h.sends('A seq=1 len=1448 ts=100', 'PA seq=1449 len=104');
    // Both have arrived, and none of their ACKs.
    h.advance(5000);
    h.sends(
      'PA seq=1449 len=104 ts=300',
      ...[600, 1200, 2400, 4800].map((ts) => `PA seq=1 len=1448 ts=${ts}`),
    );
    h.guest('A seq=1 ack=1553 ts=1 te=100 sack=1-1449');
    expect([...h.stack.connections()][0]).toMatchObject({ srttMs: 100, rtoMs: 300 });
  });

  scenario('show that a timeout was for nothing, and the window comes back (RFC 3522)', (h) => {
    const connection = h.establish({ ts: 0, rttMs: 100 });
    writeStream(connection, 0, 8000);
    h.poll();
    h.sends('A ts=100 len=1448', 'A len=1448', 'A len=1448', 'A len=1448', 'A len=1448', 'PA len=760');
    h.advance(300);
    h.sends('PA seq=1 len=1448 ts=400');
    h.guest('A seq=1 ack=1449 ts=1 te=100');
    h.sends();
    const [seen] = h.stack.connections();
    expect([h.stack.counters.tcpSpuriousRecoveries, seen.slowStartThreshold]).toEqual([1, null]);
    expect(seen.congestionWindow).toBeGreaterThanOrEqual(10 * 1448);
    h.guest('A seq=1 ack=8001 ts=1 te=100');
  });
});
