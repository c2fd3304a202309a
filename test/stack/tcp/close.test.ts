import { describe, expect } from 'vitest';
import type { TcpConnection } from '../../../stack/index.ts';
import { drain, type Harness, scenario, writeStream } from '../harness/harness.ts';

function listen(connection: TcpConnection): string[] {
  const reasons: string[] = [];
  connection.onClosed = (reason) => reasons.push(reason);
  return reasons;
}

describe('the end', () => {
  scenario('guest first: half-closed, then both', (h) => {
    const connection = h.establish();
    const reasons = listen(connection);
    let readable = 0;
    connection.onReadable = () => {
      readable++;
    };
    h.guest('FA seq=1 ack=1');
    h.sends('A ack=2');
    expect([readable, connection.remoteFinished, connection.state]).toEqual([1, true, 'CLOSE-WAIT']);
    writeStream(connection, 0, 50);
    h.poll();
    h.sends('PA seq=1 ack=2 len=50');
    h.guest('A seq=2 ack=51');
    connection.finish();
    connection.finish();
    h.poll();
    h.sends('FA seq=51 ack=2');
    expect([reasons, connection.state]).toEqual([[], 'LAST-ACK']);
    h.guest('A seq=2 ack=52');
    expect([reasons, connection.state]).toEqual([['finished'], 'CLOSED']);
    h.guest('A seq=2 ack=52');
    h.sends('R seq=52');
  });

  scenario('ours first: data still comes, then both', (h) => {
    const connection = h.establish();
    const reasons = listen(connection);
    connection.finish();
    h.poll();
    h.sends('FA seq=1 ack=1');
    expect(connection.state).toBe('FIN-WAIT-1');
    h.guest('A seq=1 ack=2');
    expect(connection.state).toBe('FIN-WAIT-2');
    h.guest('PA seq=1 ack=2 len=100');
    h.sends('A seq=2 ack=101');
    expect(drain(connection, 0)).toBe(100);
    h.guest('FA seq=101 ack=2');
    h.sends('A seq=2 ack=102');
    expect([reasons, connection.state]).toEqual([['finished'], 'TIME-WAIT']);
  });

  scenario('is told only when all has been read', (h) => {
    const connection = h.establish();
    const reasons = listen(connection);
    connection.finish();
    h.guest('FPA seq=1 ack=1 len=100');
    h.sends('FA seq=1 ack=102');
    h.guest('A seq=102 ack=2');
    expect([reasons, connection.remoteFinished]).toEqual([[], false]);
    expect(drain(connection, 0)).toBe(100);
    expect([reasons, h.wakes > 0]).toEqual([[], true]);
    h.poll();
    expect([reasons, connection.remoteFinished]).toEqual([['finished'], true]);
  });

  scenario('with our FIN and theirs on the same segment', (h) => {
    const connection = h.establish();
    const reasons = listen(connection);
    connection.onReadable = () => {
      if (connection.remoteFinished) connection.finish();
    };
    h.guest('FA seq=1 ack=1');
    h.sends('FA seq=1 ack=2');
    h.guest('A seq=2 ack=2');
    expect(reasons).toEqual(['finished']);
  });

  scenario('by both at once', (h) => {
    const connection = h.establish();
    const reasons = listen(connection);
    connection.finish();
    h.poll();
    h.sends('FA seq=1 ack=1');
    h.guest('FA seq=1 ack=1');
    h.sends('A seq=2 ack=2');
    expect(connection.state).toBe('CLOSING');
    h.guest('FA seq=1 ack=1');
    h.sends('A seq=2 ack=2');
    h.guest('A seq=2 ack=2');
    expect([reasons, connection.state]).toEqual([['finished'], 'TIME-WAIT']);
  });

  scenario('with FIN and ACK of our FIN in one segment', (h) => {
    const connection = h.establish();
    const reasons = listen(connection);
    connection.finish();
    h.poll();
    h.sends('FA seq=1 ack=1');
    h.guest('FA seq=1 ack=2');
    h.sends('A seq=2 ack=2');
    expect(reasons).toEqual(['finished']);
  });

  scenario('a FIN ahead of a gap waits for it', (h) => {
    const connection = h.establish();
    h.guest('FPA seq=101 ack=1 len=100');
    h.sends('A ack=1');
    h.guest('A seq=201 ack=1 len=50');
    h.sends('A ack=1');
    expect(connection.state).toBe('ESTABLISHED');
    h.guest('A seq=1 ack=1 len=100');
    h.sends('A ack=202');
    expect([drain(connection, 0), connection.remoteFinished]).toEqual([200, true]);
  });

  scenario('text after a FIN is not taken', (h) => {
    const connection = h.establish();
    h.guest('FA seq=1 ack=1');
    h.sends('A ack=2');
    h.guest('PA seq=2 ack=1 len=10');
    h.sends('A ack=2');
    expect([h.stack.counters.tcpDataAfterFin, connection.read()]).toEqual([1, null]);
  });

  scenario('a FIN before text that has been taken is not one', (h) => {
    const connection = h.establish();
    h.guest('A seq=1 ack=1 len=100');
    h.sends('A ack=101');
    h.guest('FA seq=100 ack=1');
    h.sends('A ack=101');
    h.guest('A seq=101 ack=1 len=100');
    h.sends('A ack=201');
    expect([drain(connection, 0), connection.state]).toEqual([200, 'ESTABLISHED']);
  });

  for (const [where, fin] of [
    ['in order', 'FA seq=1 ack=1'],
    ['ahead of the same gap', 'FA seq=51 ack=1 len=20'],
    ['in the midst of it', 'FA seq=150 ack=1'],
  ] as const) {
    scenario(
      `text behind a FIN that comes ${where} ends the connection, and holds no memory`,
      (h) => {
        const blocks = 16;
        for (let port = 1; port <= 2 * blocks; port++) {
          h.guest(`S seq=0 win=64240 sport=${port}`);
          const connection = h.request().accept();
          const reasons = listen(connection);
          h.poll();
          h.sends('SA mss=1460');
          h.guest(`A seq=1 ack=1 sport=${port}`, `A seq=101 ack=1 len=100 sport=${port}`);
          h.sends('A ack=1');
          h.guest(`${fin} sport=${port}`);
          expect(h.frames().at(-1)?.payload[13]).toBe(0x14); // RST, ACK
          expect(reasons).toEqual(['aborted']);
        }
        expect(h.stack.counters.tcpOutOfOrderDropped).toBe(0);
      },
      { limits: { receivePoolBytes: 16 * 65_536 } },
    );
  }
});

