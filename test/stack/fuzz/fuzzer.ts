/**
 * A fuzzer that minds coverage: a program that shows something new (a counter
 * that grew, or grew by another order of two; a state with another kind of loss)
 * joins the corpus, from which the next are made by mutation. All follows from
 * the seed.
 */
import { APPLICATION_ACTIONS } from './application-actions.ts';
import { PACKET_ACTIONS } from './packet-actions.ts';
import { Program } from './program.ts';
import { SEGMENT_ACTIONS } from './segment-actions.ts';
import { World } from './world.ts';

const ACTIONS = [...SEGMENT_ACTIONS, ...PACKET_ACTIONS, ...APPLICATION_ACTIONS];

const LONGEST = 240;
/** Of eight, how many are made from the corpus. */
const MUTATED_OF_8 = 6;

/** @returns what the program has shown */
export function run(bytes: Uint8Array): ReadonlySet<string> {
  const program = new Program(bytes);
  const setUp = program.below(16);
  const world = new World((setUp & 1) === 0 ? 'ip' : 'ethernet', (setUp & 2) === 0, (setUp & 12) !== 0);
  while (!program.ended) {
    program.from(ACTIONS)(world, program);
    world.settle();
  }
  world.end();
  return world.features;
}

export class Fuzzer {
  readonly features = new Set<string>();
  readonly corpus: Uint8Array[] = [];
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** @throws Error with the program in it, where it found something wrong */
  step(): void {
    const program = this.#next();
    let shown: ReadonlySet<string>;
    try {
      shown = run(program);
    } catch (cause) {
      const replay = Buffer.from(program).toString('hex');
      throw new Error(`KNS_FUZZ_PROGRAM=${replay} shows it again`, { cause });
    }
    const before = this.features.size;
    for (const feature of shown) this.features.add(feature);
    if (this.features.size > before) this.corpus.push(program);
  }

  #next(): Uint8Array {
    if (this.corpus.length === 0 || this.#below(8) >= MUTATED_OF_8) {
      return Uint8Array.from({ length: 1 + this.#below(LONGEST) }, () => this.#below(256));
    }
    // The newest know most.
    const age = Math.min(this.#below(this.corpus.length), this.#below(this.corpus.length));
    let bytes = this.corpus[this.corpus.length - 1 - age];
    for (let i = 1 + this.#below(4); i > 0; i--) bytes = this.#mutate(bytes);
    return bytes.slice(0, LONGEST);
  }

  #mutate(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice();
    const at = this.#below(bytes.length);
    const other = this.corpus[this.#below(this.corpus.length)];
    switch (this.#below(5)) {
      case 0:
        copy[at] = this.#below(256);
        return copy;
      case 1:
        return Uint8Array.of(...bytes.subarray(0, at), this.#below(256), ...bytes.subarray(at));
      case 2:
        return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + this.#below(8)), 0);
      case 3:
        return Uint8Array.of(...bytes.subarray(0, at), ...other.subarray(this.#below(other.length)));
      default:
        // The same again: what is met once a step may have a bound.
        return Uint8Array.of(...bytes.subarray(0, at + 12), ...bytes.subarray(at));
    }
  }

  /** xorshift32 */
  #below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }
}
