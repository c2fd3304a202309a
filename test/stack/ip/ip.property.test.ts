/** IP input against slow models: reassembly, chains of extension headers, flows, path mtus. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Clock } from '../../../stack/clock.ts';
import { FlowMap } from '../../../stack/ip/packet/flow-map.ts';
import { Flow } from '../../../stack/ip/packet/flow.ts';
import { Link } from '../../../stack/ip/path/link.ts';
import { PathMtuTable } from '../../../stack/ip/path/path-mtu.ts';
import { Path } from '../../../stack/ip/path/path.ts';
import { resolveLimits } from '../../../stack/limits.ts';
import { Harness, TestDevice } from '../harness/harness.ts';
import {
  expectBytes,
  GUEST6,
  ipv4Frame,
  ipv6Frame,
  SERVICE,
  SERVICE6,
  stream,
  udpDatagram,
} from '../harness/packets.ts';

interface Piece {
  id: number;
  /** In units of eight bytes. */
  start: number;
  units: number;
}

/** A datagram put together a byte at a time, by RFC 791 and 8200 with 5722's verdict on overlaps. */
class NaiveDatagram {
  readonly bytes = new Map<number, number>();
  end = -1;
  refused = false;

  /** @returns the whole, once there is one */
  add(data: Uint8Array, start: number, last: boolean): Uint8Array | null {
    const places = Array.from({ length: data.length }, (_, i) => start + i);
    const known = places.filter((place) => this.bytes.has(place)).length;
    if (this.refused || known === places.length) return null;
    if (known > 0) {
      this.refused = true;
      return null;
    }
    places.forEach((place, i) => this.bytes.set(place, data[i]));
    if (last) this.end = start + data.length;
    if (this.bytes.size !== this.end) return null;
    return Uint8Array.from({ length: this.end }, (_, i) => this.bytes.get(i) ?? 0);
  }
}

const UNITS = 40;
const piece: fc.Arbitrary<Piece> = fc.record({
  id: fc.nat(2),
  start: fc.nat(UNITS - 1),
  units: fc.integer({ min: 1, max: UNITS }),
});

/** Most of the time a cut that fits, in any order and with repetitions; sometimes anything. */
const pieces: fc.Arbitrary<Piece[]> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.uniqueArray(fc.integer({ min: 1, max: UNITS - 1 }), { maxLength: 8 }), fc.nat(2))
      .map(([inner, id]) => {
        const cuts = [0, ...inner.sort((a, b) => a - b), UNITS];
        return cuts.slice(1).map((end, i) => ({ id, start: cuts[i], units: end - cuts[i] }));
      })
      .chain((whole) => fc.shuffledSubarray([...whole, ...whole], { minLength: whole.length })),
  },
  { weight: 1, arbitrary: fc.array(piece, { maxLength: 20 }) },
);

function fragmentOf(version: 4 | 6, whole: Uint8Array, { id, start, units }: Piece): Uint8Array {
  const from = start * 8;
  const to = Math.min(whole.length, from + units * 8);
  const more = to < whole.length;
  const payload = whole.subarray(from, to);
  if (version === 4) {
    const fragment = (more ? 0x2000 : 0) | start;
    return ipv4Frame({ protocol: 17, identification: id, fragment, payload });
  }
  const options = Uint8Array.of(17, 0, from >>> 8, (from & 0xf8) | (more ? 1 : 0), 0, 0, 0, id);
  return ipv6Frame({ protocol: 44, options, payload });
}

describe.each([4, 6] as const)('reassembly, IPv%i', (version) => {
  test('is that of a model that works byte by byte', () => {
    const whole =
      version === 4
        ? udpDatagram(stream(0, UNITS * 8 - 11), SERVICE, 4000, 53)
        : udpDatagram(stream(0, UNITS * 8 - 11), SERVICE6, 4000, 53, GUEST6);
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 3 }), (groups) => {
        const h = new Harness();
        const seen: number[] = [];
        h.stack.onUdp = (datagram) => {
          expectBytes(datagram.payload, whole.subarray(8));
          seen.push(seen.length);
        };
        const models = new Map<number, NaiveDatagram>();
        let expected = 0;
        // Whole packets in one piece are no fragments.
        const fragments = groups.flat().filter(({ start, units }) => start > 0 || start + units < UNITS);
        for (const one of fragments) {
          const from = one.start * 8;
          const to = Math.min(whole.length, from + one.units * 8);
          const model = models.get(one.id) ?? new NaiveDatagram();
          models.set(one.id, model);
          if (model.add(whole.subarray(from, to), from, to === whole.length) !== null) {
            expected++;
            models.delete(one.id);
          }
          h.receive(fragmentOf(version, whole, one));
          expect(seen.length).toBe(expected);
        }
        const { counters } = h.stack;
        expect([counters.fragmentsIn, counters.datagramsReassembled, counters.fragmentBad]).toEqual([
          fragments.length,
          expected,
          0,
        ]);
      }),
      { numRuns: 200 },
    );
  });
});

type Verdict = 'skip' | 'silence' | { code: number; at: number };

interface Element {
  type: number;
  bytes: number[];
  /** `at` counts from the element's first byte. */
  verdict: Verdict;
}

