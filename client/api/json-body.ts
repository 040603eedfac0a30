/**
 * JSON bodies, read strictly: what two readers could understand differently is refused, and said where. That is bytes that are
 * no UTF-8, a name twice in one object, names that change what every object has, and numbers that would become others.
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
  if (PERHAPS_UNFIT.test(text)) refuseUnfitNumbers(text);
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

/** Names (with their colon), other texts, brackets, commas, and numbers. */
const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\],]|-?\d[\d.eE+-]*/g;

interface Token {
  readonly text: string;
  /** Of a name: without its colon. */
  readonly name: string | null;
  /** Where it stands. */
  path(): string[];
}

/** Walks through JSON that is known to be right. A name is visited before it is where we are. */
function* tokens(json: string): Generator<Token> {
  const open: { readonly isList: boolean; at: string }[] = [];
  const path = () => open.map(({ at }) => at);
  for (const [text, colon] of json.matchAll(TOKEN)) {
    const inner = open.at(-1);
    const name = colon === undefined ? null : (JSON.parse(text.slice(0, -colon.length)) as string);
    if (text === ',' && inner?.isList) inner.at = String(Number(inner.at) + 1);
    if (name !== null && inner) inner.at = name;
    yield { text, name, path };
    if (text === '{' || text === '[') open.push({ isList: text === '[', at: text === '[' ? '0' : '' });
    if (text === '}' || text === ']') open.pop();
  }
}

/** Where it stands. Only called for JSON that has one. */
function repeatedName(json: string): ApiError {
  const objects: Set<string>[] = [];
  for (const { text, name, path } of tokens(json)) {
    if (text === '{' || text === '[') objects.push(new Set());
    else if (text === '}' || text === ']') objects.pop();
    else if (name !== null) {
      const names = objects.at(-1);
      if (names?.has(name))
        return wrong(`${quoted(name)} stands twice in one object; leave one of them`, path());
      names?.add(name);
    }
  }
  return wrong('a name stands twice in one object');
}

/** Whether it is worth looking for such a number. */
const PERHAPS_UNFIT = /\d{16}|\d[eE]\+?\d{2}/;

/** @throws ApiError for the first number that is read as another one: an id that has lost its last digits is another's. */
function refuseUnfitNumbers(json: string): void {
  for (const { text, path } of tokens(json)) {
    if (!/^[-\d]/.test(text)) continue;
    const read = Number(text);
    const isWhole = /^-?\d+$/.test(text);
    if (Number.isFinite(read) && !(isWhole && BigInt(text) !== BigInt(read))) continue;
    throw wrong(
      `${text.slice(0, MAX_SHOWN)} is no number that is read as it is written; send it as text, "${text.slice(0, MAX_SHOWN)}"`,
      path(),
    );
  }
}

const MAX_SHOWN = 50;
