/** Which of an account's limits concern a piece of work, and what frees work that waits for one. Pure. */
import { byItself, byItselfOrRaised } from '../pools/standstill';
import { type LimitTemplate, limitKey, matches, scopeNames } from './limit';

/** What is known of the calls of a piece of work: the limits of its account, and attributes that all its calls have. */
export interface WorkCalls {
  readonly vendor: string;
  readonly templates: readonly LimitTemplate[];
  readonly attributes: Readonly<Record<string, string>>;
  /** What it calls; null or left out where that is not known. */
  readonly operations?: readonly string[] | null;
}

/**
 * Whether calls of the work may be charged to a limit's row. One of another report type concerns it as little as one that
 * matches other calls. Where only the single call decides, of a device say, or the settings do not know the limit, it does.
 */
export function concerns(
  { key, name }: { readonly key: string; readonly name: string },
  { vendor, templates, attributes, operations = null }: WorkCalls,
): boolean {
  const named = templates.filter((template) => template.name === name);
  return (
    named.length === 0 ||
    named.some((one) => isOfOne(one, operations) && mayCharge(one, key, vendor, attributes))
  );
}

function isOfOne({ operations: charged }: LimitTemplate, operations: readonly string[] | null): boolean {
  return charged === '*' || operations === null || operations.some((one) => charged.includes(one));
}

function mayCharge(
  template: LimitTemplate,
  key: string,
  vendor: string,
  attributes: Readonly<Record<string, string>>,
): boolean {
  const isKnown = (attribute: string) => Object.hasOwn(attributes, attribute);
  const match = Object.fromEntries(Object.entries(template.match ?? {}).filter(([one]) => isKnown(one)));
  if (!matches({ match }, attributes)) return false;
  if (scopeNames(template.scope).every(isKnown)) return key === limitKey(vendor, template, attributes);
  // What is known of the scope must be so, whatever stands for the rest.
  const pattern = template.scope
    .split(/(\{\w+\})/)
    .map((part) => {
      const [, attribute] = /^\{(\w+)\}$/.exec(part) ?? [];
      if (attribute === undefined) return literal(part);
      const value = isKnown(attribute) ? attributes[attribute] : undefined;
      return value === undefined ? '[^/]+' : literal(encodeURIComponent(value));
    })
    .join('');
  return new RegExp(`^${literal(`${vendor}/`)}${pattern}${literal(`/${template.name}`)}$`).test(key);
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** What an operator can do about a limit without room. */
export interface FullLimit {
  readonly name: string;
  /** Where its size comes from. */
  readonly source: string;
  readonly loweredRate?: number | null;
}

/** @param raise the command that changes the limit. What the vendor itself announces or refuses is not ours to raise. */
export function freedBy({ source, loweredRate }: FullLimit, raise: string): string {
  return source === 'header' || loweredRate ? byItself() : byItselfOrRaised(raise);
}
