import tls from 'node:tls';
import { afterEach, expect, test, vi } from 'vitest';

const usual = [...process.execArgv];
afterEach(() => {
  process.execArgv = usual;
  vi.restoreAllMocks();
  vi.resetModules();
});

async function startedWith(...options: string[]) {
  process.execArgv = options;
  const createContext = vi.spyOn(tls, 'createSecureContext');
  return { ...(await import('../../src/authorities.ts')), createContext };
}

test('with Node’s own store there is nothing to add', async () => {
  const { usualTrust, createContext } = await startedWith('--enable-source-maps');
  expect(usualTrust()).toEqual({});
  expect(createContext).not.toHaveBeenCalled();
});

test('without it Node’s authorities are given, read once for each certificate of ours', async () => {
  const { usualTrust, createContext } = await startedWith('--use-openssl-ca');
  const { secureContext } = usualTrust();
  expect(secureContext).toBeDefined();
  expect(usualTrust().secureContext).toBe(secureContext);
  expect(createContext.mock.calls).toEqual([[{ ca: [...tls.rootCertificates] }]]);

  const certificate = {};
  const other = usualTrust(certificate).secureContext;
  expect(other).not.toBe(secureContext);
  expect(usualTrust(certificate).secureContext).toBe(other);
});

test('an authority that the user has named is the only one, and plain HTTP needs none', async () => {
  const { trustFor, createContext } = await startedWith('--use-openssl-ca');
  const own = Buffer.from('own');
  expect(trustFor(new URL('https://idp.example.com'), own)).toEqual({ ca: own });
  expect(trustFor(new URL('http://idp.example.com'), undefined)).toEqual({});
  expect(createContext).not.toHaveBeenCalled();
  expect(trustFor(new URL('https://idp.example.com'), undefined).secureContext).toBeDefined();
});
