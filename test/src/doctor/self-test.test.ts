/** The self-test's server: a known stream, with backpressure, and an end once the guest was heard. */

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseReport } from '../../../src/doctor/self-test/guest.ts';
import { SelfTestStream, STREAM_BYTES, streamSha256 } from '../../../src/doctor/self-test/server.ts';
import type { RemoteStreamError } from '../../../src/relay/stream.ts';

/** A guest that reads so much before it pauses. */
class Guest {
  readonly events: string[] = [];
  readonly hash = createHash('sha256');
  bytes = 0;
  pauseAt = Number.POSITIVE_INFINITY;
  readonly stream: SelfTestStream;

  constructor() {
    this.stream = new SelfTestStream(
      {
        onEstablished: () => this.events.push('established'),
        onData: (chunk) => {
          this.hash.update(chunk);
          this.bytes += chunk.length;
          if (this.bytes >= this.pauseAt) this.stream.pause();
        },
        onEnd: () => this.events.push('end'),
        onError: (error: RemoteStreamError) => this.events.push(error.message),
      },
      (text) => this.events.push(`report ${text}`),
    );
  }
}

test('all bytes, as the guest takes them, and the end after its report', async () => {
  const guest = new Guest();
  guest.pauseAt = 1_000_000;
  await Promise.resolve();
  expect(guest.bytes).toBeGreaterThanOrEqual(1_000_000);
  expect(guest.bytes).toBeLessThan(1_100_000);
  guest.pauseAt = Number.POSITIVE_INFINITY;
  guest.stream.resume();
  expect(guest.bytes).toBe(STREAM_BYTES);
  expect(guest.hash.digest('hex')).toBe(streamSha256());
  let taken = 0;
  guest.stream.write(Buffer.from('all '), () => taken++);
  guest.stream.write(Buffer.from('well'), () => taken++);
  expect(taken).toBe(2);
  expect(guest.events).toEqual(['established']);
  guest.stream.end();
  expect(guest.events).toEqual(['established', 'report all well', 'end']);
});

test('nothing comes after the guest has gone, and a report has an end', async () => {
  const gone = new Guest();
  gone.stream.destroy();
  await Promise.resolve();
  expect(gone).toMatchObject({ bytes: 0, events: [] });
  const talkative = new Guest();
  talkative.stream.write(Buffer.alloc(5_000), () => {});
  expect(talkative.events).toEqual(['a report without end']);
});

test('what is no report is refused', () => {
  expect(() => parseReport('{')).toThrow();
  expect(() => parseReport('{"bytes":1}')).toThrow('without its fields');
  const report = { addresses: ['10.0.1.3'], resolveMs: 1, transferMs: 2, bytes: 3, sha256: 'x' };
  expect(parseReport(JSON.stringify(report))).toEqual(report);
});
