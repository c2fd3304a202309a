import { describe, expect, test } from 'vitest';
import { Stack } from '../../stack/index.ts';
import { Harness, scenario, TestDevice } from './harness/harness.ts';

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
