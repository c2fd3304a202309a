/**
 * What a piece of work costs this process, as counts.
 *
 * A clock says what a machine had time for; counts say what the code does, and
 * are the same on a busy one.
 *
 * - system calls: by the ledger that is preloaded (ledger.c)
 * - frames and batches of the link, at its entrance and exit
 * - bytes copied between arrays: by all ways there are in JavaScript but a loop
 * - bytes allocated on the heap, and for buffers outside it: exact where the
 *   collector has not run meanwhile, which is counted as well
 */

import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';
import type { LinkDevice } from '../../sandbox/index.ts';

export interface Tally {
  /** System calls: of read(2) and its kin, write(2) and its kin, those that wait for events, or only look, and all others. */
  readonly reads: number;
  readonly writes: number;
  readonly waits: number;
  readonly looks: number;
  readonly otherCalls: number;
  /** Times the link has handed over frames, and the frames. */
  readonly batches: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly copiedBytes: number;
  readonly heapBytes: number;
  readonly bufferBytes: number;
  readonly collections: number;
}

/** A record of the ledger: a name, and a number of 64 bits. */
const NAME_BYTES = 16;
const RECORD_BYTES = NAME_BYTES + 8;

const LEDGER = process.env['KNS_LEDGER'] ?? '';

const READS = /^p?read|^recv/;
const WRITES = /^p?write|^send/;
const WAITS = /^epoll_p?wait$|^ppoll$|^select$/;
/** By which nobody here waits. */
const LOOKS = /^poll$/;

let copiedBytes = 0;
let collections = 0;
let [batches, framesIn, framesOut] = [0, 0, 0];

/** Has all that is counted by ourselves be counted from now on. */
export function startCounting(device: LinkDevice): void {
  countCopies();
  new PerformanceObserver((list) => (collections += list.getEntries().length)).observe({
    entryTypes: ['gc'],
  });
  const start = device.start.bind(device);
  device.start = (onBatch) =>
    start((arena, offsets, lengths, count) => {
      batches++;
      framesIn += count;
      onBatch(arena, offsets, lengths, count);
    });
  const send = device.send.bind(device);
  device.send = (frame) => {
    const taken = send(frame);
    if (taken) framesOut++;
    return taken;
  };
}

/** All so far; take the difference of two. */
export function tally(): Tally {
  return {
    ...systemCalls(),
    batches,
    framesIn,
    framesOut,
    copiedBytes,
    heapBytes: v8.getHeapStatistics().used_heap_size,
    bufferBytes: process.memoryUsage().arrayBuffers,
    collections,
  };
}

function systemCalls(): Pick<Tally, 'reads' | 'writes' | 'waits' | 'looks' | 'otherCalls'> {
  const ledger = readFileSync(LEDGER);
  let [reads, writes, waits, looks, otherCalls] = [0, 0, 0, 0, 0];
  for (let at = 0; at < ledger.length; at += RECORD_BYTES) {
    const name = ledger.toString('latin1', at, ledger.indexOf(0, at));
    const calls = Number(ledger.readBigUInt64LE(at + NAME_BYTES));
    if (READS.test(name)) reads += calls;
    else if (WRITES.test(name)) writes += calls;
    else if (WAITS.test(name)) waits += calls;
    else if (LOOKS.test(name)) looks += calls;
    else otherCalls += calls;
  }
  return { reads, writes, waits, looks, otherCalls };
}

export function difference(before: Tally, after: Tally): Tally {
  const entries = Object.entries(before).map(([name, value]) => [name, after[name as keyof Tally] - value]);
  return Object.fromEntries(entries);
}

/** Wraps each function that copies bytes from one array to another, or to a new one. */
function countCopies(): void {
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
  wrap(typedArray, 'set', ([source]) => sizeOf(source));
  wrap(typedArray, 'slice', (_given, copy) => sizeOf(copy));
  wrap(typedArray, 'copyWithin', (_given, copy) => sizeOf(copy));
  wrap(Buffer.prototype, 'copy', (_given, copied) => (typeof copied === 'number' ? copied : 0));
  wrap(Buffer, 'concat', (_given, copy) => sizeOf(copy));
  wrap(Buffer, 'from', ([source], copy) => (source instanceof ArrayBuffer ? 0 : sizeOf(copy)));
}

function sizeOf(value: unknown): number {
  return ArrayBuffer.isView(value) ? value.byteLength : 0;
}

function wrap(owner: object, name: string, copied: (given: unknown[], result: unknown) => number): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') throw new TypeError(`there is no ${name}`);
  Reflect.set(owner, name, function counting(this: unknown, ...given: unknown[]): unknown {
    const result: unknown = Reflect.apply(original, this, given);
    copiedBytes += copied(given, result);
    return result;
  });
}
