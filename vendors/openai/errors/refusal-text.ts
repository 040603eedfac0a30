/** How gateways report under another status than theirs that calls are too many, a quota used up, or an account closed. Pure. */
import type { StatedWait } from '../../../quota/waits';
import { ownWords } from './payment';
import type { ApiError } from './text';

const RATE_TEXT =
  /\brate[- ]?limit|\btoo many (?:requests|calls|concurrent)\b|\bthrottl(?:ed|ing)\b|\brequests? (?:are |is )?too (?:fast|frequent)|\b(?:qps|qpm|rpm|tpm|requests?|calls?|concurren\w+)[ -](?:rate )?(?:limit|quota)\b[^.!?\n]{0,30}\b(?:reached|exceeded|hit)\b/i;

/** An error that names 429, or says in words what 429 means. */
export function isTooFastText(error: ApiError, wait: StatedWait | null): boolean {
  if (error.status === 429) return true;
  if (error.param !== '') return false;
  const isNamed = error.code !== '' && !/^\d+$/.test(error.code);
  return RATE_TEXT.test(ownWords(error.message)) && (!isNamed || wait !== null);
}

const QUOTA_WORD =
  /quota_?(?:exceeded|exhausted|reached|limit)|out_?of_?quota|exceeded_?\w*quota|quota_?violation|usage_?limit/i;
const QUOTA_TEXT =
  /\bout of (?:\w+ ){0,3}quota\b|\bquota\b[^.!?\n]{0,60}\b(?:exceeded|exhausted|used up|reached|depleted|replenish\w*)|\bexceed(?:s|ed|ing)?\b[^.!?\n]{0,40}\bquota\b/i;

/** "Out of call volume quota. Quota will be replenished in 00:13:18.", as API management words it with 403. */
export function isQuotaUsedUp(error: ApiError, wait: StatedWait | null): boolean {
  if (error.param !== '' || error.status === 429) return false;
  if ([error.code, error.type].some((word) => QUOTA_WORD.test(word))) return true;
  return wait !== null && QUOTA_TEXT.test(ownWords(error.message));
}

const BLOCKED_TEXT =
  /\b(?:account|organi[sz]ation|project|subscription|tenant|workspace|team|api key|billing profile)\b[^.!?\n]{0,40}\b(?:suspended|disabled|deactivated|terminated|banned|closed|on hold|frozen|inactive|not active)\b/i;

/** "Account is suspended", with a status that speaks of the request. */
export function isBlockedText(error: ApiError): boolean {
  return error.param === '' && BLOCKED_TEXT.test(ownWords(error.message));
}
