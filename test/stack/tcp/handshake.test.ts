import { describe, expect } from 'vitest';
import { scenario, writeStream } from '../harness/harness.ts';
import { GUEST, SERVICE, tcpFrame } from '../harness/packets.ts';

describe('a SYN', () => {
  scenario('waits for the application, which accepts', (h) => {
    h.guest('S seq=0 win=64240 mss=1460 ws=7');
    h.sends();
    const request = h.request();
    expect([request.localAddress, request.localPort]).toEqual([SERVICE, 80]);
    expect([request.remoteAddress, request.remotePort]).toEqual([GUEST, 40_000]);
    const connection = request.accept();
    expect(h.wakes).toBe(1);
    h.sends();
    h.poll();
    h.sends('SA seq=0 ack=1 win=65535 mss=1460 ws=7');
    expect(connection.state).toBe('SYN-RECEIVED');
    h.guest('A seq=1 ack=1');
    expect(connection.state).toBe('ESTABLISHED');
  });

  scenario('is refused with RST', (h) => {
    h.guest('S seq=0');
    h.request().refuse();
    h.sends('RA seq=0 ack=1 win=0');
    expect(h.stack.counters.tcpRefused).toBe(1);
  });

  scenario('is refused where nobody handles requests', (h) => {
    h.stack.onTcpRequest = null;
    h.guest('S seq=0');
    h.sends('RA seq=0 ack=1');
  });

  scenario('is answered by ICMP, quoting it', (h) => {
    const syn = tcpFrame({ sequence: 5, flags: 2 });
    h.receive(syn);
    h.request().unreachable('host');
    const [frame] = h.frames();
    expect([frame.source, frame.destination, frame.protocol]).toEqual([SERVICE, GUEST, 1]);
    expect([...frame.payload.subarray(0, 2)]).toEqual([3, 1]);
    expect(frame.payload.subarray(8)).toEqual(syn.subarray(10));
  });

  scenario('is dropped: the next one is a new request', (h) => {
    h.guest('S seq=0');
    h.request().drop();
    h.guest('S seq=0');
    h.request().refuse();
    h.sends('RA ack=1');
  });

  scenario('repeated is absorbed while the application thinks', (h) => {
    h.guest('S seq=0', 'S seq=0', 'S seq=0');
    expect(h.requests).toHaveLength(1);
    expect(h.stack.counters.tcpRequestsAbsorbed).toBe(2);
    h.request().refuse();
    h.sends('RA ack=1');
  });

  scenario('with another number replaces a request of the same flow', (h) => {
    h.guest('S seq=0');
    const first = h.request();
    let abandoned = 0;
    first.onAbandoned = () => {
      abandoned++;
    };
    h.guest('S seq=5000');
    expect([abandoned, first.pending]).toEqual([1, false]);
    expect(() => first.accept()).toThrow('no longer pending');
    first.refuse();
    h.sends();
    h.request().refuse();
    h.sends('RA ack=5001');
  });

  scenario('taken back by RST abandons the request', (h) => {
    h.guest('S seq=0');
    const request = h.request();
    let abandoned = 0;
    request.onAbandoned = () => {
      abandoned++;
    };
    h.guest('R seq=777');
    expect(abandoned).toBe(0);
    h.guest('R seq=1');
    expect(abandoned).toBe(1);
  });

  scenario('with ECN bits is a SYN like any other', (h) => {
    h.receive(tcpFrame({ sequence: h.guestIsn, flags: 0xc2 }));
    h.request().accept();
    h.poll();
    h.sends('SA seq=0 ack=1 mss=1460');
  });

  scenario('with FIN is no SYN', (h) => {
    h.guest('SF seq=0');
    expect(h.requests).toEqual([]);
    expect(h.stack.counters.tcpSynFin).toBe(1);
  });

  scenario('without options gets none but the MSS, and an unscaled window', (h) => {
    const connection = h.establish({ ws: null });
    h.guest('PA seq=1 ack=1 len=100');
    h.sends('A seq=1 ack=101 win=65435');
    writeStream(connection, 0, 10);
    h.poll();
    h.sends('PA seq=1 ack=101 len=10');
  });

  scenario('with payload: the payload is sent again after the handshake', (h) => {
    h.guest('S seq=0 len=5');
    const connection = h.request().accept();
    h.poll();
    h.sends('SA ack=1 mss=1460');
    h.guest('PA seq=1 ack=1 len=5');
    h.sends('A ack=6');
    expect(connection.read()).toHaveLength(5);
  });
});

describe('the SYN-ACK', () => {
  scenario('is sent again when the SYN is', (h) => {
    h.guest('S seq=0');
    h.request().accept();
    h.poll();
    h.sends('SA ack=1 mss=1460');
    h.guest('S seq=0');
    h.sends('SA seq=0 ack=1 mss=1460');
  });

  scenario(
    'is sent again at 1, 3 and 7 s, and given up at a limit',
    (h) => {
      h.guest('S seq=0');
      const connection = h.request().accept();
      const reasons: string[] = [];
      connection.onClosed = (reason) => reasons.push(reason);
      h.poll();
      h.sends('SA mss=1460');
      h.advance(999);
      h.sends();
      h.advance(1);
      h.sends('SA mss=1460');
      h.advance(6000);
      h.sends('SA mss=1460', 'SA mss=1460');
      h.advance(20_000);
      expect(reasons).toEqual(['timeout']);
      h.sends('RA seq=1 ack=1');
    },
    { limits: { handshakeGiveUpMs: 10_000 } },
  );

  scenario('answered with a wrong number is answered by RST, and stands', (h) => {
    h.guest('S seq=0');
    const connection = h.request().accept();
    h.poll();
    h.sends('SA mss=1460');
    h.guest('A seq=1 ack=77');
    h.sends('R seq=77');
    expect(connection.state).toBe('SYN-RECEIVED');
    h.guest('A seq=1 ack=1');
    expect(connection.state).toBe('ESTABLISHED');
  });

  scenario('answered by RST ends the connection', (h) => {
    h.guest('S seq=0');
    const connection = h.request().accept();
    const reasons: string[] = [];
    connection.onClosed = (reason) => reasons.push(reason);
    h.poll();
    h.sends('SA mss=1460');
    h.guest('R seq=1');
    expect(reasons).toEqual(['reset']);
  });

  scenario('is followed by what was written before the handshake ended', (h) => {
    h.guest('S seq=0 mss=1460 ws=7');
    const connection = h.request().accept();
    writeStream(connection, 0, 3000);
    connection.finish();
    h.poll();
    h.sends('SA mss=1460 ws=7');
    h.guest('A seq=1 ack=1');
    h.sends('A seq=1 len=1460', 'A seq=1461 len=1460', 'FPA seq=2921 len=80');
  });

  scenario('may be answered by data at once', (h) => {
    h.guest('S seq=0');
    const connection = h.request().accept();
    h.poll();
    h.sends('SA mss=1460');
    h.guest('PA seq=1 ack=1 len=20');
    h.sends('A ack=21');
    expect(connection.read()).toHaveLength(20);
  });
});
