import { describe, expect, test } from 'vitest';
import { type ContextOptions, loadContexts, selectionText } from '../../../src/session/contexts.ts';
import { LogLines } from '../cluster/probe.ts';

const KUBECONFIG = `
apiVersion: v1
kind: Config
clusters:
- {name: east, cluster: {server: 'https://east.test'}}
- {name: west, cluster: {server: 'https://west.test'}}
users:
- {name: me, user: {token: t}}
contexts:
- {name: east, context: {cluster: east, user: me, namespace: shop}}
- {name: admin@east, context: {cluster: east, user: me}}
- {name: west, context: {cluster: west, user: me}}
current-context: west
`;

function options(more: Partial<ContextOptions>): ContextOptions {
  return {
    kubeconfigText: KUBECONFIG,
    contexts: [],
    namespaces: [],
    allNamespaces: false,
    picks: [],
    aliases: [],
    waits: [],
    publishedTargets: [],
    log: new LogLines(),
    ...more,
  };
}

const PICK = { kind: 'Service', name: 'web' } as const;

async function told(more: Partial<ContextOptions>): Promise<string[]> {
  const all = options({ contexts: ['east', 'west'], ...more });
  return (await loadContexts(all)).map((context) => selectionText(context, all));
}

describe('contexts', () => {
  test('none asked for is the current one', async () => {
    const [only, ...others] = await loadContexts(options({}));
    expect(others).toEqual([]);
    expect(only).toMatchObject({ label: 'west', key: 'west', isFirst: true, namespaces: ['default'] });
  });

  test('each has keys of its own, also where two share a cluster', async () => {
    const contexts = await loadContexts(options({ contexts: ['east', 'admin@east', 'west'] }));
    expect(contexts.map(({ key, label, isFirst }) => [key, label, isFirst])).toEqual([
      ['east', 'east', true],
      ['east@admin@east', 'admin-east', false],
      ['west', 'west', false],
    ]);
  });

  test('a namespace that names no context is meant in all, one that does in that alone', async () => {
    const namespaces = [{ namespace: 'a' }, { context: 'west', namespace: 'b' }, { namespace: 'a' }];
    const both = await loadContexts(options({ contexts: ['east', 'west'], namespaces }));
    expect(both.map((context) => context.namespaces)).toEqual([['a'], ['a', 'b']]);
    const onlyWest = [{ context: 'west', namespace: 'b' }];
    const own = await loadContexts(options({ contexts: ['east', 'west'], namespaces: onlyWest }));
    expect(own.map((context) => context.namespaces)).toEqual([['shop'], ['b']]);
  });

  test.each<[string, Partial<ContextOptions>]>([
    ['a namespace', { namespaces: [{ context: 'north', namespace: 'a' }] }],
    ['a pick', { picks: [{ ...PICK, context: 'north' }] }],
    ['an alias', { aliases: [{ name: 'a.test', target: { ...PICK, context: 'north' } }] }],
    ['a wait', { waits: [{ target: { ...PICK, context: 'north' }, timeoutMs: 1 }] }],
  ])('%s of a context that is not asked for', async (_, more) => {
    await expect(loadContexts(options({ contexts: ['east', 'west'], ...more }))).rejects.toMatchObject({
      code: 'CONTEXT_NOT_CHOSEN',
      remedy: expect.stringContaining('--context north'),
    });
  });

  test('what is chosen, as the user is told', async () => {
    expect(await told({})).toEqual(['namespace shop', 'namespace default']);
    expect(await told({ namespaces: [{ namespace: 'a' }, { namespace: 'b' }] })).toEqual(
      Array(2).fill('namespaces a, b'),
    );
    expect(await told({ allNamespaces: true, selector: 'app=web' })).toEqual(
      Array(2).fill('all namespaces with app=web'),
    );
    expect(await told({ picks: [PICK] })).toEqual(['svc/web', 'namespace default']);
  });
});
