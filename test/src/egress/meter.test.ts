import { expect, onTestFinished, test } from 'vitest';
import { HostStream } from '../../../src/egress/tcp/host-stream.ts';
import { dialTcp } from '../../../src/egress/tcp/dial.ts';
import { type FlowMeter, metered } from '../../../src/egress/meter.ts';
import type { RemoteStreamEvents } from '../../../src/relay/stream.ts';
import { Probe } from '../cluster/probe.ts';
import { closedPort, listening } from '../session/api-server/support.ts';

function countingMeter(): FlowMeter & { sentBytes: number; receivedBytes: number; ends: string[] } {
  return {
    sentBytes: 0,
    receivedBytes: 0,
    ends: [],
    sent(bytes) {
      this.sentBytes += bytes;
    },
    received(bytes) {
      this.receivedBytes += bytes;
    },
    ended(error) {
      this.ends.push(error?.reason ?? 'end');
    },
  };
}

test('counts both ways, and tells the end once', async () => {
  const { server, port } = await listening((socket) => socket.pipe(socket));
  onTestFinished(() => void server.close());
  const meter = countingMeter();
  const dial = metered((events) => new HostStream(dialTcp('127.0.0.1', port), events), meter);
  const probe = new Probe(dial);
  await probe.established;
  await probe.send('hello');
  probe.stream.end();
  await probe.ending;
  expect(meter.ends).toEqual([]);
  probe.stream.destroy();
  probe.stream.destroy();
  expect(meter).toMatchObject({ sentBytes: 5, receivedBytes: 5, ends: ['end'] });
});

test('who the far end is, is told when it has taken the connection, and at the end', () => {
  const told: unknown[] = [];
  let remote: RemoteStreamEvents | undefined;
  const stream = { peer: 'a/web-1:80', write() {}, end() {}, pause() {}, resume() {}, destroy() {} };
  const meter: FlowMeter = {
    sent() {},
    received() {},
    established: (peer) => told.push(peer),
    ended: (_error, peer) => told.push(peer),
  };
  const dial = metered(
    metered((events) => {
      remote = events;
      return stream;
    }, meter),
    meter,
  );
  const near = dial({ onEstablished() {}, onData() {}, onEnd() {}, onError() {} });
  remote?.onEstablished();
  // Another pod has taken its place, since the first refused after all.
  stream.peer = 'a/web-2:80';
  near.destroy();
  expect(told).toEqual(['a/web-1:80', 'a/web-1:80', 'a/web-2:80', 'a/web-2:80']);
});

test('a failure is the end that is told', async () => {
  const meter = countingMeter();
  const port = await closedPort();
  const probe = new Probe(metered((events) => new HostStream(dialTcp('127.0.0.1', port), events), meter));
  await probe.ending;
  probe.stream.destroy();
  expect(meter.ends).toEqual(['refused']);
});
