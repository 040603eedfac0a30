/**
 * `defineVendor`: the one way in which a vendor is made known, whether its folder is here or somewhere else. What it
 * takes is checked at once, so that a vendor that is registered is whole.
 */
import type { z } from 'zod';
import type { commonAccountFields, LimitOverride, SecretRef } from './account-fields';
import type { CommandsApi } from './capabilities/commands';
import type { EndUsersApi } from './capabilities/end-users';
import type { FleetApi } from './capabilities/fleet';
import type { GrantApi, LoginApi } from './capabilities/login';
import type { PollingApi } from './capabilities/polling';
import type { Partition, ReportApi } from './capabilities/reports';
import type { RequestsApi } from './capabilities/requests';
import type { StreamApi } from './capabilities/stream';
import type { TextBatchApi } from './capabilities/text-batches';
import type { TextApi } from './capabilities/texts';
import type { VehiclesApi } from './capabilities/vehicles';
import type { ClientIdentity, VendorRules } from './contract';
import type { DatasetDescription } from './dataset';
import { definitionProblems, VendorError } from './definition/problems';
import type { RunningSimulator } from './kit/server/server';

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
  /** The same texts, sent in files. */
  readonly textBatches?: TextBatchApi;
  /** The vendor's rules as they are for this account; default: the vendor's. */
  readonly rules?: VendorRules;
  /** How requests say which deployment they come from, where the vendor counts calls by that. */
  readonly identity?: ClientIdentity;
  /** Accounts of one organization stop together when the vendor says that a limit of the organization's is reached. */
  readonly organization?: string;
  /** Attributes by which limits distinguish the account's calls, besides those that every account has. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Settings by which accounts say that the vendor counts them together. */
  readonly sharedBy?: readonly string[];
  /** Values of its settings that are used as they are, though no such value is known. */
  readonly unknownValues?: readonly UnknownValue[];
  /** Devices, positions and trips. */
  readonly fleet?: FleetApi;
  /** Commands to devices or vehicles. */
  readonly commands?: CommandsApi;
  /** Users with credentials of their own. */
  readonly endUsers?: EndUsersApi;
  /** Vehicles, and what can be read of each. */
  readonly vehicles?: VehiclesApi;
  /** Requests that other programs describe. */
  readonly requests?: RequestsApi;
  /** Values that the vendor sends by itself, when that is switched on. With `grant` and `vehicles` only. */
  readonly stream?: StreamApi;
  /** Of these, what is kept fresh by itself under a limit of calls. */
  readonly polling?: PollingApi;
  /** Overrides of limits that follow from other keys; default: the account's `limits`. */
  readonly limits?: Readonly<Record<string, LimitOverride>>;
}

export interface UnknownValue {
  /** Its key within the account, e.g. `marketplaces[0]`. */
  readonly key: string;
  readonly value: string;
  readonly known: readonly string[];
}

/** The keys that every account has, checked. */
type AccountSchema = z.ZodObject<{ vendor: z.ZodLiteral<string> } & typeof commonAccountFields>;
export type CommonAccount = z.output<AccountSchema>;

/** A vendor's simulator, as `sluice simulate`, tests and the conformance suite start it. */
export interface VendorSimulator {
  /** Of a scenario: limits, faults, data. Has `port` and `stateFile`, each optional. */
  readonly scenario: z.ZodType;
  /** @param scenario as `scenario` takes it. @throws ScenarioError; the listening error when the port is taken. */
  start(scenario: Readonly<Record<string, unknown>>): Promise<RunningSimulator>;
  /** Settings of an account that lead to it, e.g. `{ baseUrl }`. */
  settings(simulator: RunningSimulator): Readonly<Record<string, string>>;
  /** Whom or what it knows, for people: `any key sk-… is a project`. */
  knows?(scenario: Readonly<Record<string, unknown>>): string;
}

