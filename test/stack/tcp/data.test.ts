import { describe, expect } from 'vitest';
import { drain, scenario, writeStream } from '../harness/harness.ts';

describe('data in', () => {
  scenario('in order is told in poll, read, and acknowledged', (h) => {
    const connection = h.establish();
    let readable = 0;
    connection.onReadable = () => {
      readable++;
    };
    h.guest('PA seq=1 ack=1 len=100');
    expect(readable).toBe(1);
    h.sends('A seq=1 ack=101');
    expect(drain(connection, 0)).toBe(100);
    expect(connection.read()).toBeNull();
  });

  scenario('out of order waits for the gap, with an ACK for each', (h) => {
    const connection = h.establish();
    h.guest('A seq=101 ack=1 len=100');
    h.sends('A ack=1');
    h.guest('A seq=301 ack=1 len=100');
    h.sends('A ack=1');
    expect(connection.read()).toBeNull();
    h.guest('A seq=1 ack=1 len=100');
    h.sends('A ack=201');
    expect(drain(connection, 0)).toBe(200);
    h.guest('A seq=201 ack=1 len=100');
    h.sends('A ack=401');
    expect(drain(connection, 200)).toBe(200);
  });

  scenario('out of order in one batch is answered by an ACK for each, three at most', (h) => {
    h.establish();
    for (const seq of [101, 201, 301, 401, 501]) h.batch(`A seq=${seq} ack=1 len=100`);
    h.poll();
    h.sends('A ack=1', 'A ack=1', 'A ack=1');
    h.batch('A seq=701 ack=1 len=100', 'A seq=1 ack=1 len=100');
    h.poll();
    h.sends('A ack=601');
  });

  scenario('repeated is acknowledged and not read twice', (h) => {
    const connection = h.establish();
    h.guest('A seq=1 ack=1 len=100');
    h.sends('A ack=101');
    h.guest('A seq=1 ack=1 len=100');
    h.sends('A ack=101');
    h.guest('A seq=1 ack=1 len=50');
    h.sends('A ack=101');
    expect(drain(connection, 0)).toBe(100);
  });

  scenario('that overlaps on either side is trimmed', (h) => {
    const connection = h.establish();
    h.guest('A seq=1 ack=1 len=100', 'A seq=51 ack=1 len=100');
    h.sends('A ack=101', 'A ack=151');
    h.guest('A seq=201 ack=1 len=100', 'A seq=181 ack=1 len=40', 'A seq=291 ack=1 len=40');
    h.sends('A ack=151', 'A ack=151', 'A ack=151');
    h.guest('A seq=101 ack=1 len=100');
    h.sends('A ack=331');
    expect(drain(connection, 0)).toBe(330);
  });

  scenario('across the end of the sequence space', (h) => {
    const connection = h.establish();
    for (let i = 0; i < 5; i++) {
      h.guest(`A seq=${1 + i * 1000} ack=1 len=1000`);
      h.sends(`A ack=${1001 + i * 1000}`);
    }
    expect(drain(connection, 0)).toBe(5000);
  });

  scenario(
    'in too many pieces past a gap: the rest is dropped, and taken when it comes again',
    (h) => {
      const connection = h.establish();
      h.guest('A seq=11 ack=1 len=1', 'A seq=21 ack=1 len=1', 'A seq=31 ack=1 len=1');
      h.sends('A ack=1', 'A ack=1', 'A ack=1');
      expect(h.stack.counters.tcpOutOfOrderDropped).toBe(1);
      h.guest('A seq=1 ack=1 len=40');
      h.sends('A ack=41');
      expect(drain(connection, 0)).toBe(40);
    },
    { limits: { maxOutOfOrderRanges: 2 } },
  );

  scenario("read in chunks that stay the reader's until released, also after a reset", (h) => {
    const connection = h.establish();
    h.guest('A seq=1 ack=1 len=1000');
    h.sends('A ack=1001');
    const chunk = connection.read();
    const before = chunk?.slice();
    h.guest('R seq=1001');
    const other = h.guestIsn;
    h.guestIsn = other + 100_000;
    h.establish();
    h.guest('A seq=1 ack=1 len=1000');
    h.sends('A ack=1001');
    expect(chunk).toEqual(before);
    connection.release(1000);
  });

  scenario('has its ACK held back once the application has shown that it answers', (h) => {
    const connection = h.establish();
    let at = 1;
    for (let i = 0; i < 3; i++) {
      h.guest(`PA seq=${at} ack=${at} len=10`);
      h.sends(`A seq=${at} ack=${at + 10}`);
      writeStream(connection, at - 1, 10);
      h.poll();
      h.sends(`PA seq=${at} ack=${at + 10} len=10`);
      at += 10;
    }
    h.guest(`PA seq=${at} ack=${at} len=10`);
    h.sends();
    writeStream(connection, at - 1, 10);
    h.poll();
    h.sends(`PA ack=${at + 10} len=10`);
    at += 10;
    h.guest(`PA seq=${at} ack=${at} len=10`);
    h.advance(39);
    h.sends();
    h.advance(1);
    h.sends(`A ack=${at + 10}`);
    h.guest(`PA seq=${at + 10} ack=${at} len=10`);
    h.sends(`A ack=${at + 20}`);
  });

  scenario('without ACK flag is dropped', (h) => {
    const connection = h.establish();
    h.guest('P seq=1 len=10');
    expect([h.stack.counters.tcpNoAckFlag, connection.read()]).toEqual([1, null]);
  });
});

