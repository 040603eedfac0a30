export type { LimitOverride, PoolOverride, RetryOverride, SecretRef } from '../vendors/account-fields';
export { type AccountOverrides, effectiveLimits, effectivePool, effectiveRetry } from './effective';
export { type LoadOptions, loadSettings, type ParseContext, parseSettings } from './load';
export { SettingsError, type SettingsProblem } from './problems';
export { type AccountSettings, settingsJsonSchema } from './schema';
export { resolveSecret, Secret, SecretError, type SecretSources, type SecretVault } from './secret';
export type { DatasetSettings, Settings } from './types';
