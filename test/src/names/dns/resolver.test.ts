/** What each kind of question is answered, beginning with the table at the head of the resolver. */

import { describe, expect, test } from 'vitest';
import { addressOfDashed, toDashed } from '../../../../src/names/dns/dashed.ts';
import { addressOfReverseName } from '../../../../src/names/dns/reverse.ts';
import { ask, data, DB, server, WEB } from './knowledge.ts';

describe('addresses', () => {
  test('A and AAAA have those of their family', () => {
    expect(ask(WEB, 'A').answers).toMatchObject([{ name: WEB, type: 'A', data: '10.0.1.7', ttl: 5 }]);
    expect(ask(WEB, 'AAAA').answers).toMatchObject([{ name: WEB, type: 'AAAA', data: 'fd6b:6e73::7' }]);
  });

  test('a name without addresses of a family is NODATA for it', () => {
    expect(ask('ipv4.e2e', 'AAAA')).toMatchObject({ rcode: 'NOERROR', answers: [] });
  });

  test('a name that spells the address of a pod has just that', () => {
    expect(data(ask('10-244-0-5.e2e.pod.cluster.local', 'A').answers)).toEqual(['10.244.0.5']);
    expect(ask('10-244-0-5.e2e.pod.cluster.local', 'AAAA')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(ask('10-244-0-6.e2e.pod.cluster.local', 'A').rcode).toBe('NXDOMAIN');
  });

  test('those of a headless Service are turned around from look-up to look-up, both families alike', () => {
    const dns = server();
    const lookUp = () =>
      (['A', 'AAAA'] as const).flatMap((type) => data(ask('db', type, {}, 'udp', dns).answers));
    const one = ['10.0.1.8', '10.0.1.9', 'fd6b:6e73::8', 'fd6b:6e73::9'];
    const other = ['10.0.1.9', '10.0.1.8', 'fd6b:6e73::9', 'fd6b:6e73::8'];
    const [first, second, third] = [lookUp(), lookUp(), lookUp()];
    expect([first, second]).toEqual(expect.arrayContaining([one, other]));
    expect(third).toEqual(first);
  });
});

describe('names that exist without such a record', () => {
  test.each(['TXT', 'MX', 'CAA', 'CNAME', 'PTR'] as const)(
    '%s of a Service is NODATA with an SOA',
    (type) => {
      const answer = ask(WEB, type);
      expect(answer).toMatchObject({ rcode: 'NOERROR', answers: [] });
      expect(answer.authorities).toMatchObject([{ type: 'SOA', name: 'cluster.local' }]);
    },
  );

  test('a name with names below it is NODATA, an unknown one NXDOMAIN', () => {
    expect(ask('svc.cluster.local', 'A')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    const unknown = ask('nope.e2e.svc.cluster.local', 'A');
    expect(unknown).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    expect(unknown.authorities).toMatchObject([{ type: 'SOA' }]);
  });
});

const places = (name: string) => data(ask(name, 'SRV').answers);

describe('SRV', () => {
  test('a port of a name is at the Service, whose addresses come along', () => {
    const answer = ask(`_HTTP._tcp.${WEB}`, 'SRV');
    expect(answer.answers).toMatchObject([{ type: 'SRV', data: { priority: 0, port: 80, target: WEB } }]);
    expect(data(answer.additionals)).toEqual(['10.0.1.7', 'fd6b:6e73::7']);
  });

  test('of a headless Service it is at each pod', () => {
    expect(places(`_sql._tcp.${DB}`)).toMatchObject([
      { port: 5432, weight: 50, target: `db-0.${DB}` },
      { port: 5432, weight: 50, target: `db-1.${DB}` },
    ]);
  });

  test('a Service itself has all of its ports', () => {
    expect(places(WEB)).toMatchObject([{ port: 80 }, { port: 9090 }]);
  });

  test('a port that is not there does not exist, and what stands between exists', () => {
    expect(ask(`_https._tcp.${WEB}`, 'SRV').rcode).toBe('NXDOMAIN');
    expect(ask(`_http._udp.${WEB}`, 'SRV').rcode).toBe('NXDOMAIN');
    expect(ask('_http._tcp.nope.e2e.svc', 'SRV').rcode).toBe('NXDOMAIN');
    expect(ask(`_tcp.${WEB}`, 'SRV')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(ask(`_http._tcp.${WEB}`, 'A')).toMatchObject({ rcode: 'NOERROR', answers: [] });
  });
});

describe('CNAME', () => {
  test('a name for a name of ours comes with what there is to that', () => {
    expect(data(ask('inner.e2e', 'A').answers)).toEqual([WEB, '10.0.1.7']);
    expect(data(ask('inner.e2e', 'CNAME').answers)).toEqual([WEB]);
  });

  test('a name for one of outside has the code of that (RFC 6604)', () => {
    const answer = ask('outer.e2e', 'A');
    expect(data(answer.answers)).toEqual(['example.com']);
    expect(answer.rcode).toBe('NXDOMAIN');
  });

  test('names that lead to one another come to an end', () => {
    expect(ask('one.e2e', 'A').answers).toHaveLength(8);
  });
});

describe('PTR', () => {
  test('an address of a Service has its whole name, in both families, and so has its ClusterIP', () => {
    const ipv6 = `7.0.0.0${'.0'.repeat(20)}.3.7.e.6.b.6.d.f.ip6.arpa`;
    for (const name of ['7.1.0.10.in-addr.arpa', ipv6, '7.0.96.10.in-addr.arpa'])
      expect(data(ask(name, 'PTR').answers)).toEqual([WEB]);
  });

  test("one of ours that nobody has is unknown, and somebody else's is a matter of outside", () => {
    const ours = ask('99.1.0.10.in-addr.arpa', 'PTR');
    expect(ours).toMatchObject({ rcode: 'NXDOMAIN', flag_aa: true });
    expect(ask('1.2.0.192.in-addr.arpa', 'PTR')).toMatchObject({ rcode: 'NXDOMAIN', flag_aa: false });
  });

  test.each([
    ['7.1.0.10.in-addr.arpa', '10.0.1.7'],
    ['1.0.10.in-addr.arpa', undefined],
    ['07.1.0.10.in-addr.arpa', undefined],
    ['256.1.0.10.in-addr.arpa', undefined],
    ['7.0.ip6.arpa', undefined],
    [`g${'.0'.repeat(31)}.ip6.arpa`, undefined],
    ['in-addr.arpa', undefined],
    [WEB, undefined],
  ])('%s stands for %s', (name, address) => {
    expect(addressOfReverseName(name)).toBe(address);
  });
});

test("the cluster's domain has this server's SOA and NS, and no address", () => {
  expect(ask('cluster.local', 'SOA').answers).toMatchObject([{ type: 'SOA', name: 'cluster.local' }]);
  expect(data(ask('cluster.local', 'NS').answers)).toEqual(['ns.dns.cluster.local']);
  expect(ask('cluster.local', 'A')).toMatchObject({ rcode: 'NOERROR', answers: [] });
});

describe('ANY', () => {
  test('has the addresses of both families', () => {
    expect(data(ask(WEB, 'ANY').answers)).toEqual(['10.0.1.7', 'fd6b:6e73::7']);
  });

  test('has what else a name may stand for, and nothing where there is nothing', () => {
    expect(data(ask('inner.e2e', 'ANY').answers)).toEqual([WEB]);
    expect(data(ask('7.1.0.10.in-addr.arpa', 'ANY').answers)).toEqual([WEB]);
    expect(ask(`_http._tcp.${WEB}`, 'ANY').answers).toMatchObject([{ type: 'SRV', data: { port: 80 } }]);
    expect(ask('cluster.local', 'ANY').answers).toMatchObject([{ type: 'SOA' }]);
    expect(ask('svc.cluster.local', 'ANY')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(ask('nope.e2e.svc', 'ANY').rcode).toBe('NXDOMAIN');
  });
});

test('other classes, and transfers of whole zones, are refused', () => {
  expect(ask('db', 'A', { questions: [{ name: 'db', type: 'A', class: 'CH' }] }).rcode).toBe('REFUSED');
  expect(ask('cluster.local', 'AXFR').rcode).toBe('REFUSED');
});

describe('addresses as one label', () => {
  test.each(['10.244.0.5', 'fd00::5', 'fd00:1:2:3:4:5:6:7', '::1'])(
    '%s comes back from its label',
    (address) => {
      expect(addressOfDashed(toDashed(address))).toBe(address);
    },
  );

  test.each(['web', 'db-0', '10-244-0', '10-244-0-256', '010-1-1-1', 'fd00', 'a-b-c-d', ''])(
    '"%s" spells none',
    (label) => {
      expect(addressOfDashed(label)).toBeUndefined();
    },
  );
});
