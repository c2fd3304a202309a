/** What is kept of names, denials and flows, and within which bounds. */

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type AddressRange, parseAddressRange } from '../../../src/policy/address.ts';
import { LineFile } from '../../../src/observe/line-file.ts';
import { OutputFile } from '../../../src/observe/output-file.ts';
import { AuditLog, droppedLine, openAudit } from '../../../src/policy/audit.ts';
import { Denials } from '../../../src/policy/denials.ts';
import type { HostRange } from '../../../src/policy/host-addresses.ts';
import { NamedAddresses } from '../../../src/policy/named-addresses.ts';
import { Policy } from '../../../src/policy/policy.ts';
import { parseRuleOption } from '../../../src/policy/rule.ts';
import { LogLines } from '../cluster/probe.ts';

describe('names of addresses', () => {
  test('last for their TTL and five minutes, the latest first, under each spelling', () => {
    let now = 0;
    const names = new NamedAddresses(() => now);
    names.learn('a.example', '192.0.2.1', 60);
    names.learn('B.Example.', '::ffff:192.0.2.1', 600);
    expect(names.namesOf('192.0.2.1')).toEqual(['b.example', 'a.example']);
    now = 359_999;
    expect(names.namesOf('::ffff:c000:201')).toEqual(['b.example', 'a.example']);
    now = 360_000;
    expect(names.namesOf('192.0.2.1')).toEqual(['b.example']);
    now = 900_000;
    expect(names.namesOf('192.0.2.1')).toEqual([]);
    expect(names.namesOf('nonsense')).toEqual([]);
  });

  test('told again they last longer, and never shorter', () => {
    let now = 0;
    const names = new NamedAddresses(() => now);
    names.learn('a.example', '192.0.2.1', 600);
    names.learn('a.example', '192.0.2.1', 1);
    now = 800_000;
    expect(names.namesOf('192.0.2.1')).toEqual(['a.example']);
  });

  test('are bounded, for one address and for all', () => {
    const names = new NamedAddresses(() => 0);
    for (let i = 0; i < 100; i++) names.learn(`${i}.example`, '192.0.2.1', 60);
    expect(names.namesOf('192.0.2.1')).toHaveLength(64);
    expect(names.namesOf('192.0.2.1')[0]).toBe('99.example');
    for (let i = 0; i < 20_000; i++)
      names.learn('a.example', `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 60);
    expect(names.namesOf('192.0.2.1')).toEqual([]);
    expect(names.namesOf('10.0.0.0')).toEqual([]);
    expect(names.namesOf('10.0.78.31')).toEqual(['a.example']);
  });
});

function rangeOf(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (typeof range === 'string' || 'hostBits' in range) throw new RangeError(text);
  return range;
}

function ownAddress(): HostRange[] {
  return [{ kind: 'own', range: rangeOf('10.177.0.1') }];
}

const policy = new Policy({ egress: 'deny' }, () => []);
const flow = (address: string, port = 443) => ({
  protocol: 'tcp' as const,
  address,
  port,
  names: ['a.example'],
});

describe('denials', () => {
  test('are a line for each destination, once, and are counted', () => {
    const log = new LogLines();
    const denials = new Denials(log);
    const note = (one: ReturnType<typeof flow>) => denials.note(one, policy.decide(one));
    for (let i = 0; i < 3; i++) note(flow('192.0.2.1'));
    note(flow('2001:db8::1', 80));
    note(flow('224.0.0.251', 5353));
    expect(log.lines).toEqual([
      'warn: tcp 192.0.2.1:443 (a.example): denied by default: deny',
      'warn: tcp [2001:db8::1]:80 (a.example): denied by default: deny',
      'info: tcp 224.0.0.251:5353 (a.example): denied by protected: a group of hosts',
    ]);
    expect(denials.count).toBe(5);
  });

  test('by protection are told with what opens it, where something does', () => {
    const log = new LogLines();
    const denials = new Denials(log);
    const own = new Policy({ rules: [parseRuleOption('deny', '169.254.0.0/16', '--deny')] }, ownAddress);
    for (const address of [
      '10.177.0.1',
      '64:ff9b::ab1:1',
      '100.100.100.200',
      '127.0.0.1',
      '169.254.169.254',
    ]) {
      const one = { ...flow(address, 80), names: [] };
      for (let i = 0; i < 2; i++) denials.note(one, own.decide(one));
    }
    expect(log.lines).toEqual([
      "warn: tcp 10.177.0.1:80: denied by protected: the host's own address; --allow 10.177.0.1 opens it",
      "warn: tcp [64:ff9b::ab1:1]:80: denied by protected: the host's own address; --allow 10.177.0.1 opens it",
      'warn: tcp 100.100.100.200:80: denied by protected: a metadata service; --allow 100.100.100.200 opens it',
      'warn: tcp 127.0.0.1:80: denied by protected: the loopback; --host-port 80 has that port of the host in the sandbox',
      'warn: tcp 169.254.169.254:80: denied by 169.254.0.0/16',
    ]);
  });

  test.each(['10.177.0.1', '64:ff9b::ab1:1', '169.254.169.254', 'fe80::1'])(
    'what is said to open %s does',
    (address) => {
      const one = { ...flow(address), names: [] };
      const [, allowed = ''] =
        /^--allow (\S+) opens it$/.exec(new Policy({}, ownAddress).explain(one).remedy ?? '') ?? [];
      const rules = [parseRuleOption('allow', allowed, '--allow')];
      expect(new Policy({ rules }, ownAddress).decide(one).verdict).toBe('allow');
    },
  );

  test('of a dry run are told as such', () => {
    const log = new LogLines();
    const denials = new Denials(log);
    const dry = new Policy({ egress: 'deny', dryRun: true }, () => []);
    denials.note(flow('192.0.2.1'), dry.decide(flow('192.0.2.1')));
    for (const name of ['b.example', 'misspelt']) denials.noteName(name, dry.decideName(name));
    denials.tellCounts();
    expect(log.lines).toEqual([
      'warn: tcp 192.0.2.1:443 (a.example): would be denied by default: deny',
      'warn: look-up of b.example: would be denied by default: deny',
      'info: look-up of misspelt: would be denied by default: deny',
      'info: flows that would be denied: 1',
    ]);
    expect(denials.count).toBe(0);
  });

  test('warn of names that somebody may have written, and not of those that come about by themselves', () => {
    const log = new LogLines();
    const denials = new Denials(log, () => ['lab.example', 'Corp.example']);
    const names = [
      'www.example',
      'www.example.corp.example.',
      'intranet.corp.example',
      'web',
      '1.2.0.192.in-addr.arpa',
    ];
    for (const name of names) denials.noteName(name, policy.decideName(name));
    expect(log.lines.map((line) => line.split(': ')[0])).toEqual(['warn', 'info', 'warn', 'info', 'info']);
  });

  test('show a name as it may be shown', () => {
    const log = new LogLines();
    const denials = new Denials(log);
    denials.noteName('a\u001b[2J\r\nb.example', policy.decideName('a.example'));
    expect(log.lines).toEqual(['warn: look-up of a\\027[2J\\013\\010b.example: denied by default: deny']);
  });

  test('are bounded: a port scan does not fill the terminal', () => {
    const log = new LogLines();
    const denials = new Denials(log);
    for (let port = 1; port <= 5000; port++)
      denials.note(flow('192.0.2.1', port), policy.decide(flow('192.0.2.1', port)));
    expect(log.lines).toHaveLength(1025);
    expect(log.lines.at(-1)).toContain('--audit has them all');
    expect(denials.count).toBe(5000);
  });
});

function linesOf(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}

describe('the audit', () => {
  test('has a line for the start and the end of each flow, for the start alone where it is denied', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kns-audit-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'audit.jsonl');
    const open = new Policy({}, () => []);
    for (let run = 0; run < 2; run++) {
      const audit = await openAudit(file, new LogLines());
      const meter = audit.begin(flow('192.0.2.1'), open.decide(flow('192.0.2.1')));
      meter?.sent(100);
      meter?.received(50);
      meter?.received(50);
      meter?.ended();
      expect(audit.begin(flow('127.0.0.1'), open.decide(flow('127.0.0.1')))).toBeUndefined();
      await audit.close();
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const all = linesOf(readFileSync(file, 'utf8'));
    expect(all).toHaveLength(6);
    expect(all.slice(0, 3)).toMatchObject([
      {
        event: 'start',
        id: 1,
        protocol: 'tcp',
        address: '192.0.2.1',
        port: 443,
        names: ['a.example'],
        verdict: 'allow',
      },
      { event: 'end', id: 1, sent: 100, received: 100, ms: expect.any(Number) },
      { event: 'start', id: 2, verdict: 'deny', rule: 'protected: the loopback' },
    ]);
  });

  test('a disk that does not take it holds nobody up: lines are dropped, and how many is written', async () => {
    const slow = new PassThrough({ highWaterMark: 1 });
    const file = new OutputFile(slow, { what: 'the audit', maxPendingBytes: 1 << 20, log: new LogLines() });
    const audit = new AuditLog(new LineFile(file, droppedLine));
    const decision = policy.decide(flow('192.0.2.1'));
    for (let i = 0; i < 20_000; i++) audit.begin(flow('192.0.2.1'), decision);
    expect(slow.writableLength).toBeLessThan(2 << 20);
    let text = '';
    slow.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await audit.close();
    const all = linesOf(text) as { event: string; lines?: number }[];
    const dropped = all
      .filter(({ event }) => event === 'dropped')
      .reduce((sum, { lines = 0 }) => sum + lines, 0);
    expect(dropped).toBeGreaterThan(0);
    expect(all.filter(({ event }) => event === 'start').length + dropped).toBe(20_000);
  });

  test('a file that can not be had is an error to act on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kns-audit-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'sub'));
    chmodSync(join(folder, 'sub'), 0o700);
    for (const file of [join(folder, 'sub'), join(folder, 'missing', 'file')])
      await expect(openAudit(file, new LogLines())).rejects.toMatchObject({ code: 'AUDIT_FAILED' });
  });
});