describe('data out', () => {
  scenario("goes in segments of the peer's MSS, the last with PSH", (h) => {
    const connection = h.establish({ mss: 1000 });
    writeStream(connection, 0, 2500);
    expect(h.wakes).toBe(2);
    h.poll();
    h.sends('A seq=1 len=1000', 'A seq=1001 len=1000', 'PA seq=2001 len=500');
    expect(connection.sendQueued).toBe(2500);
    h.guest('A seq=1 ack=2501');
    expect(connection.sendQueued).toBe(0);
  });

  scenario('is gathered from many chunks', (h) => {
    const connection = h.establish();
    for (let i = 0; i < 40; i++) writeStream(connection, i * 10, 10);
    h.poll();
    h.sends('A seq=1 len=160', 'A seq=161 len=160', 'PA seq=321 len=80');
    h.guest('A seq=1 ack=166');
    h.advance(250);
    h.sends('PA seq=166 len=155', 'PA seq=321 len=80');
    h.guest('A seq=1 ack=401');
  });

  scenario('rides with the ACK of what came in the same turn', (h) => {
    const connection = h.establish();
    connection.onReadable = () => {
      drain(connection, 0);
      writeStream(connection, 0, 30);
    };
    h.guest('PA seq=1 ack=1 len=20');
    h.sends('PA seq=1 ack=21 len=30');
    h.guest('A seq=21 ack=31');
  });

  scenario(
    'exhausts sendRoom, and onWritable tells of its return',
    (h) => {
      const connection = h.establish();
      let writable = 0;
      connection.onWritable = () => {
        writable++;
      };
      writeStream(connection, 0, 600);
      expect(connection.sendRoom).toBe(400);
      writeStream(connection, 600, 500);
      expect(connection.sendRoom).toBe(0);
      h.poll();
      h.sends('PA seq=1 len=1100');
      h.guest('A seq=1 ack=301');
      expect([writable, connection.sendRoom]).toEqual([0, 200]);
      h.guest('A seq=1 ack=1101');
      expect([writable, connection.sendRoom]).toEqual([1, 1000]);
    },
    { limits: { sendBufferBytes: 1000 } },
  );

  scenario("what is acknowledged is the writer's again, and told to be", (h) => {
    const connection = h.establish();
    const queued: number[] = [];
    connection.onAcknowledged = () => queued.push(connection.sendQueued);
    writeStream(connection, 0, 600);
    h.poll();
    h.sends('PA seq=1 len=600');
    h.guest('A seq=1 ack=201');
    h.guest('A seq=1 ack=201');
    h.guest('A seq=1 ack=601');
    expect(queued).toEqual([400, 0]);
  });

  scenario('acknowledged before it was sent gets an ACK and changes nothing', (h) => {
    const connection = h.establish();
    h.guest('A seq=1 ack=500');
    h.sends('A seq=1 ack=1');
    expect(h.stack.counters.tcpAckOfUnsent).toBe(1);
    expect(connection.state).toBe('ESTABLISHED');
  });

  scenario('after finish is a fault of the caller', (h) => {
    const connection = h.establish();
    connection.finish();
    h.poll();
    h.sends('FA seq=1');
    expect(() => writeStream(connection, 0, 1)).toThrow('write after finish');
  });
});
