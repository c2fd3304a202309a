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
import type { ApiObject, Json } from '../../api/objects.ts';
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

export interface PageSize {
  readonly items: number;
  readonly pages: number;
}

/**
 * @param begin called for each start from the front
 * @returns the resourceVersion from which a watch goes on
 * @throws Refusal, ClusterError
 */
export async function listAll(
  api: Pick<ApiClient, 'getList'>,
  query: ResourceQuery,
  pageSize: PageSize | undefined,
  begin: () => ListSink,
): Promise<string> {
  for (let start = 1; ; start++) {
    try {
      return await listOnce(api, query, pageSize, begin());
    } catch (error) {
      const tooOld = error instanceof Refusal && error.answer.status === GONE;
      if (!tooOld || start === FRESH_STARTS) throw error;
    }
  }
}

async function listOnce(
  api: Pick<ApiClient, 'getList'>,
  query: ResourceQuery,
  pageSize: PageSize | undefined,
  sink: ListSink,
): Promise<string> {
  const pace = new Pace(pageSize === undefined ? 'at once' : 'unhurried');
  let token = '';
  for (let count = 0; count < (pageSize?.pages ?? 1); count++) {
    const { version, next } = await listPage(
      api,
      query,
      listPath(query, pageSize?.items, token),
      async (objects) => {
        sink.page(objects);
        await pace.keep();
      },
    );
    if (next === '') {
      sink.end();
      return version;
    }
    token = next;
  }
  throw new Error(`a list of more than ${pageSize?.pages ?? 1} pages`);
}

async function listPage(
  api: Pick<ApiClient, 'getList'>,
  { model }: ResourceQuery,
  path: string,
  take: (objects: ApiObject[]) => Promise<void>,
): Promise<Page> {
  const answer = await api.getList(path, {
    ...(model === undefined ? {} : { model }),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server has validated them against the schema that the models are made from
    onItems: (items) => take(items as ApiObject[]),
  });
  const { status, body } = answer;
  // A 200 alone may be the page of a proxy that wants a login.
  if (status !== 200 || !isListBody(body)) throw new Refusal(answer);
  return {
    version: body.metadata?.resourceVersion ?? '',
    next: body.metadata?.continue ?? '',
  };
}

interface ListBody {
  metadata?: Json<V1ListMeta>;
  items: unknown;
}

function isListBody(body: unknown): body is ListBody {
  return typeof body === 'object' && body !== null && 'items' in body;
}
