/**
 * The body of an answer: read to its end and parsed, or handed on piece by piece.
 *
 * A body is bounded in size where it is kept, and in silence where it is not.
 */
import type http from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { oneLine } from '../errors.ts';

/** The largest answer that is kept; a list of 10,000 Services has about 20 MB. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;

export interface JsonAnswer {
  status: number;
  /** The parsed body; undefined where it is not JSON. */
  body: unknown;
  /** The message of a Status body, or the start of any other body. */
  message: string;
}

const inflateBody = promisify(gunzip);

export async function readJson(response: http.IncomingMessage): Promise<JsonAnswer> {
  const status = response.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Error(`an answer of more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  const raw = Buffer.concat(chunks, length);
  const text = (
    response.headers['content-encoding'] === 'gzip'
      ? await inflateBody(raw, { maxOutputLength: MAX_BODY_BYTES })
      : raw
  ).toString();
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
