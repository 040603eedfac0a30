/** Every vendor that Sluice knows, one entry each. A new vendor is a new folder and a new entry here. */
import type { z } from 'zod';
import type { LimitOverride, SecretRef } from './account-fields';
import { amazonLogin, amazonPartitions, amazonReports } from './amazon/calls';
import { AMAZON_DATASETS as AMAZON_DESCRIPTIONS } from './amazon/datasets';
import { amazonRules, amazonRulesOf } from './amazon/rules';
import { AMAZON_DATASETS, type AmazonAccount, amazonAccountSchema } from './amazon/settings';
import type { CommandsApi } from './capabilities/commands';
import type { EndUsersApi } from './capabilities/end-users';
import type { FleetApi } from './capabilities/fleet';
import type { GrantApi, LoginApi } from './capabilities/login';
import type { Partition, ReportApi } from './capabilities/reports';
import type { TextBatchApi } from './capabilities/text-batches';
import type { TextApi } from './capabilities/texts';
import type { VehiclesApi } from './capabilities/vehicles';
import type { ClientIdentity, VendorRules } from './contract';
import type { DatasetDescription } from './dataset';
import { FLEET_DATASETS } from './fleet-datasets';
import { gps51Commands, gps51EndUsers, gps51Fleet, gps51Login } from './gps51/calls';
import { GPS51_ZONE } from './gps51/limits';
import { gps51Rules } from './gps51/rules';
import { type Gps51Account, gps51AccountSchema } from './gps51/settings';
import { openaiTextBatches } from './openai/batch-calls';
import { openaiTexts } from './openai/calls';
import { openaiLimitOverrides, openaiRules } from './openai/rules';
import { type OpenAiAccount, openaiAccountSchema } from './openai/settings';

/** What can be done with an account; what its vendor does not offer is left out. */
export interface AccountParts {
  /** Tokens that are fetched and run out. */
  readonly login?: LoginApi;
  /** Instead of a login: tokens bought with what a person's login has left. */
  readonly grant?: GrantApi;
  /** Instead of a login: the key that every call carries. */
  readonly apiKey?: SecretRef;
  /** Data handed out as reports. */
  readonly reports?: ReportApi;
  /** The series of a dataset that the account has. */
  readonly partitions?: (dataset: DatasetDescription) => readonly Partition[];
  /** Texts, one call an item. */
  readonly texts?: TextApi;
  /** The same texts, asked for by the file. */
  readonly textBatches?: TextBatchApi;
  /** The vendor's rules as they are for this account; default: the vendor's. */
  readonly rules?: VendorRules;
  /** How requests say which deployment they come from, where the vendor counts calls by that. */
  readonly identity?: ClientIdentity;
  /** Accounts of one organization stop together when the vendor says that a limit of the organization's is reached. */
  readonly organization?: string;
  /** What limits tell the account's calls apart by, besides what every account has. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Settings by which accounts say that the vendor counts them together. */
  readonly sharedBy?: readonly string[];
  /** Devices, positions and trips. */
  readonly fleet?: FleetApi;
  /** Commands to devices or vehicles. */
  readonly commands?: CommandsApi;
  /** Users with credentials of their own. */
  readonly endUsers?: EndUsersApi;
  /** Vehicles, and what can be read of each. */
  readonly vehicles?: VehiclesApi;
  /** Overrides of limits that follow from other keys; default: the account's `limits`. */
  readonly limits?: Readonly<Record<string, LimitOverride>>;
}

const NO_DATASETS: readonly DatasetDescription[] = [];

export const VENDORS = {
  amazon: {
    account: amazonAccountSchema,
    datasets: AMAZON_DATASETS as readonly string[],
    descriptions: AMAZON_DESCRIPTIONS as readonly DatasetDescription[],
    rules: amazonRules,
    parts: (account: AmazonAccount): AccountParts => ({
      login: amazonLogin(account),
      reports: amazonReports(account),
      partitions: (dataset) => amazonPartitions(account, dataset),
      rules: amazonRulesOf(account),
      sharedBy: ['sellerId', 'application'],
      attributes: account.sellerId === undefined ? {} : { sellerId: account.sellerId },
    }),
  },
  openai: {
    account: openaiAccountSchema,
    datasets: [] as readonly string[],
    descriptions: NO_DATASETS,
    rules: openaiRules,
    parts: (account: OpenAiAccount): AccountParts => ({
      apiKey: account.apiKey,
      texts: openaiTexts(account),
      textBatches: openaiTextBatches(account),
      limits: openaiLimitOverrides(account),
      attributes: account.project === undefined ? {} : { project: account.project },
      ...(account.organization === undefined ? {} : { organization: account.organization }),
    }),
  },
  gps51: {
    account: gps51AccountSchema,
    datasets: FLEET_DATASETS as readonly string[],
    descriptions: NO_DATASETS,
    rules: gps51Rules(GPS51_ZONE),
    parts: (account: Gps51Account): AccountParts => ({
      login: gps51Login(account),
      fleet: gps51Fleet(account),
      commands: gps51Commands(account),
      endUsers: gps51EndUsers(account),
      rules: gps51Rules(account.zone),
    }),
  },
} as const;

export type VendorId = keyof typeof VENDORS;

/** The checked settings of an account of any vendor. */
type VendorAccount = { [V in VendorId]: z.output<(typeof VENDORS)[V]['account']> }[VendorId];

export function isVendorId(id: string): id is VendorId {
  return Object.hasOwn(VENDORS, id);
}

/** What can be done with an account, by its vendor's entry. */
export function accountParts(account: VendorAccount): AccountParts {
  // The entry is the account's own vendor's, which the type of a lookup by a union cannot say.
  const make = VENDORS[account.vendor].parts as (account: VendorAccount) => AccountParts;
  return make(account);
}

/** What every call of an account is told apart by in limits, besides its vendor and its name. */
export function accountAttributes(account: VendorAccount): Record<string, string> {
  const { attributes, fleet } = accountParts(account);
  const { application, organization } = account;
  return {
    ...(application === undefined ? {} : { application }),
    ...(organization === undefined ? {} : { organization }),
    ...fleet?.attributes,
    ...attributes,
  };
}
