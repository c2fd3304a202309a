/** The table of requirements is whole, and each test it names is there. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS, Stack } from '../../../stack/index.ts';
import { scenario, TestDevice, writeStream } from '../harness/harness.ts';
import { GUEST, icmpFrame, SERVICE } from '../harness/packets.ts';
import { dial } from '../harness/states.ts';
import { REQUIREMENTS } from './requirements.ts';

const directory = new URL('../', import.meta.url);
const titles = new Map(
  readdirSync(directory, { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => [name.replace('.test.ts', ''), titlesIn(readFileSync(new URL(name, directory), 'utf8'))]),
);

/** The titles of the tests in a source: first arguments, with `%i` and `${…}` as they stand there. */
function titlesIn(source: string): Set<string> {
  const calls = source.matchAll(
    /\b(?:test|scenario|describe|arrives)(?:\.each\(.*?\))?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/gs,
  );
  return new Set(Array.from(calls, ([, , title]) => title));
}

function isThere(reference: string): boolean {
  const [file, ...title] = reference.split(': ');
  return titles.get(file)?.has(title.join(': ')) === true;
}

const numbered = (word: string, last: number): string[] =>
  Array.from({ length: last }, (_, i) => `${word}-${i + 1}`);

test('every requirement of RFC 9293, appendix B, has a line', () => {
  expect(Object.keys(REQUIREMENTS)).toEqual([
    ...numbered('MUST', 69),
    ...numbered('SHLD', 31),
    'REC-1',
    ...numbered('MAY', 18),
  ]);
});

test('a test that does not exist is noticed', () => {
  expect(isThere('rfc9293/appendix-b: a test that does not exist is noticed')).toBe(true);
  expect(isThere('rfc9293/appendix-b: a test that does not exist')).toBe(false);
  expect(isThere('rfc9293/appendix-b: titlesIn')).toBe(false);
  expect(isThere('no-such-file: a test that does not exist is noticed')).toBe(false);
});

test('every line has a test or an excuse, and an excuse the section it rests on', () => {
  const bare = Object.entries(REQUIREMENTS).filter(([, { shownBy = [], excusedBy }]) =>
    excusedBy === undefined ? shownBy.length === 0 : !/\d\.\d|RFC \d/.test(excusedBy),
  );
  expect(bare).toEqual([]);
});

test('every test named in the table exists', () => {
  const missing = Object.entries(REQUIREMENTS).flatMap(([name, { shownBy = [] }]) =>
    shownBy.filter((reference) => !isThere(reference)).map((reference) => `${name} ${reference}`),
  );
  expect(missing).toEqual([]);
});

test('keep-alive waits for two hours, and the hop limit is that of other systems', () => {
  expect(DEFAULT_LIMITS.keepAliveIdleMs).toBe(2 * 3_600_000);
  expect(DEFAULT_LIMITS.hopLimit).toBe(64);
});

test('connect to a group or to everybody is refused', () => {
  const stack = new Stack({ device: new TestDevice(), now: 0, random: (bytes) => bytes.fill(1) });
  for (const address of ['224.0.0.1', '255.255.255.255', '0.0.0.0', 'ff02::1', '::']) {
    const from = address.includes(':') ? 'fd00::1' : '10.0.0.1';
    expect(() => stack.connect({ address: from, port: 1 }, { address, port: 2 })).toThrow(
      expect.objectContaining({ code: 'CONNECT_NOT_A_HOST' }),
    );
  }
  expect([...stack.connections()]).toEqual([]);
});

scenario('source quench changes nothing', (h) => {
  const connection = h.establish();
  writeStream(connection, 0, 100);
  h.poll();
  const [{ packet }] = h.frames();
  const before = [...h.stack.connections()];
  h.receive(icmpFrame(4, 0, 0, packet.subarray(0, 28)));
  expect([...h.stack.connections()]).toEqual(before);
  h.guest('A seq=1 ack=101');
});

scenario('a window of 65,535 is no negative one', (h) => {
  const connection = h.establish({ ws: null, window: 65_535 });
  writeStream(connection, 0, 1460);
  h.poll();
  h.sends('PA seq=1 len=1460');
  expect([...h.stack.connections()][0].sendWindow).toBe(65_535);
  h.guest('A seq=1 ack=1461');
});

scenario('initial sequence numbers rise by 250 a millisecond, and differ from flow to flow', (h) => {
  const isnOf = (port: number): number => {
    const connection = h.stack.connect({ address: SERVICE, port }, { address: GUEST, port: 7 });
    h.poll();
    const [{ payload }] = h.frames();
    connection.reset();
    h.poll();
    return new DataView(payload.buffer, payload.byteOffset).getInt32(4);
  };
  const first = isnOf(1);
  const other = isnOf(2);
  h.advance(1000);
  h.poll();
  expect((isnOf(1) - first) | 0).toBe(250_000);
  expect(Math.abs((other - first) | 0)).toBeGreaterThan(250_000);
});

scenario('RST in SYN-RECEIVED is a refusal to who has opened, and a reset to who was asked', (h) => {
  const told: string[] = [];
  h.guest('S seq=0 mss=1460');
  const asked = h.request().accept();
  asked.onClosed = (reason) => told.push(reason);
  h.poll();
  h.sends('SA ack=1 mss=1460');
  h.guest('R seq=1');
  const opened = dial(h);
  opened.onClosed = (reason) => told.push(reason);
  h.poll();
  h.sends('S mss=1460 ws=7 sackok=1');
  h.guest('S seq=0 mss=1460');
  h.sends('SA ack=1 mss=1460');
  h.guest('R seq=1');
  expect(told).toEqual(['reset', 'refused']);
});

