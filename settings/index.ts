/** The settings, as other folders use them. */
export type { SecretRef } from '../vendors/account-fields';
export { effectiveLimits, effectivePool, effectiveRetry } from './accounts/effective';
export { type FleetTerms, fleetKindOf, fleetTerms, restatementPolicy } from './datasets/kinds';
export { loadSettings, parseSettings } from './load';
export { SettingsError } from './problems';
export { type AccountSettings, settingsJsonSchema } from './schema';
export { resolveSecret, Secret, SecretError, type SecretSources } from './secret';
export type { Settings } from './types';
export { brokenPlugins, settingsWarnings } from './warnings';
