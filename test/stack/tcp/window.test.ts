import { describe, expect } from 'vitest';
import type { TcpConnection } from '../../../stack/index.ts';
import { drain, type Harness, scenario, writeStream } from '../harness/harness.ts';

const SMALL = { limits: { receiveBufferBytes: 4000 } };

const TWO_BLOCKS = { limits: { receivePoolBytes: 2 * 65_536 } };

interface Opened {
  connection: TcpConnection;
  /** Where the stack's numbers start, for what the guest is to acknowledge. */
  isn: number;
}

/** A connection from a port of the guest's. */
function open(h: Harness, port: number): Opened {
  h.guest(`S seq=0 mss=1460 ws=7 sport=${port}`);
  const connection = h.request().accept();
  h.poll();
  h.sends(`SA seq=0 ack=1 mss=1460 ws=7 dport=${port}`);
  h.guest(`A seq=1 ack=1 sport=${port}`);
  return { connection, isn: h.stackIsn };
}

/** Two connections with a block of the two that there are each, from ports 1 and 2. */
function twoWithABlockEach(h: Harness): Opened[] {
  return [1, 2].map((port) => {
    const opened = open(h, port);
    h.guest(`A seq=1 ack=1 len=60000 sport=${port}`);
    h.sends(`A ack=60001 dport=${port}`);
    return opened;
  });
}

/** The same, and the second has used its window up. */
function starve(h: Harness): { hog: TcpConnection; starved: TcpConnection } {
  const [hog, starved] = twoWithABlockEach(h);
  h.guest('A seq=60001 ack=1 len=5535 sport=2');
  h.sends('A ack=65536 win=0 dport=2');
  return { hog: hog.connection, starved: starved.connection };
}

