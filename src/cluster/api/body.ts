/**
 * The body of an answer: read to its end and parsed, or handed on as it comes.
 *
 * A body is bounded in size where it is kept, and in silence where it is not.
 */
import type http from 'node:http';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { oneLine } from '../errors.ts';
import { Pace } from '../pace.ts';
import { ItemSplitter } from './item-splitter.ts';

/** The largest answer that is kept; a list of 10,000 Services has about 20 MB. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;

export interface JsonAnswer {
  status: number;
  /** The parsed body; undefined where it is not JSON. */
  body: unknown;
  /** The message of a Status body, or the start of any other body. */
  message: string;
}

/** What a decompressed list comes in: a few dozen objects. */
const PIECE_BYTES = 64 * 1024;

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
  return answerOf(response, plain.toString());
}

/** Servers compress what is large (beyond 128 KiB, as Kubernetes does): zlib is loaded for that. */
async function inflateBody(raw: Buffer): Promise<Buffer> {
  const { gunzip } = await import('node:zlib');
  return promisify(gunzip)(raw, { maxOutputLength: MAX_BODY_BYTES });
}

/**
 * A list of no more is parsed as a whole, in half a millisecond. Where its items end
 * would be looked for byte by byte, in a start by code that is not compiled yet.
 */
const SHORT_LIST_BYTES = 64 * 1024;

/**
 * A list, whose items are handed on while it comes, unless it is short; `body`
 * is what stands around them. What is handed on has been the server's, even
 * where the rest does not come.
 */
export async function readList(
  response: http.IncomingMessage,
  onItems: (items: unknown[]) => void,
): Promise<JsonAnswer> {
  if (response.statusCode !== 200) return readJson(response);
  const splitter = new ItemSplitter(onItems);
  const pace = new Pace();
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of await inflated(response)) {
      length += piece.length;
      if (length > MAX_BODY_BYTES) throw tooLong();
      pieces.push(piece);
      if (length <= SHORT_LIST_BYTES) continue;
      for (const one of pieces.splice(0)) splitter.push(one);
      await pace.keep();
    }
  } catch (error) {
    if (error instanceof SyntaxError)
      return { status: 200, body: undefined, message: 'a list that is no JSON' };
    throw error;
  }
  if (length > SHORT_LIST_BYTES) return answerOf(response, splitter.around);
  return withoutItems(answerOf(response, Buffer.concat(pieces).toString()), onItems);
}

function withoutItems(answer: JsonAnswer, onItems: (items: unknown[]) => void): JsonAnswer {
  const { body } = answer;
  if (!hasItems(body) || body.items.length === 0) return answer;
  onItems(body.items);
  return { ...answer, body: { ...body, items: [] } };
}

function hasItems(body: unknown): body is { items: unknown[] } {
  return typeof body === 'object' && body !== null && 'items' in body && Array.isArray(body.items);
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

function answerOf({ statusCode: status = 0 }: http.IncomingMessage, text: string): JsonAnswer {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { status, body: undefined, message: oneLine(text) };
  }
  const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  return { status, body, message: typeof said === 'string' ? oneLine(said) : '' };
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