/** An account that the simulator serves when it is started without a scenario: what the conformance suite calls with. */
export interface VendorExample {
  /** Settings besides `vendor` and those that lead to the simulator. Secrets as references to the environment. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Values of the variables that the settings refer to. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What a person enters, where a login is a form; the link of a device's login is followed. */
  readonly login?: Readonly<Record<string, string>>;
  /** A model, where the account writes texts. */
  readonly model?: string;
  /** A command that the simulator's devices take, where the vendor has no fixed set of them. */
  readonly command?: { readonly code: string; readonly params?: readonly string[] };
}

/** An environment variable that sets a key in each account of a vendor. */
export interface VendorEnvironment {
  readonly name: string;
  /** `seconds`: a number of seconds, for a key that takes a duration as text. */
  readonly as: 'text' | 'number' | 'flag' | 'seconds';
  /** The key within an account, e.g. `['pool', 'cooldownMaxMinutes']`. */
  readonly sets: readonly string[];
}

/** What a vendor is made of. Its id and its title are those of its rules. */
export interface VendorDefinition<S extends z.ZodObject = z.ZodObject> {
  readonly rules: VendorRules;
  /**
   * Settings of an account: a strict object of `vendor` (a literal, the id), the vendor's own keys, and
   * `commonAccountFields`.
   */
  readonly account: S;
  /** What can be done with an account of these settings. Pure. */
  parts(account: z.output<S>): AccountParts;
  /** Names of the datasets, without the vendor's id. Default: those of `descriptions`. */
  readonly datasets?: readonly string[];
  /** The datasets that come as reports. */
  readonly descriptions?: readonly DatasetDescription[];
  /** Variables that operators know the vendor's settings by, besides those of the settings file. */
  readonly environment?: readonly VendorEnvironment[];
  /** Loaded only when the vendor is simulated: `() => import('./simulator.js').then((m) => m.simulator)`. */
  readonly simulator?: () => Promise<VendorSimulator>;
  readonly example?: VendorExample;
  /** What a scenario of the simulator can say: below the options of `sluice simulate <vendor> --help`. */
  readonly simulatorHelp?: string;
}

/** Says that a value is a vendor, whichever copy of this module made it. */
const VENDOR = Symbol.for('sluice.vendor');

/** A vendor as the registry holds it: whole, and its account's type known to itself alone. */
export interface Vendor {
  readonly id: string;
  readonly title: string;
  readonly rules: VendorRules;
  readonly account: AccountSchema;
  /** @param account of this vendor, as its schema gives it. */
  parts(account: CommonAccount): AccountParts;
  readonly datasets: readonly string[];
  readonly descriptions: readonly DatasetDescription[];
  readonly environment: readonly VendorEnvironment[];
  readonly simulator: (() => Promise<VendorSimulator>) | null;
  readonly simulatorHelp: string;
  readonly example: VendorExample | null;
}

/** @throws VendorError that lists everything that is wrong. */
export function defineVendor<S extends z.ZodObject>(definition: VendorDefinition<S>): Vendor {
  const problems = definitionProblems(definition);
  if (problems.length > 0) throw new VendorError(problems);
  const { rules, descriptions = [] } = definition;
  const vendor: Vendor = {
    id: rules.id,
    title: rules.title,
    rules,
    account: definition.account as unknown as AccountSchema,
    // Only accounts that the vendor's own schema has checked come here.
    parts: (account) => definition.parts(account as unknown as z.output<S>),
    datasets: definition.datasets ?? descriptions.map(({ id }) => id.slice(rules.id.length + 1)),
    descriptions,
    environment: definition.environment ?? [],
    simulator: definition.simulator ?? null,
    simulatorHelp: definition.simulatorHelp ?? '',
    example: definition.example ?? null,
  };
  return Object.freeze(Object.defineProperty(vendor, VENDOR, { value: true }));
}

/** True for what `defineVendor` has made. */
export function isVendor(value: unknown): value is Vendor {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[VENDOR] === true;
}