describe('the window we offer', () => {
  scenario(
    'closes as the application does not read, and opens when it does',
    (h) => {
      const connection = h.establish({ ws: null });
      h.guest('A seq=1 ack=1 len=1400', 'A seq=1401 ack=1 len=1400', 'A seq=2801 ack=1 len=1200');
      h.sends('A ack=1401 win=2600', 'A ack=2801 win=1200', 'A ack=4001 win=0');
      const chunk = connection.read();
      h.poll();
      h.sends();
      expect(chunk).toHaveLength(4000);
      connection.release(1000);
      h.poll();
      h.sends();
      connection.release(1000);
      h.poll();
      h.sends('A ack=4001 win=2000');
      connection.release(2000);
      h.poll();
      h.sends('A ack=4001 win=4000');
    },
    SMALL,
  );

  scenario(
    'closed: a probe is answered and its byte not taken',
    (h) => {
      const connection = h.establish({ ws: null });
      h.guest('A seq=1 ack=1 len=4000');
      h.sends('A ack=4001 win=0');
      h.guest('A seq=4001 ack=1 len=1', 'A seq=4000 ack=1');
      h.sends('A ack=4001 win=0', 'A ack=4001 win=0');
      expect(drain(connection, 0)).toBe(4000);
      h.poll();
      h.sends('A ack=4001 win=4000');
    },
    SMALL,
  );

  scenario(
    'closed: a FIN alone takes no room',
    (h) => {
      const connection = h.establish({ ws: null });
      h.guest('A seq=1 ack=1 len=4000');
      h.sends('A ack=4001 win=0');
      h.guest('FA seq=4001 ack=1');
      h.sends('A ack=4002 win=0');
      expect([drain(connection, 0), connection.remoteFinished]).toEqual([4000, true]);
    },
    SMALL,
  );

  scenario(
    'overrun: what is beyond is cut off, with the FIN',
    (h) => {
      const connection = h.establish({ ws: null });
      h.guest('FA seq=1 ack=1 len=5000');
      h.sends('A ack=4001 win=0');
      expect([drain(connection, 0), connection.remoteFinished]).toEqual([4000, false]);
      h.poll();
      h.sends('A ack=4001 win=4000');
    },
    SMALL,
  );

  scenario(
    'closed still lets ACKs and RSTs through',
    (h) => {
      const connection = h.establish({ ws: null });
      h.guest('A seq=1 ack=1 len=4000');
      h.sends('A ack=4001 win=0');
      writeStream(connection, 0, 100);
      h.poll();
      h.sends('PA seq=1 len=100');
      h.guest('A seq=4001 ack=101');
      expect(connection.sendQueued).toBe(0);
      h.guest('R seq=4001');
      expect(connection.state).toBe('CLOSED');
    },
    SMALL,
  );

  scenario(
    'is bounded by the memory of all connections together',
    (h) => {
      const connection = h.establish();
      for (let i = 0; i < 3; i++) h.guest(`A seq=${1 + i * 60_000} ack=1 len=60000`);
      h.sends('A ack=60001 win=555', 'A ack=120001 win=86', 'A ack=131073 win=0');
      expect(drain(connection, 0)).toBe(131_072);
      h.poll();
      h.sends('A ack=131073 win=1024');
    },
    TWO_BLOCKS,
  );

  scenario(
    'is kept as far as there is memory, without the FIN behind it',
    (h) => {
      const [{ connection: first, isn }, { connection: second }] = twoWithABlockEach(h);
      h.stackIsn = isn;
      h.guest('FA seq=60001 ack=1 len=6000 sport=1');
      h.sends('A ack=65537 win=512 dport=1');
      expect([h.stack.counters.tcpNoMemory, first.remoteFinished]).toEqual([1, false]);
      expect(drain(second, 0)).toBe(60_000);
      h.poll();
      h.sends('A ack=60001 win=512 dport=2');
      h.guest('FA seq=65537 ack=1 len=464 sport=1');
      h.sends('A ack=66002 dport=1');
      expect([drain(first, 0), first.remoteFinished]).toEqual([66_000, true]);
    },
    TWO_BLOCKS,
  );

  scenario(
    'of one connection is left for the first bytes of another',
    (h) => {
      const { connection: stalled } = open(h, 1);
      for (let at = 1; at < 7 * 65_536; at += 60_000) h.guest(`A seq=${at} ack=1 len=60000 sport=1`);
      expect(h.frames().length).toBeGreaterThan(0);
      const { connection: other } = open(h, 2);
      for (let at = 1; at < 600_000; at += 60_000) {
        h.guest(`A seq=${at} ack=1 len=60000 sport=2`);
        h.sends(`A ack=${at + 60_000} dport=2`);
        expect(drain(other, at - 1)).toBe(60_000);
        h.poll();
        h.frames();
      }
      expect([h.stack.counters.tcpNoMemory, drain(stalled, 0)]).toEqual([0, 7 * 65_536]);
      h.poll();
      h.frames();
    },
    { limits: { receivePoolBytes: 8 * 65_536 } },
  );

  scenario(
    'ahead of gaps does not take the memory of what closes them',
    (h) => {
      const both = [1, 2].map((port) => {
        const opened = open(h, port);
        h.guest(`A seq=1 ack=1 len=10 sport=${port}`);
        h.sends(`A ack=11 dport=${port}`);
        expect(drain(opened.connection, 0)).toBe(10);
        return opened;
      });
      for (const [i, { isn }] of both.entries()) {
        h.stackIsn = isn;
        h.guest(`A seq=70001 ack=1 len=1000 sport=${i + 1}`);
        h.sends(`A ack=11 dport=${i + 1}`);
      }
      for (const [i, { isn, connection }] of both.entries()) {
        h.stackIsn = isn;
        h.guest(`A seq=11 ack=1 len=1000 sport=${i + 1}`);
        h.sends(`A ack=1011 dport=${i + 1}`);
        expect(drain(connection, 10)).toBe(1000);
      }
    },
    TWO_BLOCKS,
  );

  scenario(
    'cannot be kept where others took the memory: the peer sends it again',
    (h) => {
      const first = h.establish();
      h.guest('S seq=0 sport=2');
      const second = h.request().accept();
      h.poll();
      const firstIsn = h.stackIsn;
      h.sends('SA mss=1460');
      h.guest('PA seq=1 ack=1 len=10 sport=2');
      h.sends('A ack=11 dport=2');
      h.stackIsn = firstIsn;
      h.guest('PA seq=1 ack=1 len=10');
      h.sends('A ack=1 win=511');
      expect([h.stack.counters.tcpNoMemory, first.read()]).toEqual([1, null]);
      expect(drain(second, 0)).toBe(10);
      h.guest('PA seq=1 ack=1 len=10');
      h.sends('A ack=11');
      expect(drain(first, 0)).toBe(10);
    },
    { limits: { receivePoolBytes: 65_536 } },
  );
});

