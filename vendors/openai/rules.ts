/** OpenAI's part in the vendor contract. */
import type { LimitOverride } from '../account-fields';
import type { VendorRules } from '../contract';
import { classifyOpenAi, learnOpenAi } from './classify';
import {
  OPENAI_ANNOUNCED_WINDOWS,
  OPENAI_OPERATIONS,
  openaiAttributes,
  openaiLimits,
  openaiPool,
  openaiRetry,
} from './limits';
import type { OpenAiAccount } from './settings';

export const openaiRules: VendorRules = {
  id: 'openai',
  title: 'OpenAI (Responses API)',
  limits: openaiLimits,
  operations: OPENAI_OPERATIONS,
  attributes: openaiAttributes,
  pool: openaiPool,
  retry: openaiRetry,
  // An account is a project: one project's spending limit must not stop the others.
  poolScope: '{account}',
  announcedWindows: OPENAI_ANNOUNCED_WINDOWS,
  classify: classifyOpenAi,
  learn: learnOpenAi,
};

/** The daily limit and its threshold as overrides of limits; what the account says of `daily` itself wins. */
export function openaiLimitOverrides(
  account: Pick<OpenAiAccount, 'dailyLimit' | 'quotaThreshold' | 'limits'>,
): Readonly<Record<string, LimitOverride>> {
  if (account.dailyLimit === undefined) return account.limits ?? {};
  return {
    ...account.limits,
    daily: {
      count: account.dailyLimit,
      mode: 'enforce',
      reserve: { background: Math.min(0.999, 1 - account.quotaThreshold) },
      ...account.limits?.daily,
    },
  };
}
