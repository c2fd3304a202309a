/** The table of requirements is whole, and each test it names is there. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, Stack } from '../../stack/index.ts';
import { scenario, TestDevice, writeStream } from './harness/harness.ts';
import { icmpFrame } from './harness/packets.ts';
import { REQUIREMENTS } from './rfc9293-requirements.ts';

const directory = new URL('./', import.meta.url);
const sources = new Map(
  readdirSync(directory)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => [name.replace('.test.ts', ''), readFileSync(new URL(name, directory), 'utf8')]),
);

function isThere(reference: string): boolean {
  const [file, ...title] = reference.split(': ');
  return sources.get(file)?.includes(title.join(': ')) === true;
}

const numbered = (word: string, last: number): string[] =>
  Array.from({ length: last }, (_, i) => `${word}-${i + 1}`);

test('every MUST and SHOULD of RFC 9293 has a line', () => {
  expect(Object.keys(REQUIREMENTS)).toEqual([...numbered('MUST', 69), ...numbered('SHLD', 31)]);
});

test('every test named in the table exists', () => {
  const missing = Object.entries(REQUIREMENTS).flatMap(([name, requirement]) =>
    'shownBy' in requirement
      ? requirement.shownBy
          .filter((reference) => !isThere(reference))
          .map((reference) => `${name} ${reference}`)
      : [],
  );
  expect(missing).toEqual([]);
});

describe('by default', () => {
  test('keep-alive waits for two hours', () => {
    expect(DEFAULT_LIMITS.keepAliveIdleMs).toBe(2 * 3_600_000);
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
});