/** One option in a header of its own, behind some padding. */
const optionsElement = fc
  .record({ pad: fc.nat(3), option: fc.nat(255), length: fc.nat(12) })
  .map(({ pad, option, length }): Element => {
    const isPad1 = option === 0;
    const body = isPad1 ? [0] : [option, length, ...Array.from({ length }, () => 0x55)];
    const bytes = [0, 0, ...Array.from({ length: pad }, () => 0), ...body];
    while (bytes.length % 8 !== 0) bytes.push(0);
    bytes[1] = bytes.length / 8 - 1;
    const high = option >>> 6;
    const verdict = high === 0 ? 'skip' : high === 1 ? 'silence' : { code: 2, at: 2 + pad };
    return { type: 60, bytes, verdict };
  });

const routingElement = fc
  .record({ type: fc.nat(255), left: fc.constantFrom(0, 0, 0, 1, 255), units: fc.nat(2) })
  .map(({ type, left, units }): Element => {
    const bytes = [0, units, type, left, ...Array.from({ length: 4 + 8 * units }, () => 9)];
    return { type: 43, bytes, verdict: left === 0 ? 'skip' : { code: 0, at: 2 } };
  });

test('a chain of extension headers meets what its first refused part asks for', () => {
  const datagram = udpDatagram(stream(0, 20), SERVICE6, 4000, 53, GUEST6);
  const chain = fc.array(fc.oneof(optionsElement, routingElement), { maxLength: 8 });
  fc.assert(
    fc.property(chain, fc.boolean(), (elements, hopByHop) => {
      const [first] = elements;
      const types = elements.map((element) => element.type);
      if (hopByHop && first?.type === 60) types[0] = 0;
      const bytes = elements.map((element, i) => [types[i + 1] ?? 17, ...element.bytes.slice(1)]);
      const h = new Harness();
      let delivered = 0;
      h.stack.onUdp = () => delivered++;
      const options = Uint8Array.from(bytes.flat());
      h.receive(ipv6Frame({ protocol: types[0] ?? 17, options, payload: datagram }));
      const errors = h.frames().map(({ payload }) => [payload[0], payload[1], payload[6] * 256 + payload[7]]);
      const refused = elements.findIndex((element) => element.verdict !== 'skip');
      const verdict = refused < 0 ? 'skip' : elements[refused].verdict;
      const before = bytes.slice(0, Math.max(0, refused)).flat().length;
      const expected = typeof verdict === 'string' ? [] : [[4, verdict.code, 40 + before + verdict.at]];
      expect([delivered, errors]).toEqual([verdict === 'skip' ? 1 : 0, expected]);
    }),
    { numRuns: 300 },
  );
});

const limits = resolveLimits({ maxPathMtus: 3, pathMtuTimeoutMs: 100 });

test('a flow map is a Map, and versions with the same words do not meet', () => {
  const link = new Link(new TestDevice(), 'ip', new PathMtuTable(limits, new Clock(0)), 64);
  const step = fc.record({
    kind: fc.constantFrom('set', 'remove', 'find'),
    version: fc.constantFrom(4, 6),
    host: fc.nat(3),
    port: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
      const flows = new FlowMap<number>(seed);
      const map = new Map<string, number>();
      steps.forEach(({ kind, version, host, port }, i) => {
        const addresses = version === 4 ? ['0.0.0.1', `0.0.0.${host}`] : ['::1', `::${host}`];
        const flow = new Flow(Path.between(link, addresses[0], addresses[1]), port, 7);
        const name = `${addresses.join('>')}:${port}`;
        if (kind === 'set') {
          flows.set(flow, i);
          map.set(name, i);
        } else if (kind === 'remove') {
          expect(flows.remove(flow)).toBe(map.delete(name));
        }
        expect([flows.find(flow), flows.size]).toEqual([map.get(name) ?? null, map.size]);
      });
      expect(new Set(flows.values())).toEqual(new Set(map.values()));
    }),
  );
});

test('path mtus are bounded, expire, and are never below the least', () => {
  const step = fc.record({
    waitMs: fc.constantFrom(0, 10, 60),
    version: fc.constantFrom<4 | 6>(4, 6),
    host: fc.nat(5),
    mtu: fc.nat(2000),
    sent: fc.integer({ min: 68, max: 1500 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new Clock(0);
      const table = new PathMtuTable(limits, clock);
      let model: { key: string; mtu: number; until: number }[] = [];
      for (const { waitMs, version, host, mtu, sent } of steps) {
        clock.nowMs += waitMs;
        const addresses = version === 4 ? [1, host] : [0, 0, 0, 1, 0, 0, 0, host];
        const key = `${version}/${host}`;
        model = model.filter(({ until }) => until > clock.nowMs);
        // A call that finds nothing new expires the old as well.
        const known = model.find((entry) => entry.key === key)?.mtu ?? 1500;
        expect(table.find(version, addresses, 1500)).toBe(known);
        const kept = table.report(version, addresses, sent, mtu);
        if (kept !== 0) {
          expect(kept).toBeGreaterThanOrEqual(version === 4 ? 552 : 1280);
          expect(kept).toBeLessThan(sent);
          expect(kept).toBeLessThanOrEqual(known);
          model = [
            ...model.filter((entry) => entry.key !== key),
            { key, mtu: kept, until: clock.nowMs + 100 },
          ];
          model = model.slice(-3);
        }
        expect(table.find(version, addresses, 1500)).toBe(kept === 0 ? known : kept);
      }
    }),
  );
});
