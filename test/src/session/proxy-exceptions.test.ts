import { describe, expect, test } from 'vitest';
import { exceptFromProxy, namesProxy, type ProxyExceptions } from '../../../src/session/proxy-exceptions.ts';

const WEB = { name: 'web', namespace: 'shop', headless: false };
const DB = { name: 'db', namespace: 'shop', headless: true };

function exceptions(more: Partial<ProxyExceptions> = {}): ProxyExceptions {
  return { services: [], domains: [], hosts: [], ranges: [], ...more };
}

describe('whether there is a proxy', () => {
  test.each(['http_proxy', 'HTTPS_PROXY', 'all_proxy'])('%s names one', (name) => {
    expect(namesProxy({ [name]: 'http://proxy:3128' })).toBe(true);
    expect(namesProxy({ [name]: '' })).toBe(false);
  });

  test('$NO_PROXY alone does not', () => {
    expect(namesProxy({ NO_PROXY: 'localhost' })).toBe(false);
  });
});

describe('what goes past it', () => {
  test('names in short, common endings, other hosts and ranges', () => {
    const { no_proxy, NO_PROXY } = exceptFromProxy(
      {},
      exceptions({
        services: [WEB, DB],
        domains: ['svc', 'cluster.local'],
        hosts: ['api.example.com'],
        ranges: ['10.0.1.0/24'],
      }),
    );
    expect(no_proxy).toBe(
      '.svc,.cluster.local,10.0.1.0/24,api.example.com,web,web.shop,db,db.shop,.db,.db.shop',
    );
    expect(NO_PROXY).toBe(no_proxy);
  });

  test("the user's own come first, and each spelling keeps its own", () => {
    const services = [WEB];
    expect(exceptFromProxy({ no_proxy: 'a', NO_PROXY: 'b' }, exceptions({ services }))).toEqual({
      no_proxy: 'a,web,web.shop',
      NO_PROXY: 'b,web,web.shop',
    });
    expect(exceptFromProxy({ NO_PROXY: 'b' }, exceptions({ services }))).toEqual({
      no_proxy: 'b,web,web.shop',
      NO_PROXY: 'b,web,web.shop',
    });
  });

  test('* excepts everything already, and alone is understood', () => {
    expect(exceptFromProxy({ no_proxy: '*' }, exceptions({ services: [WEB] }))).toMatchObject({
      no_proxy: '*',
    });
  });

  test('thousands of Services do not make a variable that no program can be given', () => {
    const services = Array.from({ length: 10_000 }, (_, i) => ({ ...WEB, name: `service-${i}` }));
    const { no_proxy = '' } = exceptFromProxy({}, exceptions({ services, domains: ['svc'] }));
    expect(no_proxy.length).toBeLessThan(40_000);
    expect(no_proxy).toMatch(/^\.svc,service-0,service-0\.shop,/);
    expect(no_proxy).not.toMatch(/,$/);
  });
});