function finishOursFirst(h: Harness): void {
  const connection = h.establish();
  connection.finish();
  h.poll();
  h.sends('FA seq=1 ack=1');
  h.guest('FA seq=1 ack=2');
  h.sends('A seq=2 ack=2');
  expect(h.stack.counters.tcpTimeWait).toBe(1);
}

describe('TIME-WAIT', () => {
  scenario('answers a repeated FIN, and forgets after its time', (h) => {
    finishOursFirst(h);
    h.advance(5000);
    // Our last ACK was lost.
    h.guest('FA seq=1 ack=2');
    h.sends('A seq=2 ack=2');
    h.advance(9999);
    h.guest('A seq=2 ack=2');
    h.sends();
    h.advance(1);
    h.guest('A seq=2 ack=2');
    h.sends('R seq=2');
  });

  scenario('gives way to a SYN beyond the old connection, with numbers beyond its own', (h) => {
    finishOursFirst(h);
    const oldNext = (h.stackIsn + 2) | 0;
    h.guest('S seq=3 mss=1460');
    h.request().accept();
    h.poll();
    h.sends('SA ack=4 mss=1460');
    expect((h.stackIsn - oldNext) | 0).toBeGreaterThan(0);
    expect(h.stack.counters.tcpTimeWaitTakenOver).toBe(1);
  });

  scenario('answers an older SYN with its ACK, and ends by the RST to that', (h) => {
    finishOursFirst(h);
    h.guest('S seq=-5000');
    h.sends('A seq=2 ack=2');
    h.guest('R seq=1');
    h.guest('S seq=-5000');
    h.sends('A seq=2 ack=2');
    h.guest('R seq=2', 'S seq=-5000');
    h.request().refuse();
    h.sends('RA ack=-4999');
  });

  scenario(
    'is bounded: the oldest is forgotten',
    (h) => {
      for (let port = 1; port <= 3; port++) {
        h.guest(`S seq=0 sport=${port}`);
        const connection = h.request().accept();
        connection.finish();
        h.poll();
        h.sends('SA mss=1460');
        h.guest(`A seq=1 ack=1 sport=${port}`, `FA seq=1 ack=2 sport=${port}`);
        h.sends('FA seq=1', 'A seq=2 ack=2');
      }
      expect(h.stack.counters.tcpTimeWaitEvicted).toBe(1);
      h.guest('FA seq=1 ack=2 sport=1');
      h.sends('R seq=2');
    },
    { limits: { maxTimeWait: 2 } },
  );

  scenario('10,000 connections one after another leave no more than the bound', (h) => {
    for (let i = 0; i < 10_000; i++) {
      h.guest(`S seq=0 sport=${1024 + (i % 50_000)}`);
      h.request().accept().finish();
      h.poll();
      h.sends('SA mss=1460');
      h.guest(`A seq=1 ack=1 sport=${1024 + (i % 50_000)}`);
      h.guest(`FA seq=1 ack=2 sport=${1024 + (i % 50_000)}`);
      h.frames();
    }
    const { counters } = h.stack;
    expect(counters.tcpTimeWait - counters.tcpTimeWaitEvicted).toBe(8192);
    h.advance(10_000);
    expect(h.stack.pollAt()).toBe(Infinity);
  });
});