describe('a window that the memory of all keeps closed', () => {
  scenario(
    'opens as soon as others give memory back, without a probe',
    (h) => {
      const { hog, starved } = starve(h);
      const { wakes } = h;
      expect(drain(hog, 0)).toBe(60_000);
      expect(h.wakes).toBe(wakes + 1);
      h.poll();
      h.sends('A ack=65536 win=512 dport=2');
      h.guest('PA seq=65536 ack=1 len=10 sport=2');
      h.sends('A ack=65546 dport=2');
      expect(drain(starved, 0)).toBe(65_545);
      h.poll();
      h.frames();
    },
    TWO_BLOCKS,
  );

  scenario(
    'opens though one that waits for longer has a FIN, and needs none',
    (h) => {
      const three = [1, 2, 3].map((port) => open(h, port));
      // In one turn, so that none is promised a block that another takes.
      for (const [i, { isn }] of three.entries()) {
        h.stackIsn = isn;
        h.batch(`A seq=1 ack=1 len=60000 sport=${i + 1}`);
        if (i > 0) h.batch(`A seq=60001 ack=1 len=5535 sport=${i + 1}`);
      }
      h.poll();
      h.sends('A ack=60001 dport=1', 'A ack=65536 win=0 dport=2', 'A ack=65536 win=0 dport=3');
      h.stackIsn = three[1].isn;
      h.guest('FA seq=65536 ack=1 sport=2');
      h.sends('A ack=65537 win=0 dport=2');
      three[0].connection.reset();
      h.poll();
      h.sends('RA dport=1', 'A ack=65536 win=512 dport=3');
    },
    { limits: { receivePoolBytes: 3 * 65_536 } },
  );

  scenario(
    'is forgotten when its connection ends first',
    (h) => {
      const { hog, starved } = starve(h);
      starved.reset();
      hog.reset();
      h.poll();
      expect(h.frames()).toHaveLength(2);
      expect(h.stack.counters.tcpWindowUpdates).toBe(0);
    },
    TWO_BLOCKS,
  );
});

