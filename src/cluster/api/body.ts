/**
 * The body of an answer: read to its end and parsed, or handed on as it comes.
 *
 * A body is bounded in size where it is kept, and in silence where it is not.
 */
import type http from 'node:http';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { oneLine } from '../errors.ts';
import { ItemSplitter } from './item-splitter.ts';
import type { Batch } from './list-parser.ts';
import { decodeObject, MEDIA_TYPE } from './protobuf/envelope.ts';
import { ProtobufList } from './protobuf/list.ts';
import type { Message } from './protobuf/message.ts';
import { STATUS } from './protobuf/models.ts';

/** The largest answer that is kept; a list of 10,000 Services has about 20 MB. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;
/** Of one list; the largest clusters that Kubernetes is made for have 150,000 pods. */
const MAX_ITEMS = 500_000;

/** JSON, or what has come in its place. */
export interface JsonAnswer {
  status: number;
  /** The parsed body; undefined where it is not what was asked for. */
  body: unknown;
  /** The message of a Status body, or the start of any other body. */
  message: string;
}

/** What a decompressed list comes in: a few dozen objects. */
const PIECE_BYTES = 64 * 1024;

/** What is taken of a list as it comes. */
export interface ListReader {
  /** What its items are, for a server that has them as Protocol Buffers. */
  readonly model?: Message;
  /** The next ones are read when this is done. */
  readonly onItems: (items: Batch) => Promise<void>;
}

export async function readJson(response: http.IncomingMessage): Promise<JsonAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw tooLong();
    chunks.push(chunk);
  }
  const raw = Buffer.concat(chunks, length);
  const plain = isGzip(response) ? await inflateBody(raw) : raw;
  const status = response.statusCode ?? 0;
  try {
    const body: unknown = isProtobuf(response) ? decodeObject(STATUS, plain) : JSON.parse(plain.toString());
    const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
    return { status, body, message: typeof said === 'string' ? oneLine(said) : '' };
  } catch {
    return { status, body: undefined, message: oneLine(plain.toString()) };
  }
}

/**
 * A list, whose items are handed on while it comes; `body` is what stands
 * around them. What is handed on has been the server's, even where the rest
 * does not come.
 */
export async function readList(
  response: http.IncomingMessage,
  { model, onItems }: ListReader,
): Promise<JsonAnswer> {
  if (response.statusCode !== 200) return readJson(response);
  const list = model !== undefined && isProtobuf(response) ? new ProtobufList(model) : new ItemSplitter();
  let [length, count] = [0, 0];
  try {
    for await (const piece of await inflated(response)) {
      length += piece.length;
      if (length > MAX_BODY_BYTES) throw tooLong();
      for (const items of list.push(piece)) {
        count += items.count;
        if (count > MAX_ITEMS) throw new Error(`a list of more than ${MAX_ITEMS} objects`);
        await onItems(items);
      }
    }
    return { status: 200, body: list.end(), message: '' };
  } catch (error) {
    if (error instanceof SyntaxError)
      return { status: 200, body: undefined, message: oneLine(error.message) };
    throw error;
  }
}

function isProtobuf({ headers }: http.IncomingMessage): boolean {
  return headers['content-type']?.startsWith(MEDIA_TYPE) ?? false;
}

/** Servers compress what is large (beyond 128 KiB, as Kubernetes does): zlib is loaded for that. */
async function inflateBody(raw: Buffer): Promise<Buffer> {
  const { gunzip } = await import('node:zlib');
  return promisify(gunzip)(raw, { maxOutputLength: MAX_BODY_BYTES });
}

async function inflated(response: http.IncomingMessage): Promise<AsyncIterable<Buffer>> {
  if (!isGzip(response)) return response;
  const { createGunzip } = await import('node:zlib');
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  // An error of either is thrown to who reads.
  return pipeline(response, gunzip, () => {});
}

function isGzip({ headers }: http.IncomingMessage): boolean {
  return headers['content-encoding'] === 'gzip';
}

function tooLong(): Error {
  return new Error(`an answer of more than ${MAX_BODY_BYTES} bytes`);
}

/**
 * The pieces of a body as they come. A silence of `idleMs` ends it with an
 * error: a connection that died without a word looks like a quiet one.
 * Whoever stops reading ends the connection.
 */
export async function* readPieces(
  response: http.IncomingMessage,
  idleMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const silence = setTimeout(
    () => response.destroy(new Error(`nothing was heard for ${idleMs / 1000} s`)),
    idleMs,
  );
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      yield chunk;
      silence.refresh();
    }
  } finally {
    clearTimeout(silence);
    response.destroy();
  }
}
