import { describe, expect, test } from 'vitest';
import { Stack, type TcpConnection } from '../../stack/index.ts';
import { Harness, scenario, TestDevice } from './harness/harness.ts';
import { stream } from './harness/packets.ts';

function make(limits: object, mtu = 1500): Stack {
  return new Stack({ device: new TestDevice({ mtu }), now: 0, random: (bytes) => bytes.fill(1), limits });
}

describe('limits', () => {
  scenario(
    'of requests: the oldest is given up for a new one',
    (h) => {
      h.guest('S seq=0 sport=1', 'S seq=0 sport=2');
      const abandoned: number[] = [];
      for (const request of h.requests) {
        request.onAbandoned = () => abandoned.push(request.remotePort);
      }
      h.guest('S seq=0 sport=3');
      expect([abandoned, h.stack.counters.tcpRequestsEvicted]).toEqual([[1], 1]);
      h.requests[2].refuse();
      h.sends('RA ack=1 dport=3');
    },
    { limits: { maxRequests: 2 } },
  );

  scenario("of a request's time", (h) => {
    h.guest('S seq=0');
    let abandoned = false;
    h.request().onAbandoned = () => {
      abandoned = true;
    };
    h.advance(129_999);
    expect(abandoned).toBe(false);
    h.advance(1);
    expect([abandoned, h.stack.pollAt()]).toEqual([true, Infinity]);
  });

  scenario(
    'of connections: a SYN more is dropped, and welcome when one has gone',
    (h) => {
      const connection = h.establish();
      h.guest('S seq=0 sport=2');
      expect([h.requests, h.stack.counters.tcpConnectionLimit]).toEqual([[], 1]);
      connection.reset();
      h.poll();
      h.sends('RA seq=1');
      h.guest('S seq=0 sport=2');
      expect(h.requests).toHaveLength(1);
    },
    { limits: { maxConnections: 1 } },
  );

  scenario(
    'of what all send queues hold: stalled readers leave little to each, and stop nobody',
    (h) => {
      const chunk = stream(0, 16 << 10);
      const open = (port: number): TcpConnection => {
        h.guest(`S seq=0 win=65535 sport=${port}`);
        const connection = h.request().accept();
        h.poll();
        h.sends('SA mss=1460');
        h.guest(`A seq=1 ack=1 win=0 sport=${port}`);
        return connection;
      };
      const fill = (connection: TcpConnection): number => {
        while (connection.sendRoom > 0) connection.write(chunk);
        return connection.sendQueued;
      };
      const stalled = [1, 2, 3, 4].map(open);
      expect(stalled.map(fill)).toEqual([512 << 10, 512 << 10, 64 << 10, 64 << 10]);

      const reader = open(5);
      reader.onWritable = () => void fill(reader);
      expect(fill(reader)).toBe(64 << 10);
      let read = 0;
      let most = 0;
      for (let turns = 0; turns < 1000 && read < 1 << 20; turns++) {
        h.guest(`A seq=1 ack=${read + 1} win=65535 sport=5`);
        read += h.frames().reduce((sum, { payload }) => sum + payload.length - 20, 0);
        most = Math.max(most, reader.sendQueued);
      }
      expect(read).toBeGreaterThanOrEqual(1 << 20);
      // The last chunk is taken whole.
      expect(most).toBeLessThan((64 << 10) + chunk.length);

      // What a connection held is everybody's again when it has gone.
      for (const connection of stalled) connection.reset();
      h.poll();
      h.frames();
      expect(fill(reader)).toBeGreaterThanOrEqual(512 << 10);
      reader.reset();
      h.poll();
      h.frames();
    },
    { limits: { sendBufferBytes: 512 << 10, sendPoolBytes: 1 << 20 } },
  );

  scenario(
    'of what all send queues hold: who finds that others have used it up is told when there is room',
    (h) => {
      const open = (port: number): TcpConnection => {
        h.guest(`S seq=0 sport=${port}`);
        const connection = h.request().accept();
        h.poll();
        h.sends('SA mss=1460');
        h.guest(`A seq=1 ack=1 win=0 sport=${port}`);
        return connection;
      };
      const [other, waiting] = [open(1), open(2)];
      waiting.write(stream(0, 100_000));
      expect(waiting.sendRoom).toBeGreaterThan(0);
      while (other.sendRoom > 0) other.write(stream(0, 10_000));
      let told = 0;
      waiting.onWritable = () => told++;
      expect(waiting.sendRoom).toBe(0);
      for (let read = 0; read < 100_000; ) {
        h.guest(`A seq=1 ack=${read + 1} win=65535 sport=2`);
        read += h.frames().reduce((sum, { payload }) => sum + payload.length - 20, 0);
      }
      expect([told, waiting.sendRoom > 0]).toEqual([1, true]);
      for (const connection of [other, waiting]) connection.reset();
      h.poll();
      h.frames();
    },
    { limits: { sendBufferBytes: 200_000, sendPoolBytes: 300_000 } },
  );

  test('that contradict the wire are refused', () => {
    expect(() => make({ maxConnections: 0 })).toThrow('maxConnections');
    expect(() => make({ receiveBufferBytes: 2 ** 31 })).toThrow('receiveBufferBytes');
    expect(() => make({ minPathMtuIpv4: 67 })).toThrow('minPathMtuIpv4');
    expect(() => make({}, 60)).toThrow('mtu');
  });

  test('5,000 idle connections are not touched by a poll', () => {
    const h = new Harness();
    for (let port = 1; port <= 5000; port++) {
      h.guest(`S seq=0 sport=${port}`);
      h.request().accept();
      h.poll();
      h.sends('SA mss=1460');
      h.guest(`A seq=1 ack=1 sport=${port}`);
    }
    h.advance(10_000);
    expect([[...h.stack.connections()].length, h.stack.pollAt()]).toEqual([5000, Infinity]);
  });
});
