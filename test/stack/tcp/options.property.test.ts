/** TCP options against naive twins. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RangeSet } from '../../../stack/storage/range-set.ts';
import {
  parseSegmentOptions,
  parseSynOptions,
  SegmentOptions,
  SynOptions,
  writeSynOptions,
} from '../../../stack/tcp/segment/options.ts';
import { SackReport } from '../../../stack/tcp/segment/sack-report.ts';
import { concat, long } from '../harness/packets.ts';

const i32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

test('the options of a SYN are read back', () => {
  const offers = fc.record({
    mss: fc.integer({ min: 48, max: 65_535 }),
    windowScale: fc.integer({ min: -1, max: 14 }),
    sackPermitted: fc.boolean(),
    timestamps: fc.boolean(),
    value: i32,
  });
  fc.assert(
    fc.property(offers, ({ value, ...offer }) => {
      const options = Object.assign(new SynOptions(), offer, {
        timestampValue: offer.timestamps ? value : 0,
      });
      const buffer = new Uint8Array(64);
      const length = writeSynOptions(buffer, 2, options, 7);
      const read = new SynOptions();
      parseSynOptions(read, buffer, 2, length);
      expect([length % 4, read]).toEqual([0, options]);
    }),
  );
});

test('timestamps and SACK blocks are read in any order and alignment', () => {
  const block = fc.tuple(i32, i32);
  fc.assert(
    fc.property(
      i32,
      i32,
      fc.array(block, { maxLength: 3 }),
      fc.boolean(),
      fc.nat(3),
      (value, echo, blocks, first, pad) => {
        const stamps = [8, 10, ...long(value), ...long(echo)];
        const sack =
          blocks.length === 0
            ? []
            : [5, 2 + 8 * blocks.length, ...blocks.flat().flatMap((edge) => long(edge))];
        const padding = Array.from({ length: pad }, () => 1);
        const bytes = concat(padding, ...(first ? [stamps, sack] : [sack, stamps]));
        const options = new SegmentOptions();
        parseSegmentOptions(options, bytes, 0, bytes.length);
        expect([options.hasTimestamps, options.timestampValue, options.timestampEcho]).toEqual([
          true,
          value,
          echo,
        ]);
        expect([...options.sackEdges.subarray(0, 2 * options.sackBlocks)]).toEqual(blocks.flat());
      },
    ),
  );
});

test('options of any bytes end, and never read past their end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const longer = concat(bytes, [2, 4, 0xff, 0xff, 3, 3, 14, 8, 10, 1, 1, 1, 1, 1, 1, 1, 1]);
      const seen = [longer, bytes].map((buffer) => {
        const syn = new SynOptions();
        parseSynOptions(syn, buffer, 0, bytes.length);
        const later = new SegmentOptions();
        parseSegmentOptions(later, buffer, 0, bytes.length);
        return [syn, later];
      });
      expect(seen[0]).toEqual(seen[1]);
    }),
  );
});

test('SACK blocks: a duplicate first, then the latest range, then others, none twice', () => {
  const segment = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 5 }));
  fc.assert(
    fc.property(
      fc.array(segment, { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      fc.constantFrom(3, 4),
      (segments, repeat, most) => {
        const ranges = new RangeSet(64);
        const report = new SackReport();
        for (const [start, length] of segments) {
          ranges.insert(start * 10, start * 10 + length);
          report.arrived(start * 10);
        }
        if (repeat) report.repeated(-20, -10);
        const length = report.prepare(ranges, most);
        const buffer = new Uint8Array(64);
        report.write(buffer, 0);
        const options = new SegmentOptions();
        parseSegmentOptions(options, buffer, 0, length);
        const blocks = Array.from({ length: options.sackBlocks }, (_, i) =>
          [...options.sackEdges.subarray(2 * i, 2 * i + 2)].join('-'),
        );
        expect(blocks).toHaveLength(Math.min(most, ranges.count + (repeat ? 1 : 0)));
        if (repeat) expect(blocks.shift()).toBe('-20--10');
        const all = Array.from({ length: ranges.count }, (_, i) => `${ranges.start(i)}-${ranges.end(i)}`);
        const lastStart = (segments.at(-1)?.[0] ?? 0) * 10;
        expect(blocks[0]).toBe(
          all.find(
            (text) => Number(text.split('-')[0]) <= lastStart && lastStart < Number(text.split('-')[1]),
          ),
        );
        expect(new Set(blocks).size).toBe(blocks.length);
        for (const block of blocks) expect(all).toContain(block);
        report.sent();
        expect(report.prepare(null, most)).toBe(0);
      },
    ),
  );
});
