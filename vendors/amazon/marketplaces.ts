/**
 * Amazon's marketplaces: where their calls go, and the currency they sell in. New ones are added now and then, so an id
 * that is not here is let pass, with a warning.
 *
 * Source: developer-docs.amazon.com/sp-api, "Marketplace IDs".
 */
import type { UnknownValue } from '../define';

export type Region = 'na' | 'eu' | 'fe';

interface Marketplace {
  readonly country: string;
  readonly region: Region;
  readonly currency: string;
}

const of = (country: string, region: Region, currency: string): Marketplace => ({
  country,
  region,
  currency,
});

const MARKETPLACES: Readonly<Record<string, Marketplace>> = {
  A2EUQ1WTGCTBG2: of('Canada', 'na', 'CAD'),
  ATVPDKIKX0DER: of('the United States', 'na', 'USD'),
  A1AM78C64UM0Y8: of('Mexico', 'na', 'MXN'),
  A2Q3Y263D00KWC: of('Brazil', 'na', 'BRL'),
  A28R8C7NBKEWEA: of('Ireland', 'eu', 'EUR'),
  A1RKKUPIHCS9HS: of('Spain', 'eu', 'EUR'),
  A1F83G8C2ARO7P: of('the United Kingdom', 'eu', 'GBP'),
  A13V1IB3VIYZZH: of('France', 'eu', 'EUR'),
  AMEN7PMS3EDWL: of('Belgium', 'eu', 'EUR'),
  A1805IZSGTT6HS: of('the Netherlands', 'eu', 'EUR'),
  A1PA6795UKMFR9: of('Germany', 'eu', 'EUR'),
  APJ6JRA9NG5V4: of('Italy', 'eu', 'EUR'),
  A2NODRKZP88ZB9: of('Sweden', 'eu', 'SEK'),
  AE08WJ6YKNBMC: of('South Africa', 'eu', 'ZAR'),
  A1C3SOZRARQ6R3: of('Poland', 'eu', 'PLN'),
  ARBP9OOSHTCHU: of('Egypt', 'eu', 'EGP'),
  A33AVAJ2PDY3EV: of('Turkey', 'eu', 'TRY'),
  A17E79C6D8DWNP: of('Saudi Arabia', 'eu', 'SAR'),
  A2VIGQ35RCS4UG: of('the United Arab Emirates', 'eu', 'AED'),
  A21TJRUUN4KGV: of('India', 'eu', 'INR'),
  A19VAU5U5O7RUS: of('Singapore', 'fe', 'SGD'),
  A39IBJ37TRP1C6: of('Australia', 'fe', 'AUD'),
  A1VC38T7YXB528: of('Japan', 'fe', 'JPY'),
};

export interface MarketplaceProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

interface Placed {
  readonly region?: Region | undefined;
  readonly baseUrl?: string | undefined;
  readonly marketplaces: readonly string[];
  readonly currency: string | Readonly<Record<string, string>>;
}

/**
 * Region, marketplaces and currencies that cannot go together. An account with a base URL of its own may be a simulator,
 * which knows nothing of countries: only its own keys are compared.
 */
export function marketplaceProblems(account: Placed): MarketplaceProblem[] {
  const { region, baseUrl, marketplaces, currency } = account;
  const problems: MarketplaceProblem[] = [];
  const byMarketplace = typeof currency === 'string' ? null : currency;
  for (const id of Object.keys(byMarketplace ?? {})) {
    if (marketplaces.includes(id)) continue;
    problems.push({ path: ['currency', id], message: 'must be one of the marketplaces of this account' });
  }
  for (const [i, id] of marketplaces.entries()) {
    const given = currencyOf(account, id);
    if (given === null) {
      problems.push({ path: ['currency', id], message: `is missing: ${id} needs a currency, too` });
    }
    const known = Object.hasOwn(MARKETPLACES, id) ? MARKETPLACES[id] : undefined;
    if (known === undefined || baseUrl !== undefined) continue;
    if (region !== undefined && known.region !== region) {
      const message = `must be a marketplace of region ${region}; ${id} is ${known.country}, of region ${known.region}`;
      problems.push({ path: ['marketplaces', i], message });
    }
    if (given !== null && given !== known.currency) {
      const message = `must be ${known.currency} for ${id} (${known.country}), not ${given}; several marketplaces take a map such as {${id}: ${known.currency}}`;
      problems.push({ path: byMarketplace === null ? ['currency'] : ['currency', id], message });
    }
  }
  return problems;
}

/** Marketplaces that are none of those known here. An account with a base URL of its own may have any. */
export function unknownMarketplaces({
  baseUrl,
  marketplaces,
}: Pick<Placed, 'baseUrl' | 'marketplaces'>): UnknownValue[] {
  if (baseUrl !== undefined) return [];
  const known = Object.keys(MARKETPLACES);
  return marketplaces.flatMap((value, i) =>
    known.includes(value) ? [] : [{ key: `marketplaces[${i}]`, value, known }],
  );
}

/** The currency in which sales of a marketplace are requested; null when the settings name none. */
export function currencyOf({ currency }: Pick<Placed, 'currency'>, marketplace: string): string | null {
  if (typeof currency === 'string') return currency;
  return Object.hasOwn(currency, marketplace) ? (currency[marketplace] ?? null) : null;
}