scenario('what is written goes at once, whatever is in flight', (h) => {
  const connection = h.establish();
  for (let at = 0; at < 30; at += 10) {
    writeStream(connection, at, 10);
    h.poll();
    h.sends(`PA seq=${1 + at} len=10`);
  }
  h.guest('A seq=1 ack=31');
});

scenario('R2 can be set for a connection, to for ever as well', (h) => {
  const connection = h.establish();
  const told: string[] = [];
  connection.onClosed = (reason) => told.push(reason);
  connection.giveUpAfterMs = Infinity;
  writeStream(connection, 0, 10);
  h.advance(3_600_000);
  expect([told, connection.giveUpAfterMs]).toEqual([[], Infinity]);
  connection.giveUpAfterMs = 5000;
  h.advance(60_000);
  expect(told).toEqual(['timeout']);
  h.frames();
  expect(() => {
    connection.giveUpAfterMs = -1;
  }).toThrow(RangeError);
});

scenario('after R1, three retransmissions, the application can see that nobody answers', (h) => {
  const connection = h.establish({ rttMs: 10 });
  writeStream(connection, 0, 10);
  h.poll();
  h.sends('PA seq=1 len=10');
  h.advance(700);
  h.sends('PA seq=1 len=10', 'PA seq=1 len=10');
  expect(connection.softError).toBeNull();
  h.advance(1000);
  h.sends('PA seq=1 len=10');
  expect(connection.softError).toBe('unanswered');
  h.guest('A seq=1 ack=11');
  expect(connection.softError).toBeNull();
});

scenario('a window that shrinks to zero is probed', (h) => {
  const connection = h.establish({ ws: null, window: 3000 });
  writeStream(connection, 0, 2000);
  h.poll();
  h.sends('A seq=1 len=1460', 'PA seq=1461 len=540');
  h.guest('A seq=1 ack=1 win=0');
  h.advance(200);
  h.sends('PA seq=1 len=1');
  h.guest('A seq=1 ack=1 win=3000');
  h.sends('PA seq=1 len=1460', 'PA seq=1461 len=540');
  h.guest('A seq=1 ack=2001 win=3000');
});

scenario('one port listens while connections from it are in SYN-SENT and SYN-RECEIVED', (h) => {
  const states = (): string[] => Array.from(h.stack.connections(), (seen) => seen.state);
  const opened = h.stack.connect({ address: SERVICE, port: 80 }, { address: GUEST, port: 1 });
  h.guest('S seq=0 sport=2');
  const asked = h.request().accept();
  h.poll();
  h.frames();
  h.guest('S seq=0 sport=3');
  h.request().accept();
  h.poll();
  h.sends('SA ack=1 mss=1460 dport=3');
  h.guest('A seq=1 ack=1 sport=3');
  expect([opened.state, asked.state]).toEqual(['SYN-SENT', 'SYN-RECEIVED']);
  expect(states().sort()).toEqual(['ESTABLISHED', 'SYN-RECEIVED', 'SYN-SENT']);
});

for (const ip of [4, 6] as const) {
  scenario(
    `the Differentiated Services field and the hop limit are as they were set, IPv${ip}`,
    (h) => {
      const connection = h.establish();
      // Expedited forwarding (RFC 3246): 46, in front of ECN's two bits.
      const marks = [0, 46, 46, 0].map((codePoint, i) => {
        connection.diffserv = codePoint;
        writeStream(connection, 10 * i, 10);
        h.poll();
        const [{ trafficClass, hopLimit }] = h.frames();
        expect(connection.diffserv).toBe(codePoint);
        return [trafficClass, hopLimit];
      });
      expect(marks).toEqual([
        [0, 7],
        [184, 7],
        [184, 7],
        [0, 7],
      ]);
      expect(() => {
        connection.diffserv = 64;
      }).toThrow(RangeError);
      h.guest('A seq=1 ack=41');
    },
    { ip, limits: { hopLimit: 7 } },
  );
}

scenario('a batch of segments is processed before one ACK for all of it', (h) => {
  h.establish();
  for (let i = 0; i < 10; i++) h.batch(`PA seq=${1 + 1000 * i} ack=1 len=1000`);
  h.sends();
  h.poll();
  h.sends('A ack=10001');
});

scenario(
  'urgent data is announced with a closed window',
  (h) => {
    const connection = h.establish({ ws: null });
    let announced = 0;
    connection.onUrgent = () => announced++;
    for (let i = 0; i < 32; i++) h.guest(`A seq=${1 + 2048 * i} ack=1 len=2048`);
    h.frames();
    expect([...h.stack.connections()][0].receiveWindow).toBe(0);
    h.guest('UA seq=65536 ack=1 urg=10');
    expect([announced, connection.urgentBytes]).toEqual([1, 65_545]);
  },
  { limits: { receiveBufferBytes: 65_535 } },
);

scenario('a RST may carry data', (h) => {
  const connection = h.establish();
  h.guest('R seq=1 len=30');
  expect(connection.state).toBe('CLOSED');
});

scenario('every second full-sized segment has an ACK at once, held back or not', (h) => {
  const connection = h.establish();
  // A conversation, in which ACKs wait for data to ride on.
  let [guest, stack] = [1, 1];
  for (let i = 0; i < 3; i++) {
    h.batch(`PA seq=${guest} ack=${stack} len=10`);
    writeStream(connection, stack - 1, 10);
    h.poll();
    h.sends(`PA seq=${stack} ack=${guest + 10} len=10`);
    guest += 10;
    stack += 10;
  }
  h.guest(`A seq=${guest} ack=${stack} len=1460`);
  h.sends();
  h.guest(`A seq=${guest + 1460} ack=${stack} len=1460`);
  h.sends(`A ack=${guest + 2920}`);
});
