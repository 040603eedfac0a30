/**
 * JSON bodies, read strictly: what two readers could understand differently is refused, and said where. That is bytes that are
 * no UTF-8, a name twice in one object, and names that change what every object has.
 */
import { isUtf8 } from 'node:buffer';
import { quoted } from '../operations/texts';
import { ApiError } from './problem';

/** @throws ApiError with a pointer to what is wrong. */
export function parseJsonBody(body: Buffer): unknown {
  if (body.length === 0) throw wrong('the body is empty; send a JSON object, or no Content-Type');
  if (!isUtf8(body)) throw wrong('the body is not UTF-8');
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Without the piece of the body that V8 shows: it may be a secret.
    const reason = (error as Error).message.replace(/, (?:\.\.\.)?".*$/s, '');
    throw wrong(`the body is not JSON: ${reason}`);
  }
  if (namesIn(value) !== namesWrittenIn(text)) throw repeatedName(text);
  return value;
}

const wrong = (message: string, path: readonly string[] = []) =>
  new ApiError('BAD_REQUEST', message, { field: pointer(path) });

/** RFC 6901. */
const pointer = (path: readonly string[]) =>
  path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

interface Place {
  readonly value: unknown;
  readonly path: Path;
}
/** Innermost first, so that nesting costs nothing. */
type Path = { readonly name: string; readonly outer: Path } | null;

/** How many names the objects in it have. @throws ApiError for one that may not be. */
function namesIn(value: unknown): number {
  let count = 0;
  const left: Place[] = [{ value, path: null }];
  for (let place = left.pop(); place !== undefined; place = left.pop()) {
    const { value: inside, path } = place;
    if (typeof inside !== 'object' || inside === null) continue;
    if (Array.isArray(inside)) {
      for (const [i, one] of inside.entries()) {
        if (typeof one === 'object') left.push({ value: one, path: { name: String(i), outer: path } });
      }
      continue;
    }
    for (const [name, one] of Object.entries(inside)) {
      count++;
      const at = { name, outer: path };
      if (name === '__proto__' || (name === 'constructor' && hasPrototype(one))) {
        throw wrong(`${quoted(name)} is no name that a field may have`, listed(at));
      }
      if (typeof one === 'object') left.push({ value: one, path: at });
    }
  }
  return count;
}

const hasPrototype = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');

function listed(path: Path): string[] {
  const all: string[] = [];
  for (let at = path; at !== null; at = at.outer) all.unshift(at.name);
  return all;
}

/** Of JSON: a text, and whether it is a name. */
const TEXT = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

function namesWrittenIn(json: string): number {
  let count = 0;
  for (const [, colon] of json.matchAll(TEXT)) if (colon !== undefined) count++;
  return count;
}

const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\],]/g;

/** Where it stands. Only called for JSON that has one. */
function repeatedName(json: string): ApiError {
  const open: { names: Set<string> | null; at: string }[] = [];
  for (const [token, colon] of json.matchAll(TOKEN)) {
    const inner = open.at(-1);
    if (token === '{') open.push({ names: new Set(), at: '' });
    else if (token === '[') open.push({ names: null, at: '0' });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',') {
      if (inner?.names === null) inner.at = String(Number(inner.at) + 1);
    } else if (colon !== undefined && inner?.names) {
      inner.at = JSON.parse(token.slice(0, -colon.length)) as string;
      if (inner.names.has(inner.at)) {
        const path = open.map(({ at }) => at);
        return wrong(`${quoted(inner.at)} stands twice in one object; leave one of them`, path);
      }
      inner.names.add(inner.at);
    }
  }
  return wrong('a name stands twice in one object');
}
