/** The relay on a real stack: a guest that speaks in segments on one side, a far end that obeys on the other. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { relay } from '../../../src/relay/relay.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../../src/relay/stream.ts';
import { Harness, scenario } from '../../stack/harness/harness.ts';
import { stream } from '../../stack/harness/packets.ts';

/** A far end that takes what it is told to take, and tells what it was asked. */
class FarEnd implements RemoteStream {
  readonly events: RemoteStreamEvents;
  readonly calls: string[] = [];
  readonly waiting: { bytes: number; done: () => void }[] = [];

  constructor(events: RemoteStreamEvents) {
    this.events = events;
  }

  write(chunk: Uint8Array, done: () => void): void {
    this.calls.push(`write ${chunk.length}`);
    this.waiting.push({ bytes: chunk.length, done });
  }

  end(): void {
    this.calls.push('end');
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  destroy(): void {
    this.calls.push('destroy');
  }

  /** What the relay has asked since the last look. */
  asked(): string[] {
    return this.calls.splice(0);
  }

  get heldBytes(): number {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  takeAll(): void {
    for (const { done } of this.waiting.splice(0)) done();
  }
}

/** A SYN of the guest's, dialled. */
function dialled(h: Harness, failures: string[] = [], window = 65_535): FarEnd {
  h.guest(`S seq=0 win=${window} mss=1460`);
  let far: FarEnd | undefined;
  relay(
    h.request(),
    (events) => (far = new FarEnd(events)),
    (error) => failures.push(error.message),
  );
  h.poll();
  h.sends();
  if (far === undefined) return expect.fail('nothing was dialled');
  return far;
}

function established(h: Harness, window = 65_535): FarEnd {
  const far = dialled(h, [], window);
  far.events.onEstablished();
  h.poll();
  h.sends('SA seq=0 ack=1 mss=1460');
  h.guest(`A seq=1 ack=1 win=${window}`);
  return far;
}

describe('opening', () => {
  scenario('a SYN is answered when the far end stands', (h) => {
    expect(established(h).asked()).toEqual([]);
  });

  scenario('refused there is refused here', (h) => {
    const failures: string[] = [];
    dialled(h, failures).events.onError(new RemoteStreamError('refused', 'no ready pod'));
    h.poll();
    h.sends('RA seq=0 ack=1');
    expect(failures).toEqual(['no ready pod']);
  });

  scenario('unreachable there is an ICMP error here', (h) => {
    dialled(h).events.onError(new RemoteStreamError('unreachable', 'no rights'));
    h.poll();
    expect(h.frames().map(({ protocol, payload }) => [protocol, payload[0], payload[1]])).toEqual([
      [1, 3, 1],
    ]);
  });

  scenario('of the kind that the far end says', (h) => {
    const error = new RemoteStreamError('unreachable', 'no route', { unreachable: 'net' });
    dialled(h).events.onError(error);
    h.poll();
    expect(h.frames().map(({ payload }) => [payload[0], payload[1]])).toEqual([[3, 0]]);
  });

  scenario('silence there is silence here, and the next SYN dials anew', (h) => {
    dialled(h).events.onError(new RemoteStreamError('silent', 'nobody answers'));
    h.poll();
    expect(h.frames()).toEqual([]);
    dialled(h).events.onEstablished();
    h.poll();
    expect(h.frames()).toHaveLength(1);
  });

  scenario('a guest that gives up ends the dial', (h) => {
    const far = dialled(h);
    h.guest('R seq=1');
    expect(far.asked()).toEqual(['destroy']);
  });

  scenario('data right after the end of the dial follows the SYN-ACK', (h) => {
    const far = dialled(h);
    far.events.onEstablished();
    far.events.onData(stream(0, 100));
    far.events.onEnd();
    h.poll();
    h.sends('SA seq=0 ack=1 mss=1460');
    h.guest('A seq=1 ack=1 win=65535');
    h.sends('FPA seq=1 ack=1 len=100');
    h.guest('FA seq=1 ack=102');
    h.sends('A seq=102 ack=2');
    expect(far.asked()).toEqual(['end', 'destroy']);
  });
});

describe('a far end that reads slowly', () => {
  scenario(
    'closes the window: no more is held than the receive buffer',
    (h) => {
      const far = established(h);
      for (let seq = 1; seq < 4001; seq += 1000) h.guest(`A seq=${seq} ack=1 len=1000`);
      h.sends('A ack=1001 win=3000', 'A ack=2001 win=2000', 'A ack=3001 win=1000', 'A ack=4001 win=0');
      h.guest('A seq=4001 ack=1 len=1000', 'A seq=4001 ack=1 len=1000');
      h.sends('A ack=4001 win=0', 'A ack=4001 win=0');
      expect(far.heldBytes).toBe(4000);
      far.takeAll();
      h.poll();
      h.sends('A ack=4001 win=4000');
    },
    { limits: { receiveBufferBytes: 4000 } },
  );

  scenario('is told of the FIN after the last byte, and once', (h) => {
    const far = established(h);
    h.batch('A seq=1 ack=1 len=1000', 'FA seq=1001 ack=1 len=500');
    h.poll();
    h.sends('A ack=1502');
    expect(far.asked().at(-1)).toBe('end');
    expect(far.heldBytes).toBe(1500);
    h.guest('FA seq=1001 ack=1 len=500');
    h.sends('A ack=1502');
    expect(far.asked()).toEqual([]);
  });
});

describe('a guest that reads slowly', () => {
  scenario(
    'pauses the far end, and half the buffer lets it go on',
    (h) => {
      const far = established(h);
      far.events.onData(stream(0, 1000));
      h.poll();
      h.sends('PA seq=1 len=1000');
      expect(far.asked()).toEqual([]);
      far.events.onData(stream(1000, 1000));
      expect(far.asked()).toEqual(['pause']);
      // What was in flight still comes, and asks for nothing more.
      far.events.onData(stream(2000, 500));
      expect(far.asked()).toEqual([]);
      h.poll();
      h.sends('A seq=1001 len=1460', 'PA seq=2461 len=40');
      h.guest('A seq=1 ack=1001');
      expect(far.asked()).toEqual([]);
      h.guest('A seq=1 ack=2501');
      expect(far.asked()).toEqual(['resume']);
    },
    { limits: { sendBufferBytes: 2000 } },
  );

  scenario('gets all of it before the FIN', (h) => {
    const far = established(h, 1000);
    far.events.onData(stream(0, 1500));
    far.events.onEnd();
    h.poll();
    h.sends('A seq=1 len=500', 'A seq=501 len=500');
    h.guest('A seq=1 ack=1001 win=1000');
    h.sends('FPA seq=1001 len=500');
    expect(far.asked()).toEqual([]);
    h.guest('RA seq=1 ack=1502');
    expect(far.asked()).toEqual(['destroy']);
  });
});

function halfClosed(h: Harness): FarEnd {
  const far = established(h);
  h.guest('FA seq=1 ack=1');
  h.sends('A ack=2');
  expect(far.asked()).toEqual(['end']);
  return far;
}

describe('a guest that has ended, and a far end that does not end', () => {
  scenario('are ended once the kernel of the guest knows nothing of it any more', (h) => {
    const far = halfClosed(h);
    h.advance(59_999);
    h.sends();
    h.advance(1);
    h.sends('A seq=0 ack=2');
    h.guest('R seq=2');
    expect(far.asked()).toEqual(['destroy']);
  });

  scenario('go on while the guest is there', (h) => {
    const far = halfClosed(h);
    for (let probes = 0; probes < 60; probes++) {
      h.advance(75_000);
      h.sends('A seq=0 ack=2');
      h.guest('A seq=2 ack=1');
    }
    far.events.onData(stream(0, 100));
    h.poll();
    h.sends('PA seq=1 ack=2 len=100');
    h.guest('A seq=2 ack=101');
    expect(far.asked()).toEqual([]);
  });
});

scenario('a connection with both ends open is not asked for', (h) => {
  const far = established(h);
  h.advance(10_000_000);
  h.sends();
  expect(far.asked()).toEqual([]);
});

describe('resets', () => {
  scenario('one of the far end is one here', (h) => {
    const far = established(h);
    far.events.onError(new RemoteStreamError('reset', 'by the pod'));
    h.poll();
    h.sends('RA seq=1 ack=1');
    expect(far.asked()).toEqual(['destroy']);
  });

  scenario('one of the far end comes behind what it had sent', (h) => {
    const far = established(h, 1000);
    far.events.onData(stream(0, 1500));
    far.events.onError(new RemoteStreamError('reset', 'by the pod'));
    h.poll();
    h.sends('A seq=1 len=500', 'A seq=501 len=500');
    // What the guest says now is read by nobody.
    h.guest('A seq=1 ack=1001 win=1000 len=10');
    h.sends('PA seq=1001 ack=11 len=500');
    expect(far.asked()).toEqual([]);
    h.guest('A seq=11 ack=1501 win=1000');
    h.sends('RA seq=1501 ack=11');
    expect(far.asked()).toEqual(['destroy']);
  });

  scenario('one behind bytes that come with the opening is delivered behind them', (h) => {
    const far = dialled(h);
    far.events.onEstablished();
    far.events.onData(stream(0, 100));
    far.events.onError(new RemoteStreamError('reset', 'by the pod'));
    h.poll();
    h.sends('SA seq=0 ack=1 mss=1460');
    h.guest('A seq=1 ack=1 win=65535');
    h.sends('PA seq=1 ack=1 len=100');
    h.guest('A seq=1 ack=101');
    h.sends('RA seq=101 ack=1');
  });

  scenario('another end of the far end drops what waits', (h) => {
    const far = established(h);
    far.events.onData(stream(0, 100));
    far.events.onError(new RemoteStreamError('timeout', 'too long'));
    h.poll();
    h.sends('RA seq=1 ack=1');
  });

  describe('on a clock of our own', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
    afterEach(() => void vi.useRealTimers());

    test('one that waits for a guest that does not read is sent after a minute without a byte', () => {
      const h = new Harness();
      const far = established(h, 1000);
      far.events.onData(stream(0, 1500));
      far.events.onError(new RemoteStreamError('reset', 'by the pod'));
      h.poll();
      h.sends('A seq=1 len=500', 'A seq=501 len=500');
      vi.advanceTimersByTime(40_000);
      h.guest('A seq=1 ack=1001 win=0');
      vi.advanceTimersByTime(59_999);
      h.poll();
      h.sends();
      vi.advanceTimersByTime(1);
      h.poll();
      h.sends('RA seq=1001 ack=1');
      expect([far.asked(), vi.getTimerCount()]).toEqual([['destroy'], 0]);
    });

    test('a far end that takes no more is not written to, and waits for a guest that reads', () => {
      const h = new Harness({ limits: { receiveBufferBytes: 4000 } });
      const far = established(h, 1000);
      far.events.onData(stream(0, 1500));
      h.poll();
      h.sends('A seq=1 len=500', 'A seq=501 len=500');
      far.events.onBrokenPipe?.();
      for (let seq = 1; seq < 4001; seq += 1000) h.guest(`A seq=${seq} ack=1 len=1000`);
      h.sends('A ack=1001 win=3000', 'A ack=2001 win=2000', 'A ack=3001 win=1000', 'A ack=4001 win=0');
      expect(far.asked()).toEqual([]);
      vi.advanceTimersByTime(59_999);
      h.guest('A seq=4001 ack=1001 win=1000');
      h.sends('PA seq=1001 len=500');
      vi.advanceTimersByTime(59_999);
      h.guest('A seq=4001 ack=1501 win=1000');
      // There may be more of it to read.
      expect(far.asked()).toEqual([]);
      far.events.onError(new RemoteStreamError('reset', 'write EPIPE'));
      h.poll();
      h.sends('RA seq=1501 ack=4001');
      expect([far.asked(), vi.getTimerCount()]).toEqual([['destroy'], 0]);
    });

    test('a far end that takes no more, and a guest that does not read, are over after a minute', () => {
      const h = new Harness();
      const far = established(h);
      far.events.onBrokenPipe?.();
      vi.advanceTimersByTime(60_000);
      h.poll();
      h.sends('RA seq=1 ack=1');
      expect([far.asked(), vi.getTimerCount()]).toEqual([['destroy'], 0]);
    });

    test('a guest that resets before it has read all leaves no timer', () => {
      const h = new Harness();
      const far = established(h);
      far.events.onData(stream(0, 100));
      far.events.onError(new RemoteStreamError('reset', 'by the pod'));
      h.poll();
      h.sends('PA seq=1 len=100');
      h.guest('R seq=1');
      expect([far.asked(), vi.getTimerCount()]).toEqual([['destroy'], 0]);
    });
  });

  scenario('one of the guest ends the far end, and what it takes later does no harm', (h) => {
    const far = established(h);
    h.guest('A seq=1 ack=1 len=1000');
    h.sends('A ack=1001');
    h.guest('R seq=1001');
    expect(far.asked()).toEqual(['write 1000', 'destroy']);
    far.takeAll();
    h.poll();
  });
});
