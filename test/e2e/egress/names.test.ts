/** Names of outside, by the host's resolvers: what is asked, how it is answered, and where it leads. */

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FAR, NOBODY, Outside } from './outside.ts';

// Several runs of the program in a test, on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let outside: Outside;
beforeAll(async () => {
  outside = await Outside.start();
});
afterAll(() => outside.close());

const found = (...answers: string[]) => ({ rcode: 'NOERROR', truncated: false, answers });

test('each type of record comes as the resolver has it, over UDP and TCP', async () => {
  expect(
    await outside.said([
      ['dns', 'web.example', 'A'],
      ['dns', 'web.example', 'AAAA'],
      ['dns', 'alias.example', 'A'],
      ['dns', 'text.example', 'TXT'],
      ['dns', '_sip._tcp.example', 'SRV'],
      ['dns', 'mail.example', 'MX'],
      ['dns', 'svc.example', 'UNKNOWN_65'], // HTTPS
      ['dns', 'v6.example', 'A'],
      ['dns', 'none.example', 'A'],
      ['dns', 'web.example', 'A', 'tcp'],
      ['dns', 'text.example', 'TXT', 'tcp'],
    ]),
  ).toEqual([
    found('A "192.0.2.2"'),
    found('AAAA "2001:db8::2"'),
    found('CNAME "web.example"', 'A "192.0.2.2"'),
    found('TXT hello world'),
    found('SRV {"priority":1,"weight":2,"port":5060,"target":"web.example"}'),
    found('MX {"preference":10,"exchange":"web.example"}'),
    found(expect.stringContaining('example')),
    found(),
    { rcode: 'NXDOMAIN', truncated: false, answers: [] },
    found('A "192.0.2.2"'),
    found('TXT hello world'),
  ]);
});

test('what does not fit is truncated, and whole over TCP', async () => {
  const [overUdp, overTcp] = await outside.said([
    ['dns', 'big.example', 'TXT'],
    ['dns', 'big.example', 'TXT', 'tcp'],
  ]);
  expect(overUdp).toEqual({ rcode: 'NOERROR', truncated: true, answers: [] });
  expect(overTcp).toMatchObject({ truncated: false, answers: [expect.stringContaining('19....')] });
});

test('a slow server is waited for, a silent one is not for ever, and lies are passed over', async () => {
  const done = await outside.steps([
    ['dns', 'lied.example', 'A'],
    ['dns', 'slow.example', 'A'],
    ['dns', 'silent.example', 'A'],
  ]);
  expect(done.map(({ said }) => said)).toEqual([
    found('A "192.0.2.2"'),
    found('A "192.0.2.2"'), // after more than one attempt, of which the first is answered
    { rcode: 'SERVFAIL', truncated: false, answers: [] },
  ]);
});

test('what was answered is asked once, while it may be kept', async () => {
  await outside.said([
    ['dns', 'v4.example', 'A'],
    ['dns', 'v4.example', 'A'],
    ['dns', 'V4.example', 'A', 'tcp'],
  ]);
  const told = await outside.told();
  expect(told.filter((line) => line.toLowerCase().includes('v4.example'))).toHaveLength(1);
});

test("programs look names up by getaddrinfo, by the host's search list as well", async () => {
  expect(
    await outside.said([
      ['lookup', 'web.example'],
      ['lookup', 'v6.example'],
      ['lookup', 'here'],
      ['lookup', 'nowhere'],
    ]),
  ).toEqual([expect.arrayContaining([FAR[4], FAR[6]]), [FAR[6]], [FAR[4]], 'ENOTFOUND']);
});

test('a program waits until the last of the resolvers has been asked', async () => {
  const options = 'options timeout:1 attempts:1';
  await outside.withResolvers(`nameserver ${NOBODY}\nnameserver ${FAR[4]}\n${options}\n`, async () => {
    expect(await outside.output('getent ahostsv4 v4.example. | cut -d " " -f 1 | uniq')).toBe(FAR[4]);
  });
});

test('an ExternalName leads to the outside, and policy decides there', async () => {
  expect(
    await outside.said([
      ['dns', 'external.e2e.svc.cluster.local', 'A'],
      ['tcp', 'external', 7000, 'echo'],
    ]),
  ).toEqual([found('CNAME "example.invalid"', 'A "192.0.2.2"'), 'echo']);

  const denied = await outside.steps(
    [
      ['dns', 'external.e2e.svc.cluster.local', 'A'],
      ['tcp', 'external', 7000, 'echo'],
    ],
    { args: ['--deny', 'example.invalid:7000'] },
  );
  expect(denied.map(({ said }) => said)).toEqual([
    found('CNAME "example.invalid"', 'A "192.0.2.2"'),
    expect.stringMatching(/EHOSTUNREACH|EACCES/),
  ]);

  const closed = await outside.said([['dns', 'external.e2e.svc.cluster.local', 'A']], {
    args: ['--egress', 'deny'],
  });
  expect(closed).toMatchObject([{ answers: ['CNAME "example.invalid"'] }]);
});
