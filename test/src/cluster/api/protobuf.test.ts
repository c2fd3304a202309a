/** Against the embedded cluster's own writer, against JSON, and against what an API server has sent. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { protobufOf } from '../../../../fixtures/cluster/api/protobuf.ts';
import { decodeObject } from '../../../../src/cluster/api/protobuf/envelope.ts';
import { ProtobufList } from '../../../../src/cluster/api/protobuf/list.ts';
import { message } from '../../../../src/cluster/api/protobuf/message.ts';
import { ENDPOINT_SLICE, SERVICE, STATUS } from '../../../../src/cluster/api/protobuf/models.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const inEnvelope = (hex: string): Buffer => {
  const raw = bytes(hex);
  return Buffer.concat([bytes('6b387300 12'), Buffer.from([raw.length]), raw]);
};

function read(body: Buffer, cuts: readonly number[], model = SERVICE): { items: unknown[]; around: unknown } {
  const items: unknown[] = [];
  const list = new ProtobufList(model);
  for (let [at, i] = [0, 0]; at < body.length; at += cuts[i++ % cuts.length])
    for (const some of list.push(body.subarray(at, at + cuts[i % cuts.length]))) items.push(...some.read());
  return { items, around: list.end() };
}

function written(list: object): Buffer {
  const body = protobufOf({ apiVersion: 'v1', kind: 'ServiceList', ...list });
  if (body === undefined) throw new Error('not a kind that is written');
  return body;
}

const word = fc.string({ minLength: 1, unit: fc.constantFrom('a', 'z', '0', '-', 'ü', '語', '😀') });
const labels = fc.dictionary(fc.string({ minLength: 1, unit: fc.constantFrom('a', 'b', '/') }), word, {
  minKeys: 1,
});
const metadata = fc.record({ name: word, namespace: word, resourceVersion: word });
const int32 = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const port = fc.record({ name: word, protocol: word, port: int32, targetPort: fc.oneof(int32, word) });
const service = fc.record({
  metadata: fc.oneof(metadata, fc.record({ name: word, labels })),
  spec: fc.record({
    ports: fc.array(port, { minLength: 1 }),
    selector: labels,
    clusterIPs: fc.array(word, { minLength: 1 }),
    publishNotReadyAddresses: fc.boolean(),
    sessionAffinityConfig: fc.record({ clientIP: fc.record({ timeoutSeconds: int32 }) }),
  }),
});
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });

describe('a list', () => {
  test('has the items that its JSON has, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(service), metadata, cuts, (items, { resourceVersion }, sizes) => {
        const seen = read(written({ metadata: { resourceVersion, continue: 'c' }, items }), sizes);
        expect(seen.items).toEqual(items);
        expect(seen.around).toEqual({ metadata: { resourceVersion, continue: 'c' }, items: [] });
      }),
    );
  });

  test('of slices: what is read of them is as in JSON, the rest is passed over', () => {
    const endpoint = {
      addresses: ['10.0.0.1'],
      conditions: { ready: true, serving: true, terminating: false },
    };
    const targetRef = { kind: 'Pod', namespace: 'n', name: 'web-1', uid: 'u' };
    const ports = [{ name: 'http', protocol: 'TCP', port: 8080 }];
    const read1 = {
      metadata: {
        name: 'web-x',
        namespace: 'n',
        resourceVersion: '7',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
      endpoints: [{ ...endpoint, hostname: 'db-0', targetRef }, endpoint],
      ports,
    };
    const whole = {
      ...read1,
      metadata: {
        ...read1.metadata,
        uid: 'u',
        creationTimestamp: '2026-01-01T00:00:00Z',
        annotations: { a: 'b' },
      },
      addressType: 'IPv4',
      endpoints: read1.endpoints.map((one) => ({ ...one, nodeName: 'node', zone: 'zone' })),
    };
    const body = written({ kind: 'EndpointSliceList', metadata: { resourceVersion: '9' }, items: [whole] });
    expect(read(body, [1000], ENDPOINT_SLICE).items).toEqual([read1]);
  });

  test.each([
    ['another beginning', bytes('6b387301'), /no object/],
    ['text', Buffer.from('<html>please log in</html>'), /no object/],
    ['less than a beginning', bytes('6b38'), /breaks off/],
    ['an envelope without a list', bytes('6b387300 0a00'), /breaks off/],
    [
      'a list that breaks off',
      written({ metadata: {}, items: [{ metadata: { name: 'a' } }] }).subarray(0, -8),
      /breaks off/,
    ],
    ['an item that is longer than its list', bytes('6b387300 1202 120a 0000000000000000 0000'), /breaks off/],
    ['a field that is longer than its item', inEnvelope('1204 0a7f 0000'), /ends within/],
    ['a message in it that is said to have 2 GiB', inEnvelope('1206 0a ffffffff07'), /ends within/],
    ['a length that is none', inEnvelope('12 ffffffff0f'), /2 GiB|breaks off/],
    [
      'a number without an end',
      Buffer.concat([bytes('6b387300 12'), Buffer.alloc(100_000, 0x80)]),
      /64 bits/,
    ],
    ['items that are numbers', inEnvelope('1001 1001'), /field 2 has wire type 0/],
    ['a number that is a text', inEnvelope('1206 1204 0a02 1a00'), /wire type/],
    ['a wire type that is none', inEnvelope('1202 0b00'), /wire type/],
    ['a text in place of a message', inEnvelope('1202 0801'), /wire type/],
  ])('that is none: %s', (_case, body, reason) => {
    for (const size of [1, 3, 1000]) {
      expect(() => read(body, [size])).toThrow(SyntaxError);
      expect(() => read(body, [size])).toThrow(reason);
    }
  });
});

describe('a message', () => {
  test('that is said to be longer than what has come is none', () => {
    const refusal = bytes('6b387300 12 ffffffff07 1a026e6f');
    expect(() => decodeObject(STATUS, refusal)).toThrow(/ends within/);
  });

  test('fields that are not known are passed over, of each wire type', () => {
    const unknown = 'f801 ffffffffffffffffff01  f901 0000000000000000  fa01 03 616263  fd01 00000000';
    expect(decodeObject(STATUS, inEnvelope(`${unknown} 30 9403 ${unknown} 1a 02 6e6f`))).toEqual({
      code: 404,
      message: 'no',
    });
  });

  test('a negative number has all of 64 bits', () => {
    const body = inEnvelope('30 ffffffffffffffffff01');
    expect(decodeObject(STATUS, body)).toEqual({ code: -1 });
  });

  test('the last of several values of a field that is not repeated holds', () => {
    expect(decodeObject(message({ 1: ['a', 'text'] }), inEnvelope('0a 01 78 0a 01 79'))).toEqual({ a: 'y' });
  });

  test('a refusal, as Kubernetes 1.20 sends it', () => {
    const body = bytes(
      `
      6b387300 0a0c 0a027631 1206537461747573 1251 0a06 0a0012001a00 1207 4661696c757265
      1a19 736572766963657320226e6f706522206e6f7420666f756e64 2208 4e6f74466f756e64
      2a16 0a046e6f7065 1200 1a087365727669636573 2800 3200 309403 1a002200`.replaceAll(/\s/g, ''),
    );
    expect(decodeObject(STATUS, body)).toEqual({
      message: 'services "nope" not found',
      reason: 'NotFound',
      code: 404,
    });
  });
});
