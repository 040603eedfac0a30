/**
 * What no text of an input may be, whatever its field says, checked before the schema, which would follow any depth; and how
 * texts are shown in messages.
 */
import { z } from 'zod';
import type { Problem } from './errors';

/** Characters, where a field has no bound of its own. */
export const MAX_TEXT = 10_000;
const MAX_DEPTH = 100;
/** Control characters but those that texts of several lines have. */
const CONTROL = /[^\P{Cc}\t\n\r]/u;
/** It cannot be stored, and would come back as another one. */
const HALF = /\p{Surrogate}/u;
/** What a terminal acts on instead of showing it, and what turns the direction of the text around it. */
const ACTING = /[^\P{Cc}\t\n]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const documents = z.registry<Record<string, never>>();

/** A field whose texts are somebody's content and not words of ours: they may be long, and hold any character. */
export function document<Kind extends z.ZodType>(kind: Kind): Kind {
  documents.add(kind, {});
  return kind;
}

export function isDocument(schema: z.ZodObject, field: string): boolean {
  let kind = schema.shape[field] as z.core.$ZodType | undefined;
  while (kind !== undefined && !documents.has(kind)) {
    if (!(kind instanceof z.ZodOptional || kind instanceof z.ZodDefault)) return false;
    kind = kind.unwrap();
  }
  return kind !== undefined;
}

/** The first unfit text of each field; and nesting that no field has. */
export function unfitTexts(schema: z.ZodObject, given: unknown): Problem[] {
  if (typeof given !== 'object' || given === null) return [];
  return Object.entries(given).flatMap(([name, value]) => {
    const found = unfit([name], value, isDocument(schema, name));
    return found === null ? [] : [found];
  });
}

interface Place {
  readonly path: readonly string[];
  readonly value: unknown;
}

function unfit(path: readonly string[], value: unknown, document: boolean): Problem | null {
  const left: Place[] = [{ path, value }];
  for (let place = left.pop(); place !== undefined; place = left.pop()) {
    const wrong = wrongOf(place, document);
    if (wrong !== null) {
      return { code: 'INVALID_INPUT', field: place.path.slice(0, MAX_NAMED).join('.'), message: wrong };
    }
    if (typeof place.value !== 'object' || place.value === null) continue;
    for (const [key, inner] of Object.entries(place.value)) {
      left.push({ path: [...place.path, key], value: inner });
    }
  }
  return null;
}

/** Parts of a field's path that are named. */
const MAX_NAMED = 5;

function wrongOf({ path, value }: Place, document: boolean): string | null {
  if (path.length > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} deep`;
  if (document) return null;
  const key = path.length > 1 ? path.at(-1) : undefined;
  for (const text of [key, value]) {
    if (typeof text !== 'string') continue;
    if (HALF.test(text)) return `${quoted(text)} holds half a character (a lone surrogate); leave it out`;
    if (CONTROL.test(text)) return `${quoted(text)} holds a control character; leave it out`;
    if (text.length > MAX_TEXT) {
      return `${quoted(text)} has ${text.length} characters; at most ${MAX_TEXT} are allowed`;
    }
  }
  return null;
}

const MAX_SHOWN = 200;

/** A vendor's message may hold anything: characters that a terminal would act on are shown as their codes. Line feeds and tabs stay. */
export function visible(text: string): string {
  return text.replace(ACTING, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A text in quotes, for a message: what would act on a terminal is written out, and what is long is cut. */
export function quoted(text: string): string {
  const all = `"${visible(text.slice(0, MAX_SHOWN))}"`;
  return text.length + 2 <= MAX_SHOWN ? all : `${all.slice(0, MAX_SHOWN - 1)}…`;
}
