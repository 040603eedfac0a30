/** The checked settings, as the rest of the program sees them. */
import type { SecretRef } from '../vendors/account-fields';
import type { KindDefaults } from './datasets/kinds';
import type { SettingsProblem } from './problems';
import type { ParsedDataset, ParsedSettings } from './schema';
import type { Secret } from './secret';

export type DatasetSettings = ParsedDataset &
  KindDefaults & {
    /** The key in the map of datasets, or `account/dataset` for a list. */
    readonly name: string;
    readonly vendor: string;
  };

/** Checked settings with every default in place. Holds references to secrets, and no secret in the clear. */
export interface Settings {
  /** The file they come from; null when there is none. */
  readonly file: string | null;
  readonly database: Omit<ParsedSettings['database'], 'url'> & {
    /** Null: use the embedded one. May hold a password, so it is wrapped. */
    readonly url: Secret | null;
  };
  readonly temporal: Omit<ParsedSettings['temporal'], 'address' | 'apiKey' | 'tls' | 'encryptPayloads'> & {
    /** Null: use the embedded one. */
    readonly address: string | null;
    readonly apiKey: SecretRef | null;
    readonly tls: {
      readonly enabled: boolean;
      readonly caFile: string | null;
      readonly certFile: string | null;
      readonly keyFile: string | null;
      readonly serverName: string | null;
    };
    readonly encryptPayloads: boolean;
  };
  readonly log: ParsedSettings['log'];
  /** Where the vault's key is; null when none is given, and then there is no vault. */
  readonly vault: { readonly key: SecretRef | null };
  readonly permits: ParsedSettings['permits'];
  readonly http: ParsedSettings['http'];
  readonly api: ParsedSettings['api'];
  readonly alerts: ParsedSettings['alerts'];
  readonly commands: ParsedSettings['commands'];
  readonly reports: ParsedSettings['reports'];
  readonly reads: ParsedSettings['reads'];
  readonly retention: ParsedSettings['retention'];
  /** Modules that define vendors; loaded when these settings were read. */
  readonly plugins: ParsedSettings['plugins'];
  /** Plugins that could not be loaded, and the accounts that are left out for want of them; else no settings come about. */
  readonly broken: { readonly plugins: readonly SettingsProblem[]; readonly leftOut: readonly string[] };
  readonly accounts: ParsedSettings['accounts'];
  readonly datasets: readonly DatasetSettings[];
}
