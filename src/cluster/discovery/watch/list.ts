/**
 * The whole list of a resource, at once or in pages.
 *
 * At the start it is one request. While the command runs it comes in pages: a
 * server does not have to make thousands at once, and one that breaks off has
 * been of use. Either way objects are taken as they come, some dozens at a time,
 * since a long parse stalls packets.
 * A `continue` token grows old (5 minutes by default, or at a compaction);
 * the server then answers 410, and the list starts again from the front.
 */
import type { V1ListMeta } from '@kubernetes/client-node';
import type { ApiClient, JsonAnswer } from '../../api/client.ts';
import type { Batch } from '../../api/list-parser.ts';
import type { ApiObject, Json } from '../../api/objects.ts';
import type { Backlog } from './backlog.ts';
import type { ListSink } from './collection.ts';
import { Pace } from '../../pace.ts';
import { listPath, type ResourceQuery } from './query.ts';

/** How often one list may start again from the front. */
const FRESH_STARTS = 3;
const GONE = 410;

/** The server has answered, but not with a list. */
export class Refusal extends Error {
  readonly answer: JsonAnswer;

  constructor(answer: JsonAnswer) {
    super(`${answer.status}: ${answer.message}`);
    this.answer = answer;
  }
}

interface Page {
  readonly version: string;
  readonly next: string;
}

/** How a list is asked for, and read. */
export interface ListMode {
  /** Absent: all at once. */
  readonly pages?: { readonly items: number; readonly count: number };
  /** Where a long list is put off. */
  readonly backlog?: Backlog;
}

/** A list of more than these may be put off. Past as many Services, /etc/hosts has none of them (names/etc/hosts.ts). */
const READ_AT_ONCE = 1_000;

interface Listed {
  /** The resourceVersion from which a watch goes on. */
  readonly version: string;
  /** Objects that there are, read or not. */
  readonly count: number;
}

/**
 * @param begin called for each start from the front
 * @throws Refusal, ClusterError
 */
export async function listAll(
  api: Pick<ApiClient, 'getList'>,
  query: ResourceQuery,
  mode: ListMode,
  begin: () => ListSink,
): Promise<Listed> {
  for (let start = 1; ; start++) {
    try {
      return await listOnce(api, query, mode, begin());
    } catch (error) {
      const tooOld = error instanceof Refusal && error.answer.status === GONE;
      if (!tooOld || start === FRESH_STARTS) throw error;
    }
  }
}

async function listOnce(
  api: Pick<ApiClient, 'getList'>,
  query: ResourceQuery,
  { pages, backlog }: ListMode,
  sink: ListSink,
): Promise<Listed> {
  const pace = new Pace(pages === undefined ? 'at once' : 'unhurried');
  const read = (batch: Batch): void => sink.page(objectsOf(batch));
  const unread: Batch[] = [];
  let count = 0;
  const take = async (batch: Batch): Promise<void> => {
    count += batch.count;
    if (backlog !== undefined) unread.push(batch);
    else read(batch);
    await pace.keep();
  };
  let token = '';
  for (let page = 0; page < (pages?.count ?? 1); page++) {
    const { version, next } = await listPage(api, query, listPath(query, pages?.items, token), take);
    token = next;
    if (token !== '') continue;
    for (const batch of unread) {
      if (count > READ_AT_ONCE) backlog?.putOff({ query, count: batch.count, read: () => read(batch) });
      else read(batch);
    }
    sink.end();
    return { version, count };
  }
  throw new Error(`a list of more than ${pages?.count ?? 1} pages`);
}

async function listPage(
  api: Pick<ApiClient, 'getList'>,
  { model }: ResourceQuery,
  path: string,
  onItems: (items: Batch) => Promise<void>,
): Promise<Page> {
  const answer = await api.getList(path, { ...(model === undefined ? {} : { model }), onItems });
  const { status, body } = answer;
  // A 200 alone may be the page of a proxy that wants a login.
  if (status !== 200 || !isListBody(body)) throw new Refusal(answer);
  return {
    version: body.metadata?.resourceVersion ?? '',
    next: body.metadata?.continue ?? '',
  };
}

/** @throws Refusal where one is no object of the API */
function objectsOf(batch: Batch): ApiObject[] {
  try {
    const items = batch.read();
    if (items.every(isObject)) return items;
    throw new SyntaxError('an object without a name');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Refusal({ status: 200, body: undefined, message: error.message });
  }
}

/** What else there is, the server has validated against the schema that the models are made from. */
function isObject(item: unknown): item is ApiObject {
  if (typeof item !== 'object' || item === null || !('metadata' in item)) return false;
  const { metadata } = item;
  return (
    typeof metadata === 'object' &&
    metadata !== null &&
    'name' in metadata &&
    typeof metadata.name === 'string'
  );
}

interface ListBody {
  metadata?: Json<V1ListMeta>;
  items: unknown;
}

function isListBody(body: unknown): body is ListBody {
  return typeof body === 'object' && body !== null && 'items' in body;
}