describe("the peer's window", () => {
  scenario('is not overrun', (h) => {
    const connection = h.establish({ ws: null, window: 3000 });
    writeStream(connection, 0, 5000);
    h.poll();
    h.sends('A seq=1 len=1460', 'A seq=1461 len=1460');
    h.guest('A seq=1 ack=2921 win=3000');
    h.sends('A seq=2921 len=1460', 'PA seq=4381 len=620');
    h.guest('A seq=1 ack=5001 win=3000');
  });

  scenario('closed is probed with one byte, ever more slowly, and never given up', (h) => {
    const connection = h.establish({ ws: null, window: 0 });
    writeStream(connection, 0, 100);
    h.poll();
    h.sends();
    h.advance(200);
    h.sends('A seq=1 len=1');
    h.guest('A seq=1 ack=1 win=0');
    for (const wait of [200, 400, 800, 1600]) {
      h.advance(wait - 1);
      h.sends();
      h.advance(1);
      h.sends('PA seq=1 len=1');
      h.guest('A seq=1 ack=1 win=0');
    }
    for (let i = 0; i < 60; i++) {
      h.advance(60_000);
      h.frames();
      h.guest('A seq=1 ack=1 win=0');
    }
    expect(connection.state).toBe('ESTABLISHED');
    h.guest('A seq=1 ack=1 win=1000');
    h.sends('PA seq=1 len=1', 'PA seq=2 len=99');
    h.guest('A seq=1 ack=101 win=1000');
  });

  scenario('closed, with a probe out: ACKs and a reset stay within it (RFC 9293 3.10.7.4)', (h) => {
    const connection = h.establish({ window: 0 });
    writeStream(connection, 0, 100);
    h.advance(200);
    h.sends('A seq=1 len=1');
    h.guest('A seq=1 ack=1 win=0', 'A seq=1 ack=1 win=0 len=100');
    h.sends('A seq=1 ack=101');
    connection.reset();
    h.sends('RA seq=1 ack=101');
  });

  scenario('closed, with a FIN beyond it: an ACK stays within it', (h) => {
    const connection = h.establish({ window: 0 });
    connection.finish();
    h.poll();
    h.sends('FA seq=1');
    h.guest('A seq=1 ack=1 win=0 len=100');
    h.sends('A seq=1 ack=101');
    connection.reset();
    h.sends('RA seq=1 ack=101');
  });

  scenario('filled, with a FIN behind: an ACK is behind the FIN, which the guest takes', (h) => {
    const connection = h.establish({ ws: null, window: 1000 });
    writeStream(connection, 0, 1000);
    connection.finish();
    h.poll();
    h.sends('A seq=1 len=500', 'FPA seq=501 len=500');
    h.guest('A seq=1 ack=1 win=1000 len=100');
    h.sends('A seq=1002 ack=101');
    h.guest('A seq=101 ack=1002 win=0');
  });

  scenario('that scaling rounds down has not shrunk', (h) => {
    const connection = h.establish({ window: 8 });
    writeStream(connection, 0, 1024);
    h.poll();
    h.sends('A seq=1 len=512', 'PA seq=513 len=512');
    h.guest('A seq=1 ack=101 win=7 len=10');
    h.sends('A seq=1025 ack=11');
    h.guest('A seq=11 ack=1025 win=8');
  });

  scenario('of a byte more is not worth a segment', (h) => {
    const connection = h.establish({ ws: null, window: 2920 });
    writeStream(connection, 0, 4000);
    h.poll();
    h.sends('A seq=1 len=1460', 'A seq=1461 len=1460');
    h.guest('A seq=1 ack=2921 win=1');
    h.sends();
    h.advance(200);
    h.sends('A seq=2921 len=1');
    h.guest('A seq=1 ack=2922 win=2000');
    h.sends('PA seq=2922 len=1079');
    h.guest('A seq=1 ack=4001 win=2000');
  });

  scenario('smaller than two segments is filled by halves', (h) => {
    const connection = h.establish({ ws: null, window: 1000 });
    writeStream(connection, 0, 1500);
    h.poll();
    h.sends('A seq=1 len=500', 'A seq=501 len=500');
    h.guest('A seq=1 ack=501 win=1000');
    h.sends('PA seq=1001 len=500');
    h.guest('A seq=1 ack=1501 win=1000');
  });

  scenario('shrunk below what is in flight: only what fits is repeated', (h) => {
    const connection = h.establish({ ws: null, window: 3000 });
    writeStream(connection, 0, 2000);
    h.poll();
    h.sends('A seq=1 len=1460', 'PA seq=1461 len=540');
    h.guest('A seq=1 ack=1 win=100');
    h.advance(200);
    h.sends('PA seq=1 len=100');
    h.guest('A seq=1 ack=101 win=3000');
    h.sends('PA seq=101 len=1460');
    h.guest('A seq=1 ack=2001 win=3000');
  });

  scenario('in an old segment does not bring the old one back', (h) => {
    const connection = h.establish({ ws: null, window: 3000 });
    h.guest('A seq=101 ack=1 win=9 len=10');
    h.sends('A ack=1');
    h.guest('A seq=1 ack=1 win=3000 len=10');
    h.sends('A ack=11');
    writeStream(connection, 0, 100);
    h.poll();
    h.sends();
    h.guest('A seq=111 ack=1 win=3000');
    h.sends('PA seq=1 len=100');
    h.guest('A seq=111 ack=101 win=3000');
  });
});
