/** The settings of an Amazon Selling Partner account, and the datasets it offers. */
import { z } from 'zod';
import { commonAccountFields, httpUrl, pathUrl, secretRef } from '../account-fields';
import { marketplaceProblems } from './marketplaces';

/** Hosts: developer-docs.amazon.com/sp-api, "SP-API Endpoints". */
const REGION_HOSTS = {
  na: 'https://sellingpartnerapi-na.amazon.com',
  eu: 'https://sellingpartnerapi-eu.amazon.com',
  fe: 'https://sellingpartnerapi-fe.amazon.com',
} as const;
/** Login with Amazon: one token endpoint serves all regions. */
const LWA_TOKEN_URL = 'https://api.amazon.com/auth/o2/token';

/** Names of datasets, as in `dataset: amazon/rt-sales`. */
export const AMAZON_DATASETS = ['rt-sales', 'rt-traffic', 'rt-inventory'] as const;

const HOST = 'must be the name of a host, such as *.amazonaws.com';
const MARKETPLACE = 'must be a marketplace id such as A1PA6795UKMFR9';

const CURRENCY = 'must be a currency code such as EUR';
const currency = z.string({ error: CURRENCY }).regex(/^[A-Z]{3}$/, CURRENCY);

export const amazonAccountSchema = z
  .strictObject({
    vendor: z.literal('amazon'),
    region: z.enum(['na', 'eu', 'fe'], { error: 'must be na, eu or fe' }).optional(),
    baseUrl: pathUrl.optional().describe('Instead of the region: where the API answers, e.g. a simulator.'),
    tokenUrl: httpUrl.optional().describe('Instead of Login with Amazon: where tokens are given out.'),
    credentials: z.strictObject({
      clientId: secretRef,
      clientSecret: secretRef,
      refreshToken: secretRef,
    }),
    marketplaces: z
      .array(z.string({ error: MARKETPLACE }).regex(/^[A-Z0-9]{8,20}$/, MARKETPLACE), {
        error: 'must be a list of 1 to 25 marketplace ids',
      })
      .min(1, 'must be a list of 1 to 25 marketplace ids')
      .max(25, 'must be a list of 1 to 25 marketplace ids'),
    currency: z
      .union([currency, z.record(z.string(), currency)], { error: CURRENCY })
      .describe(
        'Reports of sales are requested in this currency; a map for marketplaces of several, e.g. {A1PA6795UKMFR9: EUR, A1F83G8C2ARO7P: GBP}.',
      ),
    sellerId: z
      .string()
      .min(1, 'must not be empty')
      .optional()
      .describe(
        "The selling partner's id. Amazon counts calls by selling partner and application: accounts that name the same ones (`application`) share their limits.",
      ),
    documentHosts: z
      .array(z.string({ error: HOST }).regex(/^(?:\*\.)?[\w-]+(?:\.[\w-]+)*$/, HOST), {
        error: 'must be a list of host names',
      })
      .min(1, 'must name at least one host')
      .optional()
      .describe(
        'Hosts that documents may be fetched from, `*.amazonaws.com` for all below one. Without it any host of the Internet, by https; none of a private network.',
      ),
    userAgent: z
      .string()
      .min(1, 'must be 1 to 500 characters')
      .max(500, 'must be 1 to 500 characters')
      .optional()
      .describe('App/Version (Language=…; Platform=…), as Amazon asks for.'),
    ...commonAccountFields,
  })
  .superRefine((account, context) => {
    for (const { path, message } of marketplaceProblems(account)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
    if (account.region !== undefined) return;
    const missing =
      account.baseUrl === undefined ? 'region' : account.tokenUrl === undefined ? 'tokenUrl' : null;
    if (missing === null) return;
    context.addIssue({
      code: 'custom',
      path: [missing],
      message: 'is missing: give a region (na, eu or fe), or both baseUrl and tokenUrl',
    });
  });

export type AmazonAccount = z.infer<typeof amazonAccountSchema>;

/** Where this account's calls and its token refreshes go. Explicit URLs win over the region's. */
export function amazonEndpoints(account: Pick<AmazonAccount, 'region' | 'baseUrl' | 'tokenUrl'>): {
  readonly baseUrl: string;
  readonly tokenUrl: string;
} {
  const baseUrl = account.baseUrl ?? (account.region ? REGION_HOSTS[account.region] : undefined);
  if (baseUrl === undefined) throw new RangeError('an amazon account needs a region or a baseUrl');
  return { baseUrl: baseUrl.replace(/\/+$/, ''), tokenUrl: account.tokenUrl ?? LWA_TOKEN_URL };
}
