/** A capture, read as the draft of pcapng has it, block by block; what is not as it says is a failed assertion. */

import { expect } from 'vitest';

const [SECTION_HEADER, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS, ENHANCED_PACKET] = [0x0a0d0d0a, 1, 5, 6];

interface CapturedPacket {
  readonly timeMs: number;
  readonly inbound: boolean;
  readonly originalLength: number;
  readonly bytes: Uint8Array;
}

export interface ReadCapture {
  readonly linkType: number;
  readonly snapLength: number;
  readonly interfaceName: string | undefined;
  readonly packets: readonly CapturedPacket[];
  /** The statistics, where there are any, behind all packets. */
  readonly end: { readonly timeMs: number; readonly received: number; readonly dropped: number } | undefined;
}

export function readCapture(file: Uint8Array): ReadCapture {
  const [header, description, ...rest] = blocksOf(file);
  expect([header?.getUint32(0, true), header?.getUint32(8, true), header?.getUint16(12, true)]).toEqual([
    SECTION_HEADER,
    0x1a2b3c4d,
    1,
  ]);
  if (description?.getUint32(0, true) !== INTERFACE_DESCRIPTION) expect.fail('no interface');
  const statistics = rest.at(-1)?.getUint32(0, true) === INTERFACE_STATISTICS ? rest.pop() : undefined;
  const name = optionsOf(description, 16).get(2);
  return {
    linkType: description.getUint16(8, true),
    snapLength: description.getUint32(12, true),
    interfaceName: name && Buffer.from(name).toString(),
    packets: rest.map((block) => packetOf(block)),
    end: statistics && statisticsOf(statistics),
  };
}

function* blocksOf({ buffer, byteOffset, byteLength }: Uint8Array): Generator<DataView> {
  const file = new DataView(buffer, byteOffset, byteLength);
  for (let at = 0; at < byteLength; ) {
    const length = file.getUint32(at + 4, true);
    expect([length % 4, file.getUint32(at + length - 4, true)]).toEqual([0, length]);
    yield new DataView(buffer, byteOffset + at, length);
    at += length;
  }
}

function packetOf(block: DataView): CapturedPacket {
  expect([block.getUint32(0, true), block.getUint32(8, true)]).toEqual([ENHANCED_PACKET, 0]);
  const captured = block.getUint32(20, true);
  const flags = optionsOf(block, 28 + Math.ceil(captured / 4) * 4).get(2);
  return {
    timeMs: timeOf(block),
    inbound: flags?.[0] === 1,
    originalLength: block.getUint32(24, true),
    bytes: new Uint8Array(block.buffer, block.byteOffset + 28, captured).slice(),
  };
}

function statisticsOf(block: DataView): ReadCapture['end'] {
  expect(block.getUint32(8, true)).toBe(0);
  const options = optionsOf(block, 20);
  const count = (code: number) => Number(Buffer.from(options.get(code) ?? []).readBigUInt64LE());
  return { timeMs: timeOf(block), received: count(4), dropped: count(5) };
}

/** Both kinds of block have it at the same place. */
function timeOf(block: DataView): number {
  return (block.getUint32(12, true) * 2 ** 32 + block.getUint32(16, true)) / 1000;
}

/** By their codes. Where there are any, the last says that it is. */
function optionsOf(block: DataView, start: number): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  const end = block.byteLength - 4;
  let at = start;
  while (at < end) {
    const [code, length] = [block.getUint16(at, true), block.getUint16(at + 2, true)];
    at += 4 + Math.ceil(length / 4) * 4;
    if (code === 0) expect([length, at]).toEqual([0, end]);
    else
      options.set(
        code,
        new Uint8Array(block.buffer, block.byteOffset + at - Math.ceil(length / 4) * 4, length),
      );
  }
  expect(at).toBe(end);
  return options;
}
